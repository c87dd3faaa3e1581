"""The README's code, the examples and the reference of commands are what the program does."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from occlusight.backends.hub import shipped
from occlusight.cli.app import run
from occlusight.cli.reference import reference
from occlusight.errors import BadModel

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh|python) run\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)#]+)[^)]*\)")


def ships_a_model() -> bool:
    try:
        shipped("default")
    except BadModel:
        return False
    return True


@pytest.mark.skipif(not ships_a_model(), reason="this checkout has no shipped model")
@pytest.mark.parametrize(("language", "code"), BLOCK.findall((ROOT / "README.md").read_text("utf-8")))
def test_code_of_the_readme_runs(
    language: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process: each line of a shell is the command, and that the command is installed is tried below."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    if language == "python":
        (tmp_path / "code.py").write_text(code, "utf-8")
        runpy.run_path("code.py", run_name="__main__")
    else:
        for line in code.splitlines():
            program, *arguments = shlex.split(line, comments=True)
            assert program == "occlusight"
            assert run(arguments) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "name", ["README.md", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").glob("*.md")))]
)
def test_links_between_documents_lead_somewhere(name: str) -> None:
    document = ROOT / name
    for target in LINK.findall(document.read_text("utf-8")):
        assert (document.parent / target).exists(), f"{name} links to {target}"


@pytest.mark.parametrize("script", ["ask.py", "stream.py"])
def test_examples_run(
    script: str,
    tiny_checkpoint: Path,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [script, str(pictures[0]), "--model", str(tiny_checkpoint)])
    runpy.run_path(str(ROOT / "examples" / script), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) >= 3


def test_the_reference_of_commands_is_up_to_date() -> None:
    written = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert written == reference(), "the help of a command has changed: run `make docs`"


def test_the_package_brings_what_the_page_shows() -> None:
    shown = ROOT / "src" / "occlusight" / "examples"
    assert (shown / "examples.json").read_bytes() == (ROOT / "examples" / "examples.json").read_bytes()
    assert shutil.which("occlusight", path=str(Path(sys.executable).parent))
