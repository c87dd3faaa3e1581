"""Models of the Hugging Face hub on this machine: downloads that go on where they ended, and what is there.

The library that the hub's own programs use keeps nothing of a file that was interrupted (since its version 2), and
compares no digests. So weights are fetched here, into its cache and by its requests; it finds them there and does the
rest.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from occlusight.errors import BadInput, BadModel, Cancelled, OcclusightError
from occlusight.files.lock import only_writer
from occlusight.files.whole import sha256, unwritable

WANTED = ("*.json", "*.jinja", "*.safetensors", "*.txt", "*.model")
"""The files of a repository that a model needs."""
TIMEOUT_S = 10.0
SPARE = 100 * 2**20
"""Bytes of the disk that are left alone."""

Tell = Callable[[int, int], None]
"""Hears how many bytes of how many are there."""
Stopped = Callable[[], bool]


@dataclass(frozen=True)
class Large:
    """A file of weights: its path in the repository, its bytes and their SHA-256."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class Listing:
    """What a hub has under a name: its newest revision, the bytes of all files that are wanted, and the large ones."""

    name: str
    revision: str
    bytes: int
    large: tuple[Large, ...]


@dataclass(frozen=True)
class Stored:
    """A model of the hub on this machine. `folder` is None where it was not downloaded whole; `bytes` are on the
    disk."""

    name: str
    revision: str
    folder: Path | None
    bytes: int


@dataclass(frozen=True)
class Hub:
    """A hub, and the cache in which its models are kept; the environment's (HF_ENDPOINT, HF_HOME) unless given."""

    endpoint: str | None = None
    cache: Path | None = None

    @property
    def root(self) -> Path:
        """The folder of the cache."""
        from huggingface_hub import constants

        return self.cache or Path(constants.HF_HUB_CACHE)

    @property
    def address(self) -> str:
        """Where the hub is."""
        from huggingface_hub import constants

        return self.endpoint or constants.ENDPOINT

    def listing(self, name: str, wanted: Sequence[str] = WANTED) -> Listing:
        """Ask the hub what it has. Raises BadModel where there is no such model, and where the hub cannot be asked."""
        from huggingface_hub import HfApi
        from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

        with told_plainly(name):
            info = HfApi(endpoint=self.address).model_info(name, files_metadata=True, timeout=TIMEOUT_S)
        files = {one.rfilename: one for one in info.siblings or ()}
        found = [files[path] for path in filter_repo_objects(files, allow_patterns=list(wanted))]
        large = tuple(Large(one.rfilename, one.lfs.size, one.lfs.sha256) for one in found if one.lfs)
        return Listing(name, info.sha or "", sum(one.size or 0 for one in found), large)

    def missing(self, listing: Listing) -> int:
        """Return how many bytes of weights must still be fetched."""
        return sum(one.size - self._has(listing.name, one) for one in listing.large)

    def pull(
        self,
        name: str,
        wanted: Sequence[str] = WANTED,
        tell: Tell | None = None,
        stopped: Stopped = lambda: False,
    ) -> Path:
        """Download a model, or what is missing of it, and return its folder; without a connection, what was downloaded.
        Unless `tell` hears how far its weights are, bars are drawn for them.

        Raises:
            BadModel: there is no such model, it cannot be had, or its digest is another one than the hub says.
            BadInput: there is no room for it on the disk, or another process is downloading it.
            Cancelled: `stopped` says so; what is there already stays for the next time.
        """
        from huggingface_hub import snapshot_download

        try:
            listing = self.listing(name, wanted)
        except Unreachable:
            listing = Listing(name, "", 0, ())
        self._check_room(listing)
        there = sum(self._has(name, one) for one in listing.large)
        total = sum(one.size for one in listing.large)
        for one in listing.large:
            there -= self._has(name, one)
            told = None if tell is None else partial(_told_of_all, tell, there, total)
            self._fetch(listing, one, told, stopped)
            there += one.size
        with told_plainly(name):
            folder = snapshot_download(
                name,
                endpoint=self.address,
                cache_dir=self.cache,
                allow_patterns=list(wanted),
                etag_timeout=TIMEOUT_S,
            )
        return Path(folder)

    def stored(self) -> list[Stored]:
        """Return the models that are there, by name, also those whose download has not ended."""
        found = []
        for folder in sorted(self.root.glob("models--*")):
            name = folder.name.removeprefix("models--").replace("--", "/", 1)
            ref = folder / "refs" / "main"
            revision = ref.read_text("utf-8").strip() if ref.is_file() else ""
            snapshot = folder / "snapshots" / revision
            parts = any(folder.glob("blobs/*.part"))
            whole = bool(revision) and not parts and (snapshot / "config.json").exists() and _has_weights(snapshot)
            size = sum(path.stat().st_size for path in folder.glob("blobs/*"))
            found.append(Stored(name, revision, snapshot if whole else None, size))
        return found

    def find(self, name: str) -> Stored | None:
        """Return a model that is there; None where it is not."""
        return next((one for one in self.stored() if one.name == name), None)

    def remove(self, name: str) -> int:
        """Delete a model with all its revisions; return how many bytes that frees. Raises BadModel where it is not
        there."""
        stored = self.find(name)
        if stored is None:
            here = ", ".join(one.name for one in self.stored()) or "none"
            raise BadModel(f"{name!r} is not among the downloaded models ({here})")
        shutil.rmtree(self._folder(name))
        return stored.bytes

    def _folder(self, name: str) -> Path:
        return self.root / f"models--{name.replace('/', '--')}"

    def _blob(self, name: str, one: Large) -> Path:
        return self._folder(name) / "blobs" / one.digest

    def _has(self, name: str, one: Large) -> int:
        """How many bytes of a file are there."""
        blob = self._blob(name, one)
        part = blob.with_suffix(".part")
        return one.size if blob.is_file() else min(one.size, part.stat().st_size) if part.is_file() else 0

    def _check_room(self, listing: Listing) -> None:
        missing = self.missing(listing)
        free = free_bytes(self.root)
        if missing and missing + SPARE > free:
            raise BadInput(
                f"{listing.name} takes {missing / 1e9:.1f} GB more, but {free / 1e9:.1f} GB are free in {self.root}; "
                "make "
                "room (occlusight models list, remove), or set HF_HOME to another disk"
            )

    def _fetch(self, listing: Listing, one: Large, tell: Callable[[int], None] | None, stopped: Stopped) -> None:
        """Bring one file into the cache, from where it ended the last time."""
        from huggingface_hub import hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers, silent_tqdm  # type: ignore[attr-defined]

        blob = self._blob(listing.name, one)
        part = blob.with_suffix(".part")
        if blob.is_file():
            return
        url = hf_hub_url(listing.name, one.path, revision=listing.revision, endpoint=self.address)
        with told_plainly(listing.name), opened_alone(part) as file:
            if blob.is_file():  # another process has brought it meanwhile
                part.unlink()
                return
            begun = file.seek(0, os.SEEK_END)
            if begun > one.size:
                begun = file.truncate(0)
            file.seek(begun)
            counted = Counted(file, tell, stopped)
            http_get(
                url,
                counted,  # type: ignore[arg-type]
                resume_size=begun,
                headers=build_hf_headers(),
                expected_size=one.size,
                tqdm_class=None if tell is None else silent_tqdm,
            )
            file.flush()
            digest = sha256(part)
            if digest != one.digest:
                part.unlink()
                raise BadModel(
                    f"{one.path} of {listing.name} arrived damaged (its SHA-256 is {digest[:12]}..., and not "
                    f"{one.digest[:12]}...) and was deleted; download it again"
                )
            part.rename(blob)


