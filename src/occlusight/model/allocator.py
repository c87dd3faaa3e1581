"""Memory that is freed stays with the process, so that large tensors are not paid for with page faults again and again."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8  # malloc.h of glibc
PAD = 256 << 20


def keep_freed_memory() -> bool:
    """Tell glibc's malloc never to give memory back to the system and never to map a large block apart. False where there is none.

    By default glibc maps every block above 32 MiB anew, and the kernel clears its pages at the first touch. A training step of
    the small model, which allocates some 10 GB of short-lived tensors, takes 1.4 to 1.7 times as long that way. What it costs: the
    process stays as large as it ever was. Call it early: blocks that exist already stay as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, PAD), (M_ARENA_MAX, 1))
    return all(mallopt(name, value) == 1 for name, value in settings)
