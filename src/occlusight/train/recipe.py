"""What the small model looks like and how it is trained: frozen settings, and recipes of stages in files of their own.

A recipe (`recipes/NAME.toml`) lists stages. A later stage may be appended; an earlier one is never changed, since a
checkpoint is what its recipe gives from nothing: a run remembers the digests of the stages that it went through and
refuses others.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from tokenizers import Tokenizer

from occlusight.errors import BadInput
from occlusight.model.config import ModelConfig, TextConfig, VisionConfig
from occlusight.train.scenes import CLIPS, RENDERS, SOURCES, STILLS

MIN_PIXELS, MAX_PIXELS = 57_000, 70_000
"""Limits of the shipped preprocessor: 1:1 becomes 256x256, 4:3 becomes 288x224."""

BEGINNING = "beginning"
"""What the weights that a run begins with are the end of; no stage is called so."""

Learns = Literal["tower", "answers"]


def default_shares() -> dict[str, float]:
    """How often each source of pictures is shown where a recipe says nothing: free scenes, a third of them targeted."""
    wide = {"street-wide": 0.3, "desk-wide": 0.18, "room-wide": 0.18}
    return wide | {"partial": 0.05, "complete": 0.08, "chain": 0.05, "transparent": 0.07, "reflective": 0.09}


@dataclass(frozen=True)
class Stage:
    """One stage of a run.

    Args:
        name: what it is called in logs.
        pictures: its length.
        learns: "tower" trains the vision tower by its dense heads alone, which costs less than half; "answers" all.
        shares: how often each source is shown: those of `train.scenes`, rasterized; "stills" of two of them together;
            "clips"; and "renders", path-traced data sets (left out where there are none).
        sizes: sides of the square pictures, in pixels, drawn at random; other shapes have about the same area.
        batch: pictures in a step.
        learning_rate: at its height.
        warmup: steps until then.
        decay: the last share of the stage in which the rate falls linearly to `floor` of its height.
        replay: how often a picture is shown, on an average, each time in another light and with other questions.
        varied: how often a scene stands in surroundings that vary (HDR maps, finishes, what stands behind) instead of
            plain ones; clips never do.
    """

    name: str
    pictures: int
    learns: Learns = "answers"
    shares: Mapping[str, float] = field(default_factory=default_shares)
    sizes: tuple[int, ...] = (256,)
    batch: int = 48
    learning_rate: float = 1.5e-3
    warmup: int = 200
    decay: float = 0.3
    floor: float = 0.02
    replay: int = 2
    varied: float = 0.0

    def __post_init__(self) -> None:
        if self.learns not in get_args(Learns):
            raise BadInput(f"a stage learns {' or '.join(get_args(Learns))}, but {self.learns!r} was given")
        for name, least in (("pictures", 1), ("batch", 1), ("warmup", 0), ("replay", 1)):
            if getattr(self, name) < least:
                raise BadInput(
                    f"{name} of stage {self.name!r} must be {least} or more, but {getattr(self, name)} was given"
                )
        if not 0 <= self.varied <= 1:
            raise BadInput(f"varied of stage {self.name!r} must be from 0 to 1, but {self.varied} was given")
        if not self.shares or min(self.shares.values()) <= 0:
            raise BadInput(f"the shares of stage {self.name!r} must be positive, but {dict(self.shares)} was given")
        if others := sorted(set(self.shares) - {*SOURCES, RENDERS, STILLS, CLIPS}):
            known = ", ".join((*SOURCES, RENDERS, STILLS, CLIPS))
            raise BadInput(f"stage {self.name!r} shows {', '.join(others)}; there are {known}")
        if STILLS in self.shares and not set(self.shares) & {*SOURCES}:
            raise BadInput(f"stills of stage {self.name!r} are pictures of its other sources; give one beside them")
        if not self.sizes or any(size % 32 or size < 64 for size in self.sizes):
            raise BadInput(
                f"sizes of stage {self.name!r} must be multiples of 32 from 64 up, but {self.sizes} was given"
            )

    @property
    def steps(self) -> int:
        """Its length in steps."""
        return -(-self.pictures // self.batch)

    @property
    def digest(self) -> str:
        """Says whether two stages are the same."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    def rate(self, step: int) -> float:
        """The learning rate at a step: linear warm-up, constant, linear decay (arXiv:2404.06395)."""
        rising = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        left = min(1.0, (self.steps - step) / (self.steps * self.decay)) if self.decay else 1.0
        return self.learning_rate * rising * (self.floor + (1 - self.floor) * left)


