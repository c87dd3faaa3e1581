"""Sweeps over sizes of pictures and lengths of answers, and their knees."""

from __future__ import annotations

from pathlib import Path

from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Request
from occlusight.backends.scripted import Scripted
from occlusight.bench.oracle import oracle_of
from occlusight.bench.sweep import Resized, default_side, knee, sweep
from occlusight.bench.sweep_page import COLUMNS, page, to_markdown, verdict_of_length, verdict_of_size


def test_a_sweep_finds_the_knee(data, names, tmp_path: Path) -> None:
    """Answers come whole from 64 pieces on, so there longer limits buy nothing."""
    oracle = oracle_of(data, names)

    def answer(request):
        return next(text for (_, prompt), text in oracle.known.items() if prompt == request.prompt)

    found = sweep(Scripted(answer), data, tmp_path, names, sizes=(32, 64), lengths=(1, 64, 128), langs=["en"], scenes=2)
    assert [p["size"] for p in found["by_size"]] == [32, 64]
    assert found["best_size"] == 32
    assert found["by_max_tokens"][0]["cut"] > 0
    assert found["by_max_tokens"][0]["accuracy"] < found["by_max_tokens"][1]["accuracy"]
    assert found["best_max_tokens"] == 64
    assert (
        knee([{"size": 1, "accuracy": 0.7}, {"size": 2, "accuracy": 0.795}, {"size": 3, "accuracy": 0.8}], "size") == 2
    )


def test_our_engine_reads_a_picture_at_the_size_under_test(tiny_checkpoint, pictures) -> None:
    """Its limits are 32 to 128 pixels a side of a square; a token is 32 x 32 pixels."""
    backend = LocalBackend(tiny_checkpoint)
    request = Request("?", (pictures[0],), max_tokens=1)  # 96 x 64
    tokens = [list(Resized(backend, size).generate(request))[-1].usage.image_tokens for size in (96, 384)]
    assert tokens == [6, 96]
    assert Resized(backend, 384).preprocess.limits.max_pixels > 384 * 384
    assert list(backend.generate(request))[-1].usage.image_tokens == 6
    assert default_side(backend) == [32, 128]


def test_the_knee_is_shown_and_justified() -> None:
    def at(setting: str, value: int, accuracy: float, seconds: float) -> dict[str, object]:
        numbers = dict.fromkeys((key for _, key, _ in COLUMNS), 1)
        return {setting: value, **numbers, "accuracy": accuracy, "first_answer_s": seconds, "later_answers_s": seconds}

    sizes = [at("size", 256, 0.8, 0.5), at("size", 512, 0.895, 1.0), at("size", 1024, 0.9, 4.0)]
    lengths = [at("max_tokens", 32, 0.5, 1.0), at("max_tokens", 256, 0.9, 1.0)]
    found = {"model": "M", "data": "D", "by_size": sizes, "best_size": 512, "default_size": [400, 520]}
    found |= {"by_max_tokens": lengths, "best_max_tokens": 256, "default_max_tokens": 256}
    assert verdict_of_size(found) == (
        "The knee is at 512 pixels: accuracy 89.5 against 90.0 at 1024, the best; 1024 has 90.0 and takes 4.0 "
        "times as long to a first answer. That is the default: the checkpoint reads a square picture with 400 to "
        "520 pixels a side."
    )
    assert "limits are below it" in verdict_of_size(found | {"default_size": [200, 264]})
    assert "limits allow more" in verdict_of_size(found | {"default_size": [200, 4096]})
    assert verdict_of_length(found).endswith("accuracy 90.0, the best. That is the default.")
    assert "| **512** | **89.5** |" in to_markdown(found)
    assert page(found).count('class="knee"') == 2
    nothing = found | {"by_size": [at("size", 256, 0, 1) | {"accuracy": None}], "best_size": None}
    assert "No accuracy" in page(nothing)


def test_pictures_are_resized_by_their_longer_side(pictures) -> None:
    seen = Scripted("Yes.")
    list(Resized(seen, 48).generate(Request("?", (pictures[3],))))
    assert seen.requests[0].pictures[0].size == (48, 10)
