"""How busy a machine is with other work while something is timed on it."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic


class Neighbours:
    """The share of the machine's cores that neither was idle nor belonged to one process, since this was made.
    Linux."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._began = monotonic(), *self._seconds()

    def share(self) -> float | None:
        """From 0 to 1; None where the system does not tell."""
        began, busy, own = self._began
        now_busy, now_own = self._seconds()
        elapsed = (monotonic() - began) * (os.cpu_count() or 1)
        if now_busy is None or busy is None or now_own is None or own is None or not elapsed:
            return None
        return round(min(1.0, max(0.0, (now_busy - busy - (now_own - own)) / elapsed)), 3)

    def _seconds(self) -> tuple[float | None, float | None]:
        """CPU seconds of the whole machine and of the process."""
        try:
            tick = os.sysconf("SC_CLK_TCK")
            user, nice, system, _, _, irq, soft = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:8])
            own = Path(f"/proc/{self._process}/stat").read_text().rpartition(")")[2].split()
            return (user + nice + system + irq + soft) / tick, (int(own[11]) + int(own[12])) / tick
        except (OSError, ValueError, IndexError):
            return None, None
