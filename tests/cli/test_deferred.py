"""Commands of parts that need extras: imported when called, and a missing package is named with its remedy."""

from __future__ import annotations

import sys
import types

import pytest
import typer

from occlusight.cli import deferred
from occlusight.cli.app import run
from occlusight.cli.deferred import DEFERRED, Deferred


def test_a_missing_package_is_named_with_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(name: str) -> None:
        raise ModuleNotFoundError("No module named 'mitsuba'", name="mitsuba")

    monkeypatch.setattr(deferred, "import_module", refuse)
    assert run(["scenes", "make", "--seed", "7"]) == 2
    assert capsys.readouterr().err == (
        "occlusight: `occlusight scenes` needs the package mitsuba, which is not installed: "
        "in the folder of this project, run: pip install -c constraints.txt '.[scenes]'\n"
    )


def test_a_package_that_is_missed_later_is_named_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def train() -> None:
        raise ModuleNotFoundError("No module named 'trimesh'", name="trimesh")

    module = types.ModuleType("fake_train")
    module.train = train  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_train", module)
    monkeypatch.setitem(DEFERRED, "train", Deferred("fake_train", "train", "x", "train"))
    assert run(["train"]) == 2
    assert "pip install -c constraints.txt '.[train]'" in capsys.readouterr().err


def test_arguments_reach_the_real_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    module = types.ModuleType("fake_part")
    app = typer.Typer()

    @app.command()
    def make(seed: int = 0, exit_with: int = 0) -> None:
        print(f"seed {seed}")
        raise typer.Exit(exit_with)

    @app.command()
    def check() -> None:
        print("checked")

    module.app = app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_part", module)
    monkeypatch.setitem(DEFERRED, "scenes", Deferred("fake_part", "app", "x"))
    assert run(["scenes", "make", "--seed", "7"]) == 0
    assert capsys.readouterr().out == "seed 7\n"
    assert run(["scenes", "make", "--exit-with", "1"]) == 1
    assert run(["scenes", "make", "--seed", "x"]) == 2
    assert "received 'x'" in capsys.readouterr().err
    assert run(["scenes", "--help"]) == 0
    assert "occlusight scenes" in capsys.readouterr().out


def test_a_plain_function_is_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def train(steps: int = 1) -> None:
        print(f"steps {steps}")

    module = types.ModuleType("fake_train")
    module.train = train  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_train", module)
    monkeypatch.setitem(DEFERRED, "train", Deferred("fake_train", "train", "x"))
    assert run(["train", "--steps", "5"]) == 0
    assert capsys.readouterr().out == "steps 5\n"


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 0)])
def test_other_ends(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    def stop(name: str) -> None:
        raise error

    monkeypatch.setattr(deferred, "import_module", stop)
    monkeypatch.setattr("os.dup2", lambda *_: None)
    assert run(["bench"]) == code
    assert "Traceback" not in capfd.readouterr().err
