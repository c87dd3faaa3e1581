"""What a request asks for against what a backend declares that it can do: the rest is refused by name, and nothing is dropped."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import MISSING, fields

from occlusight.backends.protocol import Request
from occlusight.checks import instance, received
from occlusight.engine.sampling_params import SamplingParams
from occlusight.errors import BadInput

NAMES = frozenset(one.name for one in (*fields(Request), *fields(SamplingParams)) if one.name != "sampling")
"""What a request can ask for: its fields, and those of its sampling."""


def asked(request: Request) -> dict[str, object]:
    """Return what differs from what a request has unless it says otherwise: values by name."""
    return {
        one.name: value
        for record in (request, request.sampling)
        for one in fields(record)
        if one.name in NAMES and one.default is not MISSING and (value := getattr(record, one.name)) != one.default
    }


def refuse_others(request: Request, honoured: Collection[str], who: str, advice: str = "leave it out") -> None:
    """Raise BadInput that names the fields that are asked for and not among `honoured`, and who does not honour them."""
    wanted = asked(instance("request", request, Request))
    if others := sorted(wanted.keys() - set(honoured)):
        given = ", ".join(f"{name}={received(wanted[name])}" for name in others)
        raise BadInput(f"{who} cannot honour {given}; {advice}")
