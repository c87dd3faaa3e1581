"""Pairs ordered in depth from disparity maps: scenes of the Middlebury stereo sets (im0.png, disp0.pfm, calib.txt)."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from occlusight.datasets.masks import LARGEST
from occlusight.errors import BadData
from occlusight.files.json_lines import lines_of
from occlusight.files.text import read_text, shown
from occlusight.model.picture import open_picture
from occlusight.randomness import stream
from occlusight.scenes.imports.annotated import Annotated
from occlusight.scenes.imports.thing import Thing

PICTURE, DISPARITY, CALIBRATION = "im0.png", "disp0.pfm", "calib.txt"
DOT = "dot"
PAINTS = {"red": (225, 25, 30), "blue": (25, 85, 230), "green": (20, 170, 60), "yellow": (250, 220, 20)}
AREA = 0.0035  # of the picture that a dot fills: just more than what a question may name
LEVEL = 0.03  # the relative spread of depth under a dot up to which it marks one surface
APART = 6  # radii between the middles of two dots, at least
TRIES = 400
MILLIMETRES = 1000
NEAREST, FARTHEST = 1e-3, 1e5  # metres between which a depth is believed


def middlebury(folder: Path, seed: int = 0) -> Iterator[Annotated]:
    """Read every scene in a folder (or the folder itself) and mark four places of known depth in each with coloured
    dots.

    A dot marks the surface that it lies on. Depth is baseline * f / (disparity + doffs), from calib.txt. Where the dots
    go depends on the seed and the scene's place alone. Raises BadData.
    """
    found = sorted(path.parent for path in folder.rglob(DISPARITY)) if folder.is_dir() else []
    if not found:
        raise BadData(
            f"{folder} holds no {DISPARITY}; give a folder of Middlebury scenes, each with {PICTURE}, {CALIBRATION}"
        )
    for i, scene in enumerate(found):
        depth = depth_of(scene)
        picture = open_picture(scene / PICTURE)
        if picture.size != depth.shape[::-1]:
            raise BadData(f"{scene / DISPARITY} has {depth.shape[::-1]} pixels, but {PICTURE} has {picture.size}")
        yield _dotted(scene.name, picture, depth, stream("dots of a stereo picture", seed, i))


def depth_of(scene: Path) -> NDArray[np.float64]:
    """Return the depth (H, W) in metres of a scene's first camera, inf where it is not known. Raises BadData."""
    values = _calibration(scene / CALIBRATION)
    path = scene / DISPARITY
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is looked at here
            with Image.open(path, formats=("PPM",)) as map:
                width, height = map.size
                if width * height > min(LARGEST, path.stat().st_size):  # of a byte a pixel at least
                    raise ValueError(f"it claims {width} x {height} pixels, up to {LARGEST} are read")
                with np.errstate(invalid="ignore"):  # some bytes are numbers that signal that they are none
                    disparity = np.asarray(map, np.float64)
    except (OSError, ValueError, SyntaxError, OverflowError, Image.DecompressionBombError) as error:
        raise BadData(f"{path} is not a PFM map that can be read ({shown(str(error))})") from None
    if disparity.ndim != 2:
        raise BadData(f"{path} has {disparity.shape[-1]} channels; a disparity map has one")
    full = np.full(disparity.shape, np.inf)
    known = np.isfinite(disparity) & (disparity + values["doffs"] > 0)
    with np.errstate(over="ignore"):  # depth beyond all numbers is not known
        full[known] = values["baseline"] * values["f"] / (disparity[known] + values["doffs"]) / MILLIMETRES
    full[(full < NEAREST) | (full > FARTHEST)] = np.inf
    return full


def _calibration(path: Path) -> dict[str, float]:
    """Read f (pixels), baseline (mm) and doffs (pixels). Raises BadData that names the line."""
    try:
        lines = lines_of(read_text(path))
    except BadData as error:
        raise BadData(f"{error}; depth needs the camera's f, baseline and doffs") from None
    found: dict[str, float] = {}
    for i, line in enumerate(lines, 1):
        key, _, value = (part.strip() for part in line.partition("="))
        try:
            if key == "cam0":
                found["f"] = float(re.split(r"[\s;]+", value.strip("[]"))[0])
            elif key in ("baseline", "doffs"):
                found[key] = float(value)
            wrong = not all(map(math.isfinite, found.values())) or min(found.get("f", 1), found.get("baseline", 1)) <= 0
        except ValueError:
            wrong = True
        if wrong:
            raise BadData(f"{path}, line {i}: {shown(line)} is not a number that can be read, above 0 but for doffs")
    missing = [name for name in ("f", "baseline", "doffs") if name not in found]
    if missing:
        raise BadData(f"{path} does not say {', '.join('cam0' if m == 'f' else m for m in missing)}")
    return found


def _dotted(id: str, picture: Image.Image, depth: NDArray[np.float64], rng: np.random.Generator) -> Annotated:
    """Return the picture with dots on level places, far enough from one another, each of another depth where there are
    any."""
    radius = math.ceil(math.sqrt(AREA * picture.width * picture.height / math.pi))
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]]
    if min(picture.size) <= 2 * radius:
        return Annotated(id, picture, ())
    spots: list[tuple[int, int, NDArray[np.bool_]]] = []
    for _ in range(TRIES):
        if len(spots) == len(PAINTS):
            break
        x, y = (int(rng.integers(radius, side - radius)) for side in picture.size)
        around = depth[y - radius : y + radius + 1, x - radius : x + radius + 1]
        if not np.isfinite(around).all() or around.max() > (1 + LEVEL) * around.min():
            continue
        if all(np.hypot(x - u, y - v) > APART * radius for u, v, _ in spots):
            spots.append((x, y, (columns - x) ** 2 + (rows - y) ** 2 <= radius**2))
    shown = picture.copy()
    draw = ImageDraw.Draw(shown)
    things = []
    for (x, y, mask), (colour, paint) in zip(spots, PAINTS.items(), strict=False):
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=paint, outline="white", width=max(1, radius // 5)
        )
        things.append(Thing(DOT, mask, colour=colour, distance=round(float(np.median(depth[mask])), 4)))
    return Annotated(id, shown, tuple(things))
