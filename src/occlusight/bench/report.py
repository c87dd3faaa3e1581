"""A run as one HTML file that opens anywhere without a network, and the same as JSON and CSV."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from occlusight.bench.compare import COLUMNS, percent
from occlusight.bench.error_analysis import concentration, failures, near_far
from occlusight.bench.plots import bars, overlay, reliability, risk_coverage
from occlusight.bench.record import Finished
from occlusight.datasets.dataset import DataSet
from occlusight.errors import BadInput
from occlusight.files.whole import write_whole
from occlusight.model.picture import open_picture
from occlusight.questions.question import Question

GALLERY = 12
SIDE = 360  # pixels of a picture in the gallery
COLOURS = ("#e53e3e", "#3182ce", "#38a169", "#dd6b20")
RECOGNITION = {"recognition.list": "recognition (F1)", "recognition.mirror": "seen in a mirror (all)"}
COSTS = {
    "seconds": "seconds a question",
    "first_answer": "first answer about a picture, seconds",
    "later_answers": "later answers, seconds",
    "first_token": "first token, seconds",
}
Bar = tuple[str, float | None, Sequence[float] | None, int]


def document(run: Finished, data: DataSet) -> dict[str, Any]:
    """Return everything that the report shows, as JSON. Raises BadInput for a run on another data set."""
    if run.about.get("data") != data.digest:
        raise BadInput(
            f"{run.folder} is a run on another data set than {data.folder}; give the set that it was made with: --data"
        )
    shown = failures(data, run.lines, GALLERY)
    return {
        "title": f"{run.name} on {data.folder.name}",
        "scores": run.scores,
        "costs": run.costs,
        "near_far": near_far(data, run.lines),
        "concentration": concentration(data, run.lines),
        "failures": [q.id for q in shown],
        "record": run.about,
    }


def write(run: Finished, data: DataSet, out: Path) -> list[Path]:
    """Write report.html, report.json and report.csv into a folder and return their paths."""
    found = document(run, data)
    out.mkdir(parents=True, exist_ok=True)
    texts = {
        "report.html": page(found, run, data),
        "report.json": json.dumps(found, ensure_ascii=False, indent=1) + "\n",
        "report.csv": table(run.scores),
    }
    for name, text in texts.items():
        write_whole(out / name, text)
    return [out / name for name in texts]


def page(found: dict[str, Any], run: Finished, data: DataSet) -> str:
    """Return the HTML."""
    scores, about = run.scores, run.about
    names = [key.removesuffix("_ci95") for key in scores if key.endswith("_ci95")]
    groups = {"all": scores, **(scores["by_lang"] if len(scores["by_lang"]) > 1 else {})}
    headline = [
        {
            "label": name.replace("_", " ").replace(" f1", " F1"),
            "cells": [percent(g.get(name), g.get(f"{name}_ci95")) for g in groups.values()],
            "n": scores.get(f"{name}_n", ""),
        }
        for name in names
    ]
    types = {
        kind: (
            g["occlusion_balanced_accuracy"],
            g["occlusion_balanced_accuracy_ci95"],
            g["occlusion_balanced_accuracy_n"],
        )
        for kind, g in scores.get("by_occlusion", {}).items()
    }
    calibration = scores["calibration"]
    where = {
        name: Markup(bars([(b["bin"], b["accuracy"], b["accuracy_ci95"], b["n"]) for b in bins]))
        for name, bins in found["concentration"].items()
        if bins
    }
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        (files("occlusight.bench") / "report.html.jinja").read_text(encoding="utf-8")
    )
    return template.render(
        title=found["title"],
        scores=scores,
        about=about,
        groups=list(groups),
        headline=headline,
        type_bars=Markup(bars(by_question(scores))),
        occlusion_bars=Markup(bars([(kind, *values) for kind, values in types.items()])) if len(types) > 1 else "",
        calibration=calibration,
        reliability=Markup(reliability(calibration["bins"])) if calibration["n"] else "",
        risk=Markup(risk_coverage(calibration["risk_coverage"])) if calibration["n"] else "",
        near_far=found["near_far"],
        concentration=where,
        costs=run.costs,
        gallery=[_failure(q, run, data) for q in data.questions if q.id in set(found["failures"])],
        metrics=COLUMNS[:4],
        cost_names=COSTS,
        record={key: as_text(key, value) for key, value in about.items() if value is not None},
        percent=percent,
    )


def by_question(scores: dict[str, Any]) -> list[Bar]:
    """A bar a type of question; recognition, which has questions of two sorts, by template: lists as F1, mirrors as all
    or nothing."""
    found: list[Bar] = []
    for kind, group in scores["by_type"].items():
        parts = {kind: group}
        if kind == "recognition":
            parts = {key: g for key, g in scores["by_template"].items() if key.startswith("recognition.")}
        for label, g in parts.items():
            measure = "f1" if "f1" in g else "accuracy"
            text = RECOGNITION.get(label, label.replace("_", " "))
            found.append((text, g[measure], g[f"{measure}_ci95"], g["n"]))
    return found


def as_text(key: str, value: Any) -> str:
    """An entry of the record; the time when the run began as a date."""
    if key == "begun":
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _failure(q: Question, run: Finished, data: DataSet) -> dict[str, Any]:
    """One figure of the gallery: the objects that the question is about, boxed."""
    line, scene = run.lines[q.id], data.scenes[q.scene]
    named = [o for o in q.answer.get("objects", ()) if o in scene.facts.objects][: len(COLOURS)]
    objects = [scene.facts.objects[id] for id in named]
    boxes = [(o.name if q.lang == "en" else o.name_zh, o.box, COLOURS[i]) for i, o in enumerate(objects)]
    obvious = line["reason"].startswith("the truth is")
    return {
        "id": q.id,
        "question": q.text,
        "answer": line["raw"],
        "truth": q.reply or json.dumps(q.answer["value"], ensure_ascii=False),
        "outcome": line["outcome"] if obvious else f"{line['outcome']}: {line['reason']}",
        "overlay": Markup(overlay(_picture(scene.picture), boxes)),
    }


def _picture(path: Path) -> str:
    picture = open_picture(path)
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def table(scores: dict[str, Any]) -> str:
    """Return every number as a line of CSV: group, name, value, low, high, n."""
    buffer = io.StringIO()
    lines = csv.writer(buffer, lineterminator="\n")
    lines.writerow(["group", "number", "value", "low", "high", "n"])
    groups = {"all": scores}
    for by in ("by_type", "by_template", "by_lang", "by_occlusion", "by_mesh"):
        groups |= {f"{by.removeprefix('by_')} {key}": group for key, group in scores.get(by, {}).items()}
    for group, numbers in groups.items():
        for key in [k.removesuffix("_ci95") for k in numbers if k.endswith("_ci95")]:
            low, high = numbers[f"{key}_ci95"] or ("", "")
            n = numbers.get(f"{key}_n", numbers["n"])
            lines.writerow([group, key, "" if numbers[key] is None else numbers[key], low, high, n])
        for key in ("unparsed", "cut", "failed"):
            lines.writerow([group, key, numbers[key], "", "", numbers["n"]])
    return buffer.getvalue()
