"""The parts of a model that are put together anew around quantized layers: layers that read the same input become one.

Quantizing an input once instead of three times, and fewer, larger products, is most of what makes prefill fast.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occlusight.model.attention import Attention, fused_attention
from occlusight.model.quant.kernels import native
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.text import TextAttention, TextLayer
from occlusight.model.vision import Merger, VisionBlock

ROWS = 256
"""Rows of the tower's MLP that are computed together: what lies between its layers stays in the second-level cache. A block of oneDNN's."""
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


class JoinedAttention(TextAttention):
    """`TextAttention` with one layer for queries, keys and values; keys and values in bf16."""

    def __init__(self, plain: TextAttention, qkv: nn.Module, out: nn.Module) -> None:
        nn.Module.__init__(self)
        self.heads, self.kv_heads, self.head_dim = plain.heads, plain.kv_heads, plain.head_dim
        self.attend = plain.attend
        self.q_norm, self.k_norm = plain.q_norm, plain.k_norm
        self.qkv_proj = qkv
        self.o_proj = out  # type: ignore[assignment]

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values `(.., heads * head_dim)`; the type of the last is the one that attention works in."""
        shares = [heads * self.head_dim for heads in (self.heads, self.kv_heads, self.kv_heads)]
        q, k, v = torch.split(self.qkv_proj(x), shares, -1)
        return q, k, v.bfloat16()


class JoinedMLP(nn.Module):
    """`TextMLP` with one layer for gate and up."""

    def __init__(self, gate_up: nn.Module, down: nn.Module) -> None:
        super().__init__()
        self.gate_up_proj, self.down_proj = gate_up, down

    def forward(self, x: Tensor) -> Tensor:
        """`(.., D)` to `(.., D)`."""
        parts = [self._rows(rows) for rows in split_rows(x.flatten(0, -2))]
        return (parts[0] if len(parts) == 1 else torch.cat(parts)).view(x.shape)

    def _rows(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up_proj(x).chunk(2, -1)
        out: Tensor = self.down_proj(F.silu(gate).mul_(up))
        return out


def split_rows(x: Tensor) -> tuple[Tensor, ...]:
    """`(M, K)` as one piece, or as two where a few rows follow a multiple of `ROWS`.

    oneDNN multiplies blocks of 256 rows: 280 rows take as long as 512 (7.5 ms for 2,048 x 12,288 on two cores with AMX), 256 take 4.0 ms
    and the other 24 what reading the weight takes.
    """
    whole = len(x) // ROWS * ROWS
    few = len(x) - whole
    return torch.split(x, [whole, few]) if whole and 0 < few <= ROWS // 2 else (x,)


class ChunkedMLP(nn.Module):
    """`VisionMLP` some rows at a time."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.linear_fc1, self.linear_fc2 = first, second

    def forward(self, x: Tensor) -> Tensor:
        """`(.., D)` to `(.., D)`."""
        parts = [self.linear_fc2(gelu_tanh_(self.linear_fc1(rows))) for rows in torch.split(x.flatten(0, -2), ROWS)]
        return torch.cat(parts).view(x.shape)


def gelu_tanh_(x: Tensor) -> Tensor:
    """The tanh-approximated GELU (arXiv:1606.08415, section 2), in place and in half the time of PyTorch's.

    With 2 sigmoid(2 t) = 1 + tanh(t) it is x sigmoid(u), u = 2 sqrt(2 / pi) x (1 + 0.044715 x^2).
    """
    inner = (x * x).mul_(GELU_SCALE * GELU_CUBE).add_(GELU_SCALE).mul_(x).sigmoid_()
    return x.mul_(inner)


def half_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """PyTorch's kernel in bf16, which uses the matrix units where there are some."""
    return fused_attention(q.bfloat16(), k.bfloat16(), v.bfloat16(), mask, causal)


def vision_attention() -> Attention:
    """What the tower computes attention with: bf16 is faster with AMX, slower without."""
    return half_attention if native().amx else fused_attention


Build = Callable[[str], nn.Module]
"""From a site's name within its block to the quantized layer."""


def join_text(layer: TextLayer, build: Build) -> None:
    """Replace a decoder layer's linear layers."""
    layer.self_attn = JoinedAttention(layer.self_attn, build("self_attn.qkv_proj"), build("self_attn.o_proj"))
    layer.mlp = JoinedMLP(build("mlp.gate_up_proj"), build("mlp.down_proj"))  # type: ignore[assignment]


def join_vision(block: VisionBlock, build: Build) -> None:
    """Replace a vision block's linear layers."""
    block.attn.qkv, block.attn.proj = build("attn.qkv"), build("attn.proj")  # type: ignore[assignment]
    block.attn.attend = vision_attention()
    block.mlp = ChunkedMLP(build("mlp.linear_fc1"), build("mlp.linear_fc2"))  # type: ignore[assignment]


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
