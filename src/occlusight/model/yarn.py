"""YaRN: how rotary frequencies are stretched for sequences beyond the context that a model was trained on."""

import math
from dataclasses import dataclass
from typing import Any

from occlusight.errors import BadModel
from occlusight.model.fields import Fields

LARGEST = 1 << 20
"""No width of a model is larger; products of two of them then count without overflow."""
MOST = {"vocab_size": 1 << 24, "max_positions": 1 << 31, "native": 1 << 31}


@dataclass(frozen=True)
class Yarn:
    """How rotary frequencies are stretched for sequences whose positions pass `native` (YaRN, arXiv:2309.00071).

    Such a sequence is stretched by `factor`, or by the next whole number that its positions need; a shorter one not at
    all. Frequencies that turn more than `beta_fast` times within `native` positions stay, those that turn less than
    `beta_slow` times are divided by the factor. `attention_factor` multiplies queries and keys; None is the paper's 0.1
    ln(factor) + 1.
    """

    factor: float = 2.0
    native: int = 262_144
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    attention_factor: float | None = None

    def __post_init__(self) -> None:
        check_sizes(self, "native beta_fast beta_slow")
        check(self.factor >= 1, f"YaRN's factor must be at least 1, got {self.factor}")
        check(
            self.beta_fast > self.beta_slow,
            f"YaRN's beta_fast ({self.beta_fast}) must be above beta_slow ({self.beta_slow})",
        )

    def rope_factor(self, end: int) -> float:
        """The factor for a sequence whose positions stay below `end`: 1 within `native`."""
        return 1.0 if end <= self.native else max(self.factor, float(math.ceil(end / self.native)))


def read_yarn(rope: Fields) -> Yarn | None:
    """Read YaRN's settings from those of the rotary embedding; None where positions are not stretched."""
    kind = rope.text("rope_type") or rope.text("type") or "default"
    rope.text("type")
    if kind in ("default", "mrope"):
        return None
    if kind != "yarn":
        rope.refuse(f"rope type {kind!r} is not supported; only 'default' and 'yarn' are", between=": ")
    if "factor" not in rope:
        rope.refuse("rope type 'yarn' needs a number as factor, got None", between=": ")
    for key in ("mscale", "mscale_all_dim"):
        if rope.get(key):
            rope.refuse(f"YaRN with {key} is not supported", between=": ")
    if not rope.flag("truncate", True):
        rope.refuse("YaRN with truncate: false is not supported", between=": ")
    return Yarn(
        factor=rope.number("factor"),
        native=rope.integer("original_max_position_embeddings", 262_144),
        beta_fast=rope.number("beta_fast", 32.0),
        beta_slow=rope.number("beta_slow", 1.0),
        attention_factor=rope.number("attention_factor") if "attention_factor" in rope else None,
    )


def write_yarn(yarn: Yarn | None) -> dict[str, Any]:
    """Return the rotary embedding's settings that `read_yarn` reads."""
    if yarn is None:
        return {"rope_type": "default"}
    own = {"factor": yarn.factor, "original_max_position_embeddings": yarn.native}
    own |= {"beta_fast": yarn.beta_fast, "beta_slow": yarn.beta_slow}
    if yarn.attention_factor is not None:
        own["attention_factor"] = yarn.attention_factor
    return {"rope_type": "yarn", **own}


def check(holds: bool, message: str) -> None:
    """Raise BadModel unless something holds."""
    if not holds:
        raise BadModel(f"model configuration: {message}")


def check_sizes(config: object, names: str, times: int = 1) -> None:
    """Raise BadModel unless all of a configuration's fields, apart by spaces, are above 0 and, `times` so many, not
    beyond reason.
    """
    for name in names.split():
        value = getattr(config, name)
        check(value > 0, f"{name} must be positive, got {value}")
        check(
            isinstance(value, float) or value * times <= MOST.get(name, LARGEST),
            f"{name} {value} is larger than any model's",
        )
