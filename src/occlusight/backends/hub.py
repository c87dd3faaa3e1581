"""From what a user calls a model to the folder that holds it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from occlusight.backends.downloads import WANTED, Hub
from occlusight.backends.hugging_face import HuggingFace
from occlusight.backends.modelscope import PREFIX, ModelScope
from occlusight.checks import received
from occlusight.errors import BadInput, BadModel
from occlusight.files.text import is_dir, is_file, shown

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
HUBS: tuple[type[Hub], ...] = (HuggingFace, ModelScope)
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
    if model and is_dir(Path(model)):
        return Path(model)
    hub = hub_of(model)
    if hub is None:
        raise BadModel(f"there is no model {shown(model)}; --model takes {CHOICES}")
    return downloaded(model, hub) if offline else hub.pull(model, wanted)


def hub_of(model: str) -> Hub | None:
    """Return the hub that would have a model of this name; None where no hub would."""
    if not HUB_ID.fullmatch(model.removeprefix(PREFIX)):
        return None
    return ModelScope() if model.startswith(PREFIX) else HuggingFace()


def shipped(name: str) -> Path:
    """Return the folder of a checkpoint inside the package."""
    folder = Path(str(files("occlusight"))) / "checkpoints" / name
    if not (folder / "config.json").is_file():
        raise BadModel(
            f"the model {name!r} is not part of this installation ({folder} is missing); --model takes {CHOICES}"
        )
    return folder


def checkpoint_folder(what: str, name: str) -> Path:
    """Return the folder of a checkpoint that is on this machine. Raises BadInput, which says what it was wanted for,
    where there is none."""
    if name in SHIPPED:
        return shipped(name)
    if not is_file(Path(name) / "config.json"):
        raise BadInput(f"{what} takes 'default' or the folder of a checkpoint, but {received(name)} was given")
    return Path(name)


def downloaded(name: str, hub: Hub) -> Path:
    """Return the folder of a model that was downloaded from a hub. Raises BadModel where it was not, or not whole."""
    stored = hub.find(name)
    if stored is None or stored.folder is None:
        what = "not downloaded" if stored is None else "not downloaded whole"
        raise BadModel(f"{name!r} is {what}; download it first (occlusight models pull {name})")
    return stored.folder
