"""Named streams of random numbers: what is drawn for one purpose never depends on what is drawn for another.

A stream is known by its name and by what it is about, such as the seed of a data set and the index of a scene.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

STREAMS: Mapping[str, int | None] = {
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
"""The number that sets a stream apart from others about the same thing. Data sets and checkpoints depend on it: it
never changes. A new stream takes a number that no other has."""
SHARED: Mapping[int | None, frozenset[str]] = {
    None: frozenset({"free scenes", "imported questions", "dots of a stereo picture"}),
    15: frozenset({"clips", "balanced questions"}),
    77: frozenset({"backdrops", "training examples"}),
    78: frozenset({"scenery", "tokenizer corpus"}),
}
"""Streams that were made with one number, or with none, before numbers had names; what was drawn from them is
published."""


def stream(name: str, *state: int) -> np.random.Generator:
    """Return a new generator at the beginning of a stream; the same arguments give the same draws.

    `name` is one of STREAMS, `state` has whole numbers of 0 or more. Raises KeyError for an unknown name.
    """
    number = STREAMS[name]
    return np.random.default_rng([*state] if number is None else [*state, number])
