"""What answers cost: seconds and tokens a question, apart for the first question about a picture and later ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def costs(timings: Sequence[dict[str, Any]], pictures: Mapping[str, str]) -> dict[str, Any]:
    """Summarise the lines of timings.jsonl: medians and 90th percentiles, seconds and tokens. `pictures` has each
    question's picture by the question's id, in the order in which they were asked; lines of other questions are left
    out.

    The first question about a picture pays for encoding it; later ones need not. Of questions asked together
    (`together` of them at once, the median) each has an equal share of the seconds that all of them took, and how long
    the first token took is known of those read alone.
    """
    lines = {line["id"]: line for line in timings if line["id"] in pictures}
    seen: set[str] = set()
    first: list[dict[str, Any]] = []
    later: list[dict[str, Any]] = []
    for id, picture in pictures.items():
        if id in lines:
            (later if picture in seen else first).append(lines[id])
            seen.add(picture)
    alone = [line for line in (*first, *later) if line.get("together", 1) == 1] or first
    return {
        "n": len(lines),
        "together": int(np.median([line.get("together", 1) for line in lines.values()])) if lines else 1,
        "seconds": _spread([line["seconds"] for line in lines.values()]),
        "first_answer": _spread([line["seconds"] for line in first]),
        "later_answers": _spread([line["seconds"] for line in later]),
        "first_token": _spread([line["timings"]["first_token_s"] for line in alone if "timings" in line]),
        "prompt_tokens": _spread([line["usage"]["prompt_tokens"] for line in lines.values() if "usage" in line]),
        "image_tokens": _spread([line["usage"]["image_tokens"] for line in lines.values() if "usage" in line]),
        "answer_tokens": _spread([line["usage"]["completion_tokens"] for line in lines.values() if "usage" in line]),
    }


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return {"median": None, "p90": None}
    low, high = np.percentile(np.asarray(values, dtype=np.float64), [50, 90])
    return {"median": round(float(low), 4), "p90": round(float(high), 4)}
