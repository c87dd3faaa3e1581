"""Running a model over a data set: asking, recording, scoring."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from occlusight.backends.protocol import Backend
from occlusight.bench.asking import RunRequest, ask_all, can_score
from occlusight.bench.costs import costs
from occlusight.bench.metrics import summarise
from occlusight.bench.record import Answers, Progress, Record, surroundings
from occlusight.bench.scored import Scored
from occlusight.bench.scorers import score
from occlusight.bench.settings import Settings
from occlusight.datasets.dataset import DataSet
from occlusight.occlusion.kinds import Names
from occlusight.questions.question import Question
from occlusight.reading.mentions import Vocabulary


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
    scenes: int | None = None,
) -> dict[str, Any]:
    """Ask, record and score; return the document of the contract. Goes on where an earlier run in `out` stopped.

    `scenes` asks about the first pictures alone. Raises BadInput for an `out` that holds another run or that another
    process writes, BadData for a damaged line in it, OcclusightError when too many answers in a row fail.
    """
    with Record(out).held() as record:
        return _run(record, backend, data, names, langs, limit, settings or Settings(), progress, scenes)


def _run(
    record: Record,
    backend: Backend,
    data: DataSet,
    names: Names,
    langs: Collection[str] | None,
    limit: int | None,
    settings: Settings,
    progress: Progress | None,
    scenes: int | None,
) -> dict[str, Any]:
    questions = data.select(langs, limit, scenes)
    asked = requests(data, questions, settings)
    first = next((one for one in asked if one.choices), None)
    if first and not can_score(backend, first):
        print(f"{backend.info.name} gives no log-probabilities: calibration is left out", file=sys.stderr)
        settings = replace(settings, certainty=False)
        asked = requests(data, questions, settings)
    about = {
        "data": data.digest,
        "model": asdict(backend.info),
        "backend": described(backend),
        "settings": settings.to_json(),
    }
    begun = time.time()
    answers = record.begin(
        {
            **about,
            **surroundings(),
            "langs": langs and sorted(langs),
            "limit": limit,
            "scenes": scenes,
            "folder": str(data.folder),
        }
    )
    earlier = len(answers)
    ask_all(backend, asked, answers, record, together=settings.together, progress=progress)
    record.settle(q.id for q in data.questions)
    result = finish(record, data, questions, answers, names)
    seconds = round(time.time() - begun, 3)
    end = {
        "begun": begun,
        "seconds": seconds,
        "asked": len(answers) - earlier,
        "kept_from_before": earlier,
        "peak_rss_gb": peak_rss_gb(),
    }
    record.write_document("run.json", {**(record.read_run() or {}), **end})
    return result


def requests(data: DataSet, questions: Iterable[Question], settings: Settings) -> list[RunRequest]:
    """Return the requests of these questions of a data set."""
    return [settings.request(q, data.pictures(q)) for q in questions]


def finish(
    record: Record, data: DataSet, questions: Collection[Question], answers: Answers, names: Names
) -> dict[str, Any]:
    """Score recorded answers and write scores.json, scored.jsonl and costs.json; return the scores."""
    scored = score_answers(data, questions, answers, names)
    result = summarise(scored, data)
    record.write_document("scores.json", result)
    record.write(record.out / "scored.jsonl", [_line_of(s) for s in scored])
    record.write_document("costs.json", costs(record.read(record.timings), {q.id: q.scene for q in questions}))
    return result


def described(backend: Backend) -> dict[str, Any]:
    """What a backend is and how it prepares pictures, for the record."""
    found: dict[str, Any] = {"kind": type(backend).__name__, "scores": backend.capabilities.scores}
    if backend.preprocess is not None:
        found["preprocess"] = asdict(backend.preprocess)
    return found


def peak_rss_gb() -> float:
    """The largest memory that this process had, in GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 3)


def score_answers(
    data: DataSet, questions: Collection[Question], answers: Mapping[str, Mapping[str, Any]], names: Names
) -> list[Scored]:
    """Score recorded answers; questions without one are left out."""
    words = {id: Vocabulary(names, scene.facts) for id, scene in data.scenes.items()}
    scored = []
    for q in questions:
        if q.id in answers:
            line = answers[q.id]
            known = Vocabulary(names, data.naming(q)) if q.scenes else words[q.scene]
            found = score(q, line["answer"], line["finish_reason"], known)
            scored.append(Scored(q, found, data.scenes[q.scene].heldout, line.get("log_probabilities")))
    return scored


def _line_of(s: Scored) -> dict[str, Any]:
    about = {"id": s.question.id, "scene": s.question.scene, "lang": s.question.lang, "kind": s.question.kind}
    about |= {"template": s.question.template, "question": s.question.text}
    return {**about, **asdict(s.score), "truth": s.question.answer["value"], "yes_probability": s.yes_probability}
