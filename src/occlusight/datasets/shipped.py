"""Data sets that are shipped inside the package, by name."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def set_folder(named: Path) -> Path:
    """Return the folder of a data set: the one that is given, or else the shipped set of that name; unknown ones as
    they are."""
    shipped = Path(str(files("occlusight"))) / "sets" / named.name
    return shipped if not named.exists() and named.name == str(named) and shipped.is_dir() else named
