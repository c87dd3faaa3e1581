"""How much memory there is, and how much is free, by the machine and by the limits of the control groups that this
process is in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GB = 1e9
UNLIMITED = 1 << 60
"""The first version of control groups writes a limit about as large where there is none."""
UNKNOWN = 8 << 30
"""The machine's memory where it cannot be asked."""


@dataclass(frozen=True)
class Group:
    """The files of a control group that tell its memory: the limit, what is in use, and what of that is files that can
    be let go.
    """

    limit: Path
    used: Path
    stat: Path
    reclaimable: str

    def limit_bytes(self) -> int | None:
        """Return the limit; None where there is none."""
        found = number_in(self.limit)
        return None if found is None or found >= UNLIMITED else found

    def free_bytes(self) -> int | None:
        """Return what may still be taken; None where there is no limit."""
        limit, used = self.limit_bytes(), number_in(self.used)
        if limit is None or used is None:
            return None
        return max(0, limit - used + (number_in(self.stat, self.reclaimable) or 0))


def groups(root: Path = Path("/")) -> Iterator[Group]:
    """Yield the groups whose limits hold for this process, of either version: its own and those above."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        first = "memory" in kinds.split(",")
        if kinds and not first:
            continue
        base = root / "sys/fs/cgroup" / ("memory" if first else "")
        inner = Path(path.lstrip("/"))
        for folder in (
            inner,
            *inner.parents,
        ):  # within a container the path may be of the outside: what is not there limits nothing
            here = base / folder
            if first:
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_inactive_file")
            else:
                names = ("memory.max", "memory.current", "memory.stat", "inactive_file")
            yield Group(here / names[0], here / names[1], here / names[2], names[3])


def memory_bytes(root: Path = Path("/")) -> int:
    """Return the memory that this process can ever have: the machine's, or the least limit of its groups."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        machine = UNKNOWN
    return min([machine, *(found for group in groups(root) if (found := group.limit_bytes()) is not None)])


def available_bytes(root: Path = Path("/")) -> int:
    """Return the memory that this process can take now without driving others out; all there is where it cannot be
    asked.
    """
    free = number_in(root / "proc/meminfo", "MemAvailable:")
    known = [memory_bytes(root)] if free is None else [1024 * free]
    return min([*known, *(found for group in groups(root) if (found := group.free_bytes()) is not None)])


def number_in(path: Path, name: str = "") -> int | None:
    """Return the number in a file, or that after `name` in one of its lines; None where there is none."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if name and words[:1] != [name]:
            continue
        words = words[1:] if name else words
        return int(words[0]) if words and words[0].isdigit() else None
    return None
