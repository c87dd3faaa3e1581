"""`occlusight models list`, `show`, `pull` and `remove`, with hubs on this machine: Hugging Face's and ModelScope."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.backends.fake_hub import CONTENT, NAME, ON_MODELSCOPE, WEIGHTS, FakeHub, fake_hub, in_its_place
from tests.cli.conftest import Result

from occlusight.backends.needs import MEASURED, About

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hub(tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub() as one:
        one.files["config.json"] = (tiny_checkpoint / "config.json").read_bytes()
        in_its_place(one, tmp_path / "hub", monkeypatch)
        yield one


@pytest.mark.parametrize("name", [NAME, ON_MODELSCOPE])
def test_a_model_is_seen_pulled_and_removed(call: Callable[..., Result], hub: FakeHub, name: str) -> None:
    code, out, table = call("models", "show", name)
    told = json.loads(out)
    first = told["newest"]
    assert (code, told["here"], len(first)) == (0, "", 40)
    assert told["download_bytes"] >= len(CONTENT)
    assert set(told["needs"]) == {"none", "int8", "int4"}
    assert told["fits"] == ["none", "int8", "int4"]
    assert "speed not measured" in table
    assert f"not downloaded: occlusight models pull {name}" in table

    code, out, _ = call("models", "pull", name)
    assert code == 0
    assert (Path(json.loads(out)["folder"]) / WEIGHTS).read_bytes() == CONTENT
    told = json.loads(call("models", "show", name)[1])
    assert (told["here"], told["newest"], told["download_bytes"]) == (first, first, 0)
    hub.revision, hub.files[WEIGHTS] = "b" * 40, CONTENT[::-1]
    code, out, table = call("models", "show", name)
    told = json.loads(out)
    assert (told["here"], told["download_bytes"]) == (first, len(CONTENT))
    assert told["newest"] != first
    assert f"the hub has a newer one, {told['newest'][:12]}" in table

    rows = {one["name"]: one for one in json.loads(call("models", "list")[1])["models"]}
    assert set(rows) == {"default", "blind", name}
    assert rows[name]["whole"] is True
    assert rows[name]["bytes"] >= len(CONTENT)
    code, out, _ = call("models", "remove", name)
    assert (code, json.loads(out)["freed_bytes"] >= len(CONTENT)) == (0, True)
    assert name not in call("models", "list")[1]


@pytest.mark.parametrize("name", [NAME, ON_MODELSCOPE])
def test_what_was_interrupted_is_said_and_goes_on(call: Callable[..., Result], hub: FakeHub, name: str) -> None:
    hub.alter = True
    code, out, err = call("models", "pull", name)
    assert (code, out) == (2, "")
    assert "arrived damaged" in " ".join(err.split())
    code, out, table = call("models", "list")
    (row,) = (one for one in json.loads(out)["models"] if one["name"] == name)
    assert row["whole"] is False
    assert "download not ended" in " ".join(table.split())
    hub.alter = False
    assert call("models", "pull", name)[0] == 0
    (row,) = (one for one in json.loads(call("models", "list")[1])["models"] if one["name"] == name)
    assert row["whole"] is True


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("models", "pull", "default"), "there is nothing to download for 'default'"),
        (("models", "pull", "maker/other"), "the hub has no model 'maker/other'"),
        (("models", "show", "maker/other"), "the hub has no model 'maker/other'"),
        (("models", "pull", "modelscope:maker/other"), "ModelScope has no model 'maker/other'"),
        (("models", "show", "modelscope:maker/other"), "ModelScope has no model 'maker/other'"),
        (("models", "remove", ON_MODELSCOPE), "not among the downloaded models"),
        (("models", "pull", "modelscope:../other"), "there is nothing to download for 'modelscope:../other'"),
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
