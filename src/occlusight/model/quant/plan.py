"""What is done to each layer so that few bits suffice, and what it costs in accuracy: the plan, as it is stored and
printed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from occlusight.errors import BadInput

FORMAT = 4
"""Part of the stored form's name: raise it when what is stored changes."""
TEXT_CHOICES, VISION_CHOICES = ("none", "int8", "int4"), ("none", "int8")
GROUPS = (32, 64)
PLAIN, EQUALIZED, APART, BOTH, KEPT = "plain", "equalized", "columns apart", "equalized, columns apart", "bf16"


@dataclass(frozen=True)
class Budget:
    """The error that a layer may have on the calibration's tokens: |y' - y| / |y| of a token, each output channel in
    units of its own size, the median and the 99th percentile; and the mean Kullback-Leibler divergence of the next
    token's distribution, in nats, above which the whole is said to miss it."""

    median: float = 0.03
    p99: float = 0.10
    kl: float = 0.05

    def __post_init__(self) -> None:
        if min(self.median, self.p99, self.kl) <= 0:
            raise BadInput(f"a budget's errors must be above 0, but {self} was given")


INT8_BUDGET, INT4_BUDGET = Budget(), Budget(0.14, 0.25, 0.5)


@dataclass(frozen=True)
class QuantSettings:
    """How many bits the decoder's and the tower's weights get, how many weights share a scale in 4 bits, and the
    budgets.
    """

    text: str = "int8"
    vision: str = "int8"
    group: int = 32
    budget: Budget = INT8_BUDGET
    int4_budget: Budget = INT4_BUDGET

    def __post_init__(self) -> None:
        for what, given, known in (
            ("quantize", self.text, TEXT_CHOICES),
            ("quantize-vision", self.vision, VISION_CHOICES),
        ):
            if given not in known:
                raise BadInput(f"{what} takes {', '.join(known)}, but {given!r} was given")
        if self.group not in GROUPS:
            raise BadInput(f"4-bit weights share a scale in groups of 32 or 64, but {self.group} was given")

    @classmethod
    def of(
        cls,
        quantize: str,
        quantize_vision: str | None = None,
        *,
        group: int = 32,
        budget: Budget = INT8_BUDGET,
        int4_budget: Budget = INT4_BUDGET,
    ) -> QuantSettings | None:
        """From what a user says. None where nothing is quantized; the tower follows the decoder unless told otherwise.

        Raises:
            BadInput: there is no such choice.
        """
        vision = quantize_vision or ("none" if quantize == "none" else "int8")
        settings = cls(quantize, vision, group, budget, int4_budget)
        return None if (quantize, vision) == ("none", "none") else settings

    @property
    def label(self) -> str:
        """What it is called in a model's description."""
        text = f"int4 (groups of {self.group})" if self.text == "int4" else self.text
        return text if self.text == self.vision else f"{text}, vision {self.vision}"


@dataclass(frozen=True)
class SitePlan:
    """One layer: its choice, the error it leaves, and that of rounding it plainly."""

    name: str
    bits: str
    choice: str
    median: float
    p99: float
    plain_median: float
    plain_p99: float
    columns: int = 0

    @property
    def kind(self) -> str:
        """The name without its number."""
        return ".".join(part for part in self.name.split(".") if not part.isdigit())


@dataclass(frozen=True)
class OutputError:
    """The quantized model against the float one at `tokens` places: Kullback-Leibler divergence in nats, and how often
    they agree on the next token."""

    tokens: int
    kl_mean: float
    kl_p99: float
    next_token_agreement: float


@dataclass(frozen=True)
class QuantPlan:
    """The plan of a whole model."""

    settings: QuantSettings
    sites: tuple[SitePlan, ...]
    output: OutputError
    seconds: float
    tokens: int
    format: int = field(default=FORMAT)

    @property
    def within(self) -> bool:
        """Whether the output's divergence keeps the budget."""
        return self.output.kl_mean <= self.most_kl

    @property
    def most_kl(self) -> float:
        """The divergence that the output may have, in nats."""
        return (self.settings.int4_budget if self.settings.text == "int4" else self.settings.budget).kl

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "within_budget": self.within}

    @classmethod
    def read(cls, document: dict[str, Any]) -> QuantPlan:
        """From JSON. Raises KeyError or TypeError for what is no plan."""
        settings = dict(document["settings"])
        for key in ("budget", "int4_budget"):
            settings[key] = Budget(**settings[key])
        sites = tuple(SitePlan(**site) for site in document["sites"])
        rest = {key: document[key] for key in ("seconds", "tokens", "format")}
        return cls(QuantSettings(**settings), sites, OutputError(**document["output"]), **rest)
