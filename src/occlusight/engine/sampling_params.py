"""How an answer is drawn: one record, from the command line to the sampler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypedDict

from occlusight.checks import as_regex, as_schema, as_stops, by, check_fields, instance, number, positive, truth, whole
from occlusight.engine.json_limits import JsonLimits
from occlusight.errors import BadInput

MAX_TOKENS_LIMIT = 32768
TEMPERATURE_LIMIT = 2.0
LOGPROBS_LIMIT = 20
ALWAYS_TOLD = ("temperature", "top_p", "max_tokens", "seed")


@dataclass(frozen=True)
class SamplingParams:
    """How an answer is drawn, how long it may be and what form it has. Raises BadInput when built with a value outside
    its range.

    First the penalties change the logits. Temperature 0 then takes the likeliest token. Else, after the temperature,
    `top_k`, `top_p` and `min_p` leave fewer tokens to draw from, one after the other.

    Args:
        temperature: 0 takes the likeliest token each time; `top_p`, `top_k`, `min_p` and `seed` have no effect then.
        top_p: draw among the fewest likeliest tokens whose probabilities reach this (arXiv:1904.09751).
        max_tokens: the longest answer in tokens, thoughts included.
        seed: makes drawing repeatable, whatever else is computed at the same time.
        top_k: draw among so many likeliest tokens; 0 takes all.
        min_p: draw among tokens with at least this share of the likeliest one's probability (arXiv:2407.01082).
        repetition_penalty: above 1 makes tokens that prompt or answer hold less likely: it divides positive logits and
            multiplies negative ones (arXiv:1909.05858).
        presence_penalty: is taken from the logits of tokens that the answer holds.
        stop: strings that end the answer; nothing of them is given out.
        logprobs: tell each token's log-probability, and those of so many likeliest ones in its place (0: of none).
        thinking_tokens: bounds the thoughts of a checkpoint that thinks; None is three quarters of `max_tokens`.
        json_schema: the answer is JSON that satisfies this schema, given as a mapping or as text; kept as text.
        regex: the answer matches this regular expression as a whole.
        json_limits: bounds what the schema leaves without a bound; None is what the backend usually does.
        schema_in_prompt: put the schema, with its fields' names and descriptions, after the question; None leaves it to
            the backend, which does so for models that are large enough to read it.
    """

    temperature: float = field(default=0.0, metadata=by(number, low=0.0, high=TEMPERATURE_LIMIT))
    top_p: float = field(default=1.0, metadata=by(positive, high=1.0))
    max_tokens: int = field(default=512, metadata=by(whole, low=1, high=MAX_TOKENS_LIMIT))
    seed: int | None = field(default=None, metadata=by(whole, low=0, high=2**63 - 1))
    top_k: int = field(default=0, metadata=by(whole, low=0, high=2**31 - 1))
    min_p: float = field(default=0.0, metadata=by(number, low=0.0, high=1.0))
    repetition_penalty: float = field(default=1.0, metadata=by(number, low=0.1, high=10.0))
    presence_penalty: float = field(default=0.0, metadata=by(number, low=-2.0, high=2.0))
    stop: tuple[str, ...] = field(default=(), metadata=by(as_stops))
    logprobs: int | None = field(default=None, metadata=by(whole, low=0, high=LOGPROBS_LIMIT))
    thinking_tokens: int | None = field(default=None, metadata=by(whole, low=0, high=MAX_TOKENS_LIMIT))
    json_schema: str | Mapping[str, Any] | None = field(default=None, metadata=by(as_schema))
    regex: str | None = field(default=None, metadata=by(as_regex))
    json_limits: JsonLimits | None = field(default=None, metadata=by(instance, kind=JsonLimits))
    schema_in_prompt: bool | None = field(default=None, metadata=by(truth))

    def __post_init__(self) -> None:
        if self.json_schema is not None and self.regex is not None:
            raise BadInput(
                "an answer follows a JSON schema or a regular expression, but both were given; leave one out"
            )
        check_fields(self)

    def to_json(self) -> dict[str, Any]:
        """Return what a record tells: temperature, top_p, max_tokens and seed always, others where they are not the
        usual ones.
        """
        told = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name in ALWAYS_TOLD or value != one.default:
                told[one.name] = asdict(value) if isinstance(value, JsonLimits) else value
        return told

    @property
    def most_thoughts(self) -> int:
        """The bound of the thoughts in tokens, settled."""
        return self.max_tokens * 3 // 4 if self.thinking_tokens is None else self.thinking_tokens


class SamplingKeywords(TypedDict, total=False):
    """The fields of `SamplingParams` as keywords of a call that forwards them; a test holds the two together."""

    temperature: float
    top_p: float
    max_tokens: int
    seed: int | None
    top_k: int
    min_p: float
    repetition_penalty: float
    presence_penalty: float
    stop: tuple[str, ...]
    logprobs: int | None
    thinking_tokens: int | None
    json_schema: str | Mapping[str, Any] | None
    regex: str | None
    json_limits: JsonLimits | None
    schema_in_prompt: bool | None
