"""The parts of a model that are put together anew around quantized layers: layers that read the same input become one.

Quantizing an input once instead of three times, and fewer, larger products, is most of what makes prefill fast.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occlusight.kernels import ops
from occlusight.kernels.capabilities import capabilities
from occlusight.model.grids import GridTables
from occlusight.model.quant.int8 import BLOCK
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.rope import pair_order, rotate_pairs_
from occlusight.model.text import RMSNorm, TextAttention, TextLayer
from occlusight.model.vision import Merger, VisionAttention, VisionBlock

GELU_CUBE, GELU_SCALE = 0.044715, 2 * (2 / torch.pi) ** 0.5

Sites = dict[str, tuple[str, ...]]
"""A quantized layer's name, and the names of the linear layers that it replaces, their outputs one after the other."""
TEXT_SITES: Sites = {
    "self_attn.qkv_proj": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attn.o_proj": ("self_attn.o_proj",),
    "mlp.gate_up_proj": ("mlp.gate_proj", "mlp.up_proj"),
    "mlp.down_proj": ("mlp.down_proj",),
}
VISION_SITES: Sites = {name: (name,) for name in ("attn.qkv", "attn.proj", "mlp.linear_fc1", "mlp.linear_fc2")}
MERGER_SITES: Sites = {name: (name,) for name in ("linear_fc1", "linear_fc2")}
NORMS = {
    "self_attn.qkv_proj": "input_layernorm",
    "mlp.gate_up_proj": "post_attention_layernorm",
    "attn.qkv": "norm1",
    "mlp.linear_fc1": "norm2",
}
"""The norm whose output alone a layer reads: equalizing goes into its weight and costs nothing."""


class Build(Protocol):
    """From a site's name within its block, and the order of its outputs if another than the stored one is wanted, to
    the layer.
    """

    def __call__(self, site: str, order: Tensor | None = None) -> nn.Module:
        """Build the layer."""
        ...


def turned_order(turned: int, others: int, width: int) -> Tensor:
    """The outputs of a layer for queries, keys and values, `turned` heads in `pair_order` and `others` as they are."""
    order = pair_order(turned, width)
    return torch.cat((order, torch.arange(others * width) + len(order)))


class LoopNorm(RMSNorm):
    """`RMSNorm` of fp32 in one pass."""

    def __init__(self, plain: RMSNorm) -> None:
        nn.Module.__init__(self)
        self.weight, self.eps, self.eps_bits = plain.weight, plain.eps, ops.float_bits(plain.eps)

    def forward(self, x: Tensor) -> Tensor:
        """`(.., D)` to `(.., D)`."""
        if not (x.is_cpu and x.dtype == self.weight.dtype == torch.float32 and capabilities().loops):
            return super().forward(x)
        return ops.rms_norm(x.contiguous(), self.weight, self.eps_bits)


