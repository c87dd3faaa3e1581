"""From a model's name to a backend that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from occlusight.errors import BadInput

if TYPE_CHECKING:
    from occlusight.backends.protocol import Backend

KINDS = ("local", "openai", "transformers")


def open_backend(
    model: str,
    *,
    backend: str = "local",
    device: str = "auto",
    dtype: str = "auto",
    base_url: str | None = None,
    quantize: str = "none",
    quantize_vision: str | None = None,
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
        quantize: none, int8 or int4: the bits of the decoder's weights, for local.
        quantize_vision: none or int8 for the vision tower; follows `quantize` unless given.

    Raises:
        BadModel: there is no such model, or it cannot be had or loaded.
        BadInput: a device or dtype that does not exist here, an unknown backend, one whose package is not installed, or the
            oracle, which needs a data set.
    """
    if backend not in KINDS:
        raise BadInput(f"--backend takes {', '.join(KINDS)}, but {backend!r} was given")
    if backend != "local" and (quantize, quantize_vision or "none") != ("none", "none"):
        raise BadInput(f"quantized weights are for our own engine, but the backend is {backend}; leave --quantize out")
    if backend == "openai":
        return _openai(model, base_url)
    if model == "oracle":
        raise BadInput(
            "the oracle answers from the truth of a data set: occlusight bench run --model oracle --data DIR --out OUT"
        )
    if backend == "transformers":
        return _transformers(model, device, dtype)
    from occlusight.backends.local import LocalBackend
    from occlusight.backends.models import checkpoint_of
    from occlusight.model.quant.plan import QuantSettings

    return LocalBackend(
        checkpoint_of(model),
        name=model,
        device=device,
        dtype=dtype,
        blind=model == "blind",
        quantized=QuantSettings.of(quantize, quantize_vision),
    )


def _openai(model: str, base_url: str | None) -> Backend:
    try:
        from occlusight.backends.openai import OpenAIBackend
    except ModuleNotFoundError as error:
        raise needs(error, "openai") from error
    return OpenAIBackend(model, base_url=base_url)


def _transformers(model: str, device: str, dtype: str) -> Backend:
    from occlusight.backends.models import checkpoint_of

    try:
        from occlusight.backends.transformers import TransformersBackend
    except ModuleNotFoundError as error:
        raise needs(error, "transformers") from error
    return TransformersBackend(checkpoint_of(model), name=model, device=device, dtype=dtype)


def needs(error: ModuleNotFoundError, extra: str) -> BadInput:
    """Return an error that says how to install what a backend needs."""
    return BadInput(
        f"--backend {extra} needs the package {error.name}, which is not installed: pip install 'occlusight[{extra}]'"
    )
