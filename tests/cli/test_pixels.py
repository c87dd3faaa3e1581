"""--max-pixels and --min-pixels of the commands that answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Result


def test_a_reduced_picture_is_noted_and_told_in_json(
    call: Callable[..., Result], tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    """The tiny model reads a.png, 96x64, as it is."""
    asked = ("ask", pictures[0], "What?", "--model", tiny_checkpoint, "--max-tokens", 3)
    code, _, err = call(*asked, "--max-pixels", "4_096")
    assert code == 0
    assert "the picture was reduced from 96x64 to 64x32 pixels: 2 tokens; --max-pixels allows more" in err
    code, out, err = call(*asked, "--max-pixels", 4096, "--json")
    assert (code, err) == (0, "")
    used = {"rows": 1, "columns": 2, "tokens": 2, "size": [96, 64], "read_size": [64, 32], "reduced_by": "max_pixels"}
    assert json.loads(out)["usage"]["pictures"] == [used]
    code, out, err = call(*asked, "--min-pixels", 10_000, "--json")
    assert json.loads(out)["usage"]["pictures"][0]["read_size"] == [128, 96]
    assert "reduced" not in call(*asked)[2]


def test_limits_are_numbers_or_the_models_own(call: Callable[..., Result], pictures: list[Path]) -> None:
    code, _, err = call("ask", pictures[0], "What?", "--max-pixels", "much")
    assert code == 2
    assert err == "occlusight: --max-pixels takes a number of pixels, or 'model', but 'much' was given\n"


def test_other_backends_have_no_such_options(call: Callable[..., Result], tmp_path: Path) -> None:
    common = ("bench", "run", "--data", "occlusion-50", "--out", tmp_path / "out", "--backend", "transformers")
    code, _, err = call(*common, "--max-pixels", 5000)
    assert code == 2
    assert "the backend transformers cannot honour max_pixels=5000; leave it out" in " ".join(err.split())


def test_a_batch_asks_again_within_other_limits(
    call: Callable[..., Result], tiny_checkpoint: Path, pictures: list[Path], tmp_path: Path
) -> None:
    def batch(*options: object) -> dict[str, int]:
        common = ("--batch", pictures[0].parent, "--out", tmp_path / "out.jsonl", "--model", tiny_checkpoint)
        code, out, err = call("ask", "What?", *common, "--max-tokens", 2, *options)
        assert code == 0, err
        found: dict[str, int] = json.loads(out)
        return found

    assert batch("--max-pixels", 4096)["asked"] == len(pictures)
    assert batch("--max-pixels", 4096)["asked"] == 0
    assert batch("--max-pixels", "model")["asked"] == len(pictures)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {line["settings"]["max_pixels"] for line in lines} == {4096, "model"}
