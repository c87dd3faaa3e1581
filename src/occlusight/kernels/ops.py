"""The loops, called with tensors: each does in one pass what the functions named beside it do in several."""

from __future__ import annotations

import struct
from functools import cache
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

SHORT = 1 << 15
"""Of so few numbers waking other threads takes longer than the work."""
LAID = 384 << 10
"""Bytes of rows that a product goes through again and again: they stay in the second-level cache."""


@cache
def bodies() -> ModuleType:
    """The compiled loops; the first call in a process takes half a second, the first on a machine some seconds."""
    from occlusight.kernels import compiled as bodies

    return bodies


def instructions() -> str:
    """The set of instructions that the loops are compiled for."""
    return str(bodies().BEST.name)


def multiplies_bf16() -> bool:
    """Whether attention takes bf16 as it is."""
    return bool(bodies().PAIRS)


def quantize(x: Tensor) -> tuple[Tensor, Tensor]:
    """`(M, K)` fp32, contiguous, to codes and scale: `quantize_rows`."""
    rows, width = x.shape
    codes, scale = torch.empty_like(x, dtype=torch.uint8), torch.empty(rows, 1)
    bodies().quantize(x.data_ptr(), codes.data_ptr(), scale.data_ptr(), rows, width, alone=rows * width < SHORT)
    return codes, scale


