"""What a data set is made from: everything that decides its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from occlusight import __version__
from occlusight.errors import BadInput
from occlusight.occlusion.kinds import LANGS, Lang
from occlusight.scenes.make.families import FAMILIES, RECIPES, family_of
from occlusight.scenes.make.family import GROUP, SceneFamily
from occlusight.scenes.make.selection import STRIDE
from occlusight.scenes.make.slot import Slot
from occlusight.scenes.make.targeted import TARGETED
from occlusight.scenes.meshes.catalogue import LICENCES, Catalogue
from occlusight.scenes.surroundings import EVALUATION, PLAIN, SURROUNDINGS, attribution_of

FORMAT_VERSION = 1
SIZES = (32, 4096)  # pixels
NAMED: Mapping[str, tuple[int, int, int, bool, str]] = {  # seed, scenes, samples, variants, surroundings
    "occlusion-50": (50_001, 50, 12, False, PLAIN),
    "occlusion-50-v2": (50_002, 50, 12, False, EVALUATION),
    "occlusion-1k": (1_000_001, 1000, 12, True, PLAIN),
}
REMEMBERED: tuple[str, ...] = ("recipes", "seed", "size", "samples", "heldout", "langs", "renderer", "generator")
REMEMBERED += ("variants", "balanced", "frames", "question_plan", "surroundings")
QUESTIONS = (
    "standard",
    "eyes",
)  # what sets can ask: what each family of scenes asks, or what is seen (see `sight_quiz`)


@dataclass(frozen=True)
class DatasetPlan:
    """A data set to make. `size` is the picture's side in pixels (of a square of its area), `samples` those per pixel.
    `recipes` are of one family. With `variants` every scene is followed by three others of it (see `recipes.variants`),
    where the family has such; `balanced` matches the questions of the whole set so that their texts do not give answers
    away (see `questions.balance`); `frames` is how many each clip has, 0 where there are no clips.
    `questions` is the name of what is asked, `surroundings` the sort of what is around the objects of targeted scenes.

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
    questions: str = "standard"
    surroundings: str = PLAIN

    def __post_init__(self) -> None:
        if not self.recipes:
            raise BadInput(f"a data set needs a recipe: {', '.join(RECIPES)}, all, wide, staged, signs, or clip")
        if len({family_of(recipe).name for recipe in self.recipes}) > 1:
            raise BadInput("free, wide, targeted, sign and clip recipes do not go into one data set; make one of each")
        if self.questions not in QUESTIONS:
            raise BadInput(f"the questions are {' or '.join(QUESTIONS)}, but {self.questions!r} was given")
        if self.balanced and self.questions != "standard":
            raise BadInput(f"questions of {self.questions} are always matched; leave out --balanced")
        if self.surroundings not in SURROUNDINGS:
            raise BadInput(f"surroundings are {', '.join(SURROUNDINGS)}, but {self.surroundings!r} was given")
        self._refuse_groups()
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

    def _refuse_groups(self) -> None:
        """Refuse what the family has none of: frames, variants, balance, surroundings."""
        limits = self.family.frames
        if limits and not limits[0] <= self.frames <= limits[1]:
            raise BadInput(f"a clip has {limits[0]} to {limits[1]} frames, but {self.frames} were asked for")
        if self.frames and not limits:
            clips = [recipe for family in FAMILIES if family.frames for recipe in family.recipes]
            raise BadInput(f"only clips have frames; their recipes are {', '.join(clips)}")
        if limits and self.count % self.frames:
            raise BadInput(f"{self.count} scenes are not whole clips of {self.frames} frames")
        if self.variants and not self.family.variants:
            varied = [recipe for family in FAMILIES if family.variants for recipe in family.recipes]
            raise BadInput(f"variants are made of targeted scenes and of signs; the recipes are {', '.join(varied)}")
        if self.surroundings != PLAIN and not self.family.varied:
            able = [recipe for family in FAMILIES if family.varied for recipe in family.recipes]
            raise BadInput(f"surroundings vary in targeted scenes alone; the recipes are {', '.join(able)}")
        if self.balanced and self.family.balanced is None:
            raise BadInput("signs are asked what they say, clips frame by frame; neither can be --balanced")

    @property
    def family(self) -> SceneFamily:
        """The family of its recipes."""
        return family_of(self.recipes[0])

    @property
    def name(self) -> str | None:
        """Return the name of the set that this plan makes, None for others."""
        return next((name for name in NAMED if named_set(name) == self), None)

    @property
    def group_size(self) -> int:
        """How many scenes go together: a base and its variants, or the frames of a clip."""
        return self.frames or (GROUP if self.variants else 1)

    def recipe(self, index: int) -> str:
        """Return the recipe of a scene: they take turns."""
        return self.recipes[index // self.group_size % len(self.recipes)]

    def slot(self, index: int) -> Slot:
        """Return the place of a scene in the set."""
        base = index - index % self.group_size
        return Slot(
            id=self.scene_id(index),
            image=self.image(index),
            recipe=self.recipe(index),
            seed=self.seed,
            index=index,
            base=base,
            base_id=self.scene_id(base),
            rotation_index=index // self.group_size // len(self.recipes),
            width=self.size,
            heldout=self.heldout,
            group_size=self.group_size,
            surroundings=self.surroundings,
        )

    def scene_id(self, index: int) -> str:
        """Return the id of a scene: "street-7-00003", with an h before the seed in held-out sets."""
        return f"{self.recipe(index)}-{'h' if self.heldout else ''}{self.seed}-{index:05d}"

    def image(self, index: int) -> str:
        """Return the path of a scene's picture inside the data set; frames lie in a folder a clip."""
        if self.frames:
            frame = index % self.frames
            return f"frames/{self.scene_id(index - frame)}/{frame:02d}.webp"
        return f"images/{self.scene_id(index)}.webp"

    def identity(self) -> dict[str, Any]:
        """Return what decides the bytes of scene i; the count does not, so a set can grow."""
        renderer = {"name": "mitsuba", "variant": "scalar_rgb", "version": _installed("mitsuba")}
        if self.family.denoised:
            renderer["denoiser"] = f"pyoidn {_installed('pyoidn')}"
        return {
            "recipes": list(self.recipes),
            "seed": self.seed,
            "size": self.size,
            "samples": self.samples,
            "heldout": self.heldout,
            "langs": list(self.langs),
            "renderer": renderer,
            "generator": {"name": "occlusight", "recipes_version": self.family.version},
            **({"variants": True} if self.variants else {}),
            **({"balanced": True} if self.balanced else {}),
            **({"frames": self.frames} if self.frames else {}),
            **({"question_plan": self.questions} if self.questions != "standard" else {}),
            **({"surroundings": self.surroundings} if self.surroundings != PLAIN else {}),
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
            "attribution": [*catalogue.attribution(), *self.family.attribution, *attribution_of(self.surroundings)],
            "files": dict(digests),
        }


def named_set(name: str) -> DatasetPlan:
    """Return the plan of a set that has a name; its questions are balanced. Raises BadInput for another name."""
    if name not in NAMED:
        raise BadInput(f"there is no set {name!r}; the named ones are {', '.join(NAMED)}")
    seed, count, samples, variants, surroundings = NAMED[name]
    return DatasetPlan(
        TARGETED.recipes, seed, count, 512, samples, variants=variants, balanced=True, surroundings=surroundings
    )


def differences(found: Mapping[str, Any], plan: DatasetPlan) -> list[str]:
    """Return in words how a stored identity differs from a plan's: "seed 7, not 8"."""
    wanted = plan.identity()
    held = {**found, "generator": _versioned(found.get("generator"), plan.family)}
    return [
        f"{name} {_worded(held.get(name))}, not {_worded(wanted.get(name))}"
        for name in REMEMBERED
        if held.get(name) != wanted.get(name)
    ]


def _versioned(generator: Any, family: SceneFamily) -> Any:
    """Return the generator of a stored identity as it is written today: older ones name a digest of source files."""
    if isinstance(generator, dict) and generator.get("recipes_sha256") == family.digest_before:
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
