"""The options that say how large pictures are read."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from occlusight.errors import BadInput

PANEL = "How large pictures are read"


def max_pixels(text: str) -> Any:
    """Return a number of pixels, or 'model'."""
    if text == "model":
        return text
    try:
        return int(text.replace(",", "").replace("_", ""))
    except ValueError:
        raise BadInput(f"--max-pixels takes a number of pixels, or 'model', but {text!r} was given") from None


MaxPixels = Annotated[
    Any,
    typer.Option(
        "--max-pixels",
        parser=max_pixels,
        metavar="N|model",
        help="Pictures with more pixels are reduced to so many: a model takes about a token for 1024 of them. 'model' takes the "
        "checkpoint's own limit alone, which is 16777216 for Qwen3-VL and mostly only delays.",
        show_default="1048576 on a CPU, else model",
        rich_help_panel=PANEL,
    ),
]
MinPixels = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Pictures with fewer pixels are enlarged to so many: small ones are seen better, and take longer.",
        show_default="the checkpoint's own",
        rich_help_panel=PANEL,
    ),
]
