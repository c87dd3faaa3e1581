"""What servers understand beyond OpenAI's chat API, and how they want it said.

A server that knows a setting by another name, or not at all, mostly answers as if it had not been given. So a field is sent only where
the kind of server is known to honour it. Kinds are told by `owned_by` in the server's list of models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from occlusight.backends.protocol import Request

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
"""The fields of a request that OpenAI's own API has."""


@dataclass(frozen=True)
class Dialect:
    """A kind of server. `further`: how it wants each field that the standard lacks; each is always said, because servers fill what is
    left out with their own or the checkpoint's usual settings. `lists_now`: its models' `created` is when the list was made, and tells
    nothing of the model."""

    name: str
    further: Mapping[str, Callable[[Request], dict[str, Any]]]
    lists_now: bool = True

    @property
    def honoured(self) -> frozenset[str]:
        """The fields of a request that reach the model."""
        return STANDARD | self.further.keys()

    def extra(self, request: Request) -> dict[str, Any]:
        """Return what the body holds beside the standard fields."""
        return {key: value for say in self.further.values() for key, value in say(request).items()}


def standard(request: Request) -> dict[str, Any]:
    """Return the settings of a request in OpenAI's words, without its model and messages."""
    body: dict[str, Any] = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.max_tokens,
    }
    if request.seed is not None:
        body["seed"] = request.seed
    if request.stop:
        body["stop"] = list(request.stop)
    if request.presence_penalty:
        body["presence_penalty"] = request.presence_penalty
    if request.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": request.logprobs}
    if request.json_schema is not None:
        wanted = {"name": "answer", "strict": True, "schema": json.loads(str(request.json_schema))}
        body["response_format"] = {"type": "json_schema", "json_schema": wanted}
    return body


SAMPLING: Mapping[str, Callable[[Request], dict[str, Any]]] = {
    "top_k": lambda request: {"top_k": request.top_k or -1},
    "min_p": lambda request: {"min_p": request.min_p},
    "repetition_penalty": lambda request: {"repetition_penalty": request.repetition_penalty},
}
OPENAI = Dialect("openai", {}, lists_now=False)
VLLM = Dialect(
    "vllm",
    {
        **SAMPLING,
        "regex": lambda request: {"structured_outputs": {"regex": request.regex}} if request.regex else {},
    },
)
SGLANG = Dialect("sglang", {**SAMPLING, "regex": lambda request: {"regex": request.regex} if request.regex else {}})
WHOLE = 2**20
"""How many tokens back llama.cpp's penalties look, which is 64 unless said: to the beginning of any context."""
LLAMA_CPP = Dialect(
    "llamacpp",
    {
        **SAMPLING,
        "repetition_penalty": lambda request: {"repeat_penalty": request.repetition_penalty, "repeat_last_n": WHOLE},
    },
)
DIALECTS = {one.name: one for one in (OPENAI, VLLM, SGLANG, LLAMA_CPP)}


def dialect_of(owner: object) -> Dialect:
    """Return how a server is spoken to whose models are owned so; a stranger is spoken to in OpenAI's words alone."""
    return DIALECTS.get(owner, OPENAI) if isinstance(owner, str) else OPENAI
