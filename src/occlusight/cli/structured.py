"""Options of answers in JSON: how long what the schema leaves open may become, and whether the model reads the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from occlusight.errors import BadInput

if TYPE_CHECKING:
    from occlusight.engine.json_limits import JsonLimits

JsonLimitsText = Annotated[
    str | None,
    typer.Option(
        "--json-limits",
        metavar="NAME=N,...",
        help="Bounds of what the JSON schema leaves without one: characters=512, items=64, digits=15, decimals=6, depth=3; "
        "'none' for no bound. A bound in the schema wins.",
        rich_help_panel="What the answer looks like",
    ),
]
SchemaInPrompt = Annotated[
    bool | None,
    typer.Option(
        "--schema-in-prompt/--no-schema-in-prompt",
        help="Put the JSON schema after the question; usual for models of half a billion parameters and more.",
        rich_help_panel="What the answer looks like",
    ),
]


def json_limits_of(given: str | None) -> JsonLimits | None:
    """Return the limits that an option gives, such as 'characters=2000,items=none'. Raises BadInput where it names none of them."""
    if given is None:
        return None
    from dataclasses import fields

    from occlusight.engine.json_limits import JsonLimits

    counts = [one.name for one in fields(JsonLimits) if one.default is not False]
    found: dict[str, int | None] = {}
    for part in given.split(","):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in counts or not (value == "none" or value.isdecimal()):
            raise BadInput(
                f"--json-limits takes {', '.join(counts)} with a whole number or 'none', as in characters=2000,items=none, "
                f"but {part!r} was given"
            )
        found[name] = None if value == "none" else int(value)
    return JsonLimits(**found)  # type: ignore[arg-type]
