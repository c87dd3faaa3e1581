"""From a model's name to a backend that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING

from occlusight.errors import BadInput
from occlusight.extras import install

if TYPE_CHECKING:
    from occlusight.backends.options import MaxPixels
    from occlusight.backends.protocol import Backend

KINDS = ("local", "openai", "transformers")


def open_backend(
    model: str | PathLike[str],
    *,
    backend: str = "local",
    device: str = "auto",
    dtype: str = "auto",
    base_url: str | None = None,
    quantize: str = "auto",
    quantize_vision: str | None = None,
    context: int | None = None,
    int8_kv: bool = False,
    kv_gb: float | None = None,
    steady: bool = False,
    max_pixels: MaxPixels = None,
    min_pixels: int | None = None,
    trust_remote_code: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Backend:
    """Open a model.

    Args:
        model: 'default' (shipped), 'blind' (the baseline without pictures), a checkpoint folder, a Hugging Face id, or
            modelscope:ORG/NAME; with the backend openai the name on the server. ('oracle' exists for a data set only: see
            `occlusight.bench.baselines`.)
        backend: local (our engine), openai (any server that speaks OpenAI's chat API) or transformers (any image-text model of it).
        device: auto, cpu, cuda or cuda:N.
        dtype: auto, float32, bfloat16 or float16.
        base_url: the server's address, for openai.
        quantize: none, int8 or int4: the bits of the decoder's weights, for local; or the folder of a stored form. auto is int8 for
            half a billion parameters or more on a CPU, unless a dtype is given, else none.
        quantize_vision: none or int8 for the vision tower; follows `quantize` unless given.
        context: the most tokens of a prompt and its answer, for local; the model's own context unless given, and stretched beyond it.
        int8_kv: keys and values in a byte a number, for local.
        kv_gb: the memory in 10^9 bytes that keys and values may take, for local; a quarter of the machine's unless given.
        steady: read prompts in the same chunks however busy the machine is, so that not even the rounding changes from run to run;
            for local.
        max_pixels: pictures with more pixels are reduced to so many; "model" takes the checkpoint's own limit, None at most 1,048,576
            on a CPU; for local. A request may say otherwise.
        min_pixels: pictures with fewer pixels are enlarged to so many, for local.
        trust_remote_code: run the Python code that a checkpoint brings, for transformers.
        tell: hears in a line each what was chosen and what takes long; unless given the log does.

    Raises:
        BadModel: there is no such model, or it cannot be had or loaded.
        BadInput: a device or dtype that does not exist here, an unknown backend, one whose package is not installed, or the
            oracle, which needs a data set.
    """
    from occlusight.checks import number, text, truth, whole

    model = text("model", str(model) if isinstance(model, PathLike) else model)
    for name, given in (("device", device), ("dtype", dtype), ("quantize", quantize)):
        text(name, str(given) if isinstance(given, PathLike) else given)
    for name, flag in (("int8_kv", int8_kv), ("steady", steady), ("trust_remote_code", trust_remote_code)):
        truth(name, flag)
    context = None if context is None else whole("context", context, 1, 2**31 - 1)
    kv_gb = None if kv_gb is None else number("kv_gb", kv_gb, 1e-3, 1e6)
    if backend not in KINDS:
        raise BadInput(f"--backend takes {', '.join(KINDS)}, but {backend!r} was given")
    if backend != "local" and not {quantize, quantize_vision or "none"} <= {"auto", "none"}:
        raise BadInput(f"quantized weights are for our own engine, but the backend is {backend}; leave --quantize out")
    if backend != "local" and (context, int8_kv, kv_gb) != (None, False, None):
        raise BadInput(
            f"--context, --int8-kv and --kv-gb are for our own engine, but the backend is {backend}; leave them out"
        )
    if backend != "local" and (max_pixels, min_pixels) != (None, None):
        raise BadInput(
            f"--max-pixels and --min-pixels are for our own engine, but the backend is {backend}; leave them out"
        )
    if trust_remote_code and backend != "transformers":
        raise BadInput(f"--trust-remote-code is for --backend transformers, but the backend is {backend}; leave it out")
    if backend == "openai":
        return _openai(model, base_url)
    if model == "oracle":
        raise BadInput(
            "the oracle answers from the truth of a data set: occlusight bench run --model oracle --data DIR --out OUT"
        )
    if backend == "transformers":
        return _transformers(model, device, dtype, trust_remote_code)
    from occlusight.backends.hub import checkpoint_of
    from occlusight.backends.load import log, precision_of
    from occlusight.backends.local import LocalBackend
    from occlusight.engine.config import LONGEST_STEP_S, EngineSettings
    from occlusight.model.device import Placement

    settings = EngineSettings(int8_kv=int8_kv, kv_bytes=round(1e9 * (kv_gb or 0)))
    checkpoint, tell = checkpoint_of(model), tell or log.info
    placement = Placement.choose(checkpoint, device, dtype)
    return LocalBackend(
        checkpoint,
        name=model,
        device=device,
        dtype=dtype,
        blind=model == "blind",
        settings=replace(settings, step_s=LONGEST_STEP_S) if steady else settings,
        quantized=precision_of(quantize, quantize_vision, checkpoint, placement, tell),
        context=context,
        max_pixels=max_pixels,
        min_pixels=min_pixels,
        tell=tell,
    )


def _openai(model: str, base_url: str | None) -> Backend:
    try:
        from occlusight.backends.openai import OpenAIBackend
    except ModuleNotFoundError as error:
        raise needs(error, "openai") from error
    return OpenAIBackend(model, base_url=base_url)


def _transformers(model: str, device: str, dtype: str, trust_remote_code: bool) -> Backend:
    from occlusight.backends.hub import CODE, WANTED, checkpoint_of

    try:
        from occlusight.backends.transformers import TransformersBackend
    except ModuleNotFoundError as error:
        raise needs(error, "transformers") from error
    folder = checkpoint_of(model, (*WANTED, *(CODE if trust_remote_code else ())))
    return TransformersBackend(folder, name=model, device=device, dtype=dtype, trust_remote_code=trust_remote_code)


def needs(error: ModuleNotFoundError, extra: str) -> BadInput:
    """Return an error that says how to install what a backend needs."""
    return BadInput(f"--backend {extra} needs the package {error.name}, which is not installed: {install(extra)}")
