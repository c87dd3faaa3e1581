"""A digest that tells one checkpoint from another."""

from __future__ import annotations

import shutil
from pathlib import Path

from occlusight.model.revision import revision_of


def test_a_revision_follows_weights_and_tokenizer(tiny_checkpoint: Path, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(tiny_checkpoint, tmp_path / "twin"))
    assert revision_of(twin) == revision_of(tiny_checkpoint)
    weights = bytearray((twin / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (twin / "model.safetensors").write_bytes(weights)
    assert revision_of(twin) != revision_of(tiny_checkpoint)
