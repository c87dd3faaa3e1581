"""Several runs side by side: the article's table and the rest, whether differences are more than chance, and where they
lie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np

from occlusight.bench.record import Finished, same_set, titles
from occlusight.bench.statistics import RESAMPLES, SEED
from occlusight.files.journal import Line

DECISIONS = ("occlusion", "explanation")
COLUMNS: tuple[tuple[str, str], ...] = (
    ("occlusion, balanced", "occlusion_balanced_accuracy"),
    ("recognition F1", "recognition_f1"),
    ("position", "position_accuracy"),
    ("explanation", "explanation_plausible"),
    ("pair F1", "pair_f1"),
    ("contradictions", "contradiction_rate"),
    ("flips", "flip_rate"),
)
CASES = 6


@dataclass(frozen=True)
class Paired:
    """Two runs on the same questions: the difference of the shares that are right (first minus second) and how sure it
    is.

    `p_value` is McNemar's exact test (1947) over questions; `ci95` the percentile bootstrap over scenes, which unlike
    the test allows for questions about one picture going together. Where the two disagree, believe the interval.
    """

    first: str
    second: str
    measure: str
    n: int
    scenes: int
    difference: float
    ci95: tuple[float, float]
    only_first: int
    only_second: int
    p_value: float


def compare(runs: Sequence[Finished]) -> dict[str, Any]:
    """Return the whole comparison as one document. Raises BadInput for runs on different data sets."""
    same_set(list(runs))
    names = titles(list(runs))
    return {
        "data": runs[0].about.get("folder"),
        "rows": [row(run, name) for run, name in zip(runs, names, strict=True)],
        "paired": [asdict(p) for p in pairs(runs, names)],
        "where_they_differ": differences(runs, names),
        "cases": cases(runs, names),
    }


def row(run: Finished, name: str) -> dict[str, Any]:
    """One line of the table."""
    model, scores = run.about["model"], run.scores
    found: dict[str, Any] = {"model": name, "revision": model.get("revision"), "n": scores["n"]}
    for _, key in COLUMNS:
        found[key], found[f"{key}_ci95"] = scores.get(key), scores.get(f"{key}_ci95")
    calibration = scores.get("calibration", {})
    return found | {
        "ece": calibration.get("ece"),
        "weights_gb": round(model.get("memory_bytes", 0) / 1e9, 3) or None,
        "peak_rss_gb": None if model.get("dtype") in ("remote", "none") else run.about.get("peak_rss_gb"),
        "video": model.get("video"),
        "first_answer_s": run.costs.get("first_answer", {}).get("median"),
        "later_answers_s": run.costs.get("later_answers", {}).get("median"),
        "together": run.costs.get("together", 1),
        "answer_tokens": run.costs.get("answer_tokens", {}).get("median"),
        "unparsed": scores["unparsed"],
        "cut": scores["cut"],
        "failed": scores["failed"],
    }


def pairs(runs: Sequence[Finished], names: Sequence[str]) -> list[Paired]:
    """Compare every two runs: occlusion decisions, plausible explanations, positions."""
    found = []
    for i in range(len(runs)):
        for j in range(i + 1, len(runs)):
            for measure in ("occlusion", "explanation", "position"):
                paired = _paired(runs[i], runs[j], names[i], names[j], measure)
                if paired is not None:
                    found.append(paired)
    return found


def _right(line: Line, measure: str) -> bool | None:
    """Whether an answer is right by a measure; None where the measure does not apply, or the run failed."""
    kinds = {"occlusion": DECISIONS, "explanation": ("explanation",), "position": ("position",)}[measure]
    if line["kind"] not in kinds or line["outcome"] == "error":
        return None
    return bool(line["details"].get("plausible")) if measure == "explanation" else line["outcome"] == "right"


def _paired(one: Finished, two: Finished, first: str, second: str, measure: str) -> Paired | None:
    by_scene: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for id, line in one.lines.items():
        other = two.lines.get(id)
        a, b = _right(line, measure), other and _right(other, measure)
        if a is not None and b is not None:
            by_scene[line["scene"]].append((a, bool(b)))
    if not by_scene:
        return None
    sums = np.array([[sum(a for a, _ in s), sum(b for _, b in s), len(s)] for s in by_scene.values()], dtype=np.float64)
    both = [pair for s in by_scene.values() for pair in s]
    only_first, only_second = sum(a and not b for a, b in both), sum(b and not a for a, b in both)
    rng = np.random.default_rng(SEED)
    times = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=RESAMPLES).astype(np.float64)
    drawn = times @ sums
    low, high = np.percentile((drawn[:, 0] - drawn[:, 1]) / drawn[:, 2], [2.5, 97.5])
    difference = (only_first - only_second) / len(both)
    interval = (round(float(low), 4), round(float(high), 4))
    p = mcnemar(only_first, only_second)
    return Paired(
        first, second, measure, len(both), len(sums), round(difference, 4), interval, only_first, only_second, p
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value of McNemar's test: are the questions that only one got right split evenly?"""
    n, k = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    tail = sum(comb(n, i) for i in range(k + 1))
    return float(min(1.0, 2 * tail / 2**n))


