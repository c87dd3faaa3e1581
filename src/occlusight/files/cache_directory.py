"""Where what was made once is kept for later processes: stored quantized models, compiled loops."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "OCCLUSIGHT_CACHE"


def cache_directory() -> Path:
    """The folder: $OCCLUSIGHT_CACHE, else $XDG_CACHE_HOME/occlusight, else ~/.cache/occlusight."""
    if given := os.environ.get(CACHE_VARIABLE):
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "occlusight"