@dataclass(frozen=True)
class TrainRecipe:
    """A whole run from nothing: its stages, what its losses weigh, and the seed of weights and scenes.

    Args:
        slots: rows of `slot_tokens` tokens for the questions of a picture.
        dense_weight: of the losses of the dense heads.
        decision_weight: of the first token of an answer that decides, against 1 for other tokens.
        pivot_weight: of words that carry content, such as left and behind.
        list_weight: of the tokens of a list of what is there.
        grounding_weight: of where a named thing is, read from the middle of the decoder.
        blind: the model is never shown a picture.
        averaged: the checkpoint is the mean of the weights at the ends of so many last stages (arXiv:2209.14981); with
            one more than there are stages, those of the checkpoint that the run begins with count, too
            (arXiv:2109.01903): it keeps what it knew.
    """

    stages: tuple[Stage, ...] = (Stage("answers", 160_000),)
    slots: int = 2
    slot_tokens: int = 240
    dense_weight: float = 0.5
    decision_weight: float = 10.0
    pivot_weight: float = 8.0
    list_weight: float = 3.0
    grounding_weight: float = 1.0
    weight_decay: float = 0.05
    seed: int = 1
    blind: bool = False
    averaged: int = 1

    def __post_init__(self) -> None:
        if not self.stages or len({BEGINNING, *(stage.name for stage in self.stages)}) <= len(self.stages):
            raise BadInput(f"a recipe needs stages, each with a name of its own, and none called {BEGINNING!r}")
        if not 0 <= self.seed < 1_000_000_000:
            raise BadInput(
                f"the seed must be from 0 to 999999999 (above are evaluation's scenes), but {self.seed} was given"
            )
        if not 1 <= self.averaged <= len(self.stages) + 1:
            raise BadInput(
                f"averaged must be from 1 to {len(self.stages) + 1}, one more than there are stages, "
                f"but {self.averaged} was given"
            )

    @property
    def ends(self) -> tuple[str, ...]:
        """Names of the stages at whose ends the weights are averaged, BEGINNING for those before the first; empty where
        the last weights are taken."""
        return (BEGINNING, *(stage.name for stage in self.stages))[-self.averaged :] if self.averaged > 1 else ()

    @property
    def pictures(self) -> int:
        """Of all stages together."""
        return sum(stage.steps * stage.batch for stage in self.stages)


def shipped_recipes() -> tuple[str, ...]:
    """Names of the recipes inside the package."""
    folder = files("occlusight.train").joinpath("recipes")
    return tuple(sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")))


def load_recipe(name: str) -> TrainRecipe:
    """Read a recipe: one of the package's, or a file. Raises BadInput where it is neither, or says what no recipe
    can."""
    if name in shipped_recipes():
        text = files("occlusight.train").joinpath("recipes", f"{name}.toml").read_text("utf-8")
    elif Path(name).is_file():
        text = Path(name).read_text("utf-8")
    else:
        raise BadInput(f"--recipe takes {', '.join(shipped_recipes())} or a TOML file, but {name!r} was given")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"the recipe {name} is no TOML ({error})") from None
    stages = document.pop("stage", [])
    _only(name, document, TrainRecipe)
    try:
        return TrainRecipe(stages=tuple(_stage(name, entry) for entry in stages), **document)
    except TypeError as error:  # a value that is missing, or of another type
        raise BadInput(f"the recipe {name} cannot be read ({error})") from None


def _stage(recipe: str, entry: dict[str, Any]) -> Stage:
    _only(f"{recipe}, stage {entry.get('name')}", entry, Stage)
    return Stage(**{**entry, "sizes": tuple(entry.get("sizes", (256,)))})


def _only(what: str, given: Mapping[str, Any], record: type[Stage] | type[TrainRecipe]) -> None:
    known = [one.name for one in fields(record)]
    if others := sorted(given.keys() - set(known)):
        raise BadInput(f"the recipe {what} says {', '.join(others)}; known are {', '.join(known)}")


def small_config(tokenizer: Tokenizer) -> ModelConfig:
    """A Qwen3-VL of about 16 M parameters with this tokenizer."""

    def id_of(name: str) -> int:
        found = tokenizer.token_to_id(name)
        assert found is not None, f"the tokenizer was trained without {name}"
        return found

    return ModelConfig(
        text=TextConfig(
            vocab_size=-(-tokenizer.get_vocab_size() // 64) * 64,
            hidden_size=256,
            intermediate_size=768,
            layers=6,
            heads=4,
            kv_heads=2,
            head_dim=64,
            rope_theta=10_000.0,
            mrope_section=(12, 10, 10),
            max_positions=4096,
        ),
        vision=VisionConfig(
            hidden_size=256,
            intermediate_size=1024,
            layers=8,
            heads=4,
            out_size=256,
            position_embeddings=400,
            taps=(2, 5),
        ),
        image_token_id=id_of("<|image_pad|>"),
        video_token_id=id_of("<|video_pad|>"),
        vision_start_token_id=id_of("<|vision_start|>"),
        vision_end_token_id=id_of("<|vision_end|>"),
        tie_word_embeddings=True,
        eos_token_ids=(id_of("<|im_end|>"), id_of("<|endoftext|>")),
    )


def blind_config(tokenizer: Tokenizer) -> ModelConfig:
    """The same decoder behind a vision tower as small as can be: the baseline that is never shown a picture."""
    config = small_config(tokenizer)
    vision = replace(config.vision, hidden_size=32, intermediate_size=32, layers=1, heads=1, taps=())
    return replace(config, vision=vision)
