"""Interleaved multimodal rotary positions (MRoPE) of Qwen3-VL.

Every token has three positions: time, height, width. Text counts all three together; the tokens of an image share
one time and differ in height and width. The rotary frequencies take turns among the three axes (technical report of
Qwen3-VL, arXiv:2511.21631, section 2), instead of Qwen2-VL's three contiguous sections.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from occlusight.errors import BadInput
from occlusight.model.config import ModelConfig, TextConfig

Grid = tuple[int, int, int]
"""Patches of a picture or clip: (frame pairs, rows, columns), before merging."""


def positions(input_ids: Tensor, grids: Sequence[Grid], config: ModelConfig) -> tuple[Tensor, int]:
    """Positions of one sequence `(T,)`: `(3, T)` int64, and the delta that turns a later token's index into its position.

    `grids` are the pictures and clips in the order of their pad tokens. A clip (t, h, w) is t spans of pads with
    text (the timestamps) between them; each span is laid out like a picture.

    Worked example, merge 2: ids `[a, b, <pad> x 6, c]` with the grid (1, 4, 6), that is 2 rows of 3 tokens::

        time    0 1 2 2 2 2 2 2 5
        height  0 1 2 2 2 3 3 3 5
        width   0 1 2 3 4 2 3 4 5      the text goes on at 2 + max(2, 3); delta = 5 + 1 - 9 = -3

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


def rotary_tables(positions: Tensor, config: TextConfig) -> tuple[Tensor, Tensor]:
    """Cosine and sine `(B, 1, T, head_dim / 2)`, fp32, of positions `(3, B, T)`."""
    device = positions.device
    axes = torch.tensor(frequency_axes(config), device=device)
    angles = positions.float()[axes].permute(1, 2, 0) * inverse_frequencies(config.head_dim, config.rope_theta, device)
    return angles.cos()[:, None], angles.sin()[:, None]


def inverse_frequencies(width: int, theta: float, device: torch.device) -> Tensor:
    """`theta ** (-2 i / width)` for i in 0..width/2, fp32: RoFormer (arXiv:2104.09864), equation 15."""
    exponents = torch.arange(0, width, 2, dtype=torch.float32, device=device) / width
    return torch.reciprocal(theta**exponents)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x_i, x_{i + d/2}) of `x` (.., d) by its angle; tables `(.., d / 2)`, fp32; the result is fp32."""
    first, second = x.float().chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
