"""A stage: a setting with its camera, light and surroundings, on which a recipe places objects.

A recipe says what should be seen, and draws until the measured truth shows it (see `registry`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from occlusight.scenes.description import RGB, Camera, Light, Placed, Scene, Surroundings, Vector
from occlusight.scenes.meshes.catalogue import Catalogue, MeshInfo
from occlusight.scenes.meshes.library import load_mesh
from occlusight.scenes.meshes.mesh import placed_vertices
from occlusight.scenes.truth.raycast import reach

ASIDE = 0.03  # of the distance: how far from the middle a camera stands at most


class Unplaced(Exception):
    """There is no room for an object; the recipe draws again."""


@dataclass(frozen=True)
class Setting:
    """Where a targeted scene plays. Lengths in metres; `focus` is how far the things that matter are, `unit` a typical
    size."""

    name: str
    surroundings: str
    camera_height: float
    look_height: float
    focus: float
    unit: float
    fov: float
    walls: tuple[float | None, float | None, float | None]  # beyond the focus, behind the camera, to the sides
    company: tuple[str, ...]  # kinds that stand about
    actors: tuple[str, ...]  # kinds that hide and are hidden
    outdoors: bool


SETTINGS: dict[str, Setting] = {
    s.name: s
    for s in (
        Setting(
            "street", "plaza", 1.65, 0.95, 6.5, 1.0, 44, (9.0, -14.0, None),
            ("bench", "trash_can", "hydrant", "dog", "mailbox", "cone", "bush", "street_lamp"),
            ("man", "woman", "bicycle", "stroller", "barrel", "suitcase", "box", "bush", "motorbike", "trash_can"),
            True,
        ),
        Setting(
            "crossing", "crossing", 1.5, 0.8, 9.0, 1.3, 46, (14.0, -18.0, None),
            ("cone", "stop_sign", "traffic_light", "hydrant", "bush", "mailbox", "dog"),
            ("car", "man", "woman", "motorbike", "bicycle", "scooter", "barrel", "stroller"),
            True,
        ),
        Setting(
            "room", "studio", 1.5, 0.7, 4.6, 0.8, 48, (2.6, -2.6, 3.8),
            ("plant", "floor_lamp", "suitcase", "stool", "basketball", "cat", "trash_can", "guitar"),
            ("chair", "armchair", "woman", "man", "suitcase", "table", "dog", "drawers", "television"),
            False,
        ),
        Setting(
            "desk", "desk", 0.52, 0.1, 1.12, 0.17, 42, (0.75, -2.5, None),
            ("cup", "book", "basketball", "camera", "table_lamp", "gift", "plant", "cube", "candle"),
            ("book", "cup", "kettle", "vase", "bottle", "bowl", "teddy_bear", "gift", "laptop", "basketball"),
            False,
        ),
        Setting(
            "line", "belt", 0.62, 0.08, 1.15, 0.17, 44, (1.6, -3.5, None),
            ("box_small", "bottle", "cup", "milk", "camera", "cube", "toaster"),
            ("bottle", "milk", "kettle", "cup", "radio", "drill", "toaster", "pot", "gift"),
            False,
        ),
    )
}  # fmt: skip


@dataclass
class Stage:
    """Objects placed so far, with the radius of the ground that each takes."""

    setting: Setting
    rng: np.random.Generator
    catalogue: Catalogue
    heldout: bool = False
    softness: float | None = None
    sun: Vector | None = None
    power: float = 1.0
    dim: float = 1.0
    zoom: float = 1.0
    camera: Camera | None = None
    objects: list[Placed] = field(default_factory=list)
    radii: list[float] = field(default_factory=list)

    def uniform(self, low: float, high: float) -> float:
        """A number between two."""
        return float(self.rng.uniform(low, high))

    def one_of(self, items: Sequence[str]) -> str:
        """One of several."""
        return items[int(self.rng.integers(len(items)))]

    def pick(self, kinds: Sequence[str], n: int) -> list[str]:
        """`n` different ones."""
        return [kinds[i] for i in self.rng.permutation(len(kinds))[:n] if kinds[i] in self.catalogue.kinds]

    def mesh_of(self, kind: str) -> MeshInfo:
        """A mesh of a kind."""
        every = self.catalogue.meshes(kind, heldout=self.heldout) or self.catalogue.meshes(kind, heldout=None)
        return every[int(self.rng.integers(len(every)))]

    def place(
        self,
        what: str | MeshInfo,
        x: float,
        y: float,
        yaw: float | None = None,
        *,
        z: float = 0.0,
        on: str | None = None,
        colour: str | None = None,
        scale: float = 1.0,
        apart: bool = True,
    ) -> Placed:
        """Set an object down. Raises Unplaced where it would stand in another."""
        mesh = self.mesh_of(what) if isinstance(what, str) else what
        kind = self.catalogue.kind(mesh.kind)
        radius = 0.5 * math.hypot(mesh.size[0], mesh.size[1]) * scale * 0.86
        if mesh.size[0] > 5 * mesh.size[1]:  # a thin wide thing: things may stand close before it and behind
            radius = mesh.size[1] * scale
        if apart and on is None:
            for other, r in zip(self.objects, self.radii, strict=True):
                if other.supported_by is None and math.hypot(other.position[0] - x, other.position[1] - y) < radius + r:
                    raise Unplaced(mesh.id)
        name, rgb = self._paint(kind.key, kind.paintable, colour)
        turned = self.uniform(-40, 40) if yaw is None else yaw
        id = f"o{len(self.objects) + 1}"
        self.objects.append(Placed(id, kind.key, mesh.id, (x, y, z), turned, scale, name, rgb, on))
        self.radii.append(radius if on is None else 0.0)
        return self.objects[-1]

    def put(self, what: str, base: Placed) -> Placed:
        """Set an object on the middle of another. Raises Unplaced where there is nothing to stand on."""
        x, y, _ = base.position
        return self.place(what, x, y, z=self.top(base), on=base.id)

    def top(self, base: Placed) -> float:
        """Return how high what stands on the middle of an object stands. Raises Unplaced where there is nothing to
        stand on."""
        mesh = load_mesh(base.mesh)
        x, y, _ = base.position
        start = np.array([[x + 0.0131, y + 0.0073, 10.0]], np.float32)  # off the middle, where seams are
        far = reach(mesh, placed_vertices(base, mesh), start, np.array([[0, 0, -1]], np.float32))
        if not np.isfinite(far[0]):
            raise Unplaced(base.mesh)
        return 10.0 - float(far[0])

    def _paint(self, kind: str, paintable: bool, colour: str | None) -> tuple[str | None, RGB | None]:
        if not paintable:
            return None, None
        taken = {p.colour for p in self.objects if p.kind == kind}
        free = [c for c in self.catalogue.colours if c not in taken and c != "black"]
        name = colour or self.one_of(free)
        return name, self.catalogue.colours[name].sample(self.rng)

    def size(self, placed: Placed) -> Vector:
        """Width, depth and height of what was placed, before it is turned."""
        w, d, h = self.catalogue.mesh(placed.mesh).size
        return w * placed.scale, d * placed.scale, h * placed.scale

    def company(self, n: int, kinds: Sequence[str] | None = None) -> None:
        """Let `n` other things stand about at the sides and behind, none of them in another."""
        s = self.setting
        there = {p.kind for p in self.objects}
        wanted = [k for k in self.pick(kinds or s.company, len(kinds or s.company)) if k not in there]
        half = math.tan(math.radians(s.fov * self.zoom / 2))
        for kind in wanted[:n]:
            for _ in range(12):
                y = s.focus * self.uniform(0.72, 1.55)
                x = y * half * self.uniform(-0.88, 0.88)
                if s.surroundings == "belt":
                    y = self.uniform(0.75, 1.55)
                if s.surroundings == "desk":
                    y = min(y, s.focus + 0.55)
                if s.surroundings == "studio" and (abs(x) > 2.9 or y > s.focus + 2.0):
                    continue
                try:
                    self.place(kind, x, y, self.uniform(-180, 180))
                    break
                except Unplaced:
                    continue

    def look(self, width: int, aside: float) -> Camera:
        """Return a camera that looks at the focus from so far aside, as a share of the distance."""
        s, size = self.setting, round(width / 16) * 16
        return Camera(
            (aside * s.focus, 0.0, s.camera_height * self.uniform(0.93, 1.07)),
            (0.0, s.focus, s.look_height),
            s.fov * self.zoom * self.uniform(0.95, 1.05),
            size,
            size,
        )

    def scene(self, recipe: str, seed: int, index: int, width: int) -> Scene:
        """Return the description of what stands here."""
        s = self.setting
        aside = self.uniform(-ASIDE, ASIDE)  # drawn where there is a camera, too: what follows stays the same
        camera = self.camera or self.look(width, aside)
        back, front, side = s.walls
        far = max([s.focus] + [p.position[1] + r for p, r in zip(self.objects, self.radii, strict=True)])
        wall = None if back is None else max(far + 0.15 * s.focus, s.focus + back)
        around = Surroundings(s.surroundings, self._floor(), self._wall(), wall, front, side)
        return Scene(recipe, seed, index, tuple(self.objects), camera, self._light(), around)

    def _light(self) -> Light:
        s = self.setting
        if self.sun is not None:
            direction = self.sun
        else:
            behind = s.surroundings in ("crossing", "studio") and self.rng.random() < 0.25
            turn = math.radians(self.uniform(-65, 65) + (180 if behind else 0))
            low = 1.7 if s.surroundings == "studio" else 0.85
            direction = (math.sin(turn), math.cos(turn), -self.uniform(low, low + 0.7))
        warm = self.uniform(0.84, 0.97)
        sun = self.power * (self.uniform(2.6, 3.8) if s.outdoors else self.uniform(1.6, 2.4))
        softness = self.softness if self.softness is not None else (1.2 if s.outdoors else self.uniform(8, 14))
        grey = self.uniform(0.45, 0.6) if s.outdoors else self.uniform(0.5, 0.75)
        grey *= self.dim
        blue = 1.15 if s.outdoors else 1.0
        return Light(direction, (sun, sun * (1 + warm) / 2, sun * warm), (grey / blue, grey, grey * blue), softness)

    def _floor(self) -> RGB:
        if self.setting.surroundings in ("desk", "studio") and self.rng.random() < 0.75:
            wood = [
                float(c) * self.uniform(0.75, 1.35)
                for c in ((0.4, 0.25, 0.14), (0.36, 0.22, 0.12))[int(self.rng.integers(2))]
            ]
            return wood[0], wood[1], wood[2]
        level = self.uniform(0.16, 0.3) if self.setting.outdoors else self.uniform(0.3, 0.55)
        return level * 1.03, level, level * 0.95

    def _wall(self) -> RGB:
        hues = ((0.62, 0.56, 0.47), (0.5, 0.56, 0.58), (0.66, 0.65, 0.62), (0.46, 0.52, 0.44), (0.58, 0.44, 0.36))
        base = hues[int(self.rng.integers(len(hues)))]
        k = self.uniform(0.8, 1.15)
        return base[0] * k, base[1] * k, base[2] * k
