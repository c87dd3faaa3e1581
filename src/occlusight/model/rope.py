"""Interleaved multimodal rotary positions (MRoPE) of Qwen3-VL.

Every token has three positions: time, height, width. Text counts all three together; the tokens of an image share
one time and differ in height and width. The rotary frequencies take turns among the three axes (technical report of
Qwen3-VL, arXiv:2511.21631, section 2), instead of Qwen2-VL's three contiguous sections.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from occlusight.errors import BadInput
from occlusight.model.config import ModelConfig, TextConfig
from occlusight.model.yarn import Yarn

Grid = tuple[int, int, int]
"""Patches of a picture or clip: (frame pairs, rows, columns), before merging."""


def positions(input_ids: Tensor, grids: Sequence[Grid], config: ModelConfig) -> tuple[Tensor, int]:
    """Positions of one sequence `(T,)`: `(3, T)` int64, and the position delta that turns a later token's index into
    its position.

    `grids` are the pictures and clips in the order of their pad tokens. A clip (t, h, w) is t spans of pads with
    text (the timestamps) between them; each span is laid out like a picture.

    Worked example, merge 2: ids `[a, b, <pad> x 6, c]` with the grid (1, 4, 6), that is 2 rows of 3 tokens::

        time    0 1 2 2 2 2 2 2 5
        height  0 1 2 2 2 3 3 3 5
        width   0 1 2 3 4 2 3 4 5      the text goes on at 2 + max(2, 3); position delta = 5 + 1 - 9 = -3

    Raises:
        BadInput: the pad tokens do not match the grids.
    """
    ids = input_ids.cpu()
    if ids.dim() != 1:
        raise BadInput(f"positions takes one sequence of ids, got a tensor of shape {tuple(ids.shape)}")
    total = ids.shape[0]
    pads = ((ids == config.image_token_id) | (ids == config.video_token_id)).nonzero().flatten().tolist()
    merge = config.vision.merge_size
    out = torch.empty(3, total, dtype=torch.int64)
    done, position, used = 0, 0, 0  # tokens placed, the next position, pads used
    for _, rows, columns in (grid for grid in grids for _ in range(grid[0])):
        height, width = rows // merge, columns // merge
        count = height * width
        if used + count > len(pads):
            raise BadInput(f"the text has {len(pads)} visual tokens, fewer than its pictures need: {list(grids)}")
        start = pads[used]
        if pads[used + count - 1] != start + count - 1:
            raise BadInput(f"the visual tokens at {start} are not {count} in a row as the grid {rows}x{columns} needs")
        out[:, done:start] = torch.arange(position, position + start - done)
        position += start - done
        span = out[:, start : start + count].view(3, height, width)
        span[0] = position
        span[1] = torch.arange(position, position + height)[:, None]
        span[2] = torch.arange(position, position + width)
        position += max(height, width)
        done, used = start + count, used + count
    if used != len(pads):
        raise BadInput(f"the text has {len(pads)} visual tokens, more than the {used} of its pictures: {list(grids)}")
    out[:, done:] = torch.arange(position, position + total - done)
    position += total - done
    return out.to(input_ids.device), position - total


def frequency_axes(config: TextConfig) -> list[int]:
    """Which axis (0 time, 1 height, 2 width) each of the `head_dim / 2` frequencies follows.

    The axes take turns, t h w t h w ..., until height and width have used up their section; time has the rest. With
    the section (24, 20, 20): 20 turns of t h w, then t for the last four.
    """
    axes = [0] * (config.head_dim // 2)
    for axis in (1, 2):
        for turn in range(config.mrope_section[axis]):
            axes[axis + 3 * turn] = axis
    return axes


def rotary_tables(positions: Tensor, config: TextConfig, rope_factor: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Cosine and sine `(B, 1, T, head_dim / 2)`, fp32, contiguous, of positions `(3, B, T)`.

    `rope_factor` `(B, T)` is the factor of each token's sequence (see `Yarn.rope_factor`); None is 1 for all.
    """
    device = positions.device
    axes = torch.tensor(frequency_axes(config), device=device)
    turned = positions.float()[axes].permute(1, 2, 0)  # (B, T, head_dim / 2)
    if rope_factor is None:
        angles = turned * inverse_frequencies(config.head_dim, config.rope_theta, device)
        return angles.cos()[:, None].contiguous(), angles.sin()[:, None].contiguous()
    factors, which = torch.unique(rope_factor, return_inverse=True)
    own = [yarn_frequencies(config, factor, device) for factor in factors.tolist()]
    angles = turned * torch.stack([frequencies for frequencies, _ in own])[which]
    scale = torch.tensor([scale for _, scale in own], device=device)[which][..., None]
    return (angles.cos() * scale)[:, None].contiguous(), (angles.sin() * scale)[:, None].contiguous()


