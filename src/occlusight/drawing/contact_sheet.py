"""All pictures of a set on one sheet, to be looked at together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from occlusight.drawing.canvas import INK, PAPER
from occlusight.drawing.font import names_face
from occlusight.errors import BadData, BadPicture
from occlusight.files.json_lines import Line
from occlusight.model.picture import open_picture

MARGIN, CAPTION = 6, 18  # pixels


def contact_sheet(folder: Path, lines: Sequence[Line], columns: int = 10, side: int = 190) -> Image.Image:
    """Return the sheet: `columns` pictures in a row, each in a square of `side` pixels, its recipe below it. Raises
    BadData."""
    rows = -(-len(lines) // columns)
    sheet = Image.new("RGB", (columns * (side + MARGIN) + MARGIN, rows * (side + CAPTION + MARGIN) + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    small = names_face(11)
    for i, line in enumerate(lines):
        x = MARGIN + i % columns * (side + MARGIN)
        y = MARGIN + i // columns * (side + CAPTION + MARGIN)
        try:
            shown = open_picture(folder / line["image"])
        except BadPicture as error:
            raise BadData(f"the picture {line['image']} of {folder} cannot be opened ({error})") from None
        shown.thumbnail((side, side), Image.Resampling.LANCZOS)
        sheet.paste(shown, (x, y))
        draw.text((x, y + side + 2), f"{line['index']} {line['recipe']}", fill=INK, font=small)
    return sheet
