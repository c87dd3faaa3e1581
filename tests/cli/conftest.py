"""The command line, run in this process."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest

from occlusight.cli.app import run

Result = tuple[int, str, str]
"""Exit code, stdout, stderr."""


def heed_interrupts() -> None:
    """Undo what a shell does to jobs that it starts in the background: they, and all that they start, ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the command with these arguments."""

    def call(*arguments: Any) -> Result:
        code = run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call
