"""The attention of a pass in one call of a loop for each layer, however many sequences and stretches there are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from occlusight.engine.key_ranges import Stretch
from occlusight.kernels import ops as calls
from occlusight.kernels.capabilities import capabilities
from occlusight.model.kv_cache import KVCache

FEW_ROWS = 16
"""With AMX PyTorch's kernel is the faster one for more rows."""


def fits(stretches: Sequence[Stretch], q: Tensor) -> bool:
    """Whether the loop takes these stretches and queries `(1, H, R, d)`: all in bf16 on a CPU, heads beside one another."""
    return (
        q.is_cpu
        and q.dtype == torch.bfloat16
        and q.stride()[1::2] == (q.shape[3], 1)
        and all(type(stretch.store) is KVCache and stretch.store.kind == q.dtype for stretch in stretches)
        and capabilities().loops
        and (q.shape[2] <= FEW_ROWS or not capabilities().amx)
    )


class Table:
    """Stretches as the loop `attend` takes them. It holds until one of their stores grows; there must be room for the rows' own tokens."""

    def __init__(self, stretches: Sequence[Stretch], q: Tensor) -> None:
        lines = []
        self._rows = []
        for stretch in stretches:
            rows = torch.arange(q.shape[2])[stretch.rows]
            self._rows.append(rows)  # the table has their address
            address, *steps = stretch.store.place(stretch.begin)
            tokens = stretch.end - stretch.begin
            seen = 0 if stretch.seen is None else stretch.seen
            lines.append([address, *steps, tokens, rows.data_ptr(), len(rows), seen, int(stretch.own)])
        self._table = torch.tensor(lines)
        self._scratch = calls.scratch(q.shape[2], q.shape[1], stretches[0].store.heads, q.shape[3])

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """See `Rows.attend`."""
        return calls.attend(q, k, v, self._table, layer, self._scratch)
