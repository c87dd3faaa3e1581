"""The options that say in how many bits a model computes."""

from __future__ import annotations

from typing import Annotated

import typer

Quantize = Annotated[
    str,
    typer.Option(
        help="Bits of the decoder's weights: auto (int8 on a CPU from half a billion parameters on, else none), none, int8 (half of "
        "the memory, several times as fast on a CPU) or int4 (less exact; answers come 1.3 times as fast as with int8, prompts go by int8, so it takes more memory). Made once, kept in the "
        "cache directory. Or the folder of a form that `models quantize` made with settings of its own."
    ),
]
QuantizeVision = Annotated[
    str | None,
    typer.Option(
        help="The same for the vision tower: none or int8. It follows --quantize unless given.", show_default=False
    ),
]