def differences(runs: Sequence[Finished], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return each template's share of right answers by run, the templates with the largest spread first."""
    found = []
    for template in runs[0].scores["by_template"]:
        values: dict[str, float | None] = {}
        for run, name in zip(runs, names, strict=True):
            group = run.scores["by_template"].get(template, {})
            values[name] = group.get("accuracy", group.get("f1"))
        known = [v for v in values.values() if v is not None]
        spread = max(known) - min(known) if known else 0.0
        found.append({"template": template, "spread": round(spread, 4), **values})
    return sorted(found, key=lambda entry: -entry["spread"])


def cases(runs: Sequence[Finished], names: Sequence[str], n: int = CASES) -> list[dict[str, Any]]:
    """Return questions side by side: those that the runs disagree about most evenly first, at most one a scene and
    kind."""
    shared = [id for id in runs[0].lines if all(id in run.lines for run in runs)]

    def right(id: str) -> list[bool]:
        return [run.lines[id]["outcome"] == "right" for run in runs]

    split = sorted(shared, key=lambda id: abs(2 * sum(right(id)) - len(runs)))
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    for id in split:
        line = runs[0].lines[id]
        if len(found) == n or all(right(id)) or not any(right(id)):
            break
        if seen & {line["scene"], line["template"]}:
            continue
        seen |= {line["scene"], line["template"]}
        answers = [
            {
                "model": name,
                "answer": run.lines[id]["raw"],
                "outcome": run.lines[id]["outcome"],
                "reason": run.lines[id]["reason"],
            }
            for run, name in zip(runs, names, strict=True)
        ]
        found.append({"id": id, "question": line["question"], "truth": line["truth"], "answers": answers})
    return found


def to_markdown(document: dict[str, Any]) -> str:
    """Return the comparison as Markdown: the table, the tests, where the runs differ, cases."""
    head = ["model", *(label for label, _ in COLUMNS), "ECE", "weights", "peak memory", "video", "first / later answer"]
    head += ["no answer / cut / failed"]
    lines = [_line(head), _line(["---"] * len(head))]
    for entry in document["rows"]:
        cells = [entry["model"], *(percent(entry[key], entry[f"{key}_ci95"]) for _, key in COLUMNS)]
        cells += [
            percent(entry["ece"]),
            _gb(entry["weights_gb"]),
            _gb(entry["peak_rss_gb"]),
            "yes" if entry["video"] else "no",
        ]
        at_once = f", shares of {entry['together']} at once" if entry["together"] > 1 else ""
        cells += [f"{_s(entry['first_answer_s'])} / {_s(entry['later_answers_s'])}{at_once}"]
        cells += [f"{entry['unparsed']} / {entry['cut']} / {entry['failed']} of {entry['n']}"]
        lines.append(_line(cells))
    lines += [
        "",
        "Differences on the same questions (first minus second; 95 % interval over scenes; McNemar's exact test):",
        "",
    ]
    lines += [
        _line(["first", "second", "measure", "n", "difference", "only first right", "only second", "p"]),
        _line(["---"] * 8),
    ]
    for p in document["paired"]:
        cells = [p["first"], p["second"], p["measure"], p["n"], percent(p["difference"], p["ci95"])]
        lines.append(_line([*cells, p["only_first"], p["only_second"], f"{p['p_value']:.2g}"]))
    names = [entry["model"] for entry in document["rows"]]
    lines += ["", "Where they differ (share of right answers, recognition as F1):", ""]
    lines += [_line(["template", *names]), _line(["---"] * (1 + len(names)))]
    lines += [_line([d["template"], *(percent(d[name]) for name in names)]) for d in document["where_they_differ"]]
    lines += ["", "Cases side by side:", ""]
    for case in document["cases"]:
        lines.append(f"- {case['question']} (truth: {case['truth']}; `{case['id']}`)")
        lines += [
            f"  - {a['model']}, {a['outcome']}: {' '.join(a['answer'].split()) or '(nothing)'}" for a in case["answers"]
        ]
    return "\n".join(lines) + "\n"


def percent(value: float | None, interval: Sequence[float] | None = None) -> str:
    """75.4 (72.7-78.1), in percent; "-" for what is not known."""
    if value is None:
        return "-"
    if interval is None:
        return f"{100 * value:.1f}"
    joint = " to " if min(interval) < 0 else "-"
    return f"{100 * value:.1f} ({100 * interval[0]:.1f}{joint}{100 * interval[1]:.1f})"


def _gb(value: float | None) -> str:
    return "-" if not value else f"{value:.2f} GB"


def _s(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |"