def pack(weight: Tensor) -> Tensor:
    """int8 `(N, K)` as panels for `multiply`, `(N / PANEL, K / DEPTH, PANEL, DEPTH)` bytes, zeros added where N or K do
    not fit.
    """
    outputs, width = weight.shape
    panel, depth = int(bodies().PANEL), int(bodies().DEPTH)
    short = -width % depth, -outputs % panel
    whole = F.pad(weight, (0, short[0], 0, short[1])) if any(short) else weight
    together = torch.int16 if depth == 2 else torch.int32
    panels = (
        whole.view(together).view(-1, panel, whole.shape[1] // depth).transpose(1, 2).contiguous().view(torch.uint8)
    )
    return panels if depth == 2 else panels.bitwise_xor_(128)  # 128 added


def pack_narrow(packed_codes: Tensor, groups: Tensor) -> Tensor:
    """Two codes a byte, `(N, K / 2)` uint8, and their `groups` `(K / group, N, 2)` bf16 as panels for `multiply`,
    `(N / PANEL, K / GROUP, GROUP_BYTES)` uint8. A larger group becomes several of `GROUP`."""
    panel, group, quad = int(bodies().PANEL), int(bodies().GROUP), int(bodies().QUAD)
    outputs, inputs = packed_codes.shape[0], 2 * packed_codes.shape[1]
    packed_codes = F.pad(packed_codes, (0, 0, 0, -outputs % panel))
    codes = torch.stack((packed_codes & 15, packed_codes >> 4), -1).view(-1, 2, panel // 2, inputs // quad, quad)
    both = (codes[:, 0] | codes[:, 1] << 4).transpose(1, 2).reshape(len(codes), inputs // group, -1)
    groups = F.pad(groups.repeat_interleave(inputs // group // len(groups), 0), (0, 0, 0, -outputs % panel))
    constants = groups.view(inputs // group, -1, panel, 2).permute(1, 0, 3, 2).contiguous().view(torch.uint8)
    return torch.cat((both, constants.flatten(2)), -1)


def multiply(
    x: Tensor,
    panels: Tensor,
    outputs: int,
    scale: Tensor | None,
    bias: Tensor | None = None,
    factor: Tensor | None = None,
) -> Tensor:
    """`(M, K)`, times `factor` `(K,)` if given, each row rounded as `quantize` does, times a weight in panels, times
    `scale` `(N,)` (None:
    `pack_narrow`), and the bias added, `(M, N)` fp32."""
    x = (x if x.dtype in (torch.float32, torch.bfloat16) else x.float()).contiguous()
    count, width = x.shape
    tile, group, depth = int(bodies().TILE), int(bodies().GROUP), int(bodies().DEPTH)
    line = width // group * (group + 4) if scale is None else -(-width // depth) * 4 + 4
    together = min(count, max(tile, LAID // line // tile * tile))
    own = int(bodies().ROOM) * torch.get_num_threads()
    scratch = torch.empty(own + together * (4 + line), dtype=torch.uint8)
    out = torch.empty(count, outputs)
    bodies().multiply(
        x.data_ptr(),
        panels.data_ptr(),
        0 if scale is None else scale.data_ptr(),
        0 if bias is None else bias.data_ptr(),
        out.data_ptr(),
        scratch.data_ptr(),
        count,
        outputs,
        width,
        together,
        x.element_size(),
        0 if factor is None else factor.data_ptr(),
    )
    return out


def rms_norm(x: Tensor, weight: Tensor, eps_bits: int) -> Tensor:
    """`RMSNorm`, of fp32 `(.., K)`, contiguous."""
    out, width = torch.empty_like(x), x.shape[-1]
    bodies().rms_norm(
        x.data_ptr(), weight.data_ptr(), out.data_ptr(), x.numel() // width, width, eps_bits, alone=x.numel() < SHORT
    )
    return out


def turns(width: int) -> bool:
    """Whether `turn` takes heads of so many channels."""
    return width >= int(bodies().LANES)


def turn(
    x: Tensor, norms: Tensor | None, cos: Tensor, sin: Tensor, turned: int, out: Tensor, eps_bits: int = 0
) -> None:
    """Heads `(M, T, d)` fp32 to `out`, bf16, the first `turned` of them normalised by `norms` `(turned, d)` and turned
    by their angles' cosines and sines `(M, d / 2)`; all contiguous: `JoinedAttention.project`."""
    rows, heads, width = x.shape
    bodies().turn(
        x.data_ptr(),
        0 if norms is None else norms.data_ptr(),
        cos.data_ptr(),
        sin.data_ptr(),
        out.data_ptr(),
        rows,
        heads,
        turned,
        width,
        eps_bits,
        alone=rows * heads * width < SHORT,
    )


def swiglu(x: Tensor) -> Tensor:
    """silu(gate) x up of `(M, 2 F)`, `(M, F)`: `JoinedMLP`."""
    rows, width = len(x), x.shape[1] // 2
    out = torch.empty(rows, width)
    bodies().swiglu(x.data_ptr(), out.data_ptr(), rows, width, alone=rows * width < SHORT // 4)
    return out


def gelu_(x: Tensor) -> Tensor:
    """`gelu_tanh_`, of fp32, contiguous."""
    bodies().gelu(x.data_ptr(), x.numel(), alone=x.numel() < SHORT // 4)
    return x


def attend(q: Tensor, k: Tensor, v: Tensor, table: Tensor, layer: int, scratch: Tensor) -> Tensor:
    """Queries `(1, H, R, d)`, keys and values `(1, G, R, d)` of some rows, bf16 or fp32, heads beside one another in
    memory, to what the queries find, in the same order and type. `table` and `scratch` (a row for each thread): see the
    loop."""
    _, heads, rows, width = q.shape
    out = torch.empty(rows, heads, width, dtype=q.dtype)
    _attend(q, k, v, out, table, layer, scratch)
    return out.transpose(0, 1)[None]


def _attend(q: Tensor, k: Tensor, v: Tensor, out: Tensor, table: Tensor, layer: int, scratch: Tensor) -> None:
    _, heads, rows, width = q.shape
    bodies().attend(
        q.data_ptr(),
        k.data_ptr(),
        v.data_ptr(),
        q.stride(2),
        k.stride(2),
        v.stride(2),
        out.data_ptr(),
        table.data_ptr(),
        scratch.data_ptr(),
        rows,
        heads,
        k.shape[1],
        width,
        layer,
        len(table),
        scratch.shape[1],
        q.element_size(),
    )


def attend_all(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Every query `(F, H, R, d)` looks at every key of its frame, `(F, G, S, d)`, all fp32 or bf16, heads beside one
    another in memory:
    `(F, H, R, d)`."""
    _, heads, rows, width = q.shape
    every = torch.arange(rows)
    room = scratch(rows, heads, k.shape[1], width)
    out = torch.empty(len(q), rows, heads, width, dtype=q.dtype)
    for query, key, value, into in zip(*(torch.split(x, 1) for x in (q, k, v)), out, strict=True):
        values = (value.data_ptr() - key.data_ptr()) // key.element_size()
        steps = [0, values, key.stride(1), key.stride(2)]
        table = torch.tensor([[key.data_ptr(), *steps, key.shape[2], every.data_ptr(), rows, 0, 0]])
        _attend(query, key, value, into, table, 0, room)
    return out.transpose(1, 2)


def scratch(rows: int, heads: int, groups: int, width: int) -> Tensor:
    """What `attend` works in, `(threads, numbers)`."""
    panel, block = int(bodies().PANEL), int(bodies().BLOCK)
    queries = -(-rows * heads // groups // panel) * panel
    room = 2 * queries * width + 2 * block * width + block * panel + 3 * queries
    return torch.empty(torch.get_num_threads(), room)


def float_bits(number: float) -> int:
    """The 32 bits of a float, as a loop takes it."""
    return int.from_bytes(struct.pack("<f", number), "little")
