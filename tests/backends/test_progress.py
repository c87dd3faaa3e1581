"""How far the work before the first token is: what answers say of it, and what the estimate goes by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from occlusight.backends import local_answer
from occlusight.backends.events import Done, Event, Progress, TextDelta
from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Request
from occlusight.engine import engine, speeds
from occlusight.engine.config import EngineSettings
from occlusight.engine.outlook import seconds_of
from occlusight.engine.speeds import KeptSpeeds, Speeds
from occlusight.engine.vision_encoder import Job
from occlusight.model.config import ModelConfig
from occlusight.model.presets import preset
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.size import parameters_of, text_work, vision_work
from occlusight.model.vision import steps_for
from occlusight.model.weights import read_json

STEP = EngineSettings(step_s=0.0005)
"""A step is a piece of a block, or a layer."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Everything counts as long, and is told; return the folder where speeds are kept."""
    monkeypatch.setattr(local_answer, "LONG_S", 0.0)
    monkeypatch.setattr(local_answer, "NEWS_EVERY_S", 0.0)
    monkeypatch.setattr(speeds, "ENOUGH_S", 0.0)
    monkeypatch.setattr(engine, "TELLING_ROWS", 1)
    monkeypatch.setattr(speeds, "cache_directory", lambda: tmp_path)
    return tmp_path


def asked(pictures: list[Path]) -> Request:
    """A question about pictures, of a few tokens."""
    return Request("车在哪里?", tuple(pictures), max_tokens=4)


