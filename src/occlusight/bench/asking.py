"""Asking a model the questions of a data set, picture by picture, so that an interrupted run ends as an uninterrupted one would.

The questions about one picture are a group, fixed by what is asked: the picture is encoded once for all of them, and what the
engine keeps from one question helps the others. That help is exact in theory but rounds differently, which can flip a tie between
two tokens. So every group starts from an empty cache and is asked in the same way each time, and a run that resumes in the
middle of a group first asks the whole of it again; the answers that were recorded stay.

A group is asked at once, where the picture and what the questions have in common are read once and every pass over the weights brings
all answers on; or one question after the other, which is the plain twin.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, runtime_checkable

from occlusight.backends.completion import Completion
from occlusight.backends.protocol import Backend, Done, Event, Request
from occlusight.bench.record import AnswerLog, Answers, Progress, Record
from occlusight.bench.settings import CERTAIN_KINDS, DECISIONS, Settings
from occlusight.datasets.dataset import DataSet
from occlusight.errors import BadInput, Cancelled, OcclusightError
from occlusight.files.journal import Journal, Line
from occlusight.files.whole import Unwritable
from occlusight.questions.question import Question

FAILURES = (OcclusightError, RuntimeError, OSError, MemoryError)


@runtime_checkable
class AsksMany(Protocol):
    """A backend that answers several requests together."""

    def generate_many(self, requests: Iterable[Request]) -> Iterator[tuple[int, Event]]:
        """See `LocalBackend.generate_many`."""
        ...

    def score_many(self, asked: Sequence[tuple[Request, Sequence[str]]]) -> list[list[float]]:
        """See `LocalBackend.score_many`."""
        ...


def groups(questions: Iterable[Question]) -> list[list[Question]]:
    """Return the questions by picture, in the order in which the pictures first appear."""
    found: dict[str, list[Question]] = {}
    for question in questions:
        found.setdefault(question.scene, []).append(question)
    return list(found.values())


def ask_all(
    backend: Backend,
    data: DataSet,
    questions: tuple[Question, ...],
    answers: Answers,
    record: Record,
    settings: Settings,
    progress: Progress | None = None,
) -> None:
    """Ask what has no answer yet; `answers` grows, and so do the files, a line as soon as an answer is there.

    Raises OcclusightError when too many answers in a row fail.
    """
    with Journal(record.answers) as lines, Journal(record.timings) as seconds:
        log = AnswerLog(answers, lines, seconds, len(questions), progress)
        for group in groups(questions):
            if all(q.id in answers for q in group):
                log.done += len(group)
                continue
            log.count(0)
            ask_group(backend, group, data.scenes[group[0].scene].picture, settings, log)


def can_score(backend: Backend, question: Question, picture: Path, settings: Settings) -> bool:
    """Whether the backend gives log-probabilities at all: a server may not."""
    try:
        backend.score(settings.request(question, picture), DECISIONS[question.lang])
    except (BadInput, NotImplementedError):
        return False
    return True


def decisions(questions: Iterable[Question]) -> Iterator[Question]:
    """The questions whose certainty can be measured."""
    return (q for q in questions if q.kind in CERTAIN_KINDS)


def ask_group(backend: Backend, group: Sequence[Question], picture: Path, settings: Settings, log: AnswerLog) -> None:
    """Ask the questions about a picture, from empty caches; where all at once fails, one after the other, so that each failure is its own."""
    before = log.done
    if settings.together and isinstance(backend, AsksMany):
        try:
            ask_at_once(backend, group, picture, settings, log)
            return
        except (Cancelled, Unwritable):
            raise
        except FAILURES as failure:
            print(f"{group[0].scene}: asked one by one ({type(failure).__name__}: {failure})", file=sys.stderr)
            log.done = before
    ask_in_turn(backend, group, picture, settings, log)


def ask_at_once(
    backend: AsksMany, group: Sequence[Question], picture: Path, settings: Settings, log: AnswerLog
) -> None:
    """Ask a group together. An answer is written down as it ends; one that is a decision, once all decisions have been weighed."""
    forget(backend)
    requests = [settings.request(question, picture) for question in group]
    choices = {at: words for at, question in enumerate(group) if (words := settings.choices(question))}
    events: list[list[Event]] = [[] for _ in group]
    ends: dict[int, Completion] = {}
    begun = time.perf_counter()
    for at, event in backend.generate_many(requests):
        events[at].append(event)
        if isinstance(event, Done):
            ends[at] = Completion.of(events[at])
            if at not in choices:
                log.answer(line_of(group[at], ends[at].text, ends[at].finish_reason))
    seconds = time.perf_counter() - begun
    scores = backend.score_many([(requests[at], words) for at, words in choices.items()])
    for at, logs in zip(choices, scores, strict=True):
        log.answer(line_of(group[at], ends[at].text, ends[at].finish_reason, logs))
    for timing in shares(group, ends, seconds):
        log.time(timing)


def shares(group: Sequence[Question], ends: dict[int, Completion], seconds: float) -> Iterator[Line]:
    """Yield the lines of a group for timings.jsonl: equal shares of its seconds, the picture's encoding being the first question's."""
    encode_s = max(end.timings.encode_s for end in ends.values())
    share = (seconds - encode_s) / len(group)
    for at, question in enumerate(group):
        own = share + encode_s if at == 0 else share
        timing = {"id": question.id, "seconds": round(own, 6), "together": len(group)}
        yield {**timing, "usage": asdict(ends[at].usage), "timings": asdict(ends[at].timings)}


def ask_in_turn(backend: Backend, group: Sequence[Question], picture: Path, settings: Settings, log: AnswerLog) -> None:
    """Ask one question after the other; what has an answer is asked again where a later one has none and the caches remember."""
    remembers = forget(backend)
    for at, question in enumerate(group):
        known = question.id in log.answers
        if known and not (remembers and any(q.id not in log.answers for q in group[at:])):
            log.count(1)
            continue
        line, timing = ask_one(backend, question, picture, settings)
        log.answer(line)
        if not known:
            log.time(timing)


def forget(backend: object) -> bool:
    """Empty what a backend keeps from earlier questions; return whether it keeps anything. (What a server keeps is its own affair.)"""
    empty = getattr(backend, "forget", None)
    if not callable(empty):
        return False
    empty()
    return True


def ask_one(backend: Backend, question: Question, picture: Path, settings: Settings) -> tuple[Line, Line]:
    """Return the lines of one question for answers.jsonl and timings.jsonl."""
    logs: Sequence[float] | None = None
    events: list[Event] = []  # also those before a failure
    begun = time.perf_counter()
    seconds, error = None, None
    request = settings.request(question, picture)
    try:
        for event in backend.generate(request):
            events.append(event)
        seconds = time.perf_counter() - begun
        if choices := settings.choices(question):
            logs = backend.score(request, choices)
    except Cancelled:
        raise
    except FAILURES as failure:
        error = f"{type(failure).__name__}: {failure}"
    said = Completion.of(events)
    reason = said.finish_reason if error is None else "error"
    timing: Line = {
        "seconds": round(time.perf_counter() - begun if seconds is None else seconds, 6),
        "id": question.id,
    }
    if said.finish_reason != "cancelled":
        timing |= {"usage": asdict(said.usage), "timings": asdict(said.timings)}
    return line_of(question, said.text, reason, logs, error), timing


def line_of(
    question: Question, text: str, reason: str, logs: Sequence[float] | None = None, error: str | None = None
) -> Line:
    """Return a question's line for answers.jsonl."""
    line: Line = {
        "id": question.id,
        "scene": question.scene,
        "lang": question.lang,
        "kind": question.kind,
        "template": question.template,
        "question": question.text,
    }
    if logs is not None:
        line["log_probabilities"] = {word: round(log, 4) for word, log in zip(("yes", "no"), logs, strict=True)}
    line |= {"answer": text, "finish_reason": reason}
    return line if error is None else line | {"error": error}
