"""Sequences beyond the native context, and keys and values in a byte a number, within the engine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence as Seq
from pathlib import Path

import pytest
import torch
from torch import Tensor

from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Request
from occlusight.engine.config import EngineSettings
from occlusight.engine.engine import Engine
from occlusight.engine.generation import Reason
from occlusight.engine.prompt import Prompt
from occlusight.model.rope import positions
from occlusight.model.weights import load_model

NATIVE = 64


class Greedy:
    """Says the likeliest token so many times, and keeps the logits of each place."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.output_ids: list[int] = []
        self.finish_reason: Reason | None = None
        self.logits: list[Tensor] = []

    def propose(self, most: int) -> list[int]:
        return []

    def consume(self, logits: Tensor, draft_ids: Seq[int]) -> int:
        self.logits.append(logits[-1])
        if len(self.output_ids) == self.count:
            self.finish_reason = "length"
        else:
            self.output_ids.append(int(logits[-1].argmax()))
        return 0


@pytest.fixture(scope="module")
def short_native(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint, native to 64 positions and stretched beyond."""
    folder = tmp_path_factory.mktemp("yarn") / "model"
    shutil.copytree(tiny_checkpoint, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    recipe = {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": NATIVE}
    for spelling in ("rope_scaling", "rope_parameters"):
        config["text_config"][spelling] |= recipe
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def begin(engine: Engine, length: int, count: int) -> tuple[Greedy, object, Prompt]:
    ids = torch.randint(20, 200, (length,), generator=torch.Generator().manual_seed(7)).tolist()
    prompt, consumer = Prompt(tuple(ids)), Greedy(count)
    return consumer, engine.submit(prompt, consumer, count + 1), prompt


def whole(engine: Engine, prompt: Prompt, said: list[int], factor: float) -> Tensor:
    """The logits after prompt and answer, computed at once."""
    ids = torch.tensor([*prompt.ids, *said])
    position_ids, _ = positions(ids, [], engine.model.config)
    with torch.inference_mode():
        rope_factor = torch.full((1, len(ids)), factor)
        logits: Tensor = engine.model.logits(
            engine.model(ids[None], position_ids[:, None], rope_factor=rope_factor)[0, -1]
        )
    return logits


def test_long_and_short_answers_run_together_each_stretched_as_it_needs(short_native: Path) -> None:
    engine = Engine(load_model(short_native), "r", EngineSettings(chunk=32, drafts=0))
    asked = [begin(engine, length, 6) for length in (20, 57, 58, 120, 200)]  # 57 + 7 just fit
    for _, sequence, _ in asked:
        while not sequence.ended:
            engine.follow(sequence)
        assert sequence.error is None
    assert [sequence.rope_factor for _, sequence, _ in asked] == [1.0, 1.0, 2.0, 2.0, 4.0]
    for consumer, sequence, prompt in asked:
        expected = whole(engine, prompt, consumer.output_ids, sequence.rope_factor)
        torch.testing.assert_close(consumer.logits[-1], expected, atol=2e-4, rtol=0)
        other = whole(engine, prompt, consumer.output_ids, 1.0 if sequence.rope_factor > 1 else 2.0)
        assert (consumer.logits[-1] - other).abs().max() > 1e-2


def test_what_another_factor_has_read_is_not_reused(short_native: Path) -> None:
    engine = Engine(load_model(short_native), "r", EngineSettings(drafts=0))
    for length in (40, 100, 100, 180):
        _, sequence, _ = begin(engine, length, 4)
        while not sequence.ended:
            engine.follow(sequence)
        reused = sequence.reused
        if length == 100 and reused:
            assert reused >= 90, "the same prompt at the same factor is reused"
    fresh = Engine(engine.model, "r", EngineSettings(drafts=0))
    for length, expected in ((100, 0), (40, 0), (180, 0)):  # factors 2, 1, 3: all begin alike
        _, sequence, _ = begin(fresh, length, 4)
        while not sequence.ended:
            fresh.follow(sequence)
        assert sequence.reused == expected


def test_with_int8_keys_and_values_the_answers_stay(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    plain = LocalBackend(tiny_checkpoint, settings=EngineSettings(drafts=0))
    small = LocalBackend(tiny_checkpoint, settings=EngineSettings(drafts=0, int8_kv=True))
    assert small.engine.kv.admission.token_bytes < plain.engine.kv.admission.token_bytes / 3

    for question in ("Is it?", "Is it red?", "是否?"):
        request = Request(question, (pictures[0],))
        exact, found = (backend.score(request, ["yes", "no", "车"]) for backend in (plain, small))
        assert [float(one) for one in found] == pytest.approx([float(one) for one in exact], abs=0.1)
        assert found != exact
    assert small.engine.counters().kept_bytes > 0
    assert small.engine.counters().reused_tokens > 0
