"""Timing a backend: what is asked, in what lengths, and what is printed."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from occlusight.backends.events import Done, Event, TextDelta, Timings, Usage
from occlusight.backends.options import EngineOptions
from occlusight.backends.protocol import ModelInfo, Request
from occlusight.bench.gpu_speed import rows
from occlusight.bench.speed import (
    Samples,
    Work,
    clock_together,
    measure,
    open_for_timing,
    peak_rss_gb,
    picture,
    question,
)
from occlusight.cli.app import run
from occlusight.errors import BadInput
from occlusight.model.preprocess import PreprocessSettings

KEYS = [
    "first_token_s_new_image",
    "first_token_s_same_image",
    "decode_tokens_per_s",
    "batch_tokens_per_s",
    "peak_rss_gb",
    "load_s",
    "image_tokens",
    "threads",
    "versions",
    "machine",
    "dtype",
    "commit",
    "warm_up",
    "lengths",
]


class Recorder:
    """Answers after a moment, and keeps what it was asked."""

    info = ModelInfo("recorder")

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.at_once = self.most_at_once = 0

    def generate(self, request: Request) -> Iterator[Event]:
        self.asked.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(0.02)
        self.at_once -= 1
        yield TextDelta("x")
        usage = Usage(len(request.prompt.split()) + 4, request.sampling.max_tokens, 4)
        yield Done("length", usage, Timings(first_token_s=len(self.asked), decode_s=0.5))


def test_every_prompt_has_another_length_and_every_run_another_picture() -> None:
    backend, steps = Recorder(), []
    work = Work(image_size=64, questions=3, tokens=5, batch_tokens=4, runs=2)
    samples = measure(backend, work, lambda done, total: steps.append((done, total)))  # type: ignore[arg-type]
    lengths = [len(request.prompt.split()) for request in backend.asked]
    assert len(set(lengths)) == len(lengths) == 1 + 3 + 2 * (2 + 3)
    assert steps == [(done, 8) for done in range(1, 9)]
    shown = [request.pictures[0].tobytes() for request in backend.asked]  # type: ignore[union-attr]
    first, same, *together = shown[4:9]
    assert first == same
    assert len({shown[0], first, together[0], shown[9], shown[11]}) == 5
    assert len(set(together)) == 1
    assert backend.most_at_once == 3
    assert samples.decode_per_s == [4 / 0.5] * 2
    assert samples.new_image_s == [5.0, 10.0], "what the backend says of the first answer of each run"
    assert samples.summary()["first_token_s_new_image"] == 7.5
    assert samples.batch_per_s == [pytest.approx(12 / seconds) for seconds in samples.batch_s]


def test_questions_asked_at_once_take_as_long_as_the_last() -> None:
    seconds, answers = clock_together(Recorder(), picture(64, 1), [question(n) for n in range(4)], 6)  # type: ignore[arg-type]
    assert 0.02 <= seconds < 2
    assert [one.tokens for one in answers] == [6] * 4


def test_no_answer_without_a_second_token_gives_no_rate() -> None:
    assert Samples(prompt_tokens=[3]).summary()["decode_tokens_per_s"] is None
    with pytest.raises(BadInput, match="at least 1 question"):
        Work(questions=0)


def test_the_command_prints_one_line_of_json_at_the_end(
    tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--image-size", "64", "--questions", "2", "--tokens", "4", "--batch-tokens", "3", "--runs", "2"]
    assert run(["speed", "--model", str(tiny_checkpoint), *options]) == 0
    out, err = capsys.readouterr()
    result: dict[str, Any] = json.loads(out)
    assert set(KEYS) <= set(result)
    assert "article" not in result
    assert result["quantize"] == "auto"
    assert result["lengths"]["questions"] == 2
    assert len(result["samples"]["batch_s"]) == 2
    assert result["prompt_tokens"][0] < result["prompt_tokens"][1]
    assert result["first_token_s_same_image"] > 0
    assert "first token, new picture of 64x64" in err


def test_it_times_quantized_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("occlusight.model.quant.store_file.cache_directory", lambda: tmp_path)
    options = ["--image-size", "256", "--questions", "2", "--tokens", "4", "--batch-tokens", "3", "--runs", "1"]
    assert run(["speed", "--quantize", "int8", *options]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["quantize"] == result["quantize_vision"] == "int8"
    assert result["model"] == "default"


def test_what_cannot_be_timed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["speed", "--quantize", "int3"]) == 2
    assert "int3" in capsys.readouterr().err
    assert run(["speed", "--image-size", "8"]) == 2


def test_the_rows_of_the_article_switch_attention_and_weights(tiny_checkpoint: Path) -> None:
    """On a CPU, with a stand-in for the GPU's memory: the rows themselves need a GPU and somebody who runs them
    there."""
    opened, asked = [], []

    def open_model(quantize: str) -> Any:
        opened.append(quantize)
        return open_for_timing(str(tiny_checkpoint), EngineOptions(dtype="float32"))

    def memory() -> float:
        asked.append(1)
        return 1.5

    found = list(rows(open_model, Work(image_size=64, tokens=3, runs=1), memory))
    assert [(row.fused_attention, row.int8) for row in found] == [
        (True, False),
        (False, False),
        (True, True),
        (False, True),
    ]
    assert opened == ["none", "int8"]
    assert all(row.later_answer_s > 0 for row in found)
    assert all(row.memory_gb == 1.5 for row in found)
    assert len(asked) == 8


def test_memory_is_this_process_own() -> None:
    before = peak_rss_gb()
    block = bytearray(200_000_000)
    block[::4096] = b"x" * len(block[::4096])
    assert peak_rss_gb() >= before
    assert 0.05 < before < 100


def test_pictures_keep_the_size_under_test(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Elsewhere a CPU reduces them to 1,048,576 pixels."""
    folder = tmp_path / "checkpoint"
    shutil.copytree(tiny_checkpoint, folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PreprocessSettings().to_hf()))
    assert open_for_timing(str(folder), EngineOptions(device="cpu")).preprocess == PreprocessSettings()
