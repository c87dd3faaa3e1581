"""Asking a model the questions of a data set, picture by picture, so that an interrupted run ends as an uninterrupted one would.

The questions about one picture are a group, fixed by what is asked: the picture is encoded once for all of them, and what the
engine keeps from one question helps the others. That help is exact in theory but rounds differently, which can flip a tie between
two tokens. So every group starts from an empty cache and is asked in the same way each time, and a run that goes on in the
middle of a group first asks the whole of it again; the answers that were recorded stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from occlusight.backends.protocol import Backend
from occlusight.bench.book import Answers, Book, Progress
from occlusight.bench.group import ask_group
from occlusight.bench.record import Record
from occlusight.bench.settings import CERTAIN_KINDS, DECISIONS, Settings
from occlusight.datasets.dataset import DataSet
from occlusight.errors import BadInput
from occlusight.files.journal import Journal
from occlusight.questions.question import Question


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
        book = Book(answers, lines, seconds, len(questions), progress)
        for group in groups(questions):
            if all(q.id in answers for q in group):
                book.done += len(group)
                continue
            book.count(0)
            ask_group(backend, group, data.scenes[group[0].scene].picture, settings, book)


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
