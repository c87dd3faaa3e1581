"""How well a reader reads wordings that training never saw."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from occlusight.model.text_encoder import ReaderConfig, ReaderLogits
from occlusight.reasoning.labels import Label
from occlusight.train.auroc import auroc
from occlusight.train.reader_examples import Example

OUTSIDE = 0.5
"""A question is declined where the probability that pictures tell it is under this."""


@dataclass(frozen=True)
class Report:
    """The figures, and the same as a Markdown text."""

    figures: dict[str, Any]
    text: str


def report(examples: Sequence[Example], logits: ReaderLogits, config: ReaderConfig) -> Report:
    """Measure a reader's logits on questions: program by kind and language, directions, scope and calibration."""
    probabilities = torch.softmax(logits.labels / config.label_temperature, -1)
    hides = torch.sigmoid(logits.hides / config.direction_temperature).tolist()
    inside = torch.sigmoid(logits.inside / config.scope_temperature).tolist()
    sure, guessed = probabilities.max(-1)
    said = [config.labels[i] for i in guessed.tolist()]
    table: dict[str, Counter[str]] = defaultdict(Counter)
    confused: Counter[tuple[str, str]] = Counter()
    programs: list[tuple[float, bool]] = []
    directions: list[tuple[float, bool]] = []
    turned: list[bool] = []
    caught: list[bool] = []
    refused: list[bool] = []
    for i, example in enumerate(examples):
        (refused if example.inside else caught).append(inside[i] < OUTSIDE)
        if example.hides is not None:
            directions.append((hides[i], example.hides))
            turned.append(
                Label.parse(said[i]).direction is not example.hides and Label.parse(said[i]).form.op == "hides"
            )
        if example.label is None:
            continue
        right = said[i] == example.label
        programs.append((float(sure[i]), right))
        table[example.kind][example.lang] += 1
        table[example.kind][f"{example.lang} right"] += right
        if not right:
            confused[example.label, said[i]] += 1
    outside = [p for p, e in zip(inside, examples, strict=True) if not e.inside]
    good = sorted(p for p, e in zip(inside, examples, strict=True) if e.inside)
    least = good[len(good) // 50] if good else 0.0
    decided = [(p, truth) for p, truth in directions if not 0.2 <= p <= 0.8]
    figures = {
        "n": len(programs),
        "program": _mean([right for _, right in programs]),
        **{
            f"program_{lang}": _mean([said[i] == e.label for i, e in enumerate(examples) if e.label and e.lang == lang])
            for lang in ("en", "zh")
        },
        "calibration_error": _calibration_error(programs),
        "directions": len(directions),
        "reversed_by_label": _mean(turned),
        "reversed_by_head": _mean([(p > 0.5) != truth for p, truth in directions]),
        "reversed_where_sure": sum((p > 0.5) != truth for p, truth in decided) / max(1, len(directions)),
        "both_directions": 1 - len(decided) / max(1, len(directions)),
        "outside": len(caught),
        "outside_declined": _mean(caught),
        "good_declined": _mean(refused),
        "scope_auroc": auroc(good, outside) if good and outside else float("nan"),
        "outside_declined_where_2_percent_of_good_are": _mean([p < least for p in outside]),
        "kinds": {kind: dict(table[kind]) for kind in sorted(table)},
        "confusions": [[*pair, count] for pair, count in confused.most_common(20)],
    }
    return Report(figures, _text(figures))


def _mean(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _calibration_error(programs: Sequence[tuple[float, bool]], bins: int = 10) -> float:
    """Return the expected calibration error: how far confidence and accuracy are apart, over bins of equal width."""
    held: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, right in programs:
        held[min(bins - 1, int(confidence * bins))].append((confidence, right))
    apart = (abs(sum(c for c, _ in one) - sum(r for _, r in one)) for one in held.values())
    return sum(apart) / max(1, len(programs))


def _text(figures: dict[str, Any]) -> str:
    lines = ["# Wordings held out from training", ""]
    lines += [
        f"- {name.replace('_', ' ')}: {value:.3f}" if isinstance(value, float) else f"- {name}: {value}"
        for name, value in figures.items()
        if isinstance(value, int | float)
    ]
    lines += ["", "| kind | en | zh |", "| --- | --- | --- |"]
    for kind, counts in figures["kinds"].items():
        cells = (f"{counts.get(f'{lang} right', 0)}/{counts.get(lang, 0)}" for lang in ("en", "zh"))
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    lines += ["", "| label | read as | times |", "| --- | --- | --- |"]
    lines += [f"| {label} | {other} | {count} |" for label, other, count in figures["confusions"]]
    return "\n".join(lines) + "\n"
