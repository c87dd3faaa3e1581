"""What the probes know beyond the majority, per template, with intervals clustered by scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from occlusight.bench.leakage.asked import Asked
from occlusight.bench.statistics import RESAMPLES, SEED

LIMIT = 0.02  # by so much the text probe may beat the majority

Interval = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """Shares of right answers to a template's questions about held-out scenes; the gains are over the majority's
    answer.

    `boxes` is None where boxes cannot hold the answer.
    """

    template: str
    n: int
    scenes: int
    majority: float
    text: float
    text_gain: float
    text_gain_ci95: Interval
    boxes: float | None
    boxes_gain: float | None
    boxes_gain_ci95: Interval | None

    @property
    def leaks(self) -> bool:
        """Whether the text gives away more than it may."""
        return self.text_gain > LIMIT


def rows(tried: Sequence[Asked], answers: Mapping[str, Sequence[str]], skip_boxes: Sequence[str]) -> list[Row]:
    """Return a row a template; `answers` has the majority's and the probes' answers to the questions tried, of which
    the boxes probe gives none for the templates of `skip_boxes`."""
    found = []
    for template in sorted({q.template for q in tried}):
        at = [i for i, q in enumerate(tried) if q.template == template]
        scenes = [tried[i].scene for i in at]
        right = {name: np.array([given[i] == tried[i].answer for i in at]) for name, given in answers.items()}
        majority, text = float(right["majority"].mean()), float(right["text"].mean())
        boxes = None if template in skip_boxes else float(right["boxes"].mean())
        found.append(
            Row(
                template,
                len(at),
                len(set(scenes)),
                _round(majority),
                _round(text),
                _round(text - majority),
                gain_interval(scenes, right["text"], right["majority"]),
                None if boxes is None else _round(boxes),
                None if boxes is None else _round(boxes - majority),
                None if boxes is None else gain_interval(scenes, right["boxes"], right["majority"]),
            )
        )
    return found


def gain_interval(scenes: Sequence[str], one: Any, other: Any) -> Interval:
    """Return the 95 % interval of the difference of two shares of right answers, by the bootstrap over scenes."""
    index = {scene: i for i, scene in enumerate(dict.fromkeys(scenes))}
    sums = np.zeros((len(index), 2))
    at = np.array([index[scene] for scene in scenes])
    np.add.at(sums[:, 0], at, np.asarray(one, float) - np.asarray(other, float))
    np.add.at(sums[:, 1], at, 1.0)
    rng = np.random.default_rng(SEED)
    times = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=RESAMPLES).astype(np.float64)
    drawn = times @ sums
    low, high = np.percentile(drawn[:, 0] / np.maximum(drawn[:, 1], 1), [2.5, 97.5])
    return _round(float(low)), _round(float(high))


def markdown(found: Sequence[Row]) -> str:
    """Return the table in Markdown; what leaks is marked."""
    lines = [
        "| template | n | majority | text only | gain, points | boxes only | gain, points |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in found:
        boxes = (
            ("-", "-")
            if r.boxes is None or r.boxes_gain is None
            else (_percent(r.boxes), _points(r.boxes_gain, r.boxes_gain_ci95))
        )
        gain = _points(r.text_gain, r.text_gain_ci95)
        cells = (
            r.template,
            f"{r.n:,}",
            _percent(r.majority),
            _percent(r.text),
            f"**{gain}**" if r.leaks else gain,
            *boxes,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def to_json(found: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as dicts."""
    return [{**asdict(r), "leaks": r.leaks} for r in found]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _points(gain: float, interval: Interval | None) -> str:
    low, high = interval or (gain, gain)
    return f"{100 * gain:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def _round(value: float) -> float:
    return round(value, 4)
