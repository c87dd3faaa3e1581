"""Writes into a checkpoint the outliers that real ones have and random ones lack, without changing what it computes.

Trained models of this family have a few channels with values hundreds of times the others', and single tokens with
enormous values. Both ruin 8-bit activations: the scale of a token follows its largest value, and the others round to
nothing.

- *Channels behind a norm* (arXiv:2208.07339): the norm's weight times s, the columns of the layers that read it divided
  by s.
- *Channels between two layers*: rows of `up_proj` times s and columns of `down_proj` divided by s; likewise `v_proj`,
  `o_proj`.
- *Massive tokens* (arXiv:2402.17762): two channels of a SwiGLU that fire at one token of the vocabulary with equal
  strength, and whose columns in `down_proj` are each other's opposite. They cancel exactly, so what is computed is as
  if both were cut out; but at that token every other channel drowns. The columns are of ordinary size, so equalizing
  channels does not help. (The token must be visible in the residual stream. In random checkpoints the first layers
  drown it; `lift` makes embeddings larger, and divides the last norm by the same where they are the output layer too.)

All factors are powers of two: nothing is rounded, in any floating-point type. What `edit` writes computes the same as
what `base` leaves: the checkpoint with lifted embeddings and without the two channels.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from occlusight.errors import BadModel
from occlusight.model.config import ModelConfig
from occlusight.model.fields import read_json
from occlusight.model.weight_files import INDEX, shards
from occlusight.model.weights import hf_name

FACTORS = (128, 256, 512)
SHARD_BYTES = 1 << 30
TEXT_LAYER = re.compile(r"model\.language_model\.layers\.(\d+)\.(.+)\.weight")
VISION_BLOCK = re.compile(r"model\.visual\.blocks\.\d+\.(.+)\.(weight|bias)")
MERGER = re.compile(r"model\.visual\.(merger|deepstack_merger_list\.\d+)\.(.+)\.(weight|bias)")
EMBEDDING, LAST_NORM = hf_name("text.embed_tokens.weight"), hf_name("text.norm.weight")


@dataclass(frozen=True)
class Outliers:
    """Which channels become how much larger, and at which token two channels of a SwiGLU explode.

    text, vision, inner, value: channel -> factor, of the decoder's width, the tower's, the SwiGLU's and of one
    key/value head (in every head). massive_layers: how many of the first layers get a massive token; pair: the two
    channels for it. lift: a power of two.
    """

    config: ModelConfig
    text: dict[int, int]
    vision: dict[int, int]
    inner: dict[int, int]
    value: dict[int, int]
    pair: tuple[int, int]
    token: int
    massive_layers: int = 2
    massive: float = 1024.0
    lift: int = 1

    @classmethod
    def choose(cls, config: ModelConfig, seed: int = 0, channels: int = 4, lift: int = 1) -> Outliers:
        """Draw `channels` channels of each width with factors from 128 to 512. The massive token is the start of a
        picture.
        """
        rng = np.random.default_rng(seed)

        def draw(width: int, count: int) -> dict[int, int]:
            places = rng.choice(width, count, replace=False)
            return {int(c): FACTORS[i % len(FACTORS)] for i, c in enumerate(places)}

        inner = draw(config.text.intermediate_size, channels + 2)
        first, second = list(inner)[-2:]
        kept = {channel: factor for channel, factor in inner.items() if channel not in (first, second)}
        return cls(
            config,
            text=draw(config.text.hidden_size, channels),
            vision=draw(config.vision.hidden_size, channels),
            inner=kept,
            value=draw(config.text.head_dim, 1),
            pair=(first, second),
            token=config.vision_start_token_id,
            lift=lift,
        )

    def edit(self, name: str, tensor: Tensor, embedding: Tensor) -> Tensor:
        """Return the tensor of that (Hugging Face's) name with the outliers written in; `tensor` is left as it was.

        `embedding` is the `(D,)` embedding of the massive token, before any edit.
        """
        if match := TEXT_LAYER.fullmatch(name):
            return self._edit_text(int(match[1]), match[2], tensor.clone(), embedding)
        if match := VISION_BLOCK.fullmatch(name):
            return self._edit_vision(match[1], match[2], tensor.clone())
        if match := MERGER.fullmatch(name):
            return self._edit_merger(match[1], match[2], match[3], tensor.clone())
        return self._lifted(name, tensor)

    def base(self, name: str, tensor: Tensor) -> Tensor:
        """Return the tensor of the checkpoint that computes the same without outliers."""
        match = TEXT_LAYER.fullmatch(name)
        if match and match[2] == "mlp.down_proj" and int(match[1]) < self.massive_layers:
            tensor = tensor.clone()
            tensor[:, list(self.pair)] = 0
        return self._lifted(name, tensor)

    def _lifted(self, name: str, tensor: Tensor) -> Tensor:
        if name == EMBEDDING:
            return tensor * self.lift
        if name == LAST_NORM and self.config.tie_word_embeddings:
            return tensor / self.lift
        return tensor

    def _edit_text(self, layer: int, part: str, x: Tensor, embedding: Tensor) -> Tensor:
        if part in ("input_layernorm", "post_attention_layernorm"):
            scale(x, self.text)
        elif part in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj"):
            if layer < self.massive_layers and part.startswith("mlp"):
                x[list(self.pair)] = self._trigger(embedding).to(x.dtype)
            scale(x.T, self.text, inverse=True)
        elif part == "mlp.down_proj":
            if layer < self.massive_layers:
                x[:, self.pair[1]] = -x[:, self.pair[0]]
            scale(x.T, self.inner, inverse=True)
        elif part == "self_attn.o_proj":
            for head in x.view(x.shape[0], self.config.text.heads, -1).unbind(1):
                scale(head.T, self.value, inverse=True)
        if part == "mlp.up_proj":
            scale(x, self.inner)
        elif part == "self_attn.v_proj":
            for head in x.view(self.config.text.kv_heads, -1, x.shape[1]):
                scale(head, self.value)
        return x

    def _trigger(self, embedding: Tensor) -> Tensor:
        """Return the row of gate and up that gives about sqrt(massive) at the token, about sqrt(massive / D) at others.

        (The norm in front gives vectors of length sqrt(D); the token's points along its embedding.)
        """
        direction: Tensor = embedding.float() / embedding.float().norm()
        return direction * math.sqrt(self.massive / direction.shape[0])

    def _edit_vision(self, part: str, kind: str, x: Tensor) -> Tensor:
        if part in ("norm1", "norm2"):
            scale(x, self.vision)
        elif part in ("attn.qkv", "mlp.linear_fc1") and kind == "weight":
            scale(x.T, self.vision, inverse=True)
        return x

    def _edit_merger(self, merger: str, part: str, kind: str, x: Tensor) -> Tensor:
        """The main merger's norm is a patch wide and read once a patch of the block, the others' is a block wide."""
        per_block = self.config.vision.merge_size**2
        width = self.config.vision.hidden_size
        joined = {channel + patch * width: f for channel, f in self.vision.items() for patch in range(per_block)}
        if part == "norm":
            scale(x, self.vision if merger == "merger" else joined)
        elif part == "linear_fc1" and kind == "weight":
            scale(x.T, joined, inverse=True)
        return x


def scale(x: Tensor, factors: dict[int, int], inverse: bool = False) -> None:
    """Multiply or divide rows of `x` in place."""
    for channel, factor in factors.items():
        x[channel] *= 1 / factor if inverse else factor


def write_outliers(source: str | Path, target: str | Path, seed: int = 0) -> Outliers:
    """Copy a checkpoint, outliers written in; weights go through memory a shard of about 1 GiB at a time.

    Raises:
        BadModel: `source` is no checkpoint, or `target` is `source`.
    """
    source, target = Path(source), Path(target)
    if target.resolve() == source.resolve():
        raise BadModel(f"the outliers must be written to another folder than {source}")
    outliers = Outliers.choose(ModelConfig.from_hf(read_json(source, "config.json")), seed)
    row = next(tensor[outliers.token].clone() for name, tensor in tensors(source) if name == EMBEDDING)
    size = float(row.float().square().mean().sqrt())
    outliers = replace(outliers, lift=2 ** max(0, math.ceil(-math.log2(size))))  # embeddings of about 1
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.is_file() and path.suffix != ".safetensors" and path.name != INDEX:
            shutil.copy2(path, target / path.name)
    table: dict[str, str] = {}
    total = 0
    for number, piece in enumerate(pieces(source)):
        file = f"model-{number + 1:05d}.safetensors"
        edited = {name: outliers.edit(name, tensor, row).contiguous() for name, tensor in piece.items()}
        save_file(edited, target / file, metadata={"format": "pt"})
        table |= dict.fromkeys(edited, file)
        total += sum(tensor.nbytes for tensor in edited.values())
    index = {"metadata": {"total_size": total}, "weight_map": table}
    (target / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    return outliers


def tensors(checkpoint: Path) -> Iterator[tuple[str, Tensor]]:
    """Yield names and tensors of a checkpoint one by one."""
    for path in shards(checkpoint):
        with safe_open(path, framework="pt", device="cpu") as file:
            for name in file.keys():  # noqa: SIM118 (not a dict)
                yield name, file.get_tensor(name)


def pieces(checkpoint: Path) -> Iterator[dict[str, Tensor]]:
    """Yield the tensors of a checkpoint in groups of about `SHARD_BYTES`."""
    piece: dict[str, Tensor] = {}
    for name, tensor in tensors(checkpoint):
        if piece and sum(t.nbytes for t in piece.values()) + tensor.nbytes > SHARD_BYTES:
            yield piece
            piece = {}
        piece[name] = tensor
    if piece:
        yield piece


def edited_state(state: dict[str, Tensor], outliers: Outliers) -> dict[str, Tensor]:
    """A whole state by Hugging Face's names, outliers written in."""
    with torch.no_grad():
        row = state[EMBEDDING][outliers.token].clone()
        return {name: outliers.edit(name, tensor, row) for name, tensor in state.items()}
