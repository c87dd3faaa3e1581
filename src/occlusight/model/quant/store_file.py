"""The stored form: quantized once, kept in the cache directory under a digest of what it was made from, loaded in
seconds.

A folder holds `index.json` (format, checkpoint, size and SHA-256 of every file, and its own), `plan.json` and the
tensors, a file for each block: so that one block at a time is in memory. The embeddings stay in bf16 in a file of their
own, which is mapped: a prompt touches few rows.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from occlusight.errors import BadModel
from occlusight.files.cache_directory import cache_directory
from occlusight.files.whole import Unwritable, sha256, unwritable, write_json
from occlusight.model.fields import read_json
from occlusight.model.quant.plan import FORMAT, QuantPlan, QuantSettings
from occlusight.model.quant.verified import Verified

EMBEDDING, PLAN, INDEX = "embedding.safetensors", "plan.json", "index.json"
PARTIAL = ".partial"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """What a stored form is made from: the digests of a checkpoint and of the calibration's pictures, and the
    settings.
    """

    checkpoint: str
    calibration: str
    settings: QuantSettings

    @property
    def folder(self) -> Path:
        """The form's place in the cache; it need not exist."""
        text = json.dumps([FORMAT, self.checkpoint, self.calibration, asdict(self.settings)], sort_keys=True)
        return cache_directory() / "quantized" / hashlib.sha256(text.encode()).hexdigest()[:24]


class StoreWriter:
    """Writes a stored form beside its place and moves it there when it is whole; two at once do not disturb each other.

    What an earlier writer left that was killed is removed first: nobody holds its lock any more.

    Raises:
        Unwritable: there is no room or no permission; each method.
    """

    def __init__(self, folder: Path, checkpoint: str) -> None:
        self.folder, self.checkpoint = folder, checkpoint
        self.partial = folder.with_name(f"{folder.name}.{os.getpid()}{PARTIAL}")
        self._files: dict[str, dict[str, Any]] = {}
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(folder.parent)
            self._lock = lock_of(self.partial)
            self._lock.acquire()
            self.partial.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(self.partial, error) from None

    def write(self, name: str, tensors: dict[str, Tensor]) -> None:
        """Add a file."""
        path = self.partial / name
        try:
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path)
            self._note(name)
        except OSError as error:
            raise unwritable(path, error) from None
        except SafetensorError as error:
            raise Unwritable(f"{path} cannot be written ({error}); make room there") from None

    def finish(self, plan: QuantPlan) -> None:
        """Add plan and index, and put the folder where it belongs."""
        write_json(self.partial / PLAN, plan.document())
        self._note(PLAN)
        index = {"format": FORMAT, "checkpoint": self.checkpoint, "files": self._files}
        write_json(self.partial / INDEX, {**index, "sha256": digest_of(index)})
        if self.folder.is_dir() and not self.folder.is_symlink():
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self.folder.unlink(missing_ok=True)
        with suppress(OSError):  # another process was faster
            self.partial.rename(self.folder)
        self.discard()

    def discard(self) -> None:
        """Give up what has not been put where it belongs."""
        shutil.rmtree(self.partial, ignore_errors=True)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)

    def _note(self, name: str) -> None:
        path = self.partial / name
        self._files[name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}


def lock_of(partial: Path) -> FileLock:
    """Return the lock that a writer holds: the operating system's, which ends with the process, however that ends."""
    return FileLock(partial.with_name(f"{partial.name}.lock"), timeout=0)


def remove_abandoned(folder: Path) -> None:
    """Remove what writers left in a folder that are no more."""
    for partial in folder.glob(f"*{PARTIAL}"):
        lock = lock_of(partial)
        try:
            lock.acquire()
        except Timeout:
            continue
        shutil.rmtree(partial, ignore_errors=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
        log.warning("%s was left by a process that was interrupted; it is removed", partial)


def digest_of(index: dict[str, Any]) -> str:
    """Return the SHA-256 of an index's content."""
    return hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()


class StoreReader:
    """Reads a stored form: nothing that is not what was stored.

    Raises:
        BadModel: it is incomplete, damaged or of another format; each method, with what is wrong.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            index = read_json(folder, INDEX)
            if index.get("format") != FORMAT:
                raise BadModel(f"{folder}: format {index.get('format')!r:.40}, this version reads {FORMAT}")
            if index.pop("sha256", None) != digest_of(index):
                raise BadModel(f"{folder / INDEX}: damaged, its own SHA-256 differs")
            self._files: dict[str, dict[str, Any]] = dict(index["files"])
            self.checkpoint = str(index["checkpoint"])  # its digest
            self._verified = Verified(folder)
            self._check(PLAN)
            self.plan = QuantPlan.read(read_json(folder, PLAN))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = (
                str(error).removesuffix("; download the model again")
                if isinstance(error, BadModel)
                else f"{type(error).__name__}: {error}"
            )
            raise BadModel(f"{folder}: not a stored quantized model ({reason})") from None

    def files(self) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield name and tensors of every file but the embeddings', one at a time, each checked against its digest.

        The tensors are mapped: they take memory only until the caller lets go of them. The largest come first, while
        nothing else is in memory; the next file is checked while the caller works on one.
        """
        names = sorted(self._files.keys() - {EMBEDDING, PLAN}, key=lambda name: -int(self._files[name]["bytes"]))
        with ThreadPoolExecutor(1) as pool:
            checks = [pool.submit(self._check, name) for name in names[:1]]
            for place, name in enumerate(names):
                checks.pop().result()
                if place + 1 < len(names):
                    checks.append(pool.submit(self._check, names[place + 1]))
                yield name, self._load(name)

    def embedding(self) -> Tensor:
        """The embeddings, checked against their digest and mapped into memory."""
        if EMBEDDING not in self._files:
            raise BadModel(f"{self.folder}: lacks {EMBEDDING}")
        self._check(EMBEDDING)
        return self._load(EMBEDDING)["weight"]

    def _load(self, name: str) -> dict[str, Tensor]:
        try:
            return load_file(self.folder / name)
        except (OSError, SafetensorError) as error:
            raise BadModel(f"{self.folder / name}: not readable ({error})") from None

    def _check(self, name: str) -> None:
        """Compare a file with its digest."""
        self._verified.check(name, str(self._files[name]["sha256"]))
