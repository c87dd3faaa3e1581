"""The example workflow calls commands and options that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from occlusight.cli.bench import bench_app

WORKFLOW = Path(__file__).parents[2] / "examples" / "ci" / "occlusion-gate.yml"


def test_every_option_of_the_example_is_known() -> None:
    commands = re.findall(r"run: occlusight bench (.+)", WORKFLOW.read_text("utf-8"))
    assert {shlex.split(c)[0] for c in commands} == {"run", "check", "report"}
    for command in commands:
        name, *arguments = shlex.split(command)
        help_text = CliRunner().invoke(bench_app, [name, "--help"], env={"COLUMNS": "200"}).stdout
        for option in (a for a in arguments if a.startswith("--")):
            assert option in help_text, (name, option)
