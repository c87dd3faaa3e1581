"""Runs compiled loops on the threads that PyTorch computes with.

Two pools of threads on the same cores get in each other's way: one spins while the other works. So a loop is started by
the very OpenMP library that PyTorch loaded. Where that is not found, the calling thread does all of it.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

import llvmlite.binding as llvm
import torch
from numba import cfunc, config, types
from numba.extending import intrinsic

from occlusight.files.cache_directory import cache_directory
from occlusight.kernels.isa import BEST

ORDERED = frozenset({"nsz", "contract", "nnan"})
"""What a compiler may do to floats where the order of operations matters."""
QUICK = ORDERED | {"reassoc"}
_SIGNATURE = types.void(types.CPointer(types.int64))
Body = Callable[[Any], None]
"""`(arguments)`: a pointer to int64; each thread does its part."""


class Loop:
    """A compiled loop. Its arguments are whole numbers, and addresses of what must stay where it is during a call."""

    def __init__(self, address: int) -> None:
        self.address = address
        self._alone = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)

    def __call__(self, *arguments: int, alone: bool = False) -> None:
        """Run it, on one thread where it is so short that waking others takes longer."""
        packed = (ctypes.c_int64 * len(arguments))(*arguments)
        threads = 1 if alone or _GOMP is None else torch.get_num_threads()
        if threads == 1 or _GOMP is None:
            self._alone(ctypes.addressof(packed))
        else:
            _GOMP.GOMP_parallel(self.address, packed, threads, 0)


def loop(body: Body, fastmath: frozenset[str] = QUICK) -> Loop:
    """Compile a body, or take it from the cache directory, where each version of these files has a folder of its
    own.
    """
    with _cached_in(cache_directory() / "loops" / f"{BEST.name}-{_version()}"):
        compiled = cfunc(_SIGNATURE, cache=True, fastmath=set(fastmath), error_model="numpy")(body)
    return Loop(compiled.address)


@cache
def _version() -> str:
    """A digest of this package's files: Numba itself looks only at the one that a body is written in."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


@contextmanager
def _cached_in(folder: Path) -> Iterator[None]:
    """Let Numba keep what it compiles meanwhile in a folder."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before


def _openmp() -> Any:
    """The OpenMP library that PyTorch brought along, if it has GNU's entry points."""
    home = Path(torch.__file__).parent
    for path in sorted((*(home / "lib").glob("lib*omp*"), *(home.parent / "torch.libs").glob("lib*omp*"))):
        library = ctypes.CDLL(str(path))
        if all(hasattr(library, name) for name in ("GOMP_parallel", *_ALONE)):
            library.GOMP_parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
            library.GOMP_parallel.restype = None
            return library
    return None


_ALONE = {"omp_get_thread_num": 0, "omp_get_num_threads": 1, "GOMP_barrier": 0}
"""What OpenMP says outside of a parallel region."""
_GOMP = _openmp()
_KEPT = [ctypes.CFUNCTYPE(ctypes.c_int)(lambda value=value: value) for value in _ALONE.values()]
for _name, _own in zip(_ALONE, _KEPT, strict=True):
    _function = _own if _GOMP is None else getattr(_GOMP, _name)
    llvm.add_symbol(_name, cast(int, ctypes.cast(_function, ctypes.c_void_p).value))
part = types.ExternalFunction("omp_get_thread_num", types.int32())
parts = types.ExternalFunction("omp_get_num_threads", types.int32())
wait_for_all = types.ExternalFunction("GOMP_barrier", types.void())


@intrinsic  # type: ignore[untyped-decorator]
def pointer(typing: Any, address: Any, kind: Any) -> Any:
    """In a loop: an address as a pointer to numbers of a kind."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return types.CPointer(kind.dtype)(address, kind), generate


@intrinsic  # type: ignore[untyped-decorator]
def as_float(typing: Any, bits: Any) -> Any:
    """In a loop: 32 bits as the float that they are."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], context.get_value_type(signature.return_type))

    return types.float32(bits), generate


@intrinsic  # type: ignore[untyped-decorator]
def as_bits(typing: Any, number: Any) -> Any:
    """In a loop: the 32 bits of a float."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], context.get_value_type(signature.return_type))

    return types.uint32(number), generate
