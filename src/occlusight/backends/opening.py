"""From a model's name to a backend that answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from occlusight.errors import BadInput

if TYPE_CHECKING:
    from occlusight.backends.protocol import Backend


def open_backend(model: str, *, device: str = "auto", dtype: str = "auto", data: Path | None = None) -> Backend:
    """Open a model.

    Args:
        model: 'default' (shipped), 'blind' (the baseline without pictures), 'oracle' (answers from the truth in `data`), a
            checkpoint folder, a Hugging Face id, or modelscope:ORG/NAME.
        device: auto, cpu, cuda or cuda:N.
        dtype: auto, float32, bfloat16 or float16.
        data: the data set that the oracle reads.

    Raises:
        BadModel: there is no such model, or it cannot be had or loaded.
        BadInput: a device, dtype or data set that cannot be used.
    """
    if model == "oracle":
        return oracle(data)
    from occlusight.backends.local import LocalBackend
    from occlusight.backends.models import checkpoint_of

    return LocalBackend(checkpoint_of(model), name=model, device=device, dtype=dtype, blind=model == "blind")


def oracle(data: Path | None) -> Backend:
    """Return the backend that answers from a data set's truth."""
    if data is None:
        raise BadInput("the oracle answers from the truth of a data set; use it with `occlusight bench run --data DIR`")
    raise NotImplementedError
