"""What a data set is made from: everything that decides its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

from occlusight import __version__
from occlusight.errors import BadInput
from occlusight.occlusion.kinds import LANGS, Lang
from occlusight.scenes.catalogue import LICENCES, Catalogue
from occlusight.scenes.choice import BANDS, STRIDE, Band
from occlusight.scenes.recipes import SETTINGS

FORMAT_VERSION = 1
SIZES = (32, 4096)  # pixels
DECIDING = ("kinds.toml", "recipes.py", "choice.py")  # files whose change makes other scenes of the same seed
REMEMBERED = ("recipes", "seed", "size", "samples", "heldout", "langs", "renderer", "generator")


@dataclass(frozen=True)
class Plan:
    """A data set to make. `size` is the picture's side in pixels (of a square of its area), `samples` those per pixel.

    Raises BadInput for an unknown recipe or language, or a number that is out of range.
    """

    recipes: tuple[str, ...]
    seed: int
    count: int
    size: int = 512
    samples: int = 64
    heldout: bool = False
    langs: tuple[Lang, ...] = ("zh", "en")

    def __post_init__(self) -> None:
        for recipe in self.recipes:
            if recipe not in SETTINGS:
                raise BadInput(f"there is no recipe {recipe!r}; the recipes are {', '.join(SETTINGS)}, or all")
        if not self.recipes:
            raise BadInput(f"a data set needs a recipe: {', '.join(SETTINGS)}, or all")
        if not 1 <= self.count <= STRIDE:
            raise BadInput(f"a data set has 1 to {STRIDE:,} scenes, but {self.count} were asked for")
        if not SIZES[0] <= self.size <= SIZES[1]:
            raise BadInput(f"pictures have a side of {SIZES[0]} to {SIZES[1]} pixels, but {self.size} was given")
        if self.samples < 1:
            raise BadInput(f"a pixel needs at least 1 sample, but {self.samples} was given")
        if self.seed < 0:
            raise BadInput(f"a seed is 0 or more, but {self.seed} was given")
        unknown = [lang for lang in self.langs if lang not in LANGS]
        if unknown or not self.langs:
            raise BadInput(f"the languages are {', '.join(LANGS)}, but {', '.join(unknown) or 'none'} was given")

    def recipe(self, index: int) -> str:
        """Return the recipe of a scene: they take turns."""
        return self.recipes[index % len(self.recipes)]

    def band(self, index: int) -> Band:
        """Return the band of visible fractions that a scene must show: each recipe goes through all of them."""
        return BANDS[index // len(self.recipes) % len(BANDS)]

    def scene_id(self, index: int) -> str:
        """Return the id of a scene: "street-7-00003", with an h before the seed in held-out sets."""
        return f"{self.recipe(index)}-{'h' if self.heldout else ''}{self.seed}-{index:05d}"

    def image(self, index: int) -> str:
        """Return the path of a scene's picture inside the data set."""
        return f"images/{self.scene_id(index)}.webp"

    def identity(self) -> dict[str, Any]:
        """Return what decides the bytes of scene i; the count does not, so a set can grow."""
        return {
            "recipes": list(self.recipes),
            "seed": self.seed,
            "size": self.size,
            "samples": self.samples,
            "heldout": self.heldout,
            "langs": list(self.langs),
            "renderer": {"name": "mitsuba", "variant": "scalar_rgb", "version": _installed("mitsuba")},
            "generator": {"name": "occlusight", "version": __version__, "recipes_sha256": recipes_digest()},
        }

    def manifest(self, digests: Mapping[str, str], counts: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
        """Return the manifest of the finished set: `digests` has the SHA-256 of every file by its path."""
        shown = sorted({m.licence for m in catalogue.mesh_infos.values()} & LICENCES.keys())
        return {
            "version": FORMAT_VERSION,
            **self.identity(),
            "count": self.count,
            **counts,
            "licence": f"Apache-2.0; the meshes shown are {', '.join(shown)}, see attribution",
            "attribution": catalogue.attribution(),
            "files": dict(digests),
        }


def recipes_named(text: str) -> tuple[str, ...]:
    """Read the name of a recipe, several separated by commas, or "all". Unknown names are left for Plan to refuse."""
    if text == "all":
        return tuple(SETTINGS)
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def differences(found: Mapping[str, Any], plan: Plan) -> list[str]:
    """Return in words how a stored identity differs from a plan's: "seed 7, not 8"."""
    wanted = plan.identity()
    return [
        f"{name} {_worded(found.get(name))}, not {_worded(wanted[name])}"
        for name in REMEMBERED
        if found.get(name) != wanted[name]
    ]


@cache
def recipes_digest() -> str:
    """Return the SHA-256 of what a seed's scenes are drawn with, as it was when this process began."""
    digest = hashlib.sha256()
    for name in DECIDING:
        digest.update(files("occlusight.scenes").joinpath(name).read_bytes())
    return digest.hexdigest()


def _worded(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(v) for v in value)
    if isinstance(value, dict):
        return " ".join(str(v)[:12] for v in value.values())
    return str(value)


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
