"""`occlusight read` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.api.scripts import TEXTS
from tests.cli.conftest import Result

from occlusight.backends.scripted import Scripted

EXAMPLES = Path(__file__).parents[2] / "examples"
SAID = json.dumps([{"bbox_2d": [1, 2, 30, 40], "text_content": text} for text in TEXTS.values()], ensure_ascii=False)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """A large model that sees a line in each of 32 languages."""
    found = Scripted(SAID)
    monkeypatch.setattr("occlusight.backends.open_backend", lambda *arguments, **keywords: found)
    return found


def test_lines_are_printed_as_they_are_or_with_their_boxes(
    call: Callable[..., Result], backend: Scripted, pictures: list[Path]
) -> None:
    code, out, _ = call("read", pictures[0], "--max-pixels", 5000)
    assert (code, out.splitlines()) == (0, list(TEXTS.values()))
    assert (backend.requests[0].max_pixels, backend.requests[0].sampling.max_tokens) == (5000, 4096)
    code, out, _ = call("read", pictures[0], "--json", "--lang", "zh")
    document = json.loads(out)
    assert [line["text"] for line in document["lines"]] == list(TEXTS.values())
    assert document["lines"][0]["box"] == [1, 2, 30, 40]
    assert "逐行" in backend.requests[1].prompt


def test_fields_are_those_of_a_file(
    call: Callable[..., Result], backend: Scripted, pictures: list[Path], tmp_path: Path
) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "array"}')
    code, out, _ = call("read", pictures[0], "--json-schema", schema)
    assert (code, json.loads(out)) == (0, json.loads(SAID))
    code, _, err = call("read", pictures[0], "--json-schema", tmp_path / "none.json")
    assert (code, err.count("\n")) == (2, 1)


def test_nothing_and_what_was_cut_are_told(
    call: Callable[..., Result], backend: Scripted, pictures: list[Path]
) -> None:
    code, out, err = call("read", pictures[0], "--max-tokens", 1)
    assert (code, out) == (1, "")
    assert "max_tokens" in err
    backend.script = "[]"
    assert call("read", pictures[0], "--lang", "zh")[:2] == (0, "")
    assert call("read", pictures[0], "--lang", "fr")[0] == 2


def test_the_shipped_model_says_that_it_cannot_read(call: Callable[..., Result]) -> None:
    code, out, err = call("read", EXAMPLES / "street.webp")
    assert (code, out) == (2, "")
    assert "has not learnt to read" in err.splitlines()[-1]
