"""OpenGL without a screen, through the package `moderngl` and EGL. Imported when the first context is made."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from occlusight.errors import BadInput
from occlusight.extras import install


def opengl() -> Any:
    """Return the `moderngl` module. Raises BadInput where it is not installed."""
    os.environ.setdefault("LP_NUM_THREADS", "0")  # llvmpipe's own threads cost more than they bring for small pictures
    try:
        import moderngl
    except ModuleNotFoundError:
        raise BadInput(f"drawing pictures for training needs moderngl; {install('train')}") from None
    return moderngl


def context() -> Any:
    """Return this process's context of OpenGL 3.3, which releases what no Python object holds any more.

    A process that was forked has its own. Raises BadInput where there is no such OpenGL.
    """
    return _context(os.getpid())


@cache
def _context(process: int) -> Any:
    """One for all: what is drawn or released in a second one would be drawn or released in the first."""
    gl = opengl()
    try:
        found = gl.create_context(standalone=True, backend="egl", require=330)
    except Exception as error:  # glcontext raises plain Exceptions
        raise BadInput(
            f"there is no OpenGL 3.3 here ({error}); on Debian: apt-get install libegl1 libgl1-mesa-dri"
        ) from None
    found.gc_mode = "auto"
    return found


def smooth(texture: Any) -> None:
    """Let a texture be read between its pixels, and from smaller forms of it where it is far away."""
    gl = opengl()
    texture.build_mipmaps()
    texture.filter = (gl.LINEAR_MIPMAP_LINEAR, gl.LINEAR)
