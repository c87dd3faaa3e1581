"""A digest that tells one checkpoint from another."""

from __future__ import annotations

import hashlib
from pathlib import Path

WHOLE = 512 << 20
"""Weights up to this size are digested whole, larger ones by samples."""
SAMPLE = 1 << 20
SAMPLES = 64
NAMED = ("config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json", "chat_template.jinja")


def revision_of(checkpoint: Path) -> str:
    """Return 16 hex digits of a SHA-256 over the configuration, the tokenizer and the weights.

    Of a file of weights above 512 MiB, its size and 64 evenly spaced samples of 1 MiB are digested, the first of which
    holds the names and shapes of the tensors: seconds would be lost on each start otherwise.
    """
    sha = hashlib.sha256()
    for name in NAMED:
        path = checkpoint / name
        if path.is_file():
            sha.update(name.encode() + path.read_bytes())
    for path in sorted(checkpoint.glob("*.safetensors")):
        size = path.stat().st_size
        sha.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            if size <= WHOLE:
                while piece := file.read(SAMPLE):
                    sha.update(piece)
                continue
            for sample in range(SAMPLES):
                file.seek((size - SAMPLE) * sample // (SAMPLES - 1))
                sha.update(file.read(SAMPLE))
    return sha.hexdigest()[:16]
