"""Models behind OpenAI's chat API that want a parameter under another name, or not at all, and say so when they refuse
it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openai

UNSUPPORTED = re.compile(
    r"unsupported|not support|only the default|deprecated|not permitted|unrecognized|unknown|unexpected", re.IGNORECASE
)


@dataclass(frozen=True)
class Change:
    """How a body is changed where a model refuses `name`. `needed` tells whether a body can and must be; `told` is said
    to the user."""

    name: str
    needed: Callable[[dict[str, Any]], bool]
    make: Callable[[dict[str, Any]], None]
    said: re.Pattern[str] = UNSUPPORTED
    told: str = ""


def _rename(body: dict[str, Any]) -> None:
    if "max_tokens" in body:
        body["max_completion_tokens"] = body.pop("max_tokens")


CHANGES = (
    Change("max_tokens", lambda body: "max_tokens" in body, _rename, re.compile("max_completion_tokens")),
    Change(
        "temperature",
        lambda body: body.get("temperature") == 0.0,
        lambda body: body.pop("temperature", None),
        told="the model takes no temperature; it draws its answers at its own, so that they differ from time to time",
    ),
    Change("top_p", lambda body: body.get("top_p") == 1.0, lambda body: body.pop("top_p", None)),
    Change("stream_options", lambda body: "stream_options" in body, lambda body: body.pop("stream_options", None)),
)
"""Only what changes nothing that was asked for, or is said: any other temperature than 0, and any other top_p than 1,
stays refused."""


def wanted_change(error: openai.APIStatusError, body: dict[str, Any]) -> Change | None:
    """Return the change that a server's refusal of a body asks for; None where there is none."""
    message = str(error.message)
    named = error.param if isinstance(error.param, str) else None
    for change in CHANGES:
        about = named == change.name or (named is None and re.search(rf"\b{change.name}\b", message))
        if about and change.said.search(message) and change.needed(body):
            return change
    return None
