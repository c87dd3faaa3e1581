"""What a data set is made from: everything that decides its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from occlusight import __version__
from occlusight.errors import BadInput
from occlusight.occlusion.kinds import LANGS, Lang
from occlusight.scenes.make.selection import BANDS, STRIDE, Band
from occlusight.scenes.make.slot import Slot
from occlusight.scenes.make.targeted import GROUP
from occlusight.scenes.meshes.catalogue import LICENCES, Catalogue
from occlusight.scenes.meshes.lettering import ATTRIBUTION as FACE
from occlusight.scenes.recipes.clips import CLIPS
from occlusight.scenes.recipes.clips import FAMILY as CLIP_FAMILY
from occlusight.scenes.recipes.free import SETTINGS
from occlusight.scenes.recipes.signs import FAMILY as SIGN_FAMILY
from occlusight.scenes.recipes.signs import SIGNS
from occlusight.scenes.recipes.targeted import STAGES, family_of

FORMAT_VERSION = 1
SIZES = (32, 4096)  # pixels
RECIPES_VERSION: Mapping[str, int] = {"free": 1, "staged": 1, "signs": 1, "clips": 1}
"""The version of each family's recipes: raised when the same seed gives other scenes, or other pictures of them, than before.
`tests/scenes/test_recipes_version.py` fails when scenes change and the version does not."""
DIGESTS_BEFORE: Mapping[str, str] = {
    "free": "6ed8964e31dda957bfab3d14c54d30f2bda686fca5c959163d840bf5213177b8",
    "staged": "328f5e74d31be1f72f12c9ce9924c423b6ab9a7840d039bf54c742586141c281",
    "signs": "ac4bcbaeb813ccbe3e995730df73bb7e2b3ddd414e644e6683c08839578f3b41",
    "clips": "d889a650dd6990e9518c56503d06f124aeda78370c00edf819a1b260b3c84199",
}
"""What manifests written before there were versions say of a family's version 1: a digest of its source files."""
FRAMES = (8, 64)  # of a clip
NAMED: Mapping[str, tuple[int, int, int, bool]] = {  # seed, scenes, samples, variants
    "occlusion-50": (50_001, 50, 12, False),
    "occlusion-1k": (1_000_001, 1000, 12, True),
}
REMEMBERED = ("recipes", "seed", "size", "samples", "heldout", "langs", "renderer", "generator", "variants", "balanced")


