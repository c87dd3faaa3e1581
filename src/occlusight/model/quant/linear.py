"""Linear layers whose weights have 8, 4 or 16 bits; for inference only. All take any float and give fp32."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from occlusight.model.quant.kernels import Int4Weight, Int8Weight, quantize_int4, quantize_int8, quantize_rows


class Int8Linear(nn.Module):
    """int8 weights with a scale for each output channel, activations with a scale for each token, found as they come.

    divide: `(K,)`, divides the input's channels before rounding (the weight's columns were multiplied by it: SmoothQuant,
    arXiv:2211.10438). columns, beside: channels that are multiplied in bf16 instead, and their `(N, C)` weights (LLM.int8(),
    arXiv:2208.07339); their columns in `weight` are zero.
    """

    def __init__(
        self,
        weight: Int8Weight,
        bias: Tensor | None,
        divide: Tensor | None,
        columns: Tensor | None,
        beside: Tensor | None,
    ) -> None:
        super().__init__()
        self.weight, self.bias, self.columns, self.beside = weight, bias, columns, beside
        self.factor = None if divide is None else 1 / divide

    def forward(self, x: Tensor) -> Tensor:
        """`(.., K)` to `(.., N)`."""
        shape, x, owned = x.shape[:-1], x.reshape(-1, x.shape[-1]), False
        if self.factor is not None:
            x, owned = x * self.factor, True
        apart = None
        if self.columns is not None and self.beside is not None:
            apart = F.linear(x[:, self.columns].to(self.beside.dtype), self.beside)
            x, owned = x.index_fill(1, self.columns, 0), True
        rows = quantize_rows(x, owned)
        out = self.weight.accumulate(rows).mul_(rows.scale)
        if apart is not None:
            out += apart
        if self.bias is not None:
            out += self.bias
        return out.view(*shape, -1)


class Int4Linear(nn.Module):
    """int4 weights, a scale and an offset for each group; activations in bf16."""

    def __init__(self, weight: Int4Weight, bias: Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor) -> Tensor:
        """`(.., K)` to `(.., N)`."""
        out = self.weight.multiply(x.reshape(-1, x.shape[-1]))
        if self.bias is not None:
            out += self.bias
        return out.view(*x.shape[:-1], -1)


class HalfLinear(nn.Module):
    """A layer that is kept in the type of its `weight`, bf16 where the plan found 8 bits too few."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor) -> Tensor:
        """`(.., K)` to `(.., N)`."""
        out = F.linear(x.to(self.weight.dtype), self.weight).float()
        return out if self.bias is None else out.add_(self.bias)


QuantLinear = Int8Linear | Int4Linear | HalfLinear
Stored = Mapping[str, Tensor]
"""A layer's tensors as they are stored: `levels` and `scale` (8 bits), `nibbles` and `groups` (4), or `weight`; and perhaps `bias`,
`divide`, `columns`, `beside`."""


def build_linear(stored: Stored) -> QuantLinear:
    """The layer of stored tensors, its weight in the order that the kernels of this machine want."""
    bias = stored.get("bias")
    if "levels" in stored:
        weight = Int8Weight.pack(stored["levels"], stored["scale"])
        return Int8Linear(weight, bias, stored.get("divide"), stored.get("columns"), stored.get("beside"))
    if "nibbles" in stored:
        return Int4Linear(Int4Weight.pack(stored["nibbles"], stored["groups"]), bias)
    return HalfLinear(stored["weight"], bias)


def store_int8(
    weight: Tensor, bias: Tensor | None = None, divide: Tensor | None = None, columns: Tensor | None = None
) -> dict[str, Tensor]:
    """Quantize `(N, K)` to 8 bits, its columns equalized by `divide` and some of them, `columns`, kept apart."""
    weight = weight.float() if divide is None else weight.float() * divide
    stored = {} if bias is None else {"bias": bias.float()}
    if divide is not None:
        stored["divide"] = divide
    if columns is not None:
        stored |= {"columns": columns, "beside": weight[:, columns].bfloat16()}
        weight = weight.index_fill(1, columns, 0)
    stored["levels"], stored["scale"] = quantize_int8(weight)
    return stored


def store_int4(weight: Tensor, bias: Tensor | None, group: int) -> dict[str, Tensor]:
    """Quantize `(N, K)` to 4 bits in groups of `group`, which must divide K."""
    nibbles, groups = quantize_int4(weight, group)
    return {"nibbles": nibbles, "groups": groups, **({} if bias is None else {"bias": bias.float()})}


def store_half(weight: Tensor, bias: Tensor | None = None) -> dict[str, Tensor]:
    """Keep `(N, K)` in bf16."""
    return {"weight": weight.bfloat16(), **({} if bias is None else {"bias": bias.float()})}


def weight_bytes(layer: nn.Module) -> int:
    """Bytes of the weights of all quantized layers within."""
    total = 0
    parts: tuple[Tensor | None, ...]
    for module in layer.modules():
        if isinstance(module, Int8Linear):
            parts = (module.weight.levels, module.weight.scale, module.beside)
        elif isinstance(module, Int4Linear):
            parts = (module.weight.levels, module.weight.groups)
        elif isinstance(module, HalfLinear):
            parts = (module.weight,)
        else:
            continue
        total += sum(part.numel() * part.element_size() for part in parts if part is not None)
    return total
