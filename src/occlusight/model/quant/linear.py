"""Linear layers whose weights have 8, 4 or 16 bits; for inference only. All take any float and give fp32."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from occlusight.kernels.capabilities import int4_pays, multiply_bf16
from occlusight.kernels.reference import quantize_int4, quantize_int8
from occlusight.model.quant.int4 import Int4Weight
from occlusight.model.quant.int8 import Int8Weight

NARROW_ROWS = 8
"""Up to so many rows go by 4 bits: answers' tokens, also of several answers or drafts together. A prompt has 8 bits,
which are more exact.
"""


class ScaledLinear(nn.Module, ABC):
    """A layer whose input is treated before rounding.

    smooth: `(K,)`, divides the input's channels (the weight's columns were multiplied by it: SmoothQuant,
    arXiv:2211.10438). columns, beside: channels that are multiplied in bf16 instead, and their `(N, C)` weights
    (LLM.int8(), arXiv:2208.07339); their columns in the rounded weight are zero.
    """

    def __init__(
        self, bias: Tensor | None, smooth: Tensor | None, outlier_columns: Tensor | None, outlier_weight: Tensor | None
    ) -> None:
        super().__init__()
        self.bias, self.outlier_columns, self.outlier_weight = bias, outlier_columns, outlier_weight
        self.factor = None if smooth is None else 1 / smooth

    @abstractmethod
    def multiply(self, x: Tensor, factor: Tensor | None) -> Tensor:
        """`(M, K)`, times `factor` `(K,)` if given, by the rounded weight, `(M, N)`, the bias added."""

    def forward(self, x: Tensor) -> Tensor:
        """`(.., K)` to `(.., N)`."""
        shape, x, factor = x.shape[:-1], x.reshape(-1, x.shape[-1]), self.factor
        apart = None
        if self.outlier_columns is not None and self.outlier_weight is not None:
            x, factor = x if factor is None else x * factor, None
            apart = multiply_bf16(x[:, self.outlier_columns], self.outlier_weight)
            x = x.index_fill(1, self.outlier_columns, 0)
        out = self.multiply(x, factor)
        if apart is not None:
            out += apart
        return out.view(*shape, -1)


class Int8Linear(ScaledLinear):
    """int8 weights with a scale for each output channel, activations with a scale for each token, found as they come.

    narrow: the same weight in 4 bits, which a few rows (an answer's tokens) are multiplied with, reading half the
    bytes; many rows (a prompt) go by 8 bits.
    """

    def __init__(
        self,
        weight: Int8Weight,
        bias: Tensor | None = None,
        smooth: Tensor | None = None,
        outlier_columns: Tensor | None = None,
        outlier_weight: Tensor | None = None,
        narrow: Int4Weight | None = None,
    ) -> None:
        super().__init__(bias, smooth, outlier_columns, outlier_weight)
        self.weight, self.narrow = weight, narrow

    def multiply(self, x: Tensor, factor: Tensor | None) -> Tensor:
        """See `ScaledLinear`."""
        if self.narrow is not None and len(x) <= NARROW_ROWS:
            return self.narrow.multiply(x, self.bias, factor)
        return self.weight.multiply(x, self.bias, factor)


class Int4Linear(ScaledLinear):
    """int4 weights alone, a scale and an offset for each group. Less than half the memory of both; prompts, too, are
    read less exactly.
    """

    def __init__(
        self,
        weight: Int4Weight,
        bias: Tensor | None = None,
        smooth: Tensor | None = None,
        outlier_columns: Tensor | None = None,
        outlier_weight: Tensor | None = None,
    ) -> None:
        super().__init__(bias, smooth, outlier_columns, outlier_weight)
        self.weight = weight

    def multiply(self, x: Tensor, factor: Tensor | None) -> Tensor:
        """See `ScaledLinear`."""
        return self.weight.multiply(x, self.bias, factor)


class Bf16Linear(nn.Module):
    """A layer whose weight is kept in bf16, where the plan found 8 bits too few."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor) -> Tensor:
        """`(.., K)` to `(.., N)`."""
        out = multiply_bf16(x.flatten(0, -2), self.weight).view(*x.shape[:-1], -1)
        return out if self.bias is None else out.add_(self.bias)


QuantLinear = Int8Linear | Int4Linear | Bf16Linear
Stored = Mapping[str, Tensor]
"""A layer's tensors by the names that stored forms have for them: `levels` (codes) and `scale` (8 bits), `nibbles`
(packed codes) and `groups` (4), both of these, or `weight`; and perhaps `bias`, `divide` (smooth), `columns`, `beside`
(outlier columns and weight)."""


def build_linear(stored: Stored, order: Tensor | None = None, int4_only: bool = False) -> QuantLinear:
    """The layer of stored tensors, its weight packed as the kernels of this machine want it, its outputs in `order`
    `(N,)` if given.

    `int4_only` leaves out the 8 bits of a layer that has 4. Else its 4 bits are left out where they are the slower.
    """
    if {"levels", "nibbles"} <= stored.keys():
        left_out = _WIDE if int4_only else () if int4_pays(stored["levels"].device.type) else _NARROW
        stored = {key: tensor for key, tensor in stored.items() if key not in left_out}
    if order is not None:
        stored = {
            name: tensor.index_select(OUTPUTS[name], order.to(tensor.device)) if name in OUTPUTS else tensor
            for name, tensor in stored.items()
        }
    if "weight" in stored:
        return Bf16Linear(stored["weight"], stored.get("bias"))
    bias, smooth, outlier_columns, outlier_weight = (stored.get(key) for key in ("bias", "divide", "columns", "beside"))
    narrow = Int4Weight.pack(stored["nibbles"], stored["groups"]) if "nibbles" in stored else None
    if "levels" in stored:
        weight = Int8Weight.pack(stored["levels"], stored["scale"])
        return Int8Linear(weight, bias, smooth, outlier_columns, outlier_weight, narrow)
    assert narrow is not None
    return Int4Linear(narrow, bias, smooth, outlier_columns, outlier_weight)


_WIDE, _NARROW = ("levels", "scale"), ("nibbles", "groups")
OUTPUTS = {"levels": 0, "scale": 0, "nibbles": 0, "groups": 1, "weight": 0, "bias": 0, "beside": 0}
"""Stored tensors that have a dimension of output channels, and which."""


def store_int8(
    weight: Tensor,
    bias: Tensor | None = None,
    smooth: Tensor | None = None,
    outlier_columns: Tensor | None = None,
    group: int | None = None,
) -> dict[str, Tensor]:
    """Quantize `(N, K)` to 8 bits, its columns equalized by `smooth` and some of them, `outlier_columns`, kept apart.

    With `group`, which must divide K, the weight so treated is stored in 4 bits too, in groups of so many.
    """
    weight = weight.float() if smooth is None else weight.float() * smooth
    stored = {} if bias is None else {"bias": bias.float()}
    if smooth is not None:
        stored["divide"] = smooth
    if outlier_columns is not None:
        stored |= {"columns": outlier_columns, "beside": weight[:, outlier_columns].bfloat16()}
        weight = weight.index_fill(1, outlier_columns, 0)
    stored["levels"], stored["scale"] = quantize_int8(weight)
    if group is not None:
        stored["nibbles"], stored["groups"] = quantize_int4(weight, group)
    return stored


def store_bf16(weight: Tensor, bias: Tensor | None = None) -> dict[str, Tensor]:
    """Keep `(N, K)` in bf16."""
    return {"weight": weight.bfloat16(), **({} if bias is None else {"bias": bias.float()})}


def weight_bytes(layer: nn.Module) -> int:
    """Bytes of the weights of all quantized layers within."""
    total = 0
    parts: tuple[Tensor | None, ...]
    for module in layer.modules():
        if isinstance(module, Int8Linear):
            total += module.weight.bytes + (module.narrow.bytes if module.narrow is not None else 0)
            parts = (module.weight.scale, module.outlier_weight)
        elif isinstance(module, Int4Linear):
            total += module.weight.bytes
            parts = (module.outlier_weight,)
        elif isinstance(module, Bf16Linear):
            parts = (module.weight,)
        else:
            continue
        total += sum(part.numel() * part.element_size() for part in parts if part is not None)
    return total
