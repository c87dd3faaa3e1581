"""The files of weights of a checkpoint: which tensors there are, in which file, of which type and shape, before any is
read.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from occlusight.errors import BadModel
from occlusight.model.fields import Fields, listed, read_json, warn_once

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
EMBEDDING, HEAD = "model.language_model.embed_tokens.weight", "lm_head.weight"
MOST_HEADER = 16 << 20
"""The largest names and shapes of a file: those of a model of 32 billion parameters take 0.2 MB."""
FLOATS = ("F64", "F32", "F16", "BF16")
"""Types that a checkpoint's numbers may have; any other one is a code that means nothing without its scale."""
SCALES = [
    ".weight_scale",
    ".weight_scale_inv",
    ".weight_scale_2",
    ".input_scale",
    ".scales",
    ".biases",
    ".qweight",
    ".qzeros",
    ".g_idx",
    ".absmax",
    ".quant_map",
    ".nested_absmax",
    ".weight_packed",
    ".weight_shape",
    ".weight_zero_point",
    ".SCB",
    ".weight_format",
]
BUFFERS = (".inv_freq", ".original_inv_freq")
"""Buffers of rotary embeddings, which old exporters wrote; they are computed from the configuration."""


@dataclass(frozen=True)
class Stored:
    """A tensor in a file."""

    path: Path
    kind: str
    shape: tuple[int, ...]


class WeightFiles:
    """The tensors of a checkpoint directory by Hugging Face's names; buffers that are computed anyway are left out.

    Raises:
        BadModel: files are missing, damaged or contradict each other, or the weights are quantized.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        index = index_of(directory)
        self.tensors: dict[str, Stored] = {}
        for path in shards(directory):
            for name, stored in read_header(path).items():
                meant = index.get(name, path.name)
                if not name.endswith(BUFFERS) and (meant == path.name or meant not in index.values()):
                    self.tensors[name] = stored
        if codes := [
            name for name, one in self.tensors.items() if one.kind not in FLOATS or name.endswith(tuple(SCALES))
        ]:
            kinds = sorted({self.tensors[name].kind for name in codes})
            raise BadModel(
                f"{directory}: {listed(codes, 'tensor(s)')} of type {', '.join(kinds)} belong to weights that are "
                "quantized, which cannot "
                "be loaded; give the checkpoint in bf16, and --quantize int8 or int4 if it is to be small"
            )

    def read(self, name: str, low: int = 0, high: int | None = None) -> Tensor:
        """Return a tensor, or rows of it, as it is stored."""
        stored = self.tensors[name]
        with opened(stored.path) as file:
            if low == 0 and high is None:
                whole: Tensor = file.get_tensor(name)
                return whole
            rows: Tensor = file.get_slice(name)[low : stored.shape[0] if high is None else high]
            return rows

    def tied(self, says: bool) -> bool:
        """Whether embedding and output layer are one: where the configuration says so, and the files do not hold two
        that differ.

        This is what transformers does.
        """
        if not says or HEAD not in self.tensors or EMBEDDING not in self.tensors:
            return says
        if self.tensors[HEAD].shape != self.tensors[EMBEDDING].shape:
            return True  # which of them is wrong the shapes will tell
        rows, step = self.tensors[HEAD].shape[0], 4096
        if all(
            torch.equal(self.read(HEAD, low, low + step).double(), self.read(EMBEDDING, low, low + step).double())
            for low in range(0, rows, step)
        ):
            return True
        warn_once(
            f"{self.directory}: config.json ties {HEAD} to the embeddings, but both are stored and differ; {HEAD} is "
            "used, as transformers does"
        )
        return False

    def source_of(self, name: str, tied: bool) -> str:
        """Return the name of the tensor that gives a parameter its values: a tied embedding may be stored as the output
        layer alone.
        """
        return HEAD if tied and name == EMBEDDING and name not in self.tensors else name

    def unexpected(self, wanted: set[str], tied: bool) -> list[str]:
        """Return the names of tensors that the model has no place for."""
        known = wanted | ({HEAD} if tied else set())
        return [name for name in self.tensors if name not in known]


def opened(path: Path) -> Any:
    """Open a file of weights. Raises BadModel where it is damaged."""
    try:
        return safe_open(path, framework="pt", device="cpu")
    except (SafetensorError, OSError) as error:
        raise BadModel(f"{path}: not a readable safetensors file ({error}); download it again") from None


def read_header(path: Path) -> dict[str, Stored]:
    """Return the tensors of a file, whose header is looked at before anything is set aside for it."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
            if not 2 <= length <= min(size - 8, MOST_HEADER):
                raise BadModel(
                    f"{path}: not a readable safetensors file (a header of {length} bytes in a file of {size}); "
                    "download it again"
                )
            header: dict[str, Any] = json.loads(file.read(length))
    except (OSError, ValueError, RecursionError) as error:
        raise BadModel(f"{path}: not a readable safetensors file ({type(error).__name__}); download it again") from None
    with opened(path):  # the library checks that names, shapes and offsets fit the file
        pass
    return {
        name: Stored(path, entry["dtype"], tuple(entry["shape"]))
        for name, entry in header.items()
        if name != "__metadata__"
    }


def index_of(directory: Path) -> dict[str, str]:
    """Return which file holds which tensor, as the index says; empty where there is none.

    Raises:
        BadModel: it is damaged, or names files outside the directory.
    """
    if not (directory / INDEX).is_file():
        return {}
    fields = Fields(read_json(directory, INDEX), f"{directory / INDEX}")
    fields.without_effect("metadata")
    table = fields.get("weight_map")
    fields.close()
    if not isinstance(table, Mapping) or not table:
        raise BadModel(f"{directory / INDEX}: needs a weight_map from tensors to files; download it again")
    for name, file in table.items():
        if (
            not isinstance(file, str)
            or not file
            or Path(file).is_absolute()
            or ".." in Path(file).parts
            or "\0" in file
        ):
            raise BadModel(
                f"{directory / INDEX}: {name[:200]} is said to be in {file!r:.200}, which is no file of the checkpoint"
            )
    return dict(table)


def shards(directory: Path) -> list[Path]:
    """Return the files of weights of a checkpoint directory: those that the index names, else model.safetensors.

    Raises:
        BadModel: some are missing.
    """
    named = sorted(set(index_of(directory).values()))
    if not named:
        if not (directory / WEIGHTS).is_file():
            raise BadModel(f"{directory}: neither {WEIGHTS} nor {INDEX}; a model needs its weights as safetensors")
        return [directory / WEIGHTS]
    if absent := [name for name in named if not (directory / name).is_file()]:
        raise BadModel(f"{directory}: {INDEX} names shards that are not there: {listed(absent, 'file(s)')}")
    if WEIGHTS not in named and (directory / WEIGHTS).is_file():
        warn_once(f"{directory}: {WEIGHTS} is not used, since {INDEX} names other files; delete the one that is stale")
    return [directory / name for name in named]
