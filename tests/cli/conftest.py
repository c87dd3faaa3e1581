"""The command line, run in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from occlusight.cli.app import run

Result = tuple[int, str, str]
"""Exit code, stdout, stderr."""


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the command with these arguments."""

    def call(*arguments: Any) -> Result:
        code = run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call
