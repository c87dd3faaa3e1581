"""Commands that take a record of options whole: what Typer is shown are the options that make it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

SAMPLING, SHAPE, COST = "Sampling", "What the answer looks like", "What it took"
PIXELS, CONTEXTS = "How large pictures are read", "Long contexts"
PANELS = (SAMPLING, SHAPE, COST, PIXELS, CONTEXTS)
"""The panels of a command's help, in their order; options of no panel come before."""


class OptionsOf:
    """Which options make a record: in an annotation, beside the record's class.

    Args:
        declared: Typer's annotation of every field that can be an option.
        names: the fields that are options here; all that are declared unless given.
    """

    def __init__(self, declared: Mapping[str, Any], names: Sequence[str] | None = None) -> None:
        self.options = {name: declared[name] for name in (declared if names is None else names)}


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command for Typer in which every parameter annotated with `OptionsOf` became its options.

    Their defaults are what the parameter's default holds, and the command is called with a record of what was given.
    Panels of the help come in the order of `PANELS`. Raises BadInput, from the record, for a value outside its range.
    """
    signature = inspect.signature(command, eval_str=True)
    records: dict[str, tuple[Any, list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    for one in signature.parameters.values():
        found = next((m for m in getattr(one.annotation, "__metadata__", ()) if isinstance(m, OptionsOf)), None)
        if found is None:
            parameters.append(one.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        records[one.name] = one.default, list(found.options)
        for name, annotation in found.options.items():
            usual = getattr(one.default, name)
            parameters.append(
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=usual if usual != () else None, annotation=annotation
                )
            )

    def called(**given: Any) -> None:
        for parameter, (usual, names) in records.items():
            values = {name: given.pop(name) for name in names}
            given[parameter] = replace(usual, **{name: value for name, value in values.items() if value is not None})
        command(**given)

    shown = signature.replace(parameters=sorted(parameters, key=panel_of))
    called.__name__, called.__doc__, called.__module__ = command.__name__, command.__doc__, command.__module__
    called.__signature__ = shown  # type: ignore[attr-defined]
    called.__annotations__ = {name: one.annotation for name, one in shown.parameters.items()} | {"return": None}
    return called


def panel_of(parameter: inspect.Parameter) -> int:
    """Return which of the help's panels shows an option, as a number that sorts; 0 is none."""
    panels = [getattr(one, "rich_help_panel", None) for one in getattr(parameter.annotation, "__metadata__", ())]
    return next((1 + PANELS.index(one) for one in panels if one in PANELS), 0)
