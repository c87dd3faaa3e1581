"""`occlusight models list`, `show`, `pull` and `remove`, with a hub on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.backends.fake_hub import CONTENT, NAME, FakeHub, fake_hub, in_its_place
from tests.cli.conftest import Result

from occlusight.backends.needs import MEASURED, About

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hub(tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub() as one:
        one.files["config.json"] = (tiny_checkpoint / "config.json").read_bytes()
        in_its_place(one, tmp_path / "hub", monkeypatch)
        yield one


def test_a_model_is_seen_pulled_and_removed(call: Callable[..., Result], hub: FakeHub) -> None:
    code, out, table = call("models", "show", NAME)
    told = json.loads(out)
    assert (code, told["here"], told["newest"], told["download_bytes"]) == (0, "", "a" * 40, len(CONTENT))
    assert set(told["needs"]) == {"none", "int8", "int4"}
    assert told["fits"] == ["none", "int8", "int4"]
    assert "speed not measured" in table
    assert f"not downloaded: occlusight models pull {NAME}" in table

    code, out, _ = call("models", "pull", NAME)
    assert code == 0
    assert (Path(json.loads(out)["folder"]) / "model.safetensors").read_bytes() == CONTENT
    hub.revision = "b" * 40
    code, out, table = call("models", "show", NAME)
    told = json.loads(out)
    assert (told["here"], told["newest"], told["download_bytes"]) == ("a" * 40, "b" * 40, 0)
    assert "the hub has a newer one, bbbbbbbbbbbb" in table

    rows = {one["name"]: one for one in json.loads(call("models", "list")[1])["models"]}
    assert set(rows) == {"default", "blind", NAME}
    assert rows[NAME]["whole"] is True
    assert rows[NAME]["bytes"] >= len(CONTENT)
    code, out, _ = call("models", "remove", NAME)
    assert (code, json.loads(out)["freed_bytes"] >= len(CONTENT)) == (0, True)
    assert NAME not in call("models", "list")[1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("models", "pull", "default"), "there is nothing to download for 'default'"),
        (("models", "pull", "maker/other"), "the hub has no model 'maker/other'"),
        (("models", "show", "maker/other"), "the hub has no model 'maker/other'"),
        (("models", "show", "nothing"), "there is no model 'nothing'"),
        (("models", "remove", NAME), "not among the downloaded models"),
    ],
)
def test_what_is_not_there_is_one_line(
    call: Callable[..., Result], hub: FakeHub, arguments: tuple[str, ...], complaint: str
) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert complaint in " ".join(err.split())


def test_what_our_engine_does_not_run_is_said(call: Callable[..., Result], hub: FakeHub) -> None:
    hub.files["config.json"] = b'{"model_type": "qwen3_5", "architectures": ["Qwen3_5ForConditionalGeneration"]}'
    code, out, table = call("models", "show", NAME)
    assert (code, json.loads(out)["needs"]) == (0, None)
    assert "--backend openai" in table


def test_the_figures_are_those_of_the_documentation() -> None:
    speed = (ROOT / "docs" / "speed.md").read_text("utf-8")
    first = speed[: speed.index("### A CPU with AMX")]
    for form, found in MEASURED["2B"].items():
        (row,) = (line for line in first.splitlines() if line.startswith(f"| ours, {form} |"))
        assert f"| {found.first_token_s:g} s |" in row
        assert f"{found.tokens_per_s:.1f} tokens/s" in row
    told = About("x", {"int8": 1}, None, MEASURED["2B"], 2, 2).lines()
    assert "first token 1.24 s, then 23.3 a second" in told[-1]
