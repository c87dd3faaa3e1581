"""How to install what is optional. The package is on no index: it is installed from a clone of its repository."""

from __future__ import annotations


def install(extra: str) -> str:
    """Return the command that installs an extra, as an error tells it."""
    return f"in the folder of this project, run: pip install -c constraints.txt '.[{extra}]'"