@dataclass(frozen=True)
class Plan:
    """A data set to make. `size` is the picture's side in pixels (of a square of its area), `samples` those per pixel.
    `recipes` are free ones or staged ones. With `variants` every staged scene is followed by three others of it (see `staged_set`);
    `balanced` matches the questions of the whole set so that their texts do not give answers away (see `occlusion.matching`).

    Raises BadInput for an unknown recipe or language, or a number that is out of range.
    """

    recipes: tuple[str, ...]
    seed: int
    count: int
    size: int = 512
    samples: int = 64
    heldout: bool = False
    langs: tuple[Lang, ...] = ("zh", "en")
    variants: bool = False
    balanced: bool = False
    frames: int = 0

    def __post_init__(self) -> None:
        every = (*SETTINGS, *STAGES, *SIGNS, *CLIPS)
        for recipe in self.recipes:
            if recipe not in every:
                raise BadInput(
                    f"there is no recipe {recipe!r}; the recipes are {', '.join(every)}, all, staged, or a type"
                )
        if not self.recipes:
            raise BadInput(f"a data set needs a recipe: {', '.join(every)}, all, staged, signs, or clip")
        if len({(self.is_staged(r), r in SIGNS, r in CLIPS) for r in self.recipes}) > 1:
            raise BadInput("free, staged, sign and clip recipes do not go into one data set; make one of each")
        if self.clips and not FRAMES[0] <= self.frames <= FRAMES[1]:
            raise BadInput(f"a clip has {FRAMES[0]} to {FRAMES[1]} frames, but {self.frames} were asked for")
        if self.frames and not self.clips:
            raise BadInput(f"only clips have frames; their recipes are {', '.join(CLIPS)}")
        if self.clips and self.count % self.frames:
            raise BadInput(f"{self.count} scenes are not whole clips of {self.frames} frames")
        if self.variants and (self.clips or not self.staged):
            raise BadInput(f"variants are made of staged scenes; the recipes are {', '.join(STAGES)}")
        if self.balanced and (self.signs or self.clips):
            raise BadInput("signs are asked what they say, clips frame by frame; neither can be --balanced")
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

    @staticmethod
    def is_staged(recipe: str) -> bool:
        """Whether a recipe is staged; those of signs and clips are too."""
        return recipe in STAGES or recipe in SIGNS or recipe in CLIPS

    @property
    def staged(self) -> bool:
        """Whether the set is made of staged scenes."""
        return self.is_staged(self.recipes[0])

    @property
    def signs(self) -> bool:
        """Whether the set is made of signs with text."""
        return self.recipes[0] in SIGNS

    @property
    def clips(self) -> bool:
        """Whether the set is made of clips; its scenes are their frames."""
        return self.recipes[0] in CLIPS

    @property
    def name(self) -> str | None:
        """Return the name of the set that this plan makes, None for others."""
        return next((name for name in NAMED if named_set(name) == self), None)

    @property
    def group(self) -> int:
        """How many scenes go together: a base and its variants, or the frames of a clip."""
        return self.frames or (GROUP if self.variants else 1)

    def recipe(self, index: int) -> str:
        """Return the recipe of a scene: they take turns."""
        return self.recipes[index // self.group % len(self.recipes)]

    def turn(self, index: int) -> int:
        """Return the how-manieth scene of its recipe this is."""
        return index // self.group // len(self.recipes)

    def slot(self, index: int) -> Slot:
        """Return the place of a scene in the set."""
        base = index - index % self.group
        return Slot(
            id=self.scene_id(index),
            image=self.image(index),
            recipe=self.recipe(index),
            seed=self.seed,
            index=index,
            base=base,
            base_id=self.scene_id(base),
            turn=self.turn(index),
            width=self.size,
            heldout=self.heldout,
        )

    def band(self, index: int) -> Band:
        """Return the band of visible fractions that a scene must show: each recipe goes through all of them."""
        return BANDS[index // len(self.recipes) % len(BANDS)]

    def scene_id(self, index: int) -> str:
        """Return the id of a scene: "street-7-00003", with an h before the seed in held-out sets."""
        return f"{self.recipe(index)}-{'h' if self.heldout else ''}{self.seed}-{index:05d}"

    def image(self, index: int) -> str:
        """Return the path of a scene's picture inside the data set."""
        if self.clips:
            return f"frames/{self.clip_id(index)}/{index % self.frames:02d}.webp"
        return f"images/{self.scene_id(index)}.webp"

    def clip_id(self, index: int) -> str:
        """Return the id of the clip that a frame belongs to: that of its first frame."""
        return self.scene_id(index - index % self.frames)

    @property
    def family(self) -> str:
        """The family of its recipes: one of the keys of RECIPES_VERSION."""
        if self.clips:
            return "clips"
        return "signs" if self.signs else "staged" if self.staged else "free"

    def identity(self) -> dict[str, Any]:
        """Return what decides the bytes of scene i; the count does not, so a set can grow."""
        renderer = {"name": "mitsuba", "variant": "scalar_rgb", "version": _installed("mitsuba")}
        if self.staged:
            renderer["denoiser"] = f"pyoidn {_installed('pyoidn')}"
        return {
            "recipes": list(self.recipes),
            "seed": self.seed,
            "size": self.size,
            "samples": self.samples,
            "heldout": self.heldout,
            "langs": list(self.langs),
            "renderer": renderer,
            "generator": {"name": "occlusight", "recipes_version": RECIPES_VERSION[self.family]},
            **({"variants": True} if self.variants else {}),
            **({"balanced": True} if self.balanced else {}),
            **({"frames": self.frames} if self.clips else {}),
        }

    def manifest(self, digests: Mapping[str, str], counts: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
        """Return the manifest of the finished set: `digests` has the SHA-256 of every file by its path."""
        shown = sorted({m.licence for m in catalogue.mesh_infos.values()} & LICENCES.keys())
        return {
            "version": FORMAT_VERSION,
            **self.identity(),
            "made_with": f"occlusight {__version__}",
            "count": self.count,
            **counts,
            "licence": f"Apache-2.0; the meshes shown are {', '.join(shown)}, see attribution",
            "attribution": catalogue.attribution() + ([FACE] if self.signs else []),
            "files": dict(digests),
        }


def named_set(name: str) -> Plan:
    """Return the plan of a set that has a name; its questions are balanced. Raises BadInput for another name."""
    if name not in NAMED:
        raise BadInput(f"there is no set {name!r}; the named ones are {', '.join(NAMED)}")
    seed, count, samples, variants = NAMED[name]
    return Plan(STAGES, seed, count, 512, samples, variants=variants, balanced=True)


def recipes_named(text: str) -> tuple[str, ...]:
    """Read the name of a recipe, several separated by commas, "all" for the free ones, "staged", a type of occlusion, "signs" or "clip". Unknown names are left for Plan to refuse."""
    if text == "all":
        return tuple(SETTINGS)
    if text == "staged":
        return STAGES
    named = [part.strip() for part in text.split(",") if part.strip()]
    families = {SIGN_FAMILY: list(SIGNS), CLIP_FAMILY: list(CLIPS)}
    for recipe in STAGES:
        families.setdefault(family_of(recipe), []).append(recipe)
    found = [r for n in named for r in families.get(n, [n])]
    return tuple(dict.fromkeys(found))


def differences(found: Mapping[str, Any], plan: Plan) -> list[str]:
    """Return in words how a stored identity differs from a plan's: "seed 7, not 8"."""
    wanted = plan.identity()
    held = {**found, "generator": _versioned(found.get("generator"), plan.family)}
    return [
        f"{name} {_worded(held.get(name))}, not {_worded(wanted.get(name))}"
        for name in REMEMBERED
        if held.get(name) != wanted.get(name)
    ]


def _versioned(generator: Any, family: str) -> Any:
    """Return the generator of a stored identity as it is written today: older ones name a digest of source files."""
    if isinstance(generator, dict) and generator.get("recipes_sha256") == DIGESTS_BEFORE[family]:
        return {"name": generator.get("name"), "recipes_version": 1}
    return generator


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
