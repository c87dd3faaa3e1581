"""The catalogue of kinds of things: names in both languages, meshes with their authors and licences, and the colours of
paint.

All facts live in `kinds.toml` beside this file, and in those that are added to it (see `wide_catalogue`). Sizes are
metric (width, depth, height in metres).
"""

from __future__ import annotations

import colorsys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from occlusight.errors import BadData
from occlusight.scenes.description import RGB

SETTINGS = ("street", "desk", "room")
LICENCES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC-BY-3.0-US": "https://creativecommons.org/licenses/by/3.0/us/",
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
}
PROCEDURAL = "procedural"
FIXTURE = "fixture"  # procedural too; shown by targeted scenes alone
LETTERED = ":"  # parts the id of a sign's mesh: "sign-board:red:阳光药店" is a red board with that text


@dataclass(frozen=True)
class MeshInfo:
    """Where a mesh comes from and how it is made to fit.

    `path` is inside the library's archive, or the name of a procedural shape. `rotation` (row-major, in the file's y-up
    axes) uprights the model; `turn` (degrees about z, counter-clockwise) makes its front face -y; `size` is the
    result's size in metres. `paint` names the materials that take the object's colour. `heldout` meshes are kept out of
    training.
    """

    id: str
    kind: str
    library: str
    path: str
    size: tuple[float, float, float]
    author: str
    licence: str
    rotation: tuple[float, ...] | None = None
    turn: float = 0.0
    heldout: bool = False
    paint: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A kind of thing that scenes show and questions name.

    `measure` is the Chinese measure word (一辆汽车). `settings` says where it belongs. `material` is opaque,
    transparent, mirror or porous. `glossy` paint reflects.
    """

    key: str
    en: str
    zh: str
    measure: str
    plural: str
    aliases_en: tuple[str, ...]
    aliases_zh: tuple[str, ...]
    settings: tuple[str, ...]
    material: str
    paintable: bool
    glossy: bool
    meshes: tuple[str, ...]


@dataclass(frozen=True)
class Colour:
    """A named colour of paint: ranges of hue (degrees), saturation and value (0-1) within which people agree on the
    name."""

    key: str
    en: str
    zh: str
    hue: tuple[float, float]
    saturation: tuple[float, float]
    value: tuple[float, float]

    def sample(self, rng: np.random.Generator) -> RGB:
        """Return a linear RGB drawn from the colour's range."""
        h, s, v = (float(rng.uniform(*r)) for r in (self.hue, self.saturation, self.value))
        r, g, b = (
            ((c + 0.055) / 1.055) ** 2.4 if c > 0.04045 else c / 12.92 for c in colorsys.hsv_to_rgb(h / 360 % 1, s, v)
        )
        return r, g, b


@dataclass(frozen=True)
class Catalogue:
    """Kinds by key, meshes by id, colours by key, each in the order of the file."""

    kinds: Mapping[str, Kind]
    mesh_infos: Mapping[str, MeshInfo]
    colours: Mapping[str, Colour]

    def kind(self, key: str) -> Kind:
        """Return the kind with this key. Raises BadData."""
        try:
            return self.kinds[key]
        except KeyError:
            raise BadData(f"{key!r} is not a kind of the catalogue; the kinds are {', '.join(self.kinds)}") from None

    def mesh(self, id: str) -> MeshInfo:
        """Return the mesh with this id; that of a sign may carry a style and a text. Raises BadData."""
        try:
            blank, lettered, _ = id.partition(LETTERED)
            return replace(self.mesh_infos[blank], id=id) if lettered else self.mesh_infos[id]
        except KeyError:
            raise BadData(
                f"{id!r} is not a mesh of the catalogue; see scenes/meshes/kinds.toml and more_kinds.toml for their ids"
            ) from None

    def meshes(self, kind: str, heldout: bool | None = False) -> tuple[MeshInfo, ...]:
        """Return the meshes of a kind: those for training, those held out (True), or all of them (None)."""
        infos = (self.mesh_infos[i] for i in self.kind(kind).meshes)
        return tuple(m for m in infos if heldout is None or m.heldout == heldout)

    def in_setting(self, setting: str) -> tuple[Kind, ...]:
        """Return the kinds that belong in `setting` (street, desk or room). Raises BadData."""
        if setting not in SETTINGS:
            raise BadData(f"{setting!r} is not a setting; the settings are {', '.join(SETTINGS)}")
        return tuple(k for k in self.kinds.values() if setting in k.settings)

    def attribution(self) -> list[str]:
        """Return the lines that NOTICE needs for the meshes: library, author, licence, models, and that they were
        changed."""
        groups: dict[tuple[str, str, str], list[str]] = {}
        for m in self.mesh_infos.values():
            if m.library not in (PROCEDURAL, FIXTURE):
                groups.setdefault((m.library, m.author, m.licence), []).append(m.path.split("/")[-2])
        return [
            f"{library}: {', '.join(sorted(models))} by {author}, {licence} <{LICENCES[licence]}>, converted and "
            "rescaled"
            for (library, author, licence), models in sorted(groups.items())
        ]


