"""The whole tree of commands, so that a test which walks it covers what is added later."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer

from occlusight.cli.app import app
from occlusight.cli.deferred import DEFERRED


@dataclass(frozen=True)
class Parameter:
    """An option or argument of a command: `command` is what is typed, `kind` the annotated type without None and
    list."""

    command: tuple[str, ...]
    name: str
    kind: Any
    callback: str
    is_option: bool
    low: float | None
    high: float | None

    def __str__(self) -> str:
        return " ".join((*self.command, self.name))


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command that does something, with the words that call it."""

    def below(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield words, command
        for name, one in (inner or {}).items():
            yield from below((*words, name), one)

    yield from below((), typer.main.get_command(app))
    for name, deferred in DEFERRED.items():
        yield from below((name,), deferred.load(name))


@cache
def parameters() -> tuple[Parameter, ...]:
    """Every parameter of every command."""
    found = []
    for words, command in commands():
        function = inspect.unwrap(command.callback)
        hints = typing.get_type_hints(function)
        for param in command.params:
            if param.name == "help":
                continue
            kind = hints[param.name]
            while inner := typing.get_args(kind):
                kind = next(one for one in inner if one is not type(None))
            declared = typing.get_type_hints(function, include_extras=True)[param.name]
            about = next(one for one in declared.__metadata__ if isinstance(one, typer.models.ParameterInfo))
            called = about.callback.__name__ if about.callback else ""
            is_option = param.param_type_name == "option"
            name = max(param.opts, key=len)
            found.append(Parameter(words, name, kind, called, is_option, about.min, about.max))
    return tuple(found)


def paths() -> list[Parameter]:
    """Every parameter that is a file or a folder."""
    return [one for one in parameters() if isinstance(one.kind, type) and issubclass(one.kind, Path)]
