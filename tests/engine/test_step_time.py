"""A step takes at most half a second, on a machine that is played by a clock: blocks and rows cost what the test says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Request
from occlusight.engine import encoding
from occlusight.engine import engine as engine_module

MOST = 0.5


class Machine:
    """A clock that blocks of the tower and decoder layers move on."""

    def __init__(self, backend: LocalBackend, block_s: float, row_s: float, weights_s: float) -> None:
        self.now = 0.0
        self.block_s, self.row_s, self.weights_s = block_s, row_s, weights_s
        self.steps: list[float] = []
        model = backend.engine.model
        for block in model.vision.blocks:
            block.register_forward_hook(lambda *_: self.spend(self.block_s))
        model.text.layers[0].register_forward_hook(
            lambda _, given, __: self.spend(max(self.weights_s, given[0].shape[1] * self.row_s))
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
        monkeypatch.setattr(encoding, "perf_counter", machine)
        return backend, machine

    return build


@pytest.mark.parametrize(("block_s", "row_s"), [(0.03, 0.0023), (0.19, 0.0012), (0.001, 0.01)])
def test_prompts_pictures_and_answers_together_keep_the_time(
    played: Any, pictures: list[Path], block_s: float, row_s: float
) -> None:
    backend, machine = played(block_s=block_s, row_s=row_s, weights_s=0.12)
    backend.engine._pace._rate = 0.8 / row_s  # as after the first passes; the first guess knows no such machine
    asked = [Request("car " * words, (pictures[i % 4],), max_tokens=9) for i, words in enumerate((900, 10, 40, 300))]
    for _ in backend.generate_many(asked):
        pass
    assert len(machine.steps) > 10
    assert max(machine.steps) <= MOST


def test_a_machine_that_becomes_slower_is_noticed_within_a_step(played: Any) -> None:
    backend, machine = played(block_s=0.01, row_s=0.001, weights_s=0.05)
    answer = backend.generate(Request("car " * 3500, max_tokens=2))
    for _ in range(4):
        backend.engine.follow(answer._sequence)
    assert 0.2 < machine.steps[-1] <= MOST
    machine.row_s = 0.004
    backend.engine.follow(answer._sequence)
    before = len(machine.steps)
    list(answer)
    assert machine.steps[before - 1] > MOST  # the one under way when it happened
    assert max(machine.steps[before:]) <= MOST