def parse_catalogue(text: str, base: Catalogue | None = None) -> Catalogue:
    """Read a catalogue in TOML; it follows that of `base`, to whose kinds its `[[more]]` add meshes.

    Raises BadData when it contradicts itself or `base`.
    """
    document = tomllib.loads(text)
    kinds: dict[str, Kind] = dict(base.kinds) if base else {}
    meshes: dict[str, MeshInfo] = dict(base.mesh_infos) if base else {}

    def add(kind: Kind, infos: list[MeshInfo]) -> None:
        for m in infos:
            if m.id in meshes:
                raise BadData(f"the mesh id {m.id!r} appears twice in the catalogue; give each its own")
            if kind.paintable and not m.paint:
                raise BadData(f"{kind.key} is paintable, but mesh {m.id!r} names no material to paint; add `paint`")
            meshes[m.id] = m
        kinds[kind.key] = kind

    for entry in document.get("kind", ()):
        infos = [_mesh(entry["key"], m) for m in entry["meshes"]]
        kind = Kind(
            key=entry["key"],
            en=entry["en"],
            zh=entry["zh"],
            measure=entry["measure"],
            plural=entry["plural"],
            aliases_en=tuple(entry.get("aliases_en", ())),
            aliases_zh=tuple(entry.get("aliases_zh", ())),
            settings=tuple(entry["settings"]),
            material=entry.get("material", "opaque"),
            paintable=entry.get("paintable", False),
            glossy=entry.get("glossy", False),
            meshes=tuple(m.id for m in infos),
        )
        if kind.key in kinds:
            raise BadData(f"the kind {kind.key!r} appears twice in the catalogue; merge the two entries")
        add(kind, infos)
    for entry in document.get("more", ()):
        if entry["kind"] not in kinds:
            raise BadData(f"there is no kind {entry['kind']!r} to add meshes to; it has to come before them")
        kind, infos = kinds[entry["kind"]], [_mesh(entry["kind"], m) for m in entry["meshes"]]
        add(replace(kind, meshes=(*kind.meshes, *(m.id for m in infos))), infos)
    colours = {c["key"]: _colour(c) for c in document.get("colour", ())}
    return Catalogue(kinds, meshes, {**base.colours, **colours} if base else colours)


def _mesh(kind: str, m: Mapping[str, Any]) -> MeshInfo:
    if m["licence"] not in LICENCES:
        raise BadData(f"licence {m['licence']!r} of mesh {m['id']!r} is unknown; known are {', '.join(LICENCES)}")
    width, depth, height = (float(x) for x in m["size"])
    rotation = m.get("rotation")
    return MeshInfo(
        id=m["id"],
        kind=kind,
        library=m["library"],
        path=m["path"],
        size=(width, depth, height),
        author=m["author"],
        licence=m["licence"],
        rotation=None if rotation is None else tuple(float(x) for x in rotation),
        turn=float(m.get("turn", 0.0)),
        heldout=m.get("heldout", False),
        paint=tuple(m.get("paint", ())),
    )


def _colour(c: Mapping[str, Any]) -> Colour:
    def interval(name: str) -> tuple[float, float]:
        low, high = c[name]
        return float(low), float(high)

    return Colour(c["key"], c["en"], c["zh"], interval("hue"), interval("saturation"), interval("value"))


def _file(name: str) -> str:
    return files("occlusight.scenes.meshes").joinpath(name).read_text("utf-8")


@lru_cache(maxsize=1)
def load_catalogue() -> Catalogue:
    """Return the catalogue that free recipes and their questions draw from (read once)."""
    return parse_catalogue(_file("kinds.toml"))


@lru_cache(maxsize=1)
def whole_catalogue() -> Catalogue:
    """Return `load_catalogue` with the fixtures: panes, mirrors and screens that targeted scenes show (read once).

    They are in a file of their own because whatever `load_catalogue` returns is what free recipes and questions draw
    from.
    """
    return parse_catalogue(_file("fixtures.toml"), load_catalogue())


@lru_cache(maxsize=1)
def full_catalogue() -> Catalogue:
    """Return `whole_catalogue` with what carries text, too (read once): what recipes of signs draw from.

    Those are apart for the same reason as the fixtures: `whole_catalogue` is what targeted recipes and their questions
    draw from.
    """
    return parse_catalogue(_file("signs.toml"), whole_catalogue())


@lru_cache(maxsize=1)
def wide_catalogue() -> Catalogue:
    """Return `full_catalogue` with more meshes of its kinds and with more kinds (read once): every mesh that any scene
    shows.

    They are apart for the same reason again: only wide recipes draw them, so that the others give the scenes that they
    always gave.
    """
    return parse_catalogue(_file("more_kinds.toml"), full_catalogue())
