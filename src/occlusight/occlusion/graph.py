"""The relation graph: what stands in front of what. Truth, model output and API answers share this one shape.

Boxes are (x0, y0, x1, y1) in 0-1000 of the upright picture; fractions are in 0-1; distances are in metres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Box = tuple[int, int, int, int]

VERSION = 1
RELATION_TYPES = ("partial", "complete", "transparent", "reflective")
MATERIALS = ("opaque", "transparent", "mirror", "porous")
SEEN = ("direct", "reflection", "nowhere")
PARTS = ("left", "right", "top", "bottom", "middle", "all")
NO_BOX: Box = (0, 0, 0, 0)  # of an object that was named without its place
UNMEASURED = "unknown"  # the hidden part of a relation that somebody saw and nobody measured


@dataclass(frozen=True)
class Text:
    """One sentence in both languages."""

    en: str
    zh: str


@dataclass(frozen=True)
class Object:
    """One thing in the picture.

    `kind` is a key of the catalogue of kinds; `name`/`name_zh` tell it apart from the other objects ("red car").
    `unique` says whether that name belongs to this object alone. `area` is the visible part's share of the picture.
    `distance` is the distance from the camera to the nearest point of its surface that faces it, along the view axis;
    None if unknown. `supported_by` is the id of the object that it stands on, None for the ground or floor.
    `box` is empty (`NO_BOX`) where nobody told the place; see `located`.
    `shown_part` is the part of a partly hidden object that can be seen. `seen` says how it is seen: direct, only in a
    reflection (then the boxes are the reflection's), or nowhere.
    """

    id: str
    kind: str
    name: str
    name_zh: str
    box: Box
    amodal_box: Box
    visible_fraction: float
    material: str = "opaque"
    touches_ground_at: tuple[int, int] | None = None
    probability: float = 1.0
    colour: str | None = None
    unique: bool = True
    area: float = 0.0
    distance: float | None = None
    supported_by: str | None = None
    shown_part: str | None = None
    seen: str = "direct"

    def __post_init__(self) -> None:
        if self.material not in MATERIALS:
            raise ValueError(f"material {self.material!r} is not one of {', '.join(MATERIALS)}")
        if self.seen not in SEEN:
            raise ValueError(f"an object is seen {self.seen!r}, which is not one of {', '.join(SEEN)}")

    @property
    def located(self) -> bool:
        """Whether it is known where in the picture it is."""
        return self.box != NO_BOX


@dataclass(frozen=True)
class Relation:
    """`occluder` covers part of `occluded`: `covered_fraction` is the share of the occluded object's amodal mask before
    which it is.

    Through a transparent occluder that share can be seen but for `hidden_fraction` of the object (a frame); a
    reflective one hides it behind a reflection. None where all that is covered is hidden. `alone_fraction` is the share
    that no other object hides too; None where it was not measured. Where the hidden part is "unknown" people said that
    it hides and nobody measured how much: the fractions say nothing then.

    `probability` is None where a model said it whose probabilities nobody calibrated; `raw_probability` is the model's
    own, None in truth. `changed_by` names the rules that made the relation what it is against the model's word.
    """

    occluder: str
    occluded: str
    type: str
    covered_fraction: float
    hidden_part: str
    evidence: Text | None = None
    probability: float | None = 1.0
    hidden_fraction: float | None = None
    alone_fraction: float | None = None
    raw_probability: float | None = None
    changed_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.type not in RELATION_TYPES:
            raise ValueError(f"relation type {self.type!r} is not one of {', '.join(RELATION_TYPES)}")
        if self.hidden_part not in (*PARTS, UNMEASURED):
            raise ValueError(f"hidden part {self.hidden_part!r} is not one of {', '.join(PARTS)}")

    @property
    def measured(self) -> bool:
        """Whether it is known how much is covered, and which part."""
        return self.hidden_part != UNMEASURED


@dataclass(frozen=True)
class Unknown:
    """What cannot be told from this picture, and why.

    `about` has ids of objects: two of them are a pair of which it cannot be told whether the first hides part of the
    second; `probability` is then that it does, None where nobody knows.
    """

    about: tuple[str, ...]
    why: Text
    probability: float | None = None


@dataclass(frozen=True)
class Reflection:
    """`object` is seen in `mirror`, in `box`; `visible_fraction` is the visible share of what the mirror could show of
    it, `area` its share of the picture."""

    object: str
    mirror: str
    box: Box
    visible_fraction: float
    area: float


@dataclass(frozen=True)
class Shadow:
    """The visible shadow of `object` on the ground, in `box`: `area` is the share of the picture that this object alone
    shades, `direction` where it falls from the object: left, right, front (towards the camera) or behind."""

    object: str
    box: Box
    area: float
    direction: str


@dataclass(frozen=True)
class SecondView:
    """The same scene from another camera, which went `degrees` round it to the `side` (left or right): who hides whom
    from there, and the visible fraction of every object that the picture holds."""

    side: str
    degrees: int
    visible: Mapping[str, float]
    relations: tuple[Relation, ...] = ()


@dataclass(frozen=True)
class Character:
    """One character of a text: `box` is around its cell, hidden or not, `visible_fraction` the share of its ink that
    can be seen, and `hidden_by` the object that hides most of what cannot, None where none does."""

    character: str
    box: Box
    visible_fraction: float
    hidden_by: str | None = None


@dataclass(frozen=True)
class Inscription:
    """The text that `object` carries, and its characters in order, without spaces and dots."""

    object: str
    text: str
    characters: tuple[Character, ...]


@dataclass(frozen=True)
class Graph:
    """Objects, who hides whom, the order in depth (front to back, ties grouped), and where they are measured:
    reflections, shadows on the ground, second views, and texts.

    `optimal` says whether no other graph that keeps all rules is more probable; None where no rules were applied.
    """

    width: int
    height: int
    objects: tuple[Object, ...]
    relations: tuple[Relation, ...] = ()
    depth_order: tuple[tuple[str, ...], ...] = ()
    unknown: tuple[Unknown, ...] = field(default=())
    reflections: tuple[Reflection, ...] = field(default=())
    shadows: tuple[Shadow, ...] = field(default=())
    views: tuple[SecondView, ...] = field(default=())
    inscriptions: tuple[Inscription, ...] = field(default=())
    optimal: bool | None = None

    def object(self, id: str) -> Object:
        """Return the object with this id. Raises KeyError."""
        for o in self.objects:
            if o.id == id:
                return o
        raise KeyError(id)

    @property
    def doubted(self) -> dict[tuple[str, str], Unknown]:
        """The pairs of which it cannot be told whether the first hides the second. A relation of one of them is true in
        the most probable world, but not sure enough to be said."""
        return {(one.about[0], one.about[1]): one for one in self.unknown if len(one.about) == 2}

    def covered(self, occluder: str, occluded: str) -> float:
        """Share of `occluded` that `occluder` covers; 0 where there is no such relation."""
        for r in self.relations:
            if r.occluder == occluder and r.occluded == occluded:
                return r.covered_fraction
        return 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the graph as the JSON document of the contract."""
        body = asdict(self)
        width, height = body.pop("width"), body.pop("height")
        if not self.inscriptions:  # documents of pictures without text are as they always were
            del body["inscriptions"]
        if self.optimal is None:  # and those of truth
            del body["optimal"]
        for unknown in body["unknown"]:
            if unknown["probability"] is None:
                del unknown["probability"]
        for relation in (*body["relations"], *(r for view in body["views"] for r in view["relations"])):
            if relation["raw_probability"] is None:
                del relation["raw_probability"]
                if not relation["changed_by"]:
                    del relation["changed_by"]
        return {"version": VERSION, "image": {"width": width, "height": height}, **body}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Graph:
        """Read a graph that `to_json` wrote; fields that this program does not know are left out.

        Raises ValueError for another version, KeyError or TypeError for a document of another shape.
        """
        if document.get("version") != VERSION:
            raise ValueError(
                f"graph version {document.get('version')!r} cannot be read; this program reads version {VERSION}"
            )

        def text(t: Mapping[str, str] | None) -> Text | None:
            return None if t is None else Text(**t)

        def thing(o: Mapping[str, Any]) -> Object:
            ground = o.get("touches_ground_at")
            boxes = {
                "box": tuple(o["box"]),
                "amodal_box": tuple(o["amodal_box"]),
                "touches_ground_at": None if ground is None else tuple(ground),
            }
            return Object(**{**_known(Object, o), **boxes})

        def relation(r: Mapping[str, Any]) -> Relation:
            rules = tuple(r.get("changed_by", ()))
            return Relation(**{**_known(Relation, r), "evidence": text(r.get("evidence")), "changed_by": rules})

        return cls(
            width=document["image"]["width"],
            height=document["image"]["height"],
            objects=tuple(thing(o) for o in document["objects"]),
            relations=tuple(relation(r) for r in document["relations"]),
            depth_order=tuple(tuple(group) for group in document["depth_order"]),
            unknown=tuple(
                Unknown(tuple(u["about"]), Text(**u["why"]), u.get("probability")) for u in document.get("unknown", ())
            ),
            reflections=tuple(Reflection(**{**r, "box": tuple(r["box"])}) for r in document.get("reflections", ())),
            shadows=tuple(Shadow(**{**s, "box": tuple(s["box"])}) for s in document.get("shadows", ())),
            views=tuple(
                SecondView(**{**v, "relations": tuple(relation(r) for r in v["relations"])})
                for v in document.get("views", ())
            ),
            inscriptions=tuple(
                Inscription(
                    i["object"],
                    i["text"],
                    tuple(Character(**{**c, "box": tuple(c["box"])}) for c in i["characters"]),
                )
                for i in document.get("inscriptions", ())
            ),
            optimal=document.get("optimal"),
        )


def _known(cls: type[Object] | type[Relation], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name in cls.__dataclass_fields__}
