"""Memory that is freed stays with the process, so that large tensors are not paid for with page faults again and again."""

from __future__ import annotations

import ctypes
from typing import Any

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8  # malloc.h of glibc
PAD = 256 << 20


def keep_freed_memory() -> bool:
    """Tell glibc's malloc never to give memory back to the system and never to map a large block apart. False where there is none.

    By default glibc maps every block above 32 MiB anew, and the kernel clears its pages at the first touch. A training step of
    the small model, which allocates some 10 GB of short-lived tensors, takes 1.4 to 1.7 times as long that way. What it costs: the
    process stays as large as it ever was, and gaps between blocks of many sizes let it grow without end; see `give_back_gaps`.
    Call it early: blocks that exist already stay as they are.
    """
    mallopt = _from_glibc("mallopt")
    if mallopt is None:
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, PAD), (M_ARENA_MAX, 1))
    return all(mallopt(name, value) == 1 for name, value in settings)


def give_back_gaps() -> bool:
    """Give the free pages between blocks back to the system, once; they are paid for at their next use. False where nothing was given."""
    trim = _from_glibc("malloc_trim")
    return trim is not None and trim(0) == 1


def _from_glibc(name: str) -> Any:
    """A function of the process's C library; None where it has no such function."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
