"""All loops. Numba compiles them at the import of these files; `ops` hands them tensors.

`p` points to the arguments of a call: first addresses, then sizes. All arrays lie row after row unless a stride is
given.
"""

from occlusight.kernels.attention import BLOCK, attend
from occlusight.kernels.attention_tiles import PAIRS
from occlusight.kernels.elementwise import gelu, quantize, rms_norm, swiglu, turn
from occlusight.kernels.gemm import ROOM, multiply
from occlusight.kernels.gemm_tiles import DEPTH, GROUP, LANES, PANEL, QUAD, TILE
from occlusight.kernels.isa import BEST

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
