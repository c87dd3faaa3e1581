"""A clip as recipes draw it: a scene as it begins, and where what moves, and the camera, are in each frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from occlusight.scenes.description import Camera, Placed, Scene

PREVIEW = 112  # pixels of the picture at which an attempt is judged first


@dataclass(frozen=True)
class Pose:
    """Where a thing is in a frame: the middle of its base, its yaw, and what carries it (None: the ground, or a hand
    that is not shown where it is above that)."""

    x: float
    y: float
    z: float
    yaw: float
    on: str | None = None

    @property
    def held(self) -> bool:
        """Whether it is in the air."""
        return self.z > 0 and self.on is None


@dataclass(frozen=True, eq=False)
class Film:
    """The scene as the clip begins, where what moves is in each frame, the camera of each, the seconds from frame to
    frame; `focus`: the ids of what hides and of the thing that it is about; `hiders`: of all that may hide that."""

    scene: Scene
    moves: Mapping[str, tuple[Pose, ...]]
    cameras: tuple[Camera, ...]
    step: float
    path: str
    focus: tuple[str, str]
    hiders: tuple[str, ...]
    attempt: int = 0

    def frame(self, k: int) -> Scene:
        """Return the scene of frame `k`."""
        there = tuple(_at(p, self.moves[p.id][k]) if p.id in self.moves else p for p in self.scene.objects)
        return replace(self.scene, objects=there, camera=self.cameras[k])

    def small(self, k: int) -> Scene:
        """Return the scene of a frame in few pixels."""
        scene = self.frame(k)
        return replace(scene, camera=replace(scene.camera, width=PREVIEW, height=PREVIEW))

    @property
    def camera_moves(self) -> bool:
        """Whether the camera does not stand still."""
        return len(set(self.cameras)) > 1


def _at(p: Placed, pose: Pose) -> Placed:
    return replace(p, position=(pose.x, pose.y, pose.z), yaw=pose.yaw, supported_by=pose.on)
