"""Memory that is freed stays with the process, so that large tensors are not paid for with page faults again and
again.
"""

from __future__ import annotations

import ctypes
from typing import Any

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -3, -4, -8  # malloc.h of glibc
PAD = 256 << 20
LARGE = 32 << 20
"""The most that glibc takes as `M_MMAP_THRESHOLD`."""
SPARE = 64 << 20
"""What a pass over a 512x512 picture takes at a time, and more."""


def keep_freed_memory() -> bool:
    """Tell glibc's malloc never to give memory back to the system and never to map a large block apart. False where
    there is none.

    By default glibc maps every block above 32 MiB anew, and the kernel clears its pages at the first touch. A training
    step of the small model, which allocates some 10 GB of short-lived tensors, takes 1.4 to 1.7 times as long that way.
    What it costs: the process stays as large as it ever was, and gaps between blocks of many sizes let it grow without
    end; see `give_back_gaps`. Call it early: blocks that exist already stay as they are.
    """
    return _set((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, PAD), (M_ARENA_MAX, 1))


def reuse_freed_memory() -> bool:
    """The same for answering, where a process may live for months: blocks above 32 MiB still go back to the system, and
    so does more than 64 MiB at the heap's end. False where there is no glibc.

    By default what a pass frees goes back at once if a thread of its own computed it, whose heaps of 64 MiB glibc
    unmaps: half of the 20,000 page faults of a new picture.
    """
    return _set((M_MMAP_THRESHOLD, LARGE), (M_TRIM_THRESHOLD, SPARE), (M_ARENA_MAX, 1))


def give_back_gaps() -> bool:
    """Give the free pages between blocks back to the system, once; they are paid for at their next use. False where
    nothing was given.
    """
    trim = _from_glibc("malloc_trim")
    return trim is not None and trim(0) == 1


def _set(*settings: tuple[int, int]) -> bool:
    mallopt = _from_glibc("mallopt")
    return mallopt is not None and all(mallopt(name, value) == 1 for name, value in settings)


def _from_glibc(name: str) -> Any:
    """A function of the process's C library; None where it has no such function."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
