"""What is asked about texts that are partly hidden: drawn here, executed by the programs `characters`, `character`, `whole_text` and
`covers_text`.

A sign of which a character is doubtful, neither clearly seen nor clearly hidden, is not asked about as a whole; that character never.
"""

from __future__ import annotations

from collections.abc import Callable

from occlusight.questions.targeted_questions import Asked, Drawing, Pair

TEXT_KINDS: tuple[str, ...] = ("characters", "character", "whole_text", "covers_text")


def _signs(draw: Drawing) -> list[str]:
    return [id for id in draw.facts.nameable if id in draw.facts.inscriptions]


def characters(draw: Drawing) -> Asked | None:
    """Which characters on A can be read? Signs of which some are hidden first."""
    f = draw.facts
    clear = [id for id in _signs(draw) if f.legible(id) and any(f.readable(id))]
    found = draw.pick([id for id in clear if not all(f.readable(id))] or clear)
    return None if found is None else ([["characters", [found]]], {"a": found})


def character(draw: Drawing) -> Pair | None:
    """A character that can be read, and one that cannot; each is on its sign once."""
    f = draw.facts
    found: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
    for a in _signs(draw):
        text = [c.character for c in f.inscriptions[a].characters]
        for c, read in zip(text, f.readable(a), strict=True):
            if read is not None and text.count(c) == 1:
                found[read].append((a, c))
    no = draw.pick(found[False])
    same = [p for p in found[True] if no is not None and p[0] == no[0]]
    yes = draw.pick(same or found[True])
    if yes is None or no is None:
        return None
    one, other = ((([["character", [a, c]]]), {"a": a, "c": c}) for a, c in (yes, no))
    return one, other


def whole_text(draw: Drawing) -> Pair | None:
    """A sign of which all can be read, and one of which not all can."""
    f = draw.facts
    clear = [id for id in _signs(draw) if f.legible(id)]
    yes, no = (
        draw.pick([id for id in clear if all(f.readable(id))]),
        draw.pick([id for id in clear if not all(f.readable(id))]),
    )
    if yes is None or no is None:
        return None
    one, other = ((([["whole_text", [id]]]), {"a": id}) for id in (yes, no))
    return one, other


def covers_text(draw: Drawing) -> Asked | None:
    """What covers characters on A? Where all that does can be named."""
    f = draw.facts
    told = [id for id in _signs(draw) if f.legible(id) and f.covering(id) and set(f.covering(id)) <= set(f.nameable)]
    found = draw.pick(told)
    return None if found is None else ([["covers_text", [found]]], {"a": found})


SINGLE: dict[str, dict[str, Callable[[Drawing], Asked | None]]] = {
    "characters": {"reading.characters": characters},
    "covers_text": {"reading.covered_by": covers_text},
}
PAIRED: dict[str, dict[str, Callable[[Drawing], Pair | None]]] = {
    "character": {"reading.character": character},
    "whole_text": {"reading.whole": whole_text},
}
