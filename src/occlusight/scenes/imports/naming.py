"""What imported things are called: their kinds in both languages, and what tells those of one kind apart."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occlusight.errors import BadData, BadInput
from occlusight.files.text import read_text, shown
from occlusight.occlusion.kinds import KindNames, Names, pluralize
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.meshes.names import names_of

if TYPE_CHECKING:
    from occlusight.scenes.imports.thing import Thing

FIELDS = ("zh", "measure", "plural", "aliases_en", "aliases_zh")
SIZES = (("smallest", "最小的"), ("largest", "最大的"))
CLEARLY = 1.5  # times the area of what is seen of the next
SHOWN = 8  # names that an error lists


class Kinds:
    """The kinds of an import, by the names that its annotations use.

    A name is looked for in the user's own file, among the catalogue's names, among the categories of COCO and KINS, and
    among the catalogue's aliases; any other becomes a kind without a Chinese name.
    """

    def __init__(self, catalogue: Catalogue, own: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.catalogue = catalogue
        self.shipped: Names = names_of(catalogue)
        self.own = own or {}
        self.made: dict[str, KindNames] = {}
        self.nameless: list[str] = []  # kinds without a Chinese name
        self._exact = {k.en.lower(): k for k in self.shipped.values()}
        self._aliases = {a.lower(): k for k in self.shipped.values() for a in k.aliases_en}
        self._found: dict[str, KindNames] = {}

    @property
    def names(self) -> Names:
        """Every kind by key: the catalogue's, and those of the import."""
        return {**self.shipped, **self.made}

    def to_json(self) -> list[dict[str, Any]]:
        """The import's own kinds, for the manifest."""
        return [asdict(self.made[key]) for key in sorted(self.made)]

    def of(self, name: str) -> KindNames:
        """Return the kind of a name such as "dining table". Raises BadData for one without letters."""
        name = re.sub(r"^(the|an?) ", "", " ".join(name.lower().replace("_", " ").split()))
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> KindNames:
        known = {**self._aliases, **dict.fromkeys(shipped_names()), **self._exact, **dict.fromkeys(self.own)}.get(name)
        if known is not None:
            return known
        key = re.sub(r"\W+", "_", name).strip("_")
        if not key:
            raise BadData(f"a thing is called {name!r}, which is not a name; give it one")
        key = f"own_{key}" if key in self.shipped else key
        more = self.own.get(name, shipped_names().get(name, {}))
        if not more.get("zh"):
            self.nameless.append(name)
        made = KindNames(
            key,
            name,
            more.get("plural", pluralize(name)),
            more.get("zh") or name,
            more.get("measure", "个"),
            tuple(more.get("aliases_en", ())),
            tuple(more.get("aliases_zh", ())),
        )
        return self.made.setdefault(key, made)  # "T-shirt" and "t shirt" are one kind, called as it was first

    def require_chinese(self) -> None:
        """Raise BadInput that lists the kinds without a Chinese name."""
        if self.nameless:
            shown = ", ".join(repr(name) for name in self.nameless[:SHOWN])
            more = f" and {len(self.nameless) - SHOWN} more" if len(self.nameless) > SHOWN else ""
            raise BadInput(
                f"--langs asks for Chinese, but these have no Chinese name: {shown}{more}; give names with "
                "--names FILE.toml "
                f'(["{self.nameless[0]}"] zh = "...", measure = "..."), or take --langs en'
            )


@cache
def shipped_names() -> dict[str, dict[str, Any]]:
    """The categories of COCO and KINS that the catalogue does not have: name -> Chinese name and measure word."""
    return tomllib.loads((files("occlusight.scenes.imports") / "names.toml").read_text(encoding="utf-8"))


def read_names(path: Path) -> dict[str, dict[str, Any]]:
    """Read a file of names, a table for each: zh, measure, plural, aliases_en, aliases_zh. Raises BadData with file and
    line."""
    text = read_text(path)
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadData(f"--names {path} is not TOML ({shown(str(error))})") from None
    for name, fields in found.items():
        unknown = [f for f in fields if f not in FIELDS] if isinstance(fields, dict) else None
        if unknown is None or unknown:
            wrong = f"has {', '.join(map(shown, unknown))}" if unknown else f"is {shown(fields)}"
            raise BadData(f"--names {path}: {shown(name)} {wrong}; each name is a table with {', '.join(FIELDS)}")
        for field, value in fields.items():
            texts = value if isinstance(value, list) and field.startswith("aliases") else [value]
            if not all(isinstance(one, str) and one.strip() for one in texts):
                what = "a list of texts" if field.startswith("aliases") else "a text"
                raise BadData(f"--names {path}: {field} of {shown(name)} must be {what}, but is {shown(value)}")
    return found


def told_apart(things: Sequence[Thing], kinds: Kinds) -> list[tuple[str, str, str, bool]]:
    """Return each thing's kind, its name in both languages, and whether that name is its own.

    Of several things of a kind the one that looks largest and the one that looks smallest are called so, where that is
    clear; things that differ in colour are called by it. (Their places would tell them apart too, but would answer
    questions about places.)
    """
    groups: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for i, thing in enumerate(things):
        groups[kinds.of(thing.name).key, thing.colour].append(i)
    names: dict[int, tuple[str, str, str, bool]] = {}
    for (key, colour), group in groups.items():
        kind = kinds.names[key]
        en, zh = "", ""
        if colour is not None:
            paint = kinds.catalogue.colours[colour]
            en, zh = f"{paint.en} ", f"{paint.zh}的"
        for i in group:
            names[i] = (key, en + kind.en, zh + kind.zh, len(group) == 1 and things[i].named)
        if len(group) > 1 and colour is None:
            for i, (size, size_zh) in _sizes(things, group).items():
                names[i] = (key, f"{size} {kind.en}", size_zh + kind.zh, things[i].named)
    return [names[i] for i in range(len(things))]


def _sizes(things: Sequence[Thing], group: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Return which thing of a group looks largest and which smallest, beyond doubt."""
    ordered = sorted(group, key=lambda i: things[i].seen.sum())
    areas = [int(things[i].seen.sum()) for i in ordered]
    found = {}
    if areas[1] > CLEARLY * areas[0]:
        found[ordered[0]] = SIZES[0]
    if areas[-1] > CLEARLY * areas[-2]:
        found[ordered[-1]] = SIZES[1]
    return found
