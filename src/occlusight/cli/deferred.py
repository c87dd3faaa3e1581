"""Command groups that live in parts of the package which may need extras: imported when called, not before."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from occlusight.cli.failures import give_up_stdout
from occlusight.errors import BadInput
from occlusight.extras import install


@dataclass(frozen=True)
class Deferred:
    """Where a group of commands is found, and the extra that installs what it needs (None: nothing beyond the
    default)."""

    module: str
    attribute: str
    summary: str
    extra: str | None = None

    def load(self, name: str) -> Any:
        """Import the group and return its command. Raises BadInput when a package that it needs is not installed."""
        with self.needs(name):
            found = getattr(import_module(self.module), self.attribute)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False)
            single.command()(found)
            found = single
        return typer.main.get_command(found)

    @contextmanager
    def needs(self, name: str) -> Iterator[None]:
        """Within, a package that is not installed becomes BadInput, with what installs it."""
        try:
            yield
        except ModuleNotFoundError as error:
            missing = error.name or ""
            if missing.startswith("occlusight"):
                raise BadInput(
                    f"this build of occlusight has no command {name!r} ({missing} is not part of it)"
                ) from error
            remedy = install(self.extra) if self.extra else f"pip install {missing}"
            raise BadInput(
                f"`occlusight {name}` needs the package {missing}, which is not installed: {remedy}"
            ) from error


DEFERRED = {
    "scenes": Deferred(
        "occlusight.cli.scenes", "scenes_app", "Make scenes with exact occlusion truth, and check them.", "scenes"
    ),
    "bench": Deferred("occlusight.cli.bench", "bench_app", "Measure how often a model is right about occlusion."),
    "graph": Deferred("occlusight.cli.graph", "graph", "Say which object hides which in a picture, as a graph."),
    "read": Deferred(
        "occlusight.cli.read", "read", "Read the text in a picture: its lines, or fields that a schema names."
    ),
    "track": Deferred("occlusight.cli.track", "track", "Say who is hidden by whom in a video, since when."),
    "calibrate": Deferred(
        "occlusight.cli.calibrate", "calibrate", "Fit the probabilities of a model's graphs on scenes."
    ),
    "models": Deferred("occlusight.cli.models", "models_app", "See, download, remove and quantize models."),
    "train": Deferred("occlusight.cli.train", "train", "Train the small model on our scenes.", "train"),
    "train-reader": Deferred("occlusight.cli.train_reader", "train_reader", "Train what reads questions.", "train"),
    "train-domain": Deferred(
        "occlusight.cli.train_domain", "train_domain", "Fit what tells a model's world from photographs.", "train"
    ),
}


class DeferredCommand(TyperCommand):
    """Stands for a command that has not been imported: hands all arguments to the real one."""

    def __init__(self, name: str, target: Deferred) -> None:
        super().__init__(
            name,
            help=target.summary,
            add_help_option=False,
            context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        )
        self.target = target

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep every argument as it came."""
        ctx.args = list(args)
        return list(args)

    def invoke(self, ctx: Any) -> Any:
        """Import the real command and run it."""
        command = self.target.load(str(self.name))
        below = command.make_context(self.name, list(ctx.args), parent=ctx.parent)
        with below, self.target.needs(str(self.name)):
            return command.invoke(below)


class DeferredGroup(TyperGroup):
    """The top of the tree: its own commands and the deferred ones. A reader of our output that goes away is no
    error."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return all names, the program's main job first."""
        return [*super().list_commands(ctx), *DEFERRED]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of that name, or None."""
        if cmd_name in DEFERRED:
            return DeferredCommand(cmd_name, DEFERRED[cmd_name])
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: Any) -> Any:
        """Run a command and print all that it said. When the reader has gone, as with `| head`, what is left to say
        goes nowhere."""
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
            return result
        except BrokenPipeError:
            give_up_stdout()
            return 0
