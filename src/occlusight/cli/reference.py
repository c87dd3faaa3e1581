"""The reference of all commands, as `docs/cli.md` holds it: `python -m occlusight.cli.reference > docs/cli.md`."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

HEAD = """\
# The command line

Generated from the program's own help by `make docs`; a test checks that it is up to date.
"""
WIDTH = "100"


def reference() -> str:
    """Return the help of every command, the deferred ones too, as Markdown."""
    pages = "".join(f"\n## {' '.join(path)}\n\n```text\n{help_of(path)}\n```\n" for path in paths())
    return HEAD + pages


def paths() -> Iterator[list[str]]:
    """Yield `["occlusight"]`, `["occlusight", "ask"]` and so on, depth first."""
    import typer

    from occlusight.cli.app import app
    from occlusight.cli.deferred import DEFERRED

    def below(path: list[str], command: Any) -> Iterator[list[str]]:
        yield path
        for name in getattr(command, "commands", {}):
            yield from below([*path, name], command.commands[name])

    yield from below(["occlusight"], typer.main.get_command(app))
    for name, deferred in DEFERRED.items():
        yield from below(["occlusight", name], deferred.load(name))


def help_of(path: list[str]) -> str:
    """Return what `--help` prints for a command, without colours and at a fixed width."""
    from occlusight.cli.app import run

    kept = {name: os.environ.get(name) for name in ("COLUMNS", "TERMINAL_WIDTH", "NO_COLOR", "TERM")}
    os.environ.update({"COLUMNS": WIDTH, "TERMINAL_WIDTH": WIDTH, "NO_COLOR": "1", "TERM": "dumb"})
    out = io.StringIO()
    try:
        with redirect_stdout(out):
            run([*path[1:], "--help"])
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


if __name__ == "__main__":
    print(reference(), end="")
