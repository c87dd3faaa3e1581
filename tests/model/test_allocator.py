"""Freed memory: kept for speed, and given back between blocks that are still in use.

What is set is malloc's, whoever calls it: bytes stand for tensors, and torch, which takes seconds to import, is not
needed.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

REUSED = """
import resource, sys, threading
from occlusight.model.allocator import reuse_freed_memory

def work() -> None:
    for _ in range(5):
        blocks = [b"1" * (4 << 20) for _ in range(14)]  # 56 MiB
        del blocks

if sys.argv[1] == "reuse":
    assert reuse_freed_memory()
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""
GAPS = """
from pathlib import Path
from occlusight.model.allocator import give_back_gaps, keep_freed_memory

def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024

assert keep_freed_memory()
blocks = [b"1" * (4 << 20) for _ in range(64)]
full = resident()
del blocks[::2]
kept = resident()
assert give_back_gaps()
print(full - kept, kept - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc's malloc")
def test_gaps_between_blocks_are_kept_until_they_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", GAPS], capture_output=True, text=True, check=True, timeout=120)
    freed, given_back = map(int, done.stdout.split())
    assert freed < 8  # MiB
    assert given_back > 100


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc's malloc")
def test_freed_memory_is_used_again_by_any_thread() -> None:
    faults = []
    environment = {key: value for key, value in os.environ.items() if key != "THP_MEM_ALLOC_ENABLE"}
    for how in ("reuse", "as usual"):
        command = [sys.executable, "-c", REUSED, how]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
        faults.append(int(done.stdout))
    assert faults[1] - faults[0] > 20_000  # of 4 KiB; 56 MiB are 14,336 of them
