"""What is written down while a model is asked: each answer as it comes, its seconds, and how far the run is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from occlusight.errors import OcclusightError
from occlusight.files.journal import Journal

FAILURES_IN_A_ROW = 10
Answers = dict[str, dict[str, Any]]  # by question id
Progress = Callable[[int, int], None]  # done, of how many


@dataclass
class Book:
    """The files of a run under way, open for appending. A question that has an answer keeps it."""

    answers: Answers
    lines: Journal
    seconds: Journal
    total: int
    progress: Progress | None = None
    done: int = 0
    failures: int = 0

    def answer(self, line: dict[str, Any]) -> None:
        """Write an answer down, unless its question has one. Raises OcclusightError when it is the last of too many failures in a row."""
        known = self.answers.get(line["id"])
        if known is None:
            self.lines.append(line)
            self.answers[line["id"]] = line
            self.failures = self.failures + 1 if line["finish_reason"] == "error" else 0
            if self.failures == FAILURES_IN_A_ROW:
                raise OcclusightError(f"{self.failures} answers in a row failed; the last: {line['error']}")
        elif known.get("answer") != line["answer"]:
            print(f"{line['id']}: asked again, the answer differs from the one kept", file=sys.stderr)
        self.count(1)

    def count(self, questions: int) -> None:
        """Tell that so many more questions are done."""
        self.done += questions
        if self.progress:
            self.progress(self.done, self.total)

    def time(self, timing: dict[str, Any]) -> None:
        """Write an answer's seconds down."""
        self.seconds.append(timing)
