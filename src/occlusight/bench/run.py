"""Asking a model every question of a data set, and scoring what it says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from occlusight.backends.protocol import Backend, Done, Request, TextDelta
from occlusight.bench.metrics import Scored, summarise
from occlusight.bench.record import Record, surroundings
from occlusight.bench.samples import DataSet
from occlusight.bench.scorers import score
from occlusight.errors import Cancelled, OcclusightError
from occlusight.occlusion.kinds import Names
from occlusight.occlusion.parse_names import Vocabulary
from occlusight.occlusion.questions import Question

FAILURES_IN_A_ROW = 10
Progress = Callable[[int, int], None]  # done, of how many


@dataclass(frozen=True)
class Settings:
    """How the model is asked; recorded with the result and part of what makes two runs the same."""

    system: str | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    seed: int | None = None

    def request(self, question: Question, picture: Path) -> Request:
        """Return the request for a question: its text as it stands."""
        return Request(question.text, (picture,), **asdict(self))


def run(
    backend: Backend,
    data: DataSet,
    out: Path,
    names: Names,
    langs: Collection[str] | None = None,
    limit: int | None = None,
    *,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Ask, record and score; return the document of the contract. Goes on where an earlier run in `out` stopped.

    Raises BadInput for an `out` that holds another run, OcclusightError when too many answers in a row fail.
    """
    settings = settings or Settings()
    questions = data.select(langs, limit)
    record = Record(out)
    about = {
        "data": data.digest,
        "model": asdict(backend.info),
        "settings": asdict(settings),
    }
    begun = time.time()
    answers = record.begin(
        {**about, **surroundings(), "langs": langs and sorted(langs), "limit": limit, "folder": str(data.folder)}
    )
    earlier = len(answers)
    try:
        _ask(backend, data, questions, answers, record, settings, progress)
    finally:
        record.write(record.answers, [answers[q.id] for q in data.questions if q.id in answers])
    asked = len(answers) - earlier
    scored = score_answers(data, questions, answers, names)
    result = summarise(scored)
    record.write_document("scores.json", result)
    record.write(out / "scored.jsonl", [_line_of(s) for s in scored])
    seconds = round(time.time() - begun, 3)
    finish = {"begun": begun, "seconds": seconds, "asked": asked, "kept_from_before": earlier}
    record.write_document("run.json", {**(record.read_run() or {}), **finish})
    return result


def _ask(
    backend: Backend,
    data: DataSet,
    questions: Collection[Question],
    answers: dict[str, dict[str, Any]],
    record: Record,
    settings: Settings,
    progress: Progress | None,
) -> None:
    """Ask what has no answer yet; `answers` grows, and so do the files."""
    failures = 0
    with record.answers.open("a", encoding="utf-8") as lines, record.timings.open("a", encoding="utf-8") as seconds:
        for done, question in enumerate(questions):
            if progress:
                progress(done, len(questions))
            if question.id in answers:
                continue
            line, timing = _answer(backend, question, data, settings)
            answers[question.id] = line
            _append(lines, line)
            _append(seconds, timing)
            failures = failures + 1 if line["finish_reason"] == "error" else 0
            if failures == FAILURES_IN_A_ROW:
                raise OcclusightError(f"{failures} answers in a row failed; the last: {line['error']}")
    if progress:
        progress(len(questions), len(questions))


def _answer(
    backend: Backend, question: Question, data: DataSet, settings: Settings
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
    try:
        for event in backend.generate(settings.request(question, data.scenes[question.scene].picture)):
            if isinstance(event, TextDelta):
                pieces.append(event.text)
            elif isinstance(event, Done):
                reason = event.finish_reason
                timing |= {"usage": asdict(event.usage), "timings": asdict(event.timings)}
    except Cancelled:
        raise
    except (OcclusightError, RuntimeError, OSError, MemoryError) as failure:
        reason, error = "error", f"{type(failure).__name__}: {failure}"
    line |= {"answer": "".join(pieces), "finish_reason": reason}
    if error is not None:
        line["error"] = error
    return line, {**timing, "seconds": round(time.perf_counter() - begun, 6)}


def score_answers(
    data: DataSet, questions: Collection[Question], answers: Mapping[str, Mapping[str, Any]], names: Names
) -> list[Scored]:
    """Score recorded answers; questions without one are left out."""
    words = {id: Vocabulary(names, scene.facts) for id, scene in data.scenes.items()}
    scored = []
    for q in questions:
        if q.id in answers:
            line = answers[q.id]
            found = score(q, line["answer"], line["finish_reason"], words[q.scene])
            scored.append(Scored(q, found, data.scenes[q.scene].heldout))
    return scored


def _line_of(s: Scored) -> dict[str, Any]:
    return {"id": s.question.id, **asdict(s.score), "truth": s.question.answer["value"]}


def _append(file: TextIO, line: Mapping[str, Any]) -> None:
    file.write(json.dumps(line, ensure_ascii=False) + "\n")
    file.flush()
