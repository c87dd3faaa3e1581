"""Options that name what a command writes, which is tried before any long work: the callbacks that they have.

The root of the commands' context has a list, to which the outputs are added that were given: an error of a full disk
names them.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from occlusight.errors import BadInput


def output_file(ctx: Any, param: Any, path: Path | None) -> Path | None:
    """A file that a command will write or replace. Raises BadInput where it cannot be written."""
    return _output(ctx, param, path, folder=False)


def output_folder(ctx: Any, param: Any, path: Path | None) -> Path | None:
    """A folder that a command will fill. Raises BadInput where that cannot be."""
    return _output(ctx, param, path, folder=True)


def output(ctx: Any, param: Any, path: Path | None) -> Path | None:
    """A file or a folder, as other options decide. Raises BadInput where neither can be written."""
    return _output(ctx, param, path, folder=path is not None and os.path.isdir(path))


def output_picture(ctx: Any, param: Any, path: Path | None) -> Path | None:
    """A picture that a command will write. Raises BadInput where it cannot, or not in the format that its name asks
    for."""
    return _output_of(ctx, param, path, (".png", ".jpg", ".jpeg", ".webp"))


def output_drawing(ctx: Any, param: Any, path: Path | None) -> Path | None:
    """A drawing that a command will write, as `output_picture`."""
    return _output_of(ctx, param, path, (".svg", ".png"))


def output_film(ctx: Any, param: Any, path: Path | None) -> Path | None:
    """A video that a command will write, as `output_picture`."""
    return _output_of(ctx, param, path, (".mp4", ".webm", ".mkv"))


def _output_of(ctx: Any, param: Any, path: Path | None, formats: tuple[str, ...]) -> Path | None:
    if path is not None and path.suffix.lower() not in formats:
        raise BadInput(f"{_name(param)} must end in {', '.join(formats)}, but {str(path)!r} was given")
    return _output(ctx, param, path, folder=False)


def _output(ctx: Any, param: Any, path: Path | None, folder: bool) -> Path | None:
    if path is None:
        return None
    outputs = ctx.find_root().obj
    if isinstance(outputs, list):
        outputs.append(f"{_name(param)} {path}")
    try:
        why = _hindrance(path, folder)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
    if why:
        raise BadInput(f"{_name(param)} {path} cannot be written ({why}); give another")
    return path


def _name(param: Any) -> str:
    return str(max(param.opts, key=len))


def _hindrance(path: Path, folder: bool) -> str | None:
    """Why nothing can be written there, None where it can. Leaves nothing behind. Raises OSError."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _hindrance_below(path.parent if path.name else path)
    if folder:
        return _hindrance_below(path) if stat.S_ISDIR(mode) else "it is a file, but must be a folder"
    if not stat.S_ISREG(mode):
        return f"it is a {'folder' if stat.S_ISDIR(mode) else 'device'}, but must be a file"
    os.close(os.open(path, os.O_WRONLY))
    return _hindrance_below(path.resolve().parent)


def _hindrance_below(folder: Path) -> str | None:
    """Why no file can be made in a folder, or in the nearest one above it that exists."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"{folder} is not a folder"
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"{folder}: {error.strerror}"
