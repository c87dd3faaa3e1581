"""What can be asked about the time of a clip, and whether what is told of it answers that rightly.

These are the questions that `track --ask` executes on a story: who hid a thing, how often, since when, and where it is
at the end. They are asked of each thing that is the only one of its kind, and answered from whatever was told, with a
story or without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from occlusight.datasets.clips import ClipLine, ClipThing

EARLY = 1
"""Frames by which a time may be off."""
Event = tuple[str, str, int, int]
"""(what hides, what it hides, first frame, last frame)"""


def answered(
    clip: ClipLine,
    kinds: Mapping[str, str],
    seen: Mapping[str, Sequence[bool]],
    events: Sequence[Event],
    same: Mapping[str, str | None],
) -> Iterator[tuple[str, bool]]:
    """Yield each question about a clip, by its kind, and whether what was told answers it rightly.

    Args:
        kinds, seen, events: of what was told, by its ids.
        same: the told thing that each true one is; None where it was not told.
    """
    every = [thing.kind for thing in clip.things.values()]
    for id, thing in clip.things.items():
        if every.count(thing.kind) > 1:
            continue
        mine = same[id]
        about = sorted((e for e in events if e[1] == mine), key=lambda e: e[2])
        by = [kinds[event[0]] for event in about]
        yield "how_often", mine is not None and len(about) == len(thing.hidden)
        if thing.hidden and all(hidden.by for hidden in thing.hidden):
            true = [{clip.things[one].kind for one in hidden.by} for hidden in thing.hidden]
            yield "who_hid", bool(by) and all(one & set(by) for one in true) and set(by) <= set().union(*true)
        if thing.hidden:
            yield "when", bool(about) and abs(about[0][2] - thing.hidden[0].first) <= EARLY
        if thing.visible[-1] is not None:
            yield "at_end", mine is not None and _right_at_end(clip, thing, seen[mine], about, by)


def _right_at_end(
    clip: ClipLine, thing: ClipThing, seen: Sequence[bool], about: Sequence[Event], by: Sequence[str]
) -> bool:
    last = len(thing.visible) - 1
    if thing.visible[-1]:
        return seen[-1]
    true = {clip.things[one].kind for hidden in thing.hidden if hidden.last == last for one in hidden.by}
    told = {kind for event, kind in zip(about, by, strict=True) if event[3] == last}
    return not seen[-1] and bool(told & true if true else told)
