"""What our engine is to reach against its peers, and whether it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

Metric = Literal["first_new_s", "first_same_s", "decode_per_s", "batch_s", "peak_rss_gb", "load_s", "others_busy"]
METRICS: tuple[Metric, ...] = (
    "first_new_s",
    "first_same_s",
    "decode_per_s",
    "batch_s",
    "peak_rss_gb",
    "load_s",
    "others_busy",
)
RATES = ("decode_per_s",)
"""Where more is better."""


@dataclass(frozen=True)
class Target:
    """`ours` is to be `factor` times better than the best of `peers` in `metric`, with pictures of `side` pixels."""

    what: str
    metric: Metric
    ours: str
    peers: tuple[str, ...]
    factor: float
    side: int = 512


TRANSFORMERS = ("transformers-bf16", "transformers-fp32")
BATCHING = ("openvino-int8-batching", "llamacpp-q8", "llamacpp-q8-slots", *TRANSFORMERS)
TARGETS = (
    Target("first token, new image", "first_new_s", "ours-int8", ("openvino-int8",), 2.5),
    Target("first token, new image", "first_new_s", "ours-int8", TRANSFORMERS, 3.5),
    Target("first token, new image", "first_new_s", "ours-int8", ("llamacpp-q8",), 6.0),
    Target("first token, same image", "first_same_s", "ours-int8", ("llamacpp-q8",), 3.0),
    Target("decode, int8", "decode_per_s", "ours-int8", ("openvino-int8",), 0.97),
    Target("decode, int4, over our int8", "decode_per_s", "ours-int4", ("ours-int8",), 1.3),
    Target("decode, int4", "decode_per_s", "ours-int4", ("openvino-int4",), 1.0),
    Target("8 questions about one picture", "batch_s", "ours-int8", BATCHING, 3.0),
    Target("peak memory, int8", "peak_rss_gb", "ours-int8", ("llamacpp-q8",), 1.0),
    Target("first token, new image, 1024", "first_new_s", "ours-int8", ("openvino-int8",), 2.0, 1024),
    Target("first token, same image, 1024", "first_same_s", "ours-int8", ("openvino-int8",), 50.0, 1024),
)

Medians = Mapping[tuple[str, int], Mapping[Metric, tuple[float, int]]]
"""(engine, side) -> metric -> (median, number of runs)."""


def medians_of(records: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], dict[Metric, tuple[float, int]]]:
    """Medians over the rounds; of the memory, the most."""
    found: dict[tuple[str, int], dict[Metric, tuple[float, int]]] = {}
    for key in dict.fromkeys((record["engine"], record["side"]) for record in records):
        own = [record for record in records if (record["engine"], record["side"]) == key]
        found[key] = {}
        for metric in METRICS:
            values = [record[metric] for record in own if record.get(metric) is not None]
            if values:
                found[key][metric] = (max(values) if metric == "peak_rss_gb" else median(values), len(values))
    return found


def verdicts(medians: Medians) -> list[dict[str, Any]]:
    """A row for each target: what, against whom, at least, the ratio (None: not measured), reached."""
    rows = []
    for target in TARGETS:
        own = medians.get((target.ours, target.side), {}).get(target.metric)
        measured = {
            peer: values[target.metric][0]
            for peer in target.peers
            if target.metric in (values := medians.get((peer, target.side), {}))
        }
        row: dict[str, Any] = {"what": target.what, "ours": target.ours, "at_least": target.factor}
        if own is None or not measured:
            rows.append({**row, "against": " or ".join(target.peers), "ratio": None, "reached": None})
            continue
        better = max if target.metric in RATES else min
        best = better(measured, key=lambda peer: measured[peer])
        ratio = own[0] / measured[best] if target.metric in RATES else measured[best] / own[0]
        rows.append({**row, "against": best, "ratio": round(ratio, 3), "reached": ratio >= target.factor})
    return rows
