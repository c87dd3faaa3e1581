"""Random arrivals, cancels and evictions: every request ends, answers are those of one alone, and nothing leaks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from occlusight.backends.events import Done, TextDelta
from occlusight.backends.local import Answer, LocalBackend
from occlusight.backends.protocol import Request
from occlusight.engine.config import EngineSettings

PLAIN = EngineSettings(feature_cache_bytes=0, prefix_cache_bytes=0, drafts=0, max_running=1, chunk=4096, step_s=60.0)
QUESTIONS = (
    "Is it hidden?",
    "Is the bicycle hidden by the bush, and why is it so near?",
    "车?",
    "红色轿车在路灯杆后面。",
)


def whole(answer: Answer) -> tuple[str, Done]:
    events = list(answer)
    assert isinstance(events[-1], Done)
    return "".join(event.text for event in events if isinstance(event, TextDelta)), events[-1]


def test_random_arrivals_cancels_and_evictions(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    plain = LocalBackend(tiny_checkpoint, settings=PLAIN)

    @cache
    def alone(question: str, which: tuple[int, ...], tokens: int, temperature: float) -> str:
        return whole(plain.generate(request(question, which, tokens, temperature)))[0]

    def request(question: str, which: tuple[int, ...], tokens: int, temperature: float) -> Request:
        return Request(question, tuple(pictures[i] for i in which), max_tokens=tokens, temperature=temperature, seed=7)

    class Machine(RuleBasedStateMachine):
        """Some requests at a time on one engine whose memory is short."""

        @initialize(
            share=st.sampled_from([0, 60_000, 1 << 28]),
            features=st.sampled_from([0, 4_000, 1 << 28]),
            kv=st.sampled_from([400_000, 1 << 26]),
            drafts=st.sampled_from([0, 6]),
            chunk=st.sampled_from([16, 512]),
            running=st.sampled_from([1, 3, 32]),
            step_s=st.sampled_from([1e-6, 0.4]),  # every pass in as many steps as it has layers; or in one
        )
        def open(
            self, share: int, features: int, kv: int, drafts: int, chunk: int, running: int, step_s: float
        ) -> None:
            settings = EngineSettings(
                features, share, kv, chunk=chunk, max_running=running, drafts=drafts, step_s=step_s
            )
            self.backend = LocalBackend(tiny_checkpoint, settings=settings)
            self.engine = self.backend.engine
            self.answers: list[tuple[Answer, tuple[Any, ...]]] = []

        @precondition(lambda self: len(self.answers) < 6)
        @rule(
            question=st.sampled_from(QUESTIONS),
            which=st.lists(st.integers(0, 3), max_size=2).map(tuple),
            tokens=st.sampled_from([1, 9, 30]),
            temperature=st.sampled_from([0.0, 1.0]),
        )
        def arrive(self, question: str, which: tuple[int, ...], tokens: int, temperature: float) -> None:
            asked = (question, which, tokens, temperature)
            self.answers.append((self.backend.generate(request(*asked)), asked))

        @precondition(lambda self: self.answers)
        @rule(which=st.integers(0, 5), steps=st.integers(1, 8))
        def step(self, which: int, steps: int) -> None:
            answer, _ = self.answers[which % len(self.answers)]
            for _ in range(steps):
                self.engine.follow(answer._sequence)

        @precondition(lambda self: self.answers)
        @rule(which=st.integers(0, 5))
        def cancel(self, which: int) -> None:
            answer, _ = self.answers.pop(which % len(self.answers))
            answer.close()
            assert list(answer) == []
            assert answer._sequence.kv is None

        @precondition(lambda self: self.answers)
        @rule(which=st.integers(0, 5))
        def drop(self, which: int) -> None:
            self.answers.pop(which % len(self.answers))

        @precondition(lambda self: self.answers)
        @rule(which=st.integers(0, 5))
        def finish(self, which: int) -> None:
            answer, asked = self.answers.pop(which % len(self.answers))
            text, done = whole(answer)
            assert text == alone(*asked)
            assert done.finish_reason in ("stop", "length")

        @rule()
        def evict(self) -> None:
            self.backend.clear_cache()

        @invariant()
        def memory_is_bounded(self) -> None:
            if not hasattr(self, "engine"):
                return
            now = self.engine.counters()
            assert now.reserved_bytes + now.kept_bytes <= self.engine.settings.most_kv_bytes
            assert now.feature_bytes <= self.engine.settings.feature_cache_bytes
            assert now.running <= self.engine.settings.max_running
            assert self.engine.prefixes.nbytes == sum(s.store.nbytes for s in self.engine.prefixes._kept)

        def teardown(self) -> None:
            if not hasattr(self, "engine"):
                return
            for answer, asked in self.answers:
                assert whole(answer)[0] == alone(*asked)
            self.answers.clear()
            self.backend.clear_cache()
            now = self.engine.counters()
            assert (now.running, now.waiting, now.reserved_bytes, now.kept_bytes, now.feature_bytes) == (0, 0, 0, 0, 0)
            assert (len(self.engine.encoder), len(self.engine.prefixes), self.engine.prefixes._roots) == (0, 0, [])

    run_state_machine_as_test(Machine, settings=settings(max_examples=12, stateful_step_count=16, deadline=None))  # type: ignore[no-untyped-call]


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(6)), st.data())
def test_a_seed_repeats_an_answer_whatever_else_is_computed(
    tiny_checkpoint: Path, pictures: list[Path], order: list[int], data: st.DataObject
) -> None:
    asked = [
        Request(QUESTIONS[i % 4], (pictures[i % 3],), temperature=1.0, top_p=0.9, seed=i, max_tokens=12)
        for i in range(6)
    ]
    plain = singles(tiny_checkpoint, asked)
    backend = shared_backend(tiny_checkpoint)
    answers = [(i, backend.generate(asked[i])) for i in order]
    got: dict[int, str] = dict.fromkeys(order, "")
    while answers:
        place = data.draw(st.integers(0, len(answers) - 1))
        event = next(answers[place][1])
        if isinstance(event, TextDelta):
            got[answers[place][0]] += event.text
        elif isinstance(event, Done):
            answers.pop(place)
    assert [got[i] for i in range(6)] == plain


_BACKENDS: dict[tuple[Path, bool], LocalBackend] = {}
_SINGLES: dict[Path, list[str]] = {}


def shared_backend(checkpoint: Path, plain: bool = False) -> LocalBackend:
    key = (checkpoint, plain)
    if key not in _BACKENDS:
        _BACKENDS[key] = LocalBackend(checkpoint, settings=PLAIN if plain else None)
    return _BACKENDS[key]


def singles(checkpoint: Path, asked: list[Request]) -> list[str]:
    if checkpoint not in _SINGLES:
        _SINGLES[checkpoint] = [whole(shared_backend(checkpoint, plain=True).generate(one))[0] for one in asked]
    return _SINGLES[checkpoint]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
