"""Matrices of the pictures that `rasterizer` draws, (4, 4) of column vectors: where objects stand, and where points of
the world are in a picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import Camera, Placed
from occlusight.scenes.meshes.mesh import rotation_z

Matrix = NDArray[np.floating[Any]]

NEAR, FAR = 0.02, 700.0  # metres


def as_uniform(matrix: Matrix) -> bytes:
    """Return a matrix as OpenGL reads it: single precision, column by column."""
    return np.ascontiguousarray(matrix.T, np.float32).tobytes()


def placed_matrix(placed: Placed) -> Matrix:
    """Return where an object stands: from its mesh's own frame to the world."""
    model = np.eye(4)
    model[:3, :3] = rotation_z(placed.yaw) * placed.scale
    model[:3, 3] = placed.position
    return model


def normals_matrix(model: Matrix) -> Matrix:
    """Return the (3, 3) matrix that turns normals as `model` turns points."""
    turn: Matrix = np.linalg.pinv(model[:3, :3]).T
    return turn


def view_matrix(camera: Camera) -> Matrix:
    """Return the perspective of a camera, from the world to clip coordinates."""
    position, target = np.asarray(camera.position, np.float64), np.asarray(camera.target, np.float64)
    focal = 1 / math.tan(math.radians(camera.fov) / 2)
    project = np.zeros((4, 4))
    project[0, 0], project[1, 1] = focal, focal * camera.width / camera.height
    project[2, 2], project[2, 3] = -(FAR + NEAR) / (FAR - NEAR), -2 * FAR * NEAR / (FAR - NEAR)
    project[3, 2] = -1
    view: Matrix = project @ _look(position, (target - position) / np.linalg.norm(target - position))
    return view


def parallel_matrix(direction: NDArray[np.float64], points: NDArray[np.float64]) -> Matrix:
    """Return a parallel view along a direction (3,) that holds all points (N, 3), from the world to clip
    coordinates."""
    look = _look(np.zeros(3), direction)
    seen = (np.c_[points, np.ones(len(points))] @ look.T)[:, :3]
    low, high = seen.min(0), seen.max(0)
    margin = 0.02 * np.maximum(high - low, 1e-3)
    low, high = low - margin, high + margin
    fit = np.eye(4)
    fit[[0, 1], [0, 1]] = 2 / (high - low)[:2]
    fit[:2, 3] = -(high + low)[:2] / (high - low)[:2]
    fit[2, 2], fit[2, 3] = -2 / (high - low)[2], (high + low)[2] / (high - low)[2]
    view: Matrix = fit @ look
    return view


def reflection_matrix(plane: NDArray[np.float64]) -> Matrix:
    """Return the reflection in a plane (a, b, c, d) of unit normal, from the world to the world."""
    normal, reflection = plane[:3], np.eye(4)
    reflection[:3, :3] -= 2 * np.outer(normal, normal)
    reflection[:3, 3] = -2 * plane[3] * normal
    return reflection


def _look(position: NDArray[np.float64], forward: NDArray[np.float64]) -> Matrix:
    """From the world to the frame of a viewer who looks along -z, y being up."""
    up = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.999 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, up)
    right = right / np.linalg.norm(right)
    look = np.eye(4)
    look[:3, :3] = np.stack([right, np.cross(right, forward), -forward])
    look[:3, 3] = -look[:3, :3] @ position
    return look
