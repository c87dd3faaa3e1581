"""Relation graphs of the pictures on the page: made once, kept for as long as there is room."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image

from occlusight.api import understanding
from occlusight.backends.protocol import Backend, Request
from occlusight.backends.wrapped import innermost
from occlusight.drawing.graph_svg import graph_svg
from occlusight.drawing.png import png
from occlusight.model.picture import open_picture
from occlusight.occlusion.graph import Graph
from occlusight.reasoning.agreement import Checked, checked
from occlusight.reasoning.calibrations import calibration_of
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.graph_answers import GraphAnswers
from occlusight.reasoning.looking import denied, denied_from
from occlusight.reasoning.places import locates, places
from occlusight.reasoning.relations import Described, describe
from occlusight.reasoning.rules.ruleset import shipped_rules
from occlusight.serve.fair_queue import Place
from occlusight.serve.page.question import Claim
from occlusight.serve.page.words import Language

LOG = logging.getLogger("occlusight.serve")
MOST_KEPT = 128
"""Pictures of which the graph is kept."""
DRAWN_PIXELS = 2**20
MARK = 11
"""Half the side of a mark, in thousandths of the picture."""
See: TypeAlias = Callable[[Path], Described]
"""Makes what is known of a picture's relations."""


def seeing(backend: Backend) -> See | None:
    """Return what makes graphs by a model's word; None for one that tells no log-probabilities."""
    plain = innermost(backend)
    if plain.capabilities.scores is None:
        return None
    extractor = Extractor(plain)

    def see(picture: Path) -> Described:
        fitted = calibration_of(plain.info.revision)
        found = describe(extractor, picture, fitted)
        objects = () if found.extraction is None else found.extraction.objects
        things = {one.id: one.thing for one in objects}
        absent = denied(plain, Request("?", (picture,)), things, denied_from(fitted))
        where = places(plain, picture, objects) if locates(plain) else {}
        last = sorted(found.graph.relations, key=lambda r: bool({r.occluder, r.occluded} & absent))
        graph = replace(found.graph, relations=tuple(last))
        return replace(found, graph=graph, places=where, denied=absent)

    return see


class Sight:
    """Makes and draws graphs, a picture's once."""

    def __init__(self, see: See, threads: Executor) -> None:
        self._see = see
        self._threads = threads
        self._kept: dict[Path, Described] = {}
        self._making: dict[Path, asyncio.Task[Described]] = {}

    def knows(self, picture: Path) -> bool:
        """Whether the graph of a picture is there already."""
        return picture in self._kept

    async def of(self, picture: Path, place: Place | None = None) -> Described:
        """Return the graph of a picture, made when the place's turn has come, and for all who wait for it at once.
        Raises what the backend raises."""
        if place is not None:
            async for _ in place.waits():
                pass
        if picture in self._kept:
            return self._kept[picture]
        if picture not in self._making:
            self._making[picture] = asyncio.create_task(self._make(picture))
        return await asyncio.shield(self._making[picture])

    async def _make(self, picture: Path) -> Described:
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._see, picture)
        finally:
            del self._making[picture]
        self._kept[picture] = found
        while len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return found

    def forget(self, picture: Path) -> None:
        """Keep nothing of a picture any more."""
        self._kept.pop(picture, None)

    async def checked(self, picture: Path, claim: Claim) -> Checked | None:
        """Return what the graph of a picture says to a question that was answered; None where it is not there, or does
        not bear on it."""
        found = self._kept.get(picture)
        if found is None:
            return None
        return await asyncio.get_running_loop().run_in_executor(self._threads, _checked, found, claim)

    async def drawn(self, picture: Path, kind: str, language: Language) -> bytes:
        """Return the graph, which is there, drawn on its picture as `svg` or `png`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._draw, picture, kind, language)

    def _draw(self, picture: Path, kind: str, language: Language) -> bytes:
        return drawing(self._kept[picture], open_picture(picture, reduce_to=DRAWN_PIXELS), kind, language)


def drawing(found: Described, ground: Image.Image, kind: str, language: Language) -> bytes:
    """Return a graph drawn on its picture as `svg` or `png`."""
    svg = graph_svg(marked(found), ground, language)
    return png(svg) if kind == "png" else svg.encode()


def marked(found: Described) -> Graph:
    """Return the graph with a mark in the middle of where each of its objects is about, where it has no boxes."""
    marks = {}
    for id, (x0, y0, x1, y1) in found.places.items():
        x, y = (x0 + x1) // 2, (y0 + y1) // 2
        marks[id] = (max(0, x - MARK), max(0, y - MARK), min(1000, x + MARK), min(1000, y + MARK))
    objects = (replace(o, box=box, amodal_box=box) if (box := marks.get(o.id)) else o for o in found.graph.objects)
    return replace(found.graph, objects=tuple(objects))


def _checked(found: Described, claim: Claim) -> Checked | None:
    return checked(claim.answer, claim.question, GraphAnswers(found, understanding()), claim.history)


def told(found: Described) -> Mapping[str, Any]:
    """Return a graph as the page shows it: its document, about where its things are, which of them the model denies,
    from which probability on a relation is said outright, and what the rules say that changed it."""
    about = {"places": found.places, "denied": sorted(found.denied), "said_from": found.sure[0]}
    return {**found.to_json(), **about, "rules": rules_said([found])}


def rules_said(found: Iterable[Described]) -> Mapping[str, Mapping[str, str]]:
    """Return what the rules say that changed graphs, by their names, in both languages."""
    rules = shipped_rules()
    names = {name for one in found for relation in one.graph.relations for name in relation.changed_by}
    return {name: {"en": rules[name].says.en, "zh": rules[name].says.zh} for name in sorted(names)}
