"""The code in the documents, the examples and the reference of commands are what the program does."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from tests.cli.walk import commands

from occlusight.backends.hub import shipped
from occlusight.cli.app import run
from occlusight.cli.reference import reference
from occlusight.errors import BadModel

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    )
}
BLOCK = re.compile(r"^ *```(sh|python) ?([a-z-]*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
MARKS = {
    "run": "runs below",
    "again": "runs in another document, or in the other language",
    "in-order": "the blocks of a document run together in another test, with what they print",
    "server": "needs a server that runs",
    "download": "fetches packages or a model",
    "long": "takes minutes",
    "part": "goes with what the reader has: a data set, a checkpoint, a video",
}
BLOCKS = [(name, *block) for name, text in DOCUMENTS.items() for block in BLOCK.findall(text)]
RUN = list(dict.fromkeys((language, code) for _, language, mark, code in BLOCKS if mark == "run"))
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)#]+)[^)]*\)")


def ships_a_model() -> bool:
    try:
        shipped("default")
    except BadModel:
        return False
    return True


@pytest.mark.skipif(not ships_a_model(), reason="this checkout has no shipped model")
@pytest.mark.parametrize(("language", "code"), RUN)
def test_code_of_the_documents_runs(
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


def test_each_block_of_code_runs_or_is_marked_as_one_that_cannot() -> None:
    assert RUN
    assert [(name, code) for name, _, mark, code in BLOCKS if mark not in MARKS] == []


def test_commands_that_do_not_run_have_the_options_that_they_name() -> None:
    known = {words: {o for p in command.params for o in (*p.opts, *p.secondary_opts)} for words, command in commands()}
    tried = 0
    for name, language, _, code in BLOCKS:
        for line in code.replace("\\\n", " ").splitlines() if language == "sh" else ():
            said = shlex.split(line.partition("#")[0]) if "occlusight " in line and "docker" not in line else []
            said = said[said.index("occlusight") + 1 :] if "occlusight" in said else []
            for words in (tuple(said[:2]), tuple(said[:1])):
                if words in known:
                    asked = {word.partition("=")[0] for word in said if word.startswith("--")}
                    assert asked <= known[words] | {"--help"}, f"{name}: {line}"
                    tried += 1
                    break
            else:
                assert not said, f"{name} names no command: {line}"
    assert tried > 40


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_between_documents_lead_somewhere(name: str) -> None:
    for target in LINK.findall(DOCUMENTS[name]):
        assert (ROOT / name).parent.joinpath(target).exists(), f"{name} links to {target}"


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
