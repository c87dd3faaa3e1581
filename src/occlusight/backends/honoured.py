"""What a request asks for against what a backend declares that it can do: the rest is refused by name, and nothing is dropped."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import MISSING, fields

from occlusight.backends.fields import instance, received
from occlusight.backends.protocol import Request
from occlusight.errors import BadInput


def asked(request: Request) -> frozenset[str]:
    """Return the names of the fields that differ from what a request has unless it says otherwise."""
    return frozenset(
        one.name for one in fields(request) if one.default is not MISSING and getattr(request, one.name) != one.default
    )


def refuse_others(request: Request, honoured: Collection[str], who: str, advice: str = "leave it out") -> None:
    """Raise BadInput that names the fields that are asked for and not among `honoured`, and who does not honour them."""
    instance("request", request, Request)
    if others := sorted(asked(request) - set(honoured)):
        given = ", ".join(f"{name}={received(getattr(request, name))}" for name in others)
        raise BadInput(f"{who} cannot honour {given}; {advice}")
