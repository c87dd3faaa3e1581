"""What a model takes of this machine, told before it is loaded or downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from occlusight.backends.downloads import Hub, free_bytes
from occlusight.backends.fitting import need_of
from occlusight.backends.hub import SHIPPED, checkpoint_of, hub_of
from occlusight.backends.hugging_face import HuggingFace
from occlusight.errors import BadInput, BadModel
from occlusight.files.text import is_dir
from occlusight.model.config import ModelConfig
from occlusight.model.device import Placement
from occlusight.model.fields import read_json
from occlusight.model.memory import available_bytes
from occlusight.model.presets import preset
from occlusight.model.quant.plan import QuantSettings
from occlusight.model.size import parameters_of

FORMS = ("none", "int8", "int4")
"""What --quantize takes."""


@dataclass(frozen=True)
class Measured:
    """Seconds to the first token about a new picture of 512x512 pixels, and tokens a second after it."""

    first_token_s: float
    tokens_per_s: float


MEASURED: Mapping[str, Mapping[str, Measured]] = {
    "2B": {"int8": Measured(1.24, 23.3), "int4": Measured(1.28, 36.0)},
}
"""By the size of a published Qwen3-VL, as docs/speed.md has it."""
MEASURED_ON = "2 threads of an EPYC of the fifth generation with AVX-512, without AMX"


@dataclass(frozen=True)
class About:
    """A model, and what it takes.

    needs: bytes of memory by what --quantize takes; None where our engine does not run it
    measured: what was measured of a model of this size, on another machine
    here: the revision that was downloaded, "" where none was
    newest: the revision that the hub has, None where it was not, or could not be, asked
    download_bytes: what must still be downloaded; None where that is not known
    """

    name: str
    needs: Mapping[str, int] | None
    why_not: str | None
    measured: Mapping[str, Measured]
    free_memory: int
    free_disk: int
    here: str = ""
    newest: str | None = None
    download_bytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as a dict."""
        fits = [] if self.needs is None else fitting(self.needs, self.free_memory)
        return {**asdict(self), "fits": fits, "measured_on": MEASURED_ON if self.measured else None}

    def lines(self) -> list[str]:
        """Return what people read."""
        found = [self.name]
        if self.newest is not None and not self.here:
            found.append("not downloaded: occlusight models pull " + self.name)
        elif self.newest is not None:
            newer = "" if self.newest == self.here else f"; the hub has a newer one, {self.newest[:12]}"
            found.append(f"downloaded: revision {self.here[:12]}{newer}")
        elif self.here:
            found.append(
                f"downloaded: revision {self.here[:12]}; whether there is a newer one is not known (no connection)"
            )
        if self.download_bytes:
            found.append(f"to download: {self.download_bytes / 1e9:.2f} GB, of {self.free_disk / 1e9:.1f} GB free")
        if self.needs is None:
            return [
                *found,
                f"not a model for our engine ({self.why_not}); a server may run it: bench run --backend openai",
            ]
        for form, size in self.needs.items():
            fits = "fits" if size <= self.free_memory else "does not fit"
            speed = self.measured.get(form)
            measured = (
                "speed not measured"
                if speed is None
                else f"first token {speed.first_token_s:g} s, then {speed.tokens_per_s:g} a second ({MEASURED_ON})"
            )
            found.append(
                f"--quantize {form}: {size / 1e9:.1f} GB of memory, {fits} ({self.free_memory / 1e9:.1f} GB free); "
                f"{measured}"
            )
        return found


def about_model(name: str) -> About:
    """Tell what a model takes. Raises BadModel where there is none of this name, or nothing can be known of it."""
    hub = None if name in SHIPPED or is_dir(Path(name)) else hub_of(name)
    if hub is None:
        return _of_folder(name, checkpoint_of(name), free_bytes(HuggingFace().root))
    free = free_bytes(hub.root)
    stored, listing = hub.find(name), None
    try:
        listing = hub.listing(name)
    except BadModel:
        if stored is None or stored.folder is None:
            raise
    here = stored.revision if stored and stored.folder else ""
    if stored is not None and stored.folder is not None:
        told = _of_folder(name, stored.folder, free)
    else:
        told = _of_hub(name, hub, free)
    if listing is None:
        return replace(told, here=here)
    return replace(told, here=here, newest=listing.revision, download_bytes=hub.missing(listing))


def _of_hub(name: str, hub: Hub, free: int) -> About:
    with TemporaryDirectory() as folder:
        hub.bring(name, "config.json", Path(folder))
        return _of_folder(name, Path(folder), free)


def _of_folder(name: str, folder: Path, free: int) -> About:
    try:
        config = ModelConfig.from_hf(read_json(folder, "config.json"))
    except BadInput as error:
        return About(name, None, str(error), {}, available_bytes(), free)
    size = parameters_of(config)
    measured = next((found for like, found in MEASURED.items() if parameters_of(preset(like)) == size), {})
    return About(name, _needs(config), None, measured, available_bytes(), free)


def needs_of(folder: Path) -> Mapping[str, int] | None:
    """Return the bytes of memory that a checkpoint takes, by what --quantize takes; None where our engine does not run
    it."""
    return _of_folder("", folder, 0).needs


def fitting(needs: Mapping[str, int], free: int | None = None) -> list[str]:
    """Return the forms that fit into the memory that is free."""
    room = available_bytes() if free is None else free
    return [form for form, size in needs.items() if size <= room]


def _needs(config: ModelConfig) -> dict[str, int]:
    import torch

    placement = Placement(torch.device("cpu"), torch.bfloat16)
    return {form: need_of(config, placement, QuantSettings.of(form), True, True).bytes for form in FORMS}
