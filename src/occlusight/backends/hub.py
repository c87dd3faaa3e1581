"""From what a user calls a model to the folder that holds it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from occlusight.backends.downloads import WANTED, Hub, unreachable
from occlusight.checks import received
from occlusight.errors import BadInput, BadModel
from occlusight.extras import install

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
MODELSCOPE = "modelscope:"
SHIPPED = ("default", "blind")
CODE = ("*.py",)
"""The code that some repositories bring."""
CHOICES = (
    "'default' (the shipped model), 'blind' (its baseline without pictures), a checkpoint folder, "
    "a Hugging Face id such as Qwen/Qwen3-VL-2B-Instruct, or modelscope:ORG/NAME"
)


def checkpoint_of(model: str, wanted: Sequence[str] = WANTED, offline: bool = False) -> Path:
    """Return the checkpoint folder of a model's name, downloading the `wanted` files if it is on a hub; `offline`
    takes what was downloaded before.

    Raises:
        BadModel: there is no such model, or it cannot be had from the hub, or is not there.
        BadInput: it is the oracle, which needs a data set.
    """
    if model in SHIPPED:
        return shipped(model)
    if model == "oracle":
        raise BadInput(
            "the oracle answers from the truth of a data set: occlusight bench run --model oracle --data DIR --out OUT"
        )
    if model and Path(model).is_dir():
        return Path(model)
    if offline and HUB_ID.fullmatch(model):
        return downloaded(model)
    if model.startswith(MODELSCOPE) and HUB_ID.fullmatch(model.removeprefix(MODELSCOPE)):
        return from_modelscope(model.removeprefix(MODELSCOPE), wanted, offline)
    if HUB_ID.fullmatch(model):
        return from_hub(model, wanted)
    raise BadModel(f"there is no model {model!r}; --model takes {CHOICES}")


def shipped(name: str) -> Path:
    """Return the folder of a checkpoint inside the package."""
    folder = Path(str(files("occlusight"))) / "checkpoints" / name
    if not (folder / "config.json").is_file():
        raise BadModel(
            f"the model {name!r} is not part of this installation ({folder} is missing); --model takes {CHOICES}"
        )
    return folder


def served_checkpoint(name: str) -> Path:
    """Return the folder of what a server is said to run. Raises BadInput where there is none."""
    if name in SHIPPED:
        return shipped(name)
    if not (Path(name) / "config.json").is_file():
        raise BadInput(
            f"served_checkpoint takes 'default' or the folder of a checkpoint, but {received(name)} was given"
        )
    return Path(name)


def downloaded(name: str) -> Path:
    """Return the folder of a model that was downloaded from Hugging Face's hub. Raises BadModel where it was not, or
    not whole."""
    stored = Hub().find(name)
    if stored is None or stored.folder is None:
        what = "not downloaded" if stored is None else "not downloaded whole"
        raise BadModel(f"{name!r} is {what}; download it first (occlusight models pull {name})")
    return stored.folder


def from_hub(name: str, wanted: Sequence[str] = WANTED) -> Path:
    """Download from Hugging Face's hub, or find what was downloaded before."""
    return Hub().pull(name, wanted)


def from_modelscope(name: str, wanted: Sequence[str] = WANTED, offline: bool = False) -> Path:
    """Download from ModelScope, or find what was downloaded before; `offline` finds alone."""
    try:
        from modelscope import snapshot_download
    except ImportError as error:
        raise BadModel(
            f"{MODELSCOPE}{name} needs the package modelscope, which is not installed: {install('modelscope')}"
        ) from error
    try:
        return Path(snapshot_download(name, allow_patterns=list(wanted), local_files_only=offline))
    except Exception as error:  # modelscope raises whatever its transport raises
        raise unreachable(name, "ModelScope", error) from error