def text_of(events: list[Event]) -> str:
    """The answer."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.usefixtures("told")
def test_blocks_and_then_tokens_are_told_before_the_first_word(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    backend = LocalBackend(tiny_checkpoint, settings=STEP)
    events = list(backend.generate(asked(pictures[:2])))
    first = next(place for place, event in enumerate(events) if isinstance(event, TextDelta))
    steps = [event for event in events[:first] if isinstance(event, Progress)]
    assert not any(isinstance(event, Progress) for event in events[first:])
    done = events[-1]
    assert isinstance(done, Done)
    stages = [step.stage for step in steps]
    assert stages == sorted(stages)  # encoding, then reading
    blocks = [step for step in steps if step.stage == "encoding"]
    tokens = [step for step in steps if step.stage == "reading"]
    assert {step.total for step in blocks} == {2 * 3}  # two pictures, three blocks each
    assert {step.total for step in tokens} == {done.usage.prompt_tokens}
    for part in (blocks, tokens):
        counts = [step.done for step in part]
        assert counts == sorted(counts)
        assert len(set(counts)) > 1
    assert all(step.seconds_left is not None and step.seconds_left >= 0 for step in steps[4:])
    plain = LocalBackend(tiny_checkpoint)
    assert text_of(events) == text_of(list(plain.generate(asked(pictures[:2]))))
    again = list(backend.generate(Request("What else?", tuple(pictures[:2]), max_tokens=4)))
    assert not any(isinstance(event, Progress) and event.stage == "encoding" for event in again)


@pytest.mark.usefixtures("told")
def test_an_answer_can_be_stopped_within_a_piece_of_a_block(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    backend = LocalBackend(tiny_checkpoint, settings=STEP)
    answer = backend.generate(asked(pictures[:1]))
    event = next(answer)
    assert isinstance(event, Progress)
    assert (event.stage, event.total) == ("encoding", 3)
    steps = backend.engine.counters().steps
    answer.close()
    assert backend.engine.counters().steps == steps
    assert (backend.engine.counters().running, len(backend.engine.encoder)) == (0, 0)


def test_what_is_quick_is_not_told(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    events = list(LocalBackend(tiny_checkpoint).generate(asked(pictures[:1])))
    assert not any(isinstance(event, Progress) for event in events)


def test_the_first_step_and_short_passes_do_not_tell() -> None:
    """The first step embeds the patches too, and takes several times as long as others."""
    job = Job(iter(()), total=96, work=96e9, done=1, seconds=5.0, first_s=5.0)  # type: ignore[arg-type]
    assert seconds_of(job, Speeds()) is None
    assert seconds_of(job, Speeds({"vision": 1e9})) == pytest.approx(95)
    job.done, job.seconds = 5, 5.0 + 4 * 0.2
    assert seconds_of(job, Speeds({"vision": 1e9})) == pytest.approx(91 * 0.2)


@pytest.mark.parametrize(("frames", "rows", "columns"), [(1, 4, 6), (1, 32, 32), (1, 34, 34), (1, 64, 64), (3, 8, 8)])
def test_the_towers_steps_are_known_beforehand(tiny_checkpoint: Path, frames: int, rows: int, columns: int) -> None:
    config = ModelConfig.from_hf(read_json(tiny_checkpoint, "config.json"))
    tower = Qwen3VL(config).vision
    patches = torch.zeros(frames * rows * columns, config.vision.patch_values)
    with torch.inference_mode():
        assert sum(1 for _ in tower.steps(patches, [(frames, rows, columns)])) == steps_for(
            config.vision, frames, rows * columns
        )


def test_work_is_counted_as_published_for_the_2b() -> None:
    """docs/speed.md: a 512x512 picture and its question take 0.75 million million products in the linear layers."""
    config = preset("2B")
    text, vision = config.text, config.vision
    assert parameters_of(config) == 2_127_532_032
    linear = vision_work(vision, 1024) - vision.layers * 2 * 1024**2 * vision.hidden_size
    linear += 282 * text.matrix_numbers
    assert linear == pytest.approx(0.75e12, rel=0.05)
    assert text_work(text, 10) == pytest.approx(text_work(text, 4) + text_work(text, 10, 4))


def test_speeds_are_learned_and_one_part_stands_for_the_other() -> None:
    found = Speeds()
    assert found.seconds("vision", 1e9) is None
    found.learn("vision", 1e9, speeds.ENOUGH_S / 2)
    assert found.seconds("vision", 1e9) is None
    found.learn("vision", 1e9, 2.0)
    assert (found.seconds("vision", 3e9), found.seconds("text", 1e9)) == (6.0, 2.0)
    found.learn("text", 1e9, 1.0)
    assert (found.seconds("vision", 1e9), found.seconds("text", 1e9)) == (2.0, 1.0)


def test_a_later_process_knows_the_speed_from_the_start(
    told: Path, tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    backend = LocalBackend(tiny_checkpoint, settings=STEP)
    first = [event for event in backend.generate(asked(pictures[:1])) if isinstance(event, Progress)]
    assert set(json.loads((told / "speeds.json").read_text())[backend.kept_speeds.key]) == {"vision", "text"}
    later = LocalBackend(tiny_checkpoint, settings=STEP)
    assert set(later.engine.speeds.rates) == {"vision", "text"}
    event = next(later.generate(asked(pictures[:1])))
    assert isinstance(event, Progress)
    assert event.seconds_left is not None
    assert first
    assert KeptSpeeds("another", "float32").read() == {}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"key": 5}', '{"key": {"vision": "fast", "text": -1}}', "\udcff"])
def test_a_damaged_file_of_speeds_is_as_none(told: Path, content: str) -> None:
    kept = KeptSpeeds("revision", "float32")
    path = told / "speeds.json"
    path.write_bytes(content.replace("key", kept.key).encode("utf-8", "surrogateescape"))
    assert kept.read() == {}
    kept.write({"vision": 1e9})
    assert kept.read() == {"vision": 1e9}
    assert list(told.iterdir()) == [path]


def test_speeds_that_cannot_be_kept_are_no_failure(told: Path) -> None:
    (told / "speeds.json").mkdir()
    kept = KeptSpeeds("revision", "float32")
    kept.write({"vision": 1e9})
    assert kept.read() == {}
