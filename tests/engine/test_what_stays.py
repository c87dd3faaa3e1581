"""What a question about a picture leaves in memory once it has been answered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import Request
from occlusight.engine import kv_manager
from occlusight.engine.config import EngineSettings
from occlusight.errors import BadInput
from occlusight.model.kv_cache import round_up


def ask(backend: LocalBackend, seed: int, tokens: int = 4) -> None:
    """Ask about a picture that nobody has asked about before."""
    drawn = np.random.default_rng(seed).integers(0, 256, (96, 128, 3), np.uint8)
    for _ in backend.generate(Request("Is it hidden?", (Image.fromarray(drawn),), max_tokens=tokens)):
        pass


@pytest.mark.parametrize("tokens", [1, 40])
def test_what_is_kept_has_no_room_that_nobody_uses(tiny_checkpoint: Path, tokens: int) -> None:
    backend = LocalBackend(tiny_checkpoint)
    ask(backend, 0, tokens)
    kept = backend.engine.prefixes._kept
    assert kept
    assert [s.store.capacity for s in kept] == [round_up(len(s.token_keys)) for s in kept]


def test_other_pictures_come_in_place_of_those_of_before(tiny_checkpoint: Path) -> None:
    tokens = 300
    backend = LocalBackend(tiny_checkpoint, settings=EngineSettings(kept_tokens=tokens))
    admission, held = backend.engine.kv.admission, []
    for seed in range(12):
        ask(backend, seed)
        held.append(backend.engine.counters())
    assert max(now.kept_bytes for now in held) <= tokens * admission.token_bytes
    assert max(now.feature_bytes for now in held) <= tokens * admission.visual_bytes
    assert held[-1].kept_bytes == held[-3].kept_bytes > 0  # it was full by then
    ask(backend, 11)
    assert backend.engine.counters().reused_tokens > 0  # the last one is known still


def test_gaps_between_what_is_kept_are_given_back(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = LocalBackend(tiny_checkpoint, settings=EngineSettings(prefix_cache_bytes=1))
    given: list[int] = []
    monkeypatch.setattr(kv_manager, "give_back_gaps", lambda: given.append(backend.engine.prefixes.evicted_bytes))
    ask(backend, 0)
    one = backend.engine.prefixes.evicted_bytes
    assert one > 0
    assert given == []
    monkeypatch.setattr(kv_manager, "GAPS", 3 * one)
    for seed in range(1, 7):
        ask(backend, seed)
    assert given == [3 * one, 6 * one]


def test_what_is_kept_is_counted_in_tokens_that_exist() -> None:
    with pytest.raises(BadInput, match="at least 1 token"):
        EngineSettings(kept_tokens=0)
