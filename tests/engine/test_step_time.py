"""A step takes at most half a second, on a machine that is played by a clock: blocks and rows cost what the test
says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Request
from occlusight.engine import engine as engine_module
from occlusight.engine import forward_pass, vision_encoder

MOST = 0.5


class Machine:
    """A clock that blocks of the tower and decoder layers move on."""

    def __init__(self, backend: LocalBackend, block_s: float, row_s: float, weights_s: float) -> None:
        self.now = 0.0
        self.block_s, self.row_s, self.weights_s = block_s, row_s, weights_s
        self.steps: list[float] = []
        model = backend.engine.model
        for block in model.vision.blocks:
            block.mlp.register_forward_hook(lambda *_: self.spend(self.block_s))
        layers = model.text.layers
        for layer in layers:
            layer.register_forward_hook(
                lambda _, given, __: self.spend(max(self.weights_s, given[0].shape[1] * self.row_s) / len(layers))
            )
        step = backend.engine.step

        def timed() -> None:
            began = self.now
            step()
            self.steps.append(self.now - began)

        backend.engine.step = timed  # type: ignore[method-assign]

    def spend(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def played(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A backend on a machine of a given speed."""

    def build(**speed: float) -> tuple[LocalBackend, Machine]:
        backend = LocalBackend(tiny_checkpoint)
        machine = Machine(backend, **speed)
        monkeypatch.setattr(engine_module, "perf_counter", machine)
        monkeypatch.setattr(vision_encoder, "perf_counter", machine)
        monkeypatch.setattr(forward_pass, "perf_counter", machine)
        return backend, machine

    return build


@pytest.mark.parametrize(("block_s", "row_s"), [(0.03, 0.0023), (0.19, 0.0012), (0.001, 0.01)])
def test_prompts_pictures_and_answers_together_keep_the_time(
    played: Any, pictures: list[Path], block_s: float, row_s: float
) -> None:
    backend, machine = played(block_s=block_s, row_s=row_s, weights_s=0.12)
    backend.engine._budget._rate = 0.8 / row_s  # as after the first passes; the first guess knows no such machine
    asked = [Request("car " * words, (pictures[i % 4],), max_tokens=9) for i, words in enumerate((900, 10, 40, 300))]
    for _ in backend.generate_many(asked):
        pass
    assert len(machine.steps) > 10
    assert max(machine.steps) <= MOST


def test_a_machine_that_becomes_slower_is_noticed_within_a_pass(played: Any) -> None:
    backend, machine = played(block_s=0.01, row_s=0.001, weights_s=0.05)
    engine = backend.engine
    answer = backend.generate(Request("car " * 3500, max_tokens=2))
    while engine.counters().rows < 600:
        engine.follow(answer._sequence)
    assert max(machine.steps) <= MOST
    machine.row_s = 0.004
    slower = len(machine.steps)
    read = engine.counters().rows
    while engine.counters().rows == read:  # the pass under way when it happened
        engine.follow(answer._sequence)
    assert max(machine.steps[slower:]) > MOST
    before = len(machine.steps)
    list(answer)
    assert len(machine.steps) > before + 10
    assert max(machine.steps[before:]) <= MOST


def test_an_answer_comes_on_while_a_prompt_is_read_layer_by_layer(played: Any) -> None:
    """The prompt's layers take most of a step each; an answer's token takes little, and no step goes without one for
    long."""
    backend, machine = played(block_s=0.01, row_s=0.002, weights_s=0.1)
    backend.engine._budget._rate = 1500.0
    quick = backend.generate(Request("car", max_tokens=60))
    slow = backend.generate(Request("car " * 3000, max_tokens=1))
    while not slow._sequence.read:
        backend.engine.follow(quick._sequence)
    steps, said, read = len(machine.steps), len(quick._sequence.consumer.output_ids), slow._sequence.read
    for _ in range(20):
        backend.engine.follow(quick._sequence)
    assert len(quick._sequence.consumer.output_ids) - said >= 10
    assert slow._sequence.read > read
    assert max(machine.steps[steps:]) <= MOST
    for answer in (quick, slow):
        answer.close()