def yarn_frequencies(config: TextConfig, factor: float, device: torch.device) -> tuple[Tensor, float]:
    """Frequencies `(head_dim / 2,)` of a sequence stretched by `factor`, and what its cosines and sines are multiplied
    by.

    Frequency i turns `native / (2 pi theta^(2 i / d))` times within the native context. The ones up to where that is
    `beta_fast` stay, those from where it is `beta_slow` are divided by the factor, between them is a ramp
    (arXiv:2309.00071, section 3.2).
    """
    plain = inverse_frequencies(config.head_dim, config.rope_theta, device)
    yarn = config.yarn or Yarn()
    if factor == 1:
        return plain, 1.0

    def place(turns: float) -> float:
        """The (fractional) i of the frequency that turns so often."""
        return config.head_dim * math.log(yarn.native / (turns * 2 * math.pi)) / (2 * math.log(config.rope_theta))

    low = max(math.floor(place(yarn.beta_fast)), 0)
    high = min(math.ceil(place(yarn.beta_slow)), config.head_dim - 1)
    steps = torch.arange(config.head_dim // 2, dtype=torch.float32, device=device)
    divided = ((steps - low) / max(high - low, 0.001)).clamp(0, 1)  # 0: as it was, 1: divided by the factor
    scale = 0.1 * math.log(factor) + 1 if yarn.attention_factor is None else yarn.attention_factor
    return plain / factor * divided + plain * (1 - divided), scale


def inverse_frequencies(width: int, theta: float, device: torch.device) -> Tensor:
    """`theta ** (-2 i / width)` for i in 0..width/2, fp32: RoFormer (arXiv:2104.09864), equation 15."""
    exponents = torch.arange(0, width, 2, dtype=torch.float32, device=device) / width
    return torch.reciprocal(theta**exponents)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x_i, x_{i + d/2}) of `x` (.., d) by its angle; tables `(.., d / 2)`, fp32; the result is fp32.

    Where no gradient is wanted, in half the passes over memory.
    """
    if torch.is_grad_enabled() or torch.compiler.is_compiling():
        first, second = x.float().chunk(2, dim=-1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    out = torch.empty_like(x, dtype=torch.float32)
    first, second = x.chunk(2, dim=-1)
    low, high = out.chunk(2, dim=-1)
    torch.mul(first, cos, out=low).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=high).addcmul_(first, sin)
    return out


def pair_order(heads: int, width: int) -> Tensor:
    """The order of `heads` heads' channels in which the two that `rotate` turns together lie side by side: 0 2 1 3 for
    one head of 4.
    """
    one = torch.arange(width).view(2, -1).T.flatten()
    return (torch.arange(heads)[:, None] * width + one).flatten()


def rotate_pairs_(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """`rotate` in place, of fp32 numbers in `pair_order`: one product of complex numbers, half the time."""
    torch.view_as_complex(x.view(*x.shape[:-1], -1, 2)).mul_(torch.complex(cos, sin))
    return x
