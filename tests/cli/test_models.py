"""`occlusight models quantize`, and --quantize of the commands that answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Result


@pytest.fixture(autouse=True)
def cache_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("occlusight.model.quant.store_file.cache_directory", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def test_the_plan_is_printed_and_what_was_made_is_used(
    call: Callable[..., Result], tiny_checkpoint: Path, pictures: list[Path], cache_here: Path
) -> None:
    wide = ("--median", 0.2, "--p99", 0.5, "--kl", 5)
    code, out, table = call("models", "quantize", tiny_checkpoint, *wide)
    assert code == 0
    (last,) = out.splitlines()
    plan = json.loads(last)
    assert plan["within_budget"]
    assert Path(plan["folder"]).parent == cache_here / "quantized"
    assert {site["bits"] for site in plan["sites"]} == {"int8"}
    assert "text.layers.self_attn.qkv_proj" in table.replace("\n", "")
    code, again, _ = call("models", "quantize", tiny_checkpoint, *wide)
    assert again.splitlines()[-1] == last  # loaded, not made: the seconds would differ
    code, out, _ = call(
        "ask", pictures[0], "What?", "--model", tiny_checkpoint, "--quantize", "int8", "--max-tokens", 3, "--json"
    )
    assert code == 0
    assert json.loads(out)["model"]["dtype"].startswith("int8; int8: ")


def test_a_form_made_with_own_pictures_is_another_and_is_used_by_its_folder(
    call: Callable[..., Result], tiny_checkpoint: Path, pictures: list[Path], tmp_path: Path
) -> None:
    wide = ("models", "quantize", tiny_checkpoint, "--median", 0.2, "--p99", 0.5, "--kl", 5)

    def made(*options: object) -> str:
        code, out, _ = call(*wide, *options)
        assert code == 0
        return out.splitlines()[-1]

    shipped, own = made(), made("--picture", pictures[0])
    assert json.loads(shipped)["folder"] != json.loads(own)["folder"]
    assert made() == shipped  # still there
    assert made("--picture", pictures[0]) == own
    same, other = tmp_path / "same.png", tmp_path / "other.png"
    same.write_bytes(pictures[0].read_bytes())
    other.write_bytes(pictures[0].read_bytes() + b"\0")
    assert made("--picture", same) == own  # what counts is what the file holds
    assert json.loads(made("--picture", other))["folder"] != json.loads(own)["folder"]
    code, _, err = call(*wide, "--picture", tmp_path / "none.png")
    assert code == 2
    assert "none.png cannot be read" in " ".join(err.split())

    ask = ("ask", pictures[0], "What?", "--model", tiny_checkpoint, "--max-tokens", 3, "--json", "--quantize")
    code, out, _ = call(*ask, json.loads(own)["folder"])
    assert code == 0
    assert json.loads(out)["model"]["dtype"].startswith("int8; int8: ")
    code, _, err = call(*ask, json.loads(own)["folder"], "--quantize-vision", "none")
    assert code == 2
    assert "leave --quantize-vision out" in " ".join(err.split())
    code, _, err = call(*ask, tmp_path)
    assert code == 2
    assert "not a stored quantized model" in " ".join(err.split())


def test_a_budget_that_cannot_be_kept_fails(call: Callable[..., Result], tiny_checkpoint: Path) -> None:
    code, _, err = call("models", "quantize", tiny_checkpoint, "--kl", 1e-12)
    assert code == 1
    assert "NOT within" in " ".join(err.split())


def test_the_plan_says_by_which_budget_four_bits_were_chosen(
    call: Callable[..., Result], tiny_checkpoint: Path
) -> None:
    wide = ("--median", 0.2, "--p99", 0.5, "--kl", 5, "--int4-kl", 5)

    def made(*options: object) -> tuple[dict[str, Any], str]:
        code, out, err = call("models", "quantize", tiny_checkpoint, "--quantize", "int4", *wide, *options)
        assert code == 0
        return json.loads(out), " ".join(err.split())

    plan, said = made("--int4-median", 0.3, "--int4-p99", 0.5)
    assert "in 8 bits 20 %, 50 %; in 4 bits 30 %, 50 %" in said
    assert "the budget of 5 nats" in said
    narrow = sum(site["bits"] == "int4" for site in plan["sites"])
    assert narrow
    strict, _ = made("--int4-median", 0.001, "--int4-p99", 0.002)
    assert not any(site["bits"] == "int4" for site in strict["sites"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("models", "quantize", "default", "--quantize", "none"), "nothing to quantize"),
        (("models", "quantize", "default", "--quantize", "int3"), "quantize takes none, int8, int4, but 'int3'"),
        (("models", "quantize", "default", "--group", "48"), "32 or 64, but 48"),
    ],
)
def test_bad_settings_are_refused(call: Callable[..., Result], arguments: tuple[str, ...], complaint: str) -> None:
    code, _, err = call(*arguments)
    assert code == 2
    assert complaint in err
