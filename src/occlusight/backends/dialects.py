"""What servers understand beyond OpenAI's chat API, and how they want it said.

A server that knows a setting by another name, or not at all, mostly answers as if it had not been given. So a field is
sent only where the kind of server is known to honour it. Kinds are told by `owned_by` in the server's list of models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from occlusight.engine.sampling_params import SamplingParams

STANDARD = frozenset(
    {
        "pictures",
        "system",
        "history",
        "temperature",
        "top_p",
        "max_tokens",
        "seed",
        "stop",
        "presence_penalty",
        "logprobs",
        "json_schema",
        "schema_in_prompt",
    }
)
"""The fields of a request and of its sampling that OpenAI's own API has."""


@dataclass(frozen=True)
class Dialect:
    """A kind of server. `further`: how it wants each field that the standard lacks; each is always said, because
    servers fill what is left out with their own or the checkpoint's usual settings. `lists_now`: its models' `created`
    is when the list was made, and tells nothing of the model."""

    name: str
    further: Mapping[str, Callable[[SamplingParams], dict[str, Any]]]
    lists_now: bool = True

    @property
    def honoured(self) -> frozenset[str]:
        """The fields of a request that reach the model."""
        return STANDARD | self.further.keys()

    def extra(self, params: SamplingParams) -> dict[str, Any]:
        """Return what the body holds beside the standard fields."""
        return {key: value for say in self.further.values() for key, value in say(params).items()}


def standard(params: SamplingParams) -> dict[str, Any]:
    """Return how an answer is drawn in OpenAI's words."""
    body: dict[str, Any] = {
        "temperature": params.temperature,
        "top_p": params.top_p,
        "max_tokens": params.max_tokens,
    }
    if params.seed is not None:
        body["seed"] = params.seed
    if params.stop:
        body["stop"] = list(params.stop)
    if params.presence_penalty:
        body["presence_penalty"] = params.presence_penalty
    if params.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": params.logprobs}
    if params.json_schema is not None:
        wanted = {"name": "answer", "strict": True, "schema": json.loads(str(params.json_schema))}
        body["response_format"] = {"type": "json_schema", "json_schema": wanted}
    return body


SAMPLING: Mapping[str, Callable[[SamplingParams], dict[str, Any]]] = {
    "top_k": lambda params: {"top_k": params.top_k or -1},
    "min_p": lambda params: {"min_p": params.min_p},
    "repetition_penalty": lambda params: {"repetition_penalty": params.repetition_penalty},
}
OPENAI = Dialect("openai", {}, lists_now=False)
VLLM = Dialect(
    "vllm",
    {
        **SAMPLING,
        "regex": lambda params: {"structured_outputs": {"regex": params.regex}} if params.regex else {},
    },
)
SGLANG = Dialect("sglang", {**SAMPLING, "regex": lambda params: {"regex": params.regex} if params.regex else {}})
WHOLE = 2**20
"""How many tokens back llama.cpp's penalties look, which is 64 unless said: to the beginning of any context."""
LLAMA_CPP = Dialect(
    "llamacpp",
    {
        **SAMPLING,
        "repetition_penalty": lambda params: {"repeat_penalty": params.repetition_penalty, "repeat_last_n": WHOLE},
    },
)
DIALECTS = {one.name: one for one in (OPENAI, VLLM, SGLANG, LLAMA_CPP)}


def dialect_of(owner: object) -> Dialect:
    """Return how a server is spoken to whose models are owned so; a stranger is spoken to in OpenAI's words alone."""
    return DIALECTS.get(owner, OPENAI) if isinstance(owner, str) else OPENAI
