"""Every form of question: the families, and their templates by name. A new form stands in its family's TEMPLATES, and
nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from occlusight.occlusion.facts import Facts
from occlusight.questions import (
    counting,
    depth,
    extent,
    glass_and_mirrors,
    grounding,
    hiding,
    inscriptions,
    own,
    position,
    removal,
    seeing,
    stills,
    surroundings,
    viewpoint,
)
from occlusight.questions.template import Template

FAMILIES = (
    *(hiding, position, counting, depth, removal, glass_and_mirrors, viewpoint, inscriptions, own),
    *(seeing, extent, surroundings, grounding, stills),
)


@cache
def templates() -> Mapping[str, Template]:
    """Return every template by its name. Raises ValueError where two have one name, or a program's name means two
    things."""
    found: dict[str, Template] = {}
    for template in (template for family in FAMILIES for template in family.TEMPLATES):
        if template.name in found:
            raise ValueError(f"two templates are called {template.name}")
        found[template.name] = template
    return found


@cache
def steps() -> Mapping[str, Callable[..., Any]]:
    """Return every step of programs by its name. Raises ValueError where a name means two things."""
    found: dict[str, Callable[..., Any]] = {recognised.__name__: recognised}
    for template in templates().values():
        name = template.program.__name__
        if found.setdefault(name, template.program) is not template.program:
            raise ValueError(f"the program {name} of {template.name} is another one than that of an earlier template")
    return found


@cache
def first_of_step() -> Mapping[str, Template]:
    """Return the first template of every step, by the step's name: how the step is asked and answered plainly."""
    found: dict[str, Template] = {}
    for template in templates().values():
        found.setdefault(template.program.__name__, template)
    return found


@cache
def album_steps() -> frozenset[str]:
    """Return the names of the steps about several pictures."""
    return frozenset(t.program.__name__ for t in templates().values() if t.album)


@cache
def of_kind(kind: str) -> tuple[Template, ...]:
    """Return the templates that take turns where `kind` is asked for; none for an unknown one."""
    return tuple(t for t in templates().values() if t.kind == kind and not t.is_brought)


def kinds(*, about_text: bool | None = None) -> tuple[str, ...]:
    """Return what can be asked for about one picture, in the order of the families; only what is about inscriptions, or
    is not, where that is given."""
    found = (t for t in templates().values() if not t.album and about_text in (None, t.about_text))
    return tuple(dict.fromkeys(t.kind for t in found if not t.is_brought))


def album_kinds(*, clip: bool) -> tuple[str, ...]:
    """Return what can be asked for about several pictures together: of a clip, or of any."""
    sort = "clip" if clip else "stills"
    return tuple(dict.fromkeys(t.kind for t in templates().values() if t.album == sort))


def reported_kinds() -> tuple[str, ...]:
    """Return the kinds that questions have in data sets and reports."""
    return tuple(dict.fromkeys(t.reported_as for t in templates().values()))


def recognised(facts: Facts, kind: str | None = None) -> list[str]:
    """Objects that count, front to back; of one kind where it is given."""
    return [id for id in facts.recognised if kind is None or facts.objects[id].kind == kind]
