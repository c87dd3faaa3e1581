"""All loops. Numba compiles them at the import of these files; `calls` hands them tensors.

`p` points to the arguments of a call: first addresses, then sizes. All arrays lie row after row unless a stride is given.
"""

from occlusight.model.loops.attention import BLOCK, attend
from occlusight.model.loops.attention_tiles import PAIRS
from occlusight.model.loops.instructions import BEST
from occlusight.model.loops.passes import gelu, quantize, rms_norm, swiglu, turn
from occlusight.model.loops.products import ROOM, multiply
from occlusight.model.loops.tiles import DEPTH, GROUP, LANES, PANEL, QUAD, TILE

__all__ = [
    "BEST",
    "BLOCK",
    "DEPTH",
    "GROUP",
    "LANES",
    "PAIRS",
    "PANEL",
    "QUAD",
    "ROOM",
    "TILE",
    "attend",
    "gelu",
    "multiply",
    "quantize",
    "rms_norm",
    "swiglu",
    "turn",
]
