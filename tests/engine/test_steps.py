"""What a step admits, whom it serves, and what ends one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.greedy import PLAIN, Ask, begin, close, greedy, naive, new_engine, run

from occlusight.engine.config import EngineSettings
from occlusight.engine.engine import Engine
from occlusight.engine.sequence import SequenceStatus
from occlusight.errors import BadInput


def test_what_does_not_fit_is_refused_with_numbers(engine: Engine, tiny_checkpoint: Path, prompt: Ask) -> None:
    with pytest.raises(BadInput, match=r"has \d+ tokens .* fewer than 4096"):
        begin(engine, prompt("车" * 5000))
    small = new_engine(tiny_checkpoint, EngineSettings(kv_bytes=300_000))
    with pytest.raises(BadInput, match=r"up to 2001 of answer need \d.* MiB .*0.3 MiB are allowed"):
        begin(small, prompt("car"), 2000)
    greedy(small, prompt("car"), 5)
    assert small.counters().waiting == 0


def test_requests_that_do_not_fit_together_wait_for_each_other(
    tiny_checkpoint: Path, prompt: Ask, pictures: list[Path]
) -> None:
    one = new_engine(tiny_checkpoint)
    asked = prompt("Is it hidden?", pictures[0])
    need = one.kv.admission.need(asked, 0, len(asked.ids) + 13)
    engine = new_engine(tiny_checkpoint, EngineSettings(kv_bytes=int(1.5 * need)))
    together = [begin(engine, prompt("Is it hidden?", path)) for path in pictures[:3]]
    most = 0
    for _, sequence in together:
        while not sequence.ended:
            engine.follow(sequence)
            now = engine.counters()
            most = max(most, now.running)
            assert now.reserved_bytes + now.kept_bytes <= engine.settings.kv_bytes
    assert most == 1
    for (consumer, _), path in zip(together, pictures, strict=False):
        assert consumer.output_ids == greedy(new_engine(tiny_checkpoint, PLAIN), prompt("Is it hidden?", path))[0]


def test_a_long_reader_does_not_hold_up_an_answer(tiny_checkpoint: Path, prompt: Ask, pictures: list[Path]) -> None:
    engine = new_engine(
        tiny_checkpoint, EngineSettings(chunk=64, step_s=60.0)
    )  # how busy the machine is does not matter
    quick, first = begin(engine, prompt("Is it hidden?", pictures[0]), 30)
    while not quick.output_ids:
        engine.follow(first)
    _, slow = begin(engine, prompt("car " * 2000), 1)
    said = []
    while slow.read < 600:
        engine.follow(slow)
        said.append(len(quick.output_ids))
    assert len(said) > 8
    assert said[8] - said[0] >= 8  # a token each step
    run(engine, first, slow)


@pytest.mark.parametrize("part", ["vision", "text"])
def test_a_step_ends_early_when_it_is_for_nobody(engine: Engine, prompt: Ask, pictures: list[Path], part: str) -> None:
    asked = prompt("Is it hidden?", pictures[0])
    _, sequence = begin(engine, asked)
    model = engine.model
    blocks = [block.mlp for block in model.vision.blocks] if part == "vision" else model.text.layers
    ran: list[int] = []

    def stop(at: int) -> None:
        ran.append(at)
        sequence.finish(SequenceStatus.CANCELLED)

    handles = [block.register_forward_hook(lambda *_, i=i: stop(i)) for i, block in enumerate(blocks)]
    run(engine, sequence)
    assert ran == [0]
    for handle in handles:
        handle.remove()
    now = engine.counters()
    assert (now.running, now.waiting, now.reserved_bytes, len(engine.encoder)) == (0, 0, 0, 0)
    tokens, logits, _ = greedy(engine, asked)  # and the engine is as good as before
    assert close(logits, naive(engine, asked, tokens))


def test_how_a_sequence_ended_first_stays(engine: Engine, prompt: Ask) -> None:
    _, sequence = begin(engine, prompt("Is it hidden?"), 3)
    statuses = [sequence.status]
    engine.follow(sequence)
    statuses.append(sequence.status)
    engine.cancel(sequence)
    sequence.finish(SequenceStatus.FAILED, ValueError())
    statuses.append(sequence.status)
    assert statuses == [SequenceStatus.WAITING, SequenceStatus.RUNNING, SequenceStatus.CANCELLED]
    assert sequence.error is None
    counters = engine.counters()
    assert (counters.running, counters.answers, counters.cancelled, len(engine.prefixes)) == (0, 0, 1, 0)


def test_an_error_in_a_step_ends_those_that_ran_and_no_others(
    engine: Engine, prompt: Ask, pictures: list[Path]
) -> None:
    _, sequence = begin(engine, prompt("Is it hidden?", pictures[0]))
    handle = engine.model.text.norm.register_forward_pre_hook(lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        run(engine, sequence)
    handle.remove()
    assert engine.counters().reserved_bytes == 0
    assert len(greedy(engine, prompt("Is it hidden?", pictures[0]))[0]) == 12
