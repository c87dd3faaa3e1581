"""Clips of further recipes in a data set: as `clips.py`, of several things that move, boxes that carry, and cameras
that go along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from occlusight.errors import BadData
from occlusight.files.json_lines import Line
from occlusight.occlusion.facts import Facts
from occlusight.scenes.check.targeted_proofs import measured_again
from occlusight.scenes.make.clips import clip_family
from occlusight.scenes.make.family import CardText
from occlusight.scenes.make.scene_line import scene_of
from occlusight.scenes.recipes.film import Film
from occlusight.scenes.recipes.film_choice import choose_film, shows
from occlusight.scenes.recipes.films import RECIPES, TYPES, type_of


def _more(film: Film, k: int) -> Mapping[str, Any]:
    held = [id for id, poses in film.moves.items() if poses[k].held]
    return {"movers": list(film.moves), "camera_moves": film.camera_moves, "held": held}


def _measured_again(line: Line, facts: Facts) -> Iterator[str]:
    """What is held by a hand that is not shown need not stand on anything."""
    try:
        scene_of(line)
    except BadData as error:
        yield str(error)
        return
    held = tuple(f"does not stand as things do: {id} stands " for id in line["clip"]["held"])
    yield from (one for one in measured_again(line, facts) if not held or not one.startswith(held))


def _untold(clip: Line, first: Line) -> str | None:
    movers = dict.fromkeys((clip["mover"], *first["clip"]["movers"]))
    shares = {id: clip["objects"][id]["visible"] for id in movers}
    if not shows(type_of(clip["recipe"]), clip["path"], shares):
        return f"{clip['mover']} is not seen and hidden as in {clip['recipe']}"
    return None


FILMS = clip_family(
    "films",
    RECIPES,
    {"films": RECIPES, **{f"clip-{type}": tuple(r for r in RECIPES if type_of(r) == type) for type in TYPES}},
    choose_film,
    _untold,
    version=3,
    more=_more,
    remeasure=_measured_again,
    card=CardText(
        title="A set of clips",
        subject="clips in which things move behind boards, glass and mirrors, change places, or are put into a box",
        about="""- **Clips**: every frame is a scene of its own, with its truth and its questions; `clips.jsonl` has \
a line a clip: its frames and their times,
  and for each thing what of it is visible in every frame, from which frame to which it is hidden wholly, and by \
what. Ids keep their thing.
- **Motion**: things move along lines at a steady speed, people and animals without moving their limbs; what is put \
into a box hangs in the air for a frame or more; in every third clip of a recipe the camera moves to the side, looking \
at the same point.
- **Two alike**: in `clip-exchange` two things of one look go behind a board and come out: whether they changed places \
(`path`: `through`) or not (`return`) no picture tells.""",
    ),
)
