"""What the pairs of a relation graph cost beside the first token of an answer about a new picture, in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median
from time import perf_counter
from typing import Any

from PIL import Image, ImageOps

from occlusight.backends.protocol import Backend
from occlusight.bench.speed import clock, question
from occlusight.datasets.dataset import SceneLine
from occlusight.errors import BadInput
from occlusight.occlusion.graph import Box
from occlusight.occlusion.kinds import KindNames
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.objects import Listed, numbered
from occlusight.reasoning.own_wording import Thing
from occlusight.reasoning.vocabulary import shipped_words

LEAST_VISIBLE = 0.05
"""Things of which less can be seen are not among those that are asked about."""


def listed(scene: SceneLine, objects: int) -> Listed | None:
    """Return the first `objects` things of a scene as a model would list them, by its truth; None where it shows
    fewer. Boxes are in thousandths."""
    width, height = scene.graph.width, scene.graph.height
    words = shipped_words()
    found: list[tuple[Thing, Box | None]] = []
    for one in scene.graph.objects:
        if one.visible_fraction >= LEAST_VISIBLE and one.seen == "direct":
            x0, y0, x1, y1 = one.box
            box = (x0 * 1000 // width, y0 * 1000 // height, x1 * 1000 // width, y1 * 1000 // height)
            kind = words.kinds.get(one.kind) or KindNames(one.kind, one.kind, one.kind, one.kind, "个")
            found.append((Thing(kind, words.colours.get(one.colour or "", ("", ""))), box))
    return Listed(numbered(found[:objects]), (width, height)) if len(found) >= objects else None


def measure(
    backend: Backend,
    scenes: Sequence[SceneLine],
    *,
    objects: int = 10,
    side: int = 512,
    runs: int = 5,
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Ask about all pairs of `objects` things in pictures of `side` pixels, each read for a first token just before.

    Each scene is looked at twice, the second time mirrored: a new picture, of which the answers without a picture are
    known. What the things are comes from the scenes' truth, since listing them is not what is measured.

    Raises:
        BadInput: no scene shows so many things.
    """
    shown = [(scene, found) for scene in scenes if (found := listed(scene, objects)) is not None][:runs]
    if not shown:
        raise BadInput(f"no scene of this set shows {objects} things; give another, or fewer --objects")
    extractor = Extractor(backend)
    clock(backend, Image.new("RGB", (side, side)), question(0), 2)  # the warm-up
    rows: list[dict[str, Any]] = []
    for number, (scene, found) in enumerate(shown, 1):
        upright = Image.open(scene.picture).convert("RGB").resize((side, side))
        for blind_known, picture in ((False, upright), (True, ImageOps.mirror(upright))):
            first = clock(backend, picture, question(2 * number + blind_known), 1)
            began = perf_counter()
            asked = extractor.about(picture, mirrored(found) if blind_known else found)
            seconds = perf_counter() - began
            row = {"first_token_s": first.first_token_s, "pairs_s": seconds, "questions": asked.questions}
            rows.append({"blind_known": blind_known, "image_tokens": first.image_tokens, **row})
            progress(f"{number} of {len(shown)}: " + ", ".join(f"{name} {value}" for name, value in row.items()))
    return {"objects": objects, "image_size": side, **dict(summary(rows)), "rows": rows}


def mirrored(found: Listed) -> Listed:
    """Return the same things in the mirrored picture."""
    boxes = [
        (one.thing, None if (b := one.box) is None else (1000 - b[2], b[1], 1000 - b[0], b[3])) for one in found.objects
    ]
    return Listed(numbered(boxes), found.size)


def summary(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    """Yield medians, and how many first tokens the pairs take: with the answers without a picture known, and first."""
    yield "first_token_s", round(median(row["first_token_s"] for row in rows), 4)
    for name, blind_known in (("pairs", True), ("pairs_first_time", False)):
        own = [row for row in rows if row["blind_known"] == blind_known]
        yield f"{name}_s", round(median(row["pairs_s"] for row in own), 4)
        yield f"{name}_per_first_token", round(median(row["pairs_s"] / row["first_token_s"] for row in own), 3)
    yield "questions", median(row["questions"] for row in rows)
