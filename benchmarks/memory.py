"""How fast this machine reads memory: what bounds the decoding of one stream."""

from __future__ import annotations

from statistics import median
from time import perf_counter

import torch

from occlusight.model.config import TextConfig


def read_gb_per_s(threads: int, runs: int = 5, size: int = 1 << 30) -> float:
    """Median rate of summing `size` bytes, in 10^9 bytes a second."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        block = torch.ones(size // 8, dtype=torch.int64)
        times = []
        for _ in range(runs + 1):
            began = perf_counter()
            block.sum()
            times.append(perf_counter() - began)
    finally:
        torch.set_num_threads(before)
    return size / 1e9 / median(times[1:])


def weights_per_token(config: TextConfig) -> int:
    """How many weights a decoded token reads: the layers' matrices and the output layer's."""
    heads = 2 * (config.heads + config.kv_heads) * config.head_dim  # q and o; k and v
    layer = config.hidden_size * (heads + 3 * config.intermediate_size)
    return config.layers * layer + config.vocab_size * config.hidden_size
