"""An answer without the decision at its beginning."""

from __future__ import annotations

from collections.abc import Iterator

from occlusight.backends.events import Event, TextDelta

YES = ("Yes. ", "是的。", "是的，", "是的,")


def without_yes(events: Iterator[Event]) -> Iterator[Event]:
    """Yield an answer without the "Yes." at its beginning, which answers what was asked instead: the rest says more.

    >>> [event.text for event in without_yes(iter([TextDelta("Y"), TextDelta("es. The"), TextDelta(" dog.")]))]
    ['The', ' dog.']
    """
    held, over = "", False
    for event in events:
        if over or not isinstance(event, TextDelta):
            yield event
            continue
        held += event.text
        if not any(yes.startswith(held) for yes in YES):  # else it may still become one
            yield TextDelta(next((held.removeprefix(yes) for yes in YES if held.startswith(yes)), held))
            over = True
    if held and not over:
        yield TextDelta(held)