class JoinedAttention(TextAttention):
    """`TextAttention` with one layer for queries, keys and values, which are bf16 where they meet.

    The channels of queries and keys are in `pair_order`, of both alike: their products are the same.
    """

    def __init__(self, plain: TextAttention, build: Build) -> None:
        nn.Module.__init__(self)
        self.heads, self.kv_heads, self.head_dim = plain.heads, plain.kv_heads, plain.head_dim
        self.attend = plain.attend
        self.q_norm, self.k_norm = plain.q_norm, plain.k_norm
        self.turned, self.eps_bits = self.heads + self.kv_heads, ops.float_bits(plain.q_norm.eps)
        self.qkv_proj = build("self_attn.qkv_proj", turned_order(self.turned, self.kv_heads, self.head_dim))
        self.o_proj = build("self_attn.o_proj")  # type: ignore[assignment]

    def project(self, x: Tensor, tables: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values `(B, heads, T, head_dim)`, bf16."""
        qkv = self.qkv_proj(x).view(*x.shape[:2], -1, self.head_dim)
        if x.is_cpu and capabilities().loops and ops.turns(self.head_dim):
            out = torch.empty_like(qkv, dtype=torch.bfloat16)
            cos, sin = (table.flatten(0, 2) for table in tables)
            ops.turn(qkv.flatten(0, 1), self.norms, cos, sin, self.turned, out, self.eps_bits)
            return self._apart(out)
        turned = qkv[:, :, : self.turned]
        squares = torch.linalg.vector_norm(turned, dim=-1, keepdim=True).square_()
        turned.mul_(self.norms).mul_(squares.div_(self.head_dim).add_(self.q_norm.eps).rsqrt_())
        rotate_pairs_(turned, *(table.transpose(1, 2) for table in tables))
        return self._apart(qkv.bfloat16())

    def _apart(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = torch.split(qkv.transpose(1, 2), [self.heads, self.kv_heads, self.kv_heads], 1)
        return q, k, v

    @cached_property
    def norms(self) -> Tensor:
        """Both norms' weights as the heads lie, `(turned, head_dim)`."""
        weights = self.q_norm.weight.expand(self.heads, -1), self.k_norm.weight.expand(self.kv_heads, -1)
        return torch.cat(weights).float().flatten()[pair_order(self.turned, self.head_dim)].view(self.turned, -1)


class JoinedMLP(nn.Module):
    """`TextMLP` with one layer for gate and up."""

    def __init__(self, gate_up: nn.Module, down: nn.Module) -> None:
        super().__init__()
        self.gate_up_proj, self.down_proj = gate_up, down

    def forward(self, x: Tensor) -> Tensor:
        """`(.., D)` to `(.., D)`."""
        both = self.gate_up_proj(x.flatten(0, -2))
        out: Tensor = self.down_proj(ops.swiglu(both) if both.is_cpu and capabilities().loops else swiglu(both))
        return out.view(x.shape)


class JoinedVisionAttention(VisionAttention):
    """`VisionAttention`, projected some rows at a time; queries and keys in `pair_order`, bf16 where that is faster."""

    def __init__(self, plain: VisionAttention, build: Build) -> None:
        nn.Module.__init__(self)
        self.heads, self.head_dim = plain.heads, plain.head_dim
        self.attend = plain.attend
        self.qkv = build("attn.qkv", turned_order(2 * self.heads, self.heads, self.head_dim))  # type: ignore[assignment]
        self.proj = build("attn.proj")  # type: ignore[assignment]

    def project(self, x: Tensor, tables: GridTables) -> tuple[Tensor, Tensor, Tensor]:
        """See `VisionAttention`."""
        kind = torch.float32 if x.is_cpu and not capabilities().bf16 else torch.bfloat16
        qkv = torch.empty(*x.shape[:2], 3 * self.heads, self.head_dim, dtype=kind, device=x.device)
        for frame, into in zip(x, qkv, strict=True):
            for begin in range(0, len(frame), BLOCK):
                rows = slice(begin, begin + BLOCK)
                part = self.qkv(frame[rows]).view(-1, *qkv.shape[2:])
                if kind == torch.bfloat16 and x.is_cpu and capabilities().loops and ops.turns(self.head_dim):
                    ops.turn(part, None, tables.cos[rows], tables.sin[rows], 2 * self.heads, into[rows])
                    continue
                rotate_pairs_(part[:, : 2 * self.heads], tables.cos[rows, None], tables.sin[rows, None])
                into[rows] = part
        q, k, v = qkv.transpose(1, 2).chunk(3, 1)
        return q, k, v

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `VisionAttention`."""
        if not (q.is_cpu and capabilities().loops) or capabilities().amx:
            return super().mix(q, k, v)
        out: Tensor = self.proj(ops.attend_all(q, k, v).transpose(1, 2).flatten(2))
        return out


class QuantVisionMLP(nn.Module):
    """`VisionMLP` of quantized layers."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.linear_fc1, self.linear_fc2 = first, second

    def forward(self, x: Tensor) -> Tensor:
        """`(.., D)` to `(.., D)`."""
        out: Tensor = self.linear_fc2(gelu_(self.linear_fc1(x)))
        return out


def swiglu(both: Tensor) -> Tensor:
    """silu(gate) x up of gates and ups `(M, 2 F)`, `(M, F)`."""
    gate, up = both.chunk(2, -1)
    return F.silu(gate).mul_(up)


def gelu_tanh_(x: Tensor) -> Tensor:
    """The tanh-approximated GELU (arXiv:1606.08415, section 2), in place and in half the time of PyTorch's.

    With 2 sigmoid(2 t) = 1 + tanh(t) it is x sigmoid(u), u = 2 sqrt(2 / pi) x (1 + 0.044715 x^2).
    """
    inner = torch.addcmul(x.new_tensor(GELU_SCALE), x, x, value=GELU_SCALE * GELU_CUBE)
    return x.mul_(inner.mul_(x).sigmoid_())


def gelu_(x: Tensor) -> Tensor:
    """GELU in place, the fastest way."""
    return ops.gelu_(x) if x.is_cpu and capabilities().loops else gelu_tanh_(x)


def join_text(layer: TextLayer, build: Build) -> None:
    """Replace a decoder layer's linear layers and norms."""
    layer.self_attn = JoinedAttention(layer.self_attn, build)
    layer.mlp = JoinedMLP(build("mlp.gate_up_proj"), build("mlp.down_proj"))  # type: ignore[assignment]
    layer.input_layernorm = LoopNorm(layer.input_layernorm)
    layer.post_attention_layernorm = LoopNorm(layer.post_attention_layernorm)


def join_vision(block: VisionBlock, build: Build) -> None:
    """Replace a vision block's linear layers."""
    block.attn = JoinedVisionAttention(block.attn, build)
    block.mlp = QuantVisionMLP(build("mlp.linear_fc1"), build("mlp.linear_fc2"))  # type: ignore[assignment]


def join_merger(merger: Merger, build: Build) -> None:
    """Replace a merger's linear layers."""
    merger.linear_fc1, merger.linear_fc2 = build("linear_fc1"), build("linear_fc2")  # type: ignore[assignment]


def parts_of(model: Qwen3VL) -> list[tuple[str, nn.Module, Sites]]:
    """Every part that holds quantized layers, in the order of computation: name, module, sites."""
    vision, text = model.vision, model.text
    parts: list[tuple[str, nn.Module, Sites]] = []
    taps = {block: place for place, block in enumerate(model.config.vision.taps)}
    for index, block in enumerate(vision.blocks):
        parts.append((f"vision.blocks.{index}", block, VISION_SITES))
        if index in taps:
            name = f"vision.deepstack_merger_list.{taps[index]}"
            parts.append((name, vision.deepstack_merger_list[taps[index]], MERGER_SITES))
    parts.append(("vision.merger", vision.merger, MERGER_SITES))
    parts += [(f"text.layers.{index}", layer, TEXT_SITES) for index, layer in enumerate(text.layers)]
    return parts


def join(part: nn.Module, build: Build) -> None:
    """Replace the linear layers of one of `parts_of`."""
    if isinstance(part, TextLayer):
        join_text(part, build)
    elif isinstance(part, VisionBlock):
        join_vision(part, build)
    else:
        assert isinstance(part, Merger)
        join_merger(part, build)
