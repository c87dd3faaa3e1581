"""From a model's name to a backend that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from occlusight.errors import BadInput

if TYPE_CHECKING:
    from occlusight.backends.protocol import Backend


def open_backend(model: str, *, device: str = "auto", dtype: str = "auto") -> Backend:
    """Open a model.

    Args:
        model: 'default' (shipped), 'blind' (the baseline without pictures), a checkpoint folder, a Hugging Face id, or
            modelscope:ORG/NAME. ('oracle' exists for a data set only: see `occlusight.bench.truth.oracle_of`.)
        device: auto, cpu, cuda or cuda:N.
        dtype: auto, float32, bfloat16 or float16.

    Raises:
        BadModel: there is no such model, or it cannot be had or loaded.
        BadInput: a device or dtype that does not exist here, or the oracle, which needs a data set.
    """
    if model == "oracle":
        raise BadInput(
            "the oracle answers from the truth of a data set: occlusight bench run --model oracle --data DIR --out OUT"
        )
    from occlusight.backends.local import LocalBackend
    from occlusight.backends.models import checkpoint_of

    return LocalBackend(checkpoint_of(model), name=model, device=device, dtype=dtype, blind=model == "blind")
