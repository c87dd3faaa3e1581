"""Strings that end an answer, of which nothing is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from occlusight.backends.events import Event, TextDelta
from occlusight.engine.output_text import overlap


class StopStrings:
    """Cuts an answer off before the first of some strings, whoever says it, the model or a sentence that is put
    together; `reached` says that one has come."""

    def __init__(self, strings: tuple[str, ...]) -> None:
        self.reached = False
        self._strings = strings

    def cut(self, events: Iterator[Event]) -> Iterator[Event]:
        """Yield an answer without its text from the first string on. What may be the beginning of one is held back.

        >>> said = iter([TextDelta("The str"), TextDelta("eet lamp"), TextDelta(" hides it.")])
        >>> [event.text for event in StopStrings(("street",)).cut(said)]
        ['The ']
        """
        held = ""
        for event in events:
            if isinstance(event, TextDelta) and self._strings:
                held += "" if self.reached else event.text
                found = [place for place in map(held.find, self._strings) if place >= 0]
                self.reached = self.reached or bool(found)
                certain = min(found) if found else len(held) - max(overlap(held, one) for one in self._strings)
                if certain:
                    yield replace(event, text=held[:certain])
                held = "" if self.reached else held[certain:]
                continue
            if held:
                yield TextDelta(held)
                held = ""
            yield event
        if held:
            yield TextDelta(held)
