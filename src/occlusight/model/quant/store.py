"""A quantized model by its checkpoint and settings: out of its stored form, which is made first where there is none."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occlusight.errors import BadModel
from occlusight.model.allocator import give_back_gaps
from occlusight.model.config import ModelConfig
from occlusight.model.fields import read_json
from occlusight.model.quant.fused import Build, join, parts_of
from occlusight.model.quant.linear import Bf16Linear, build_linear
from occlusight.model.quant.plan import QuantPlan
from occlusight.model.quant.quantizer import Progress, Quantizer, Sample
from occlusight.model.quant.store_file import Origin, StoreReader
from occlusight.model.qwen3vl import Qwen3VL

log = logging.getLogger(__name__)

HEAD, REST = "lm_head.safetensors", "rest.safetensors"


class StoredEmbedding(nn.Embedding):
    """Embeddings in bf16, mapped from the stored form; what it gives is fp32, which quantized layers work in
    between.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__(weight.shape[0], weight.shape[1], _weight=weight, _freeze=True)

    def forward(self, ids: Tensor) -> Tensor:
        """`(.., T)` to `(.., T, D)`."""
        return F.embedding(ids, self.weight).float()


def load_quantized(
    checkpoint: Path,
    origin: Origin,
    calibration: Callable[[], Sequence[Sample]],
    progress: Progress | None = None,
    int4_only: bool = False,
    device: torch.device | str = "cpu",
) -> tuple[Qwen3VL, QuantPlan]:
    """Load the stored form; make it first where there is none, or where it is damaged or of an earlier format.

    `calibration` is called only to make it, which is done on the CPU. `int4_only`, `device`: see `load_stored`.
    """
    folder = origin.folder
    if os.path.lexists(folder):
        try:
            reader = StoreReader(folder)
            return load_stored(checkpoint, reader, int4_only, device), reader.plan
        except BadModel as error:
            log.warning("%s; it is made again", error)
    Quantizer(checkpoint, origin.settings, origin.checkpoint).run(calibration(), folder, progress)
    reader = StoreReader(folder)
    return load_stored(checkpoint, reader, int4_only, device), reader.plan


def load_form(
    checkpoint: Path, digest: str, folder: Path, int4_only: bool = False, device: torch.device | str = "cpu"
) -> tuple[Qwen3VL, QuantPlan]:
    """Load a stored form that somebody names.

    Raises:
        BadModel: it is damaged, or was made from another checkpoint than the one with this digest.
    """
    reader = StoreReader(folder)
    if reader.checkpoint != digest:
        raise BadModel(
            f"{folder} was made from another checkpoint than {checkpoint}; make one: occlusight models quantize "
            f"{checkpoint}"
        )
    return load_stored(checkpoint, reader, int4_only, device), reader.plan


def load_stored(
    checkpoint: Path, reader: StoreReader, int4_only: bool = False, device: torch.device | str = "cpu"
) -> Qwen3VL:
    """Build the model of `checkpoint` from its stored form, file by file. Anywhere but on a CPU the portable products
    do the work.

    With `int4_only`, layers in 4 bits come without their 8 bits: less than half of the memory, and prompts are read
    less exactly.

    Raises:
        BadModel: the stored form is damaged, or not of this checkpoint.
    """
    config = ModelConfig.from_hf(read_json(checkpoint, "config.json"))
    model = Qwen3VL.without_values(config)
    parts = {f"{name}.safetensors": (part, sites) for name, part, sites in parts_of(model)}

    def place(name: str, read: dict[str, Tensor]) -> None:
        # A tensor that stays as it is would keep the whole file mapped.
        tensors = {key: tensor.to(device, copy=not key.endswith(("levels", "nibbles"))) for key, tensor in read.items()}
        if name == HEAD:
            model.lm_head = build_linear(tensors)
        elif name == REST:
            _fill(model, tensors)
        elif name in parts:
            part, sites = parts[name]
            join(part, _builder(tensors, int4_only))
            own = {key: tensor for key, tensor in tensors.items() if not key.startswith(tuple(sites))}
            _fill(part, own)

    found = set()
    for name, tensors in reader.files():
        place(name, tensors)
        found.add(name)
        del tensors
        give_back_gaps()  # else packing leaves 0.4 GB of them in the 2B model's heap
    missing = {*parts, REST} - found
    if missing:
        raise BadModel(f"{reader.folder}: lacks {', '.join(sorted(missing)[:5])}")
    embedding = reader.embedding().to(device)
    model.text.embed_tokens = StoredEmbedding(embedding)
    if HEAD not in found:
        model.lm_head = Bf16Linear(embedding, None)
    left = [name for name, parameter in model.named_parameters() if parameter.device != embedding.device]
    if left:
        raise BadModel(f"{reader.folder}: has no values for {', '.join(left[:5])}")
    return model.requires_grad_(False).eval()


def _builder(tensors: dict[str, Tensor], int4_only: bool) -> Build:
    def build(site: str, order: Tensor | None = None) -> nn.Module:
        own = {key.removeprefix(f"{site}."): tensor for key, tensor in tensors.items() if key.startswith(f"{site}.")}
        return build_linear(own, order, int4_only)

    return build


def _fill(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    try:
        module.load_state_dict(tensors, strict=False, assign=True)
    except RuntimeError as error:
        raise BadModel(f"the stored form does not fit the configuration: {error}") from None
