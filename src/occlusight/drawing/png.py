"""SVG drawn as PNG, in the shipped face of names: the same on every machine."""

from __future__ import annotations

from importlib.resources import as_file, files

import resvg_py

from occlusight.drawing.font import NAMES


def png(svg: str, width: int | None = None) -> bytes:
    """Return an SVG document drawn as PNG, in its own size or `width` pixels wide."""
    with as_file(files("occlusight.drawing") / "names.otf") as face:
        drawn: bytes = resvg_py.svg_to_bytes(
            svg_string=svg,
            width=width,
            skip_system_fonts=True,
            font_files=[str(face)],
            font_family=NAMES,
            sans_serif_family=NAMES,
        )
    return bytes(drawn)
