"""The stored form: quantized once, kept in the cache directory under a digest of what it was made from, loaded in seconds.

A folder holds `index.json` (format, settings, size and SHA-256 of every file), `plan.json` and the tensors, a file for each block: so
that one block at a time is in memory. The embeddings stay in bf16 in a file of their own, which is mapped: a prompt touches few rows.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from occlusight.errors import BadModel
from occlusight.model.cache_directory import cache_directory
from occlusight.model.quant.plan import FORMAT, Plan, QuantSettings

EMBEDDING = "embedding.safetensors"


@dataclass(frozen=True)
class Origin:
    """What a stored form is made from: the digests of a checkpoint and of the calibration's pictures, and the settings."""

    checkpoint: str
    calibration: str
    settings: QuantSettings

    @property
    def folder(self) -> Path:
        """The form's place in the cache; it need not exist."""
        text = json.dumps([FORMAT, self.checkpoint, self.calibration, asdict(self.settings)], sort_keys=True)
        return cache_directory() / "quantized" / hashlib.sha256(text.encode()).hexdigest()[:24]


class StoreWriter:
    """Writes a stored form beside its place and moves it there when it is whole; two at once do not disturb each other."""

    def __init__(self, folder: Path, checkpoint: str) -> None:
        self.folder, self.checkpoint = folder, checkpoint
        self.partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
        self._files: dict[str, dict[str, Any]] = {}
        self.partial.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, tensors: dict[str, Tensor]) -> None:
        """Add a file."""
        path = self.partial / name
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path)
        with path.open("rb") as file:
            self._files[name] = {
                "bytes": path.stat().st_size,
                "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            }

    def finish(self, plan: Plan) -> None:
        """Add plan and index, and put the folder where it belongs."""
        (self.partial / "plan.json").write_text(json.dumps(plan.document(), indent=1) + "\n", encoding="utf-8")
        index = {"format": FORMAT, "checkpoint": self.checkpoint, "files": self._files}
        (self.partial / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            self.partial.rename(self.folder)
        except OSError:  # another process was faster
            self.discard()

    def discard(self) -> None:
        """Give up."""
        shutil.rmtree(self.partial, ignore_errors=True)


class StoreReader:
    """Reads a stored form.

    Raises:
        BadModel: it is incomplete, damaged or of another format; each method, with what is wrong.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            found = index["format"]
            if found != FORMAT:
                raise BadModel(f"{folder}: format {found}, this version reads {FORMAT}")
            self.plan = Plan.read(json.loads((folder / "plan.json").read_text(encoding="utf-8")))
            self._files: dict[str, dict[str, Any]] = dict(index["files"])
            self.checkpoint = str(index["checkpoint"])  # its digest
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadModel(f"{folder}: not a stored quantized model ({type(error).__name__}: {error})") from None

    def files(self) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield name and tensors of every file but the embeddings', one at a time, each checked against its digest.

        The tensors are mapped: they take memory only until the caller lets go of them. The largest come first, while nothing else is in
        memory; the next file is checked while the caller works on one.
        """
        names = sorted(self._files.keys() - {EMBEDDING}, key=lambda name: -int(self._files[name]["bytes"]))
        with ThreadPoolExecutor(1) as pool:
            checks = [pool.submit(self._check, name) for name in names[:1]]
            for place, name in enumerate(names):
                checks.pop().result()
                if place + 1 < len(names):
                    checks.append(pool.submit(self._check, names[place + 1]))
                try:
                    yield name, load_file(self.folder / name)
                except (OSError, SafetensorError) as error:
                    raise BadModel(f"{self.folder / name}: not readable ({error})") from None

    def embedding(self) -> Tensor:
        """The embeddings, mapped into memory; only their size is checked."""
        path = self.folder / EMBEDDING
        try:
            if path.stat().st_size != self._files[EMBEDDING]["bytes"]:
                raise BadModel(f"{path}: {path.stat().st_size} bytes instead of {self._files[EMBEDDING]['bytes']}")
            return load_file(path)["weight"]
        except (OSError, KeyError, SafetensorError) as error:
            raise BadModel(f"{path}: not readable ({error})") from None

    def _check(self, name: str) -> None:
        """Compare a file with its digest."""
        try:
            with (self.folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BadModel(f"{self.folder / name}: not readable ({error})") from None
        if found != self._files[name]["sha256"]:
            raise BadModel(f"{self.folder / name}: damaged, its SHA-256 differs from the index")
