"""For one layer and the inputs that calibration saw: the cheapest way to round it that keeps within the budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from occlusight.kernels.reference import quantize_int8
from occlusight.model.quant.linear import build_linear, store_bf16, store_int8
from occlusight.model.quant.plan import APART, BOTH, EQUALIZED, KEPT, PLAIN, Budget, QuantSettings, SitePlan

STRENGTHS = (0.5, 0.75)
"""SmoothQuant's alpha: how much of a channel's size moves from activations into weights."""
LARGE = 8.0
"""A channel is apart when its largest value is so many times the median channel's."""
SHARE = 1 / 16
"""At most so much of the input is kept apart."""

Stored = dict[str, Tensor]


@dataclass(frozen=True)
class Errors:
    """Error of a layer's output per token, relative to it: median and 99th percentile. See `token_errors`."""

    median: float
    p99: float

    def within(self, budget: Budget) -> bool:
        """Whether both keep it."""
        return self.median <= budget.median and self.p99 <= budget.p99


def token_errors(given: Tensor, right: Tensor) -> Errors:
    """|given - right| / |right| of each row `(N,)`, summarised; every output channel in units of its own root mean
    square over the rows.

    A channel that is hundreds of times the others' is not hundreds of times as important: what reads it has weights as
    much smaller (`up_proj` and `down_proj`). In plain units it would be all that is measured, and a token at which it
    happens to be small would look ruined. So the error does not depend on how a channel is scaled.
    """
    size = right.square().mean(0).sqrt().clamp_min(1e-20)
    error = ((given - right) / size).norm(dim=-1) / (right / size).norm(dim=-1).clamp_min(1e-20)
    return Errors(float(error.median()), float(error.quantile(0.99)))


def equalizer(x: Tensor, weight: Tensor, alpha: float) -> Tensor:
    """By what to divide each input channel, `(K,)`: max|x|^alpha / max|w|^(1 - alpha), rounded to powers of two
    (SmoothQuant, equation 4).
    """
    size, heft = x.abs().amax(0).clamp_min(1e-5), weight.abs().amax(0).clamp_min(1e-5)
    ratio = torch.log2(size) * alpha - torch.log2(heft) * (1 - alpha)
    return torch.exp2((ratio - ratio.median()).round())


def find_outlier_columns(x: Tensor) -> Tensor | None:
    """Channels far larger than the rest at some token, `(C,)`; None where there are none."""
    size = x.abs().amax(0)
    most = max(1, int(SHARE * x.shape[1]))
    large = (size > LARGE * size.median()).nonzero().flatten()
    if not len(large):
        return None
    return large[size[large].argsort(descending=True)[:most]].sort().values


def candidates(x: Tensor, weight: Tensor, bias: Tensor | None, group: int | None) -> Iterator[tuple[str, Stored]]:
    """Ways to 8 bits, and with `group` to 4 bits beside them; the cheapest to run first."""
    yield PLAIN, store_int8(weight, bias, group=group)
    smooths = [equalizer(x, weight, alpha) for alpha in STRENGTHS]
    for smooth in smooths:
        yield EQUALIZED, store_int8(weight, bias, smooth, group=group)
    if (outlier_columns := find_outlier_columns(x)) is not None:
        yield APART, store_int8(weight, bias, outlier_columns=outlier_columns, group=group)
    if (outlier_columns := find_outlier_columns(x / smooths[0])) is not None:
        yield BOTH, store_int8(weight, bias, smooths[0], outlier_columns, group)


def choose(
    name: str, bits: str, x: Tensor, weight: Tensor, bias: Tensor | None, settings: QuantSettings
) -> tuple[Stored, SitePlan]:
    """Round a layer `(N, K)` that reads `x` `(M, K)`: the first candidate within the budget, else bf16.

    `bits` is none (bf16), int8 or int4. A layer in 4 bits has 8 bits too, for prompts, under the same treatment, and
    each must keep its budget; where none does, it has 8 bits alone, and where these do not, bf16.
    """
    right = F.linear(x, weight)

    def measure(stored: Stored, int4_only: bool = False) -> Errors:
        without = {key: tensor for key, tensor in stored.items() if key != "bias"}
        return token_errors(build_linear(without, int4_only=int4_only)(x), right)

    def report(width: str, choice: str, errors: Errors, plain: Errors, stored: Stored) -> tuple[Stored, SitePlan]:
        outlier_columns = len(stored["columns"]) if "columns" in stored else 0
        site = SitePlan(name, width, choice, errors.median, errors.p99, plain.median, plain.p99, outlier_columns)
        return stored, site

    kept = store_bf16(weight, bias)
    if bits == "none":
        errors = measure(kept)
        return report("bf16", KEPT, errors, errors, kept)
    plain: Errors | None = None
    if bits == "int4" and weight.shape[1] % settings.group == 0:
        for choice, stored in candidates(x, weight, bias, settings.group):
            errors = measure(stored, int4_only=True)
            plain = plain or errors
            if errors.within(settings.int4_budget) and measure(stored).within(settings.budget):
                return report("int4", choice, errors, plain, stored)
        plain = None
    for choice, stored in candidates(x, weight, bias, None):
        errors = measure(stored)
        plain = plain or errors
        if errors.within(settings.budget):
            return report("int8", choice, errors, plain, stored)
    return report("bf16", KEPT, measure(kept), plain or measure(kept), kept)


def fold(stored: Stored, norm: torch.nn.Module) -> Stored:
    """Move a layer's equalizing into the norm that it reads alone: `norm`'s weight and bias are divided, and `divide`
    is gone.
    """
    smooth = stored.pop("divide", None)
    if smooth is not None:
        with torch.no_grad():
            for parameter in norm.parameters():
                parameter.div_(smooth)
    return stored


HEAD_ROWS = 16_384
"""Rows of the output layer that are in memory as fp32 at a time."""


def choose_head(
    read: Callable[[int, int], Tensor], rows: int, x: Tensor, bits: str, settings: QuantSettings
) -> tuple[Stored, SitePlan, Tensor | None]:
    """The same for the output layer, whose weight comes by `read(from, to)`: plain, equalized or kept. The third result
    is `smooth`.
    """
    ranges = [(low, min(low + HEAD_ROWS, rows)) for low in range(0, rows, HEAD_ROWS)]
    right = torch.cat([F.linear(x, read(*part)) for part in ranges], 1)
    heft = torch.stack([read(*part).abs().amax(0) for part in ranges]).amax(0)
    plain: Errors | None = None
    for choice, smooth in ((PLAIN, None), (EQUALIZED, equalizer(x, heft[None], STRENGTHS[0]))):
        if bits == "none":
            break
        pieces = [quantize_int8(read(*part) if smooth is None else read(*part) * smooth) for part in ranges]
        stored = {
            "levels": torch.cat([codes for codes, _ in pieces]),
            "scale": torch.cat([scale for _, scale in pieces]),
        }
        errors = token_errors(build_linear(stored)(x if smooth is None else x / smooth), right)
        plain = plain or errors
        if errors.within(settings.budget):
            site = SitePlan("lm_head", "int8", choice, errors.median, errors.p99, plain.median, plain.p99)
            return stored, site, smooth
    stored = {"weight": torch.cat([read(*part).bfloat16() for part in ranges])}
    errors = token_errors(F.linear(x.bfloat16(), stored["weight"]).float(), right)
    plain = plain or errors
    return stored, SitePlan("lm_head", "bf16", KEPT, errors.median, errors.p99, plain.median, plain.p99), None
