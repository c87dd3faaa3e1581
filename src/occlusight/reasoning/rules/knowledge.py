"""What is known of kinds of things: what lets light through, how large it is, what stands on what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from occlusight.errors import BadData
from occlusight.occlusion.graph import Object

ANY = "*"
MATERIALS = ("transparent", "porous", "mirror")
LARGEST = 1.3  # times as tall as what carries it, unless things of its kind are known to stand there


@dataclass(frozen=True)
class Knowledge:
    """What a file of knowledge says.

    properties: a property ("porous") -> kinds that have it
    height_m: a kind -> its least and greatest usual height in metres
    carries: a kind or property -> kinds and properties of what stands on it; "*" for anything
    """

    properties: Mapping[str, frozenset[str]]
    height_m: Mapping[str, tuple[float, float]]
    carries: Mapping[str, frozenset[str]]

    def tags(self, o: Object) -> frozenset[str]:
        """Return what is known of an object: its kind, its material, and the properties of its kind."""
        material = {o.material} if o.material in MATERIALS else set()
        return self.of_kind(o.kind) | material

    def of_kind(self, kind: str) -> frozenset[str]:
        """Return a kind with its properties."""
        key = normal(kind)
        return frozenset((key, *(name for name, kinds in self.properties.items() if key in kinds)))

    def height(self, kind: str) -> tuple[float, float] | None:
        """Return the usual heights of a kind in metres, the least and the greatest; None where they are not known."""
        return self.height_m.get(normal(kind))

    def may_carry(self, a: Object, b: Object) -> bool:
        """Whether things of b's kind stand on things of a's. Of kinds that nothing is known of, everything may be."""
        tags = self.tags(a)
        allowed = frozenset().union(*(self.carries.get(tag, frozenset()) for tag in tags))
        if allowed & self.tags(b):
            return True
        below, above = self.height(a.kind), self.height(b.kind)
        known = below is not None or len(tags) > 1
        large = below is not None and above is not None and above[0] > LARGEST * below[1]
        return (ANY in allowed or not known) and not large

    def with_more(self, other: Knowledge, without: Mapping[str, frozenset[str]]) -> Knowledge:
        """Return this and other knowledge together; kinds in `without` lose a property."""
        properties = {
            name: (self.properties.get(name, frozenset()) | other.properties.get(name, frozenset()))
            - without.get(name, frozenset())
            for name in {*self.properties, *other.properties}
        }
        carries = {
            name: self.carries.get(name, frozenset()) | other.carries.get(name, frozenset())
            for name in {*self.carries, *other.carries}
        }
        return Knowledge(properties, {**self.height_m, **other.height_m}, carries)


def normal(kind: str) -> str:
    """Return a kind as files of knowledge write it.

    >>> normal("Traffic light")
    'traffic_light'
    """
    return kind.strip().lower().replace(" ", "_")


def knowledge(document: Mapping[str, Any], name: str) -> Knowledge:
    """Read knowledge from a file's tables `is`, `height_m` and `carries`. Raises BadData that names the place."""
    return Knowledge(
        kind_lists(document, "is", name),
        {normal(kind): _heights(kind, value, name) for kind, value in _table(document, "height_m", name).items()},
        kind_lists(document, "carries", name),
    )


def kind_lists(document: Mapping[str, Any], table: str, name: str) -> dict[str, frozenset[str]]:
    """Read a table of lists of kinds. Raises BadData."""
    found = {}
    for key, value in _table(document, table, name).items():
        if not isinstance(value, list) or not all(isinstance(kind, str) and kind.strip() for kind in value):
            raise BadData(f'{name}: {table}.{key} must be a list of kinds, such as {key} = ["bush"]')
        found[normal(key)] = frozenset(map(normal, value))
    return found


def _table(document: Mapping[str, Any], table: str, name: str) -> Mapping[str, Any]:
    found = document.get(table, {})
    if not isinstance(found, Mapping):
        raise BadData(f"{name}: {table} must be a table, [{table}], but it is {found!r}")
    return found


def _heights(kind: str, value: object, name: str) -> tuple[float, float]:
    match value:
        case [int() | float() as low, int() | float() as high] if 0 < low <= high < 10_000:
            return float(low), float(high)
    raise BadData(f"{name}: height_m.{kind} must be two heights in metres, the least first, but it is {value!r}")
