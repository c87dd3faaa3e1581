"""What a caller asks for against what a backend declares that it can do: the rest is refused by name, and nothing is
dropped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING

from occlusight.backends.options import EngineOptions
from occlusight.backends.protocol import Request
from occlusight.checks import instance, received
from occlusight.engine.sampling_params import SamplingParams
from occlusight.errors import BadInput

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NAMES = frozenset(one.name for one in (*fields(Request), *fields(SamplingParams)) if one.name != "sampling")
"""What a request can ask for: its fields, and those of its sampling."""


def asked(*records: DataclassInstance) -> dict[str, object]:
    """Return what differs in records from what they hold unless told: values by name."""
    return {
        one.name: value
        for record in records
        for one in fields(record)
        if one.default is not MISSING and (value := getattr(record, one.name)) != one.default
    }


def refuse_others(request: Request, honoured: Collection[str], who: str, advice: str = "leave it out") -> None:
    """Raise BadInput that names the fields of a request that are asked for and not among `honoured`, and who does not
    honour them."""
    instance("request", request, Request)
    wanted = asked(request, request.sampling)
    wanted.pop("sampling", None)
    if films := len(request.films) + sum(len(message.films) for message in request.history):
        wanted["films"] = f"{films} video{'s' * (films > 1)}"
    _refuse(wanted, honoured, who, advice)


def refuse_other_options(options: EngineOptions, honoured: Collection[str]) -> None:
    """Raise BadInput that names the options that are asked for and not among `honoured`, and the backend that does not
    honour them."""
    takes = ", ".join(sorted(honoured))
    who = f"the backend {options.backend}"
    _refuse(asked(options), {*honoured, "backend"}, who, f"leave it out; of engine options this backend takes {takes}")


def _refuse(wanted: Mapping[str, object], honoured: Collection[str], who: str, advice: str) -> None:
    if others := sorted(wanted.keys() - set(honoured)):
        given = ", ".join(f"{name}={received(wanted[name])}" for name in others)
        raise BadInput(f"{who} cannot honour {given}; {advice}")
