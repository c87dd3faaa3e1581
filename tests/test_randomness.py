"""Streams of random numbers: their names, their numbers, and that nobody makes one by hand."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from occlusight.randomness import SHARED, STREAMS, stream

SOURCE = Path(__file__).parents[1] / "src"
BY_HAND = re.compile(r"default_rng\(\s*\[|SeedSequence\(")


def test_no_two_streams_share_a_number_but_those_that_always_did() -> None:
    of_number: dict[int | None, set[str]] = defaultdict(set)
    for name, number in STREAMS.items():
        of_number[number].add(name)
    assert {number: names for number, names in of_number.items() if len(names) > 1} == SHARED


def test_streams_draw_what_they_always_did() -> None:
    """Published sets and checkpoints depend on these numbers."""
    first = {name: int(stream(name, 7, 3).integers(1_000_000)) for name in STREAMS}
    assert first["targeted scenes"] == int(np.random.default_rng([7, 3, 11]).integers(1_000_000))
    assert first["free scenes"] == int(np.random.default_rng([7, 3]).integers(1_000_000))
    assert len({first[name] for name in STREAMS}) == len(set(STREAMS.values()))
    assert STREAMS == {
        "free scenes": None,
        "imported questions": None,
        "dots of a stereo picture": None,
        "free questions": 5,
        "targeted scenes": 11,
        "targeted questions": 12,
        "signs": 13,
        "signs questions": 14,
        "clips": 15,
        "balanced questions": 15,
        "clips questions": 16,
        "sight questions": 17,
        "stills questions": 18,
        "films": 19,
        "films questions": 20,
        "backdrops": 77,
        "training examples": 77,
        "scenery": 78,
        "tokenizer corpus": 78,
        "pictures of the model's world": 79,
        "noise": 80,
        "wordings": 81,
        "training batches": 82,
        "probes": 83,
        "surroundings": 84,
        "background": 85,
        "turns of surroundings": 86,
        "what is absent": 87,
        "laid finishes": 88,
    }


def test_every_stream_begins_anew() -> None:
    assert stream("signs", 1, 2).random() == stream("signs", 1, 2).random()
    with pytest.raises(KeyError):
        stream("sign", 1, 2)


def test_nobody_makes_a_stream_by_hand() -> None:
    assert BY_HAND.search("np.random.default_rng([seed, index, 79])")
    found = [p for p in SOURCE.rglob("*.py") if BY_HAND.search(p.read_text("utf-8")) and p.stem != "randomness"]
    assert found == []
