"""The tree of commands, and how each way of ending becomes an exit code.

0 done, 1 a check or gate not met, 2 bad input (one line on stderr), 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from occlusight import __version__
from occlusight.cli import ask, serve, speed
from occlusight.cli.deferred import DeferredGroup
from occlusight.cli.failures import as_bad_input, give_up_stdout_if_full
from occlusight.errors import BadInput, Cancelled, OcclusightError

IDLE_SPIN, BUSY_SPIN = "20000", "0"
"""How long PyTorch's threads wait actively for each other, in turns of a loop: on an idle machine that makes a large
model 1.25 times as fast, beside other work it burns the time in which the other one could run. See docs/engine.md."""


def say_version(wanted: bool) -> None:
    """Print the version and end, if that is wanted."""
    if wanted:
        print(f"occlusight {__version__}")
        raise typer.Exit()


app = typer.Typer(
    cls=DeferredGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="What stands in front of what in a picture, why, and how sure. 看图说清谁挡住了谁。",
)
app.command("ask")(ask.ask)
app.command("serve")(serve.serve)
app.command("speed")(speed.speed)


@app.callback()
def occlusight(
    version: Annotated[
        bool, typer.Option("--version", "-V", is_eager=True, callback=say_version, help="Print the version.")
    ] = False,
) -> None:
    """What stands in front of what in a picture, why, and how sure. 看图说清谁挡住了谁。"""


@app.command("version")
def version() -> None:
    """Print the version."""
    say_version(True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit the process with the code that its end deserves."""
    os.environ.setdefault("GOMP_SPINCOUNT", BUSY_SPIN if is_busy() else IDLE_SPIN)
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # PyTorch: huge pages for large tensors, fewer page faults
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(run(arguments))


def is_busy() -> bool:
    """Whether other processes have been using a quarter of the machine's cores or more in the last minute."""
    try:
        return os.getloadavg()[0] > 0.25 * (os.cpu_count() or 1)
    except (AttributeError, OSError):
        return True


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    outputs: list[str] = []
    try:
        code = app(args=arguments, prog_name="occlusight", standalone_mode=False, obj=outputs)
    except (KeyboardInterrupt, typer.Abort, Cancelled):
        print("interrupted", file=sys.stderr)
        return 130
    except BadInput as error:
        return fail(str(error), 2)
    except OcclusightError as error:
        return fail(str(error), 1)
    except OSError as error:
        said = as_bad_input(error, outputs)
        if said is None:
            raise
        give_up_stdout_if_full()
        return fail(str(said), 2)
    except typer.TyperException as error:
        return fail(complaint(error, sys.argv[1:] if arguments is None else arguments), 2)
    return code if isinstance(code, int) else 0


def complaint(error: typer.TyperException, arguments: Sequence[str]) -> str:
    """Return what is wrong with the arguments, with what was received; nothing where the help has just been printed."""
    from pydantic import ValidationError

    if isinstance(error.__cause__, ValidationError):  # how Typer hands on what a parser of ours raised
        for found in error.__cause__.errors():
            if isinstance(said := found.get("ctx", {}).get("error"), BadInput):
                return str(said)
    message = getattr(error, "format_message", error.__str__)().rstrip(".")
    options = getattr(getattr(error, "param", None), "opts", ())
    for place, argument in enumerate(arguments):
        option, given, value = argument.partition("=")
        if option in options and isinstance(error, typer.BadParameter):
            message += f" (received {value if given else ' '.join(arguments[place + 1 : place + 2])!r})"
    return f"{message}; --help shows what is possible" if message else ""


def fail(message: str, code: int) -> int:
    """Say in one line on stderr what went wrong; return the exit code."""
    if message:
        print("occlusight: " + " ".join(message.split()), file=sys.stderr)
    return code