class Counted:
    """A file that is written to, as far as nobody stops it, and tells where it is."""

    def __init__(self, file: BinaryIO, tell: Callable[[int], None] | None, stopped: Stopped) -> None:
        self._file = file
        self._tell = tell
        self._stopped = stopped

    def write(self, data: bytes) -> int:
        """Write. Raises Cancelled."""
        if self._stopped():
            raise Cancelled("the download was stopped; what is there stays for the next time")
        written = self._file.write(data)
        if self._tell is not None:
            self._tell(self._file.tell())
        return written

    def tell(self) -> int:
        """Return where it is."""
        return self._file.tell()

    def seek(self, to: int) -> int:
        """Go there."""
        return self._file.seek(to)

    def truncate(self) -> int:
        """Cut what is behind."""
        return self._file.truncate()


class Unreachable(BadModel):
    """A hub cannot be asked at the moment."""


@contextmanager
def told_plainly(name: str) -> Iterator[None]:
    """Turn the hub's errors into one of ours. Raises BadModel, Unreachable, or Unwritable where the disk is full."""
    from huggingface_hub import errors

    try:
        yield
    except OcclusightError:
        raise
    except errors.GatedRepoError as error:
        raise BadModel(
            f"{name!r} wants its terms to be agreed to: do so at https://huggingface.co/{name}, then log in with hf "
            "auth login"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise BadModel(f"the hub has no model {name!r} (or it is private), and no folder here has that name") from error
    except (errors.HTTPError, ValueError) as error:  # type: ignore[attr-defined]  # httpx's, or httpx2's
        raise unreachable(name, "the Hugging Face hub", error) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise unwritable(Path(error.filename or "the cache of models"), error) from error
        raise unreachable(name, "the Hugging Face hub", error) from error


@contextmanager
def opened_alone(part: Path) -> Iterator[BinaryIO]:
    """Open a file that grows, for this process alone. Raises BadInput where another one has it open."""
    part.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(part), part.open("r+b" if part.exists() else "w+b") as file:
        yield file


def unreachable(name: str, hub: str, error: Exception) -> Unreachable:
    """Return an error that says why a download failed, and what to do."""
    reason = (str(error).strip().splitlines() or [""])[0].rstrip(".") or type(error).__name__
    return Unreachable(
        f"{name!r} is not a folder here and could not be had from {hub} ({reason}); "
        f"check the name and the connection, or give the folder of a downloaded checkpoint"
    )


def _told_of_all(tell: Tell, before: int, total: int, done: int) -> None:
    tell(before + done, total)


def free_bytes(folder: Path) -> int:
    """Return what is free on the disk on which a folder is, or will be."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(there).free


def _has_weights(snapshot: Path) -> bool:
    """Whether all files of weights are there that a checkpoint names; broken links are not."""
    files = list(snapshot.glob("*.safetensors"))
    return bool(files) and all(file.exists() for file in files)
