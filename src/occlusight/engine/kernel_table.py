"""The attention of a pass in one call of a loop for each layer, however many sequences and key ranges there are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from occlusight.engine.key_ranges import KeyRange
from occlusight.kernels import ops
from occlusight.kernels.capabilities import capabilities
from occlusight.model.kv_cache import KVCache

ROWS_WITH_AMX = 16
"""With AMX PyTorch's kernel is the faster one for more rows."""


def fits(key_ranges: Sequence[KeyRange], q: Tensor) -> bool:
    """Whether the loop takes these key ranges and queries `(1, H, R, d)`: all in bf16 on a CPU, heads beside one
    another.
    """
    return (
        q.is_cpu
        and q.dtype == torch.bfloat16
        and q.stride()[1::2] == (q.shape[3], 1)
        and all(type(key_range.store) is KVCache and key_range.store.kind == q.dtype for key_range in key_ranges)
        and capabilities().loops
        and (q.shape[2] <= ROWS_WITH_AMX or not capabilities().amx)
    )


class KernelTable:
    """Key ranges as the loop `attend` takes them. It holds until one of their stores grows; there must be room for the
    rows' own tokens.
    """

    def __init__(self, key_ranges: Sequence[KeyRange], q: Tensor) -> None:
        lines = []
        self._rows = []
        for key_range in key_ranges:
            rows = torch.arange(q.shape[2])[key_range.rows]
            self._rows.append(rows)  # the table has their address
            address, *steps = key_range.store.place(key_range.begin)
            tokens = key_range.end - key_range.begin
            seen = 0 if key_range.seen is None else key_range.seen
            lines.append([address, *steps, tokens, rows.data_ptr(), len(rows), seen, int(key_range.own)])
        self._table = torch.tensor(lines)
        self._scratch = ops.scratch(q.shape[2], q.shape[1], key_ranges[0].store.heads, q.shape[3])

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `PackedBatch.attend`."""
        return ops.attend(q, k, v, self._table, layer, self._scratch)
