"""A scene as an immutable description: metric objects, camera, light and surroundings. Renderers draw it, truth
measures it.

World axes: x to the right, y away from the viewer, z up; metres. Yaw turns counter-clockwise seen from above, in
degrees; at yaw 0 an object's front faces -y, towards a viewer at negative y.
"""

from __future__ import annotations

from dataclasses import dataclass

Vector = tuple[float, float, float]
RGB = tuple[float, float, float]  # linear, 0-1


@dataclass(frozen=True)
class Placed:
    """An object in the scene: `mesh` is an asset id of the catalogue; `position` is the centre of its base.

    `colour` is a key of the palette and `rgb` the paint that it stands for; both None where the mesh keeps its own
    materials. `scale` multiplies the catalogue's metric size. `supported_by` is the id of the object below, None for
    the ground.
    """

    id: str
    kind: str
    mesh: str
    position: Vector
    yaw: float = 0.0
    scale: float = 1.0
    colour: str | None = None
    rgb: RGB | None = None
    supported_by: str | None = None


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; `fov` is the horizontal field of view in degrees; `width` and `height` in pixels."""

    position: Vector
    target: Vector
    fov: float
    width: int
    height: int


@dataclass(frozen=True)
class Light:
    """A sun (direction in which its light travels, irradiance) and a sky (radiance).

    `softness` is the sun's angular radius in degrees, 0 for a point: a lamp with a wide shade has 10 or more.
    """

    sun_direction: Vector
    sun: RGB
    sky: RGB
    softness: float = 0.0


@dataclass(frozen=True)
class Surroundings:
    """What is around the objects and is never asked about.

    `kind` is "ground" (an infinite floor under the sky), "room" (a floor and walls) or "table" (a top at z = 0 in front
    of a wall). Targeted scenes have "plaza", "crossing", "studio", "desk" or "belt", see `scenery`. `back` is the y of
    the wall behind the objects, None without one; `front` that of the wall behind the camera, and `side` the distance
    of side walls from x = 0.
    """

    kind: str
    floor: RGB
    wall: RGB | None = None
    back: float | None = None
    front: float | None = None
    side: float | None = None

    @property
    def wall_height(self) -> float:
        """How high the walls of a targeted scene's surroundings are, metres."""
        return {"plaza": 10.0, "crossing": 10.0, "studio": 3.3}.get(self.kind, 3.0)


@dataclass(frozen=True)
class VariedSurroundings(Surroundings):
    """Surroundings of a targeted scene with a look of their own, by names of `surroundings.toml`.

    `light_map` is the HDR map that lights the scene and is its background, turned by `turn` degrees to the right;
    `ground` and `cover` are the finishes of the ground and of what stands behind, in the colours `floor` and `wall`;
    `behind` is what begins at y = `back`, beyond every object.
    """

    light_map: str = ""
    turn: float = 0.0
    ground: str = ""
    cover: str = ""
    behind: str = ""


@dataclass(frozen=True)
class Scene:
    """Everything that a renderer needs. `seed` and `index` are those of the data set that it was made for."""

    recipe: str
    seed: int
    index: int
    objects: tuple[Placed, ...]
    camera: Camera
    light: Light
    surroundings: Surroundings
