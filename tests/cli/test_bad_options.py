"""Options that no model can take are refused before one is loaded: every option of every command that opens a model is
tried."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Result
from tests.cli.walk import Parameter, parameters

import occlusight.backends.quantized  # noqa: F401 - imported while a test replaces what it imports, it would keep that

NUMBERS = {int: ("-1000000000", "1000000000000000000000"), float: ("-1e9", "nan", "inf")}
"""Numbers that no option takes, but for those of `LARGE`, which are whole numbers without an upper end."""
LARGE = {
    *("--limit", "--scenes", "--runs", "--questions", "--tokens", "--batch-tokens", "--image-size", "--threads"),
    *("--min-pixels", "--group", "--clips"),
}
WORDS = {"--regex": "(", "--sizes": "0", "--max-pixels": "many", "--json-limits": "words=1", "--stop": ""}
"""Bad values of options that take more than a few words; what is in none of the two is given 'nonsense'."""
FREE = {"--system", "--base-url", "--model", "--data", "--host", "--allow-host", "--allow-origin"} | {
    *("--api-key", "--admin-key", "--on", "--ask"),
}
"""Texts that may say anything, or name what only opening can find."""


def given(command: tuple[str, ...], tmp_path: Path, picture: Path, checkpoint: Path) -> list[Any]:
    """Return arguments with which a command would open a model."""
    labels = tmp_path / "labels.csv"
    labels.write_text(f"picture,lang,hides,hidden,truth\n{picture},en,the car,the bush,yes\n")
    clip = tmp_path / "clip"
    clip.mkdir(exist_ok=True)
    (clip / "0.png").write_bytes(picture.read_bytes())
    thing = {"kind": "car", "name": "car", "visible": [1.0], "hidden": []}
    line = {"id": "c", "recipe": "clip-street", "images": ["0.png"], "times": [0.0], "objects": {"o1": thing}}
    (clip / "clips.jsonl").write_text(json.dumps(line) + "\n")
    named = ["--model", checkpoint]
    return {
        ("ask",): [picture, "Is it?", "--json", *named],
        ("serve",): ["--port", 0, *named],
        ("speed",): named,
        ("graph",): [picture, *named],
        ("read",): [picture, *named],
        ("track",): [clip, *named],
        ("calibrate",): ["--data", "occlusion-50", *named],
        ("bench", "decisions"): ["--data", "occlusion-50", *named],
        ("bench", "graph"): ["--data", "occlusion-50", *named],
        ("bench", "video"): ["--data", clip, *named],
        ("bench", "run"): ["--data", "occlusion-50", "--out", tmp_path / "run", *named],
        ("bench", "sweep"): ["--data", "occlusion-50", "--out", tmp_path / "run", *named],
        ("bench", "label"): ["--labels", labels, "--out", tmp_path / "run", *named],
        ("models", "quantize"): [checkpoint],
    }[command]


def bad_values(one: Parameter) -> tuple[str, ...]:
    if one.kind in NUMBERS:
        return NUMBERS[one.kind][: 1 if one.name in LARGE else None]
    return (WORDS.get(one.name, "nonsense"),)


TRIED = [
    one
    for one in parameters()
    if one.is_option
    and one.kind in (int, float, str, Any)
    and one.name not in FREE
    and one.command != ("bench", "public")  # opens a model after reading data that only its makers have
    and any(other.name in ("--model", "model") for other in parameters() if other.command == one.command)
]


@pytest.mark.parametrize("command", sorted({one.command for one in TRIED}), ids=" ".join)
def test_no_bad_option_loads_a_model(
    command: tuple[str, ...],
    call: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    pictures: list[Path],
    tiny_checkpoint: Path,
) -> None:
    class Loaded(Exception):
        pass

    def load(*_: Any, **__: Any) -> None:
        raise Loaded

    monkeypatch.setattr("occlusight.backends.local.open_model", load)
    monkeypatch.setattr("occlusight.model.quant.store.load_quantized", load)
    arguments = given(command, tmp_path, pictures[0], tiny_checkpoint)
    with pytest.raises(Loaded):
        call(*command, *arguments)
    capsys.readouterr()
    wrong = []
    for one in (one for one in TRIED if one.command == command):
        for value in bad_values(one):
            try:
                code, _, err = call(*command, *arguments, f"{one.name}={value}")
            except Loaded:
                wrong.append(f"{one}={value} loads the model")
                capsys.readouterr()
            else:
                if code != 2 or err.count("\n") != 1:
                    wrong.append(f"{one}={value}: exit {code}, {err}")
    assert "\n".join(wrong) == ""


@pytest.mark.parametrize("word", [["nope.png"], ["http://a.b/c.png"], ["{text}"], ["{empty}"]])
def test_no_bad_picture_loads_a_model(
    word: list[str], call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    monkeypatch.setattr("occlusight.backends.open_backend", lambda *_, **__: pytest.fail("opened"))
    places = {"text": tmp_path / "text.png", "empty": tmp_path / "empty.png"}
    code, out, err = call("ask", *(one.format(**places) for one in word), "Is it?")
    assert (code, out, err.count("\n")) == (2, "", 1)
