"""Asking a model the questions of a data set, picture by picture, so that an interrupted run ends as an uninterrupted one would.

The questions about one picture are a group, fixed by the data set: the picture is encoded once for all of them, and what the
engine keeps from one question helps the next. That help is exact in theory but rounds differently, which can flip a tie between
two tokens. So every group starts from an empty cache, and a run that goes on in the middle of a group first asks again
what it has already answered there, without recording it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from occlusight.backends.protocol import Backend, Done, Request, TextDelta
from occlusight.bench.record import Record
from occlusight.bench.samples import DataSet
from occlusight.errors import BadInput, Cancelled, OcclusightError
from occlusight.occlusion.questions import Question

FAILURES_IN_A_ROW = 10
DECISIONS = {"en": ("Yes", "No"), "zh": ("是的", "没有")}
VISIBLE = {"en": ("Yes", "No"), "zh": ("会", "不会")}
CERTAIN_KINDS = {"occlusion": DECISIONS, "explanation": DECISIONS, "remove": VISIBLE}
"""The kinds of questions whose answer begins with a decision, and the words that it is made of."""
Progress = Callable[[int, int], None]  # done, of how many


@dataclass(frozen=True)
class Settings:
    """How the model is asked; recorded with the result and part of what makes two runs the same.

    With `certainty`, the log-probabilities of yes and no are asked for beside every decision.
    """

    system: str | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    seed: int | None = None
    certainty: bool = True

    def request(self, question: Question, picture: Path) -> Request:
        """Return the request for a question: its text as it stands."""
        sampling = {key: value for key, value in asdict(self).items() if key != "certainty"}
        return Request(question.text, (picture,), **sampling)


Answers = dict[str, dict[str, Any]]  # by question id


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
    failures = done = 0
    with record.answers.open("a", encoding="utf-8") as lines, record.timings.open("a", encoding="utf-8") as seconds:
        for group in groups(questions):
            if all(q.id in answers for q in group):
                done += len(group)
                continue
            remembers = forget(backend)
            for question in group:
                if progress:
                    progress(done, len(questions))
                done += 1
                picture = data.scenes[question.scene].picture
                known = question.id in answers
                if known and not (remembers and _later_is_open(question, group, answers)):
                    continue
                line, timing = ask_one(backend, question, picture, settings)
                if known:
                    continue
                answers[question.id] = line
                _append(lines, line)
                _append(seconds, timing)
                failures = failures + 1 if line["finish_reason"] == "error" else 0
                if failures == FAILURES_IN_A_ROW:
                    raise OcclusightError(f"{failures} answers in a row failed; the last: {line['error']}")
    if progress:
        progress(len(questions), len(questions))


def _later_is_open(question: Question, group: list[Question], answers: Answers) -> bool:
    """Whether a question after this one in its group still has no answer."""
    return any(q.id not in answers for q in group[group.index(question) :])


def forget(backend: Backend) -> bool:
    """Empty what a backend keeps from earlier questions; return whether it keeps anything. (What a server keeps is its own affair.)"""
    empty = getattr(backend, "forget", None)
    if not callable(empty):
        return False
    empty()
    return True


def ask_one(
    backend: Backend, question: Question, picture: Path, settings: Settings
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the lines of one question for answers.jsonl and timings.jsonl."""
    line: dict[str, Any] = {
        "id": question.id,
        "scene": question.scene,
        "lang": question.lang,
        "kind": question.kind,
        "template": question.template,
        "question": question.text,
    }
    timing: dict[str, Any] = {"id": question.id}
    pieces: list[str] = []
    begun = time.perf_counter()
    reason, error = "cancelled", None
    request = settings.request(question, picture)
    try:
        for event in backend.generate(request):
            if isinstance(event, TextDelta):
                pieces.append(event.text)
            elif isinstance(event, Done):
                reason = event.finish_reason
                timing |= {"usage": asdict(event.usage), "timings": asdict(event.timings)}
        timing["seconds"] = round(time.perf_counter() - begun, 6)
        if settings.certainty and question.kind in CERTAIN_KINDS:
            choices = CERTAIN_KINDS[question.kind][question.lang]
            yes, no = backend.score(request, choices)
            line["log_probabilities"] = {"yes": round(yes, 4), "no": round(no, 4)}
    except Cancelled:
        raise
    except (OcclusightError, RuntimeError, OSError, MemoryError) as failure:
        reason, error = "error", f"{type(failure).__name__}: {failure}"
    line |= {"answer": "".join(pieces), "finish_reason": reason}
    if error is not None:
        line["error"] = error
    return line, {"seconds": round(time.perf_counter() - begun, 6), **timing}


def can_score(backend: Backend, question: Question, picture: Path, settings: Settings) -> bool:
    """Whether the backend gives log-probabilities at all: a server may not."""
    try:
        backend.score(settings.request(question, picture), DECISIONS[question.lang])
    except (BadInput, NotImplementedError):
        return False
    return True


def _append(file: TextIO, line: dict[str, Any]) -> None:
    file.write(json.dumps(line, ensure_ascii=False) + "\n")
    file.flush()


def decisions(questions: Iterable[Question]) -> Iterator[Question]:
    """The questions whose certainty can be measured."""
    return (q for q in questions if q.kind in CERTAIN_KINDS)
