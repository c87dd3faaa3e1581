"""How errors of the system become words: a path that cannot be read or written is the user's to change, anything else
is a bug."""

from __future__ import annotations

import errno
import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from occlusight.errors import BadInput

OF_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""What `write` reports, with no name of the file."""


def as_bad_input(error: OSError, outputs: Sequence[str] = ()) -> BadInput | None:
    """Return what to tell the user of an error that nobody handled; None where it is a bug and wants its traceback.

    It is the user's where it names a path outside the program's own folders, or where a disk is full (then `outputs`,
    what the command was told to write, are named), and a bug otherwise: a file of ours that is missing, a socket, a
    child process.
    """
    named = [
        os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, (str, bytes, os.PathLike))
    ]
    if named:
        if any(_is_ours(name) for name in named):
            return None
        return BadInput(f"{' -> '.join(named)}: {error.strerror}; check the path, its permissions and the space there")
    if error.errno in OF_WRITING:
        what = ", ".join(outputs) or "standard output"
        return BadInput(f"{what} cannot be written ({error.strerror}); free some space and give the same command again")
    return None


def _is_ours(name: str) -> bool:
    path = Path(name).absolute()
    ours = {Path(__file__).parents[1], Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))}
    return any(path.is_relative_to(folder) for folder in ours)


def give_up_stdout() -> None:
    """Let what is still to be printed go nowhere: the reader has gone, or the disk behind is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def give_up_stdout_if_full() -> None:
    """The same only where what is still to be printed cannot be."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        give_up_stdout()
