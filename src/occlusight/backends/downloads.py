"""Models of a hub on this machine: downloads that go on where they ended, and what is there.

What a hub's own library keeps of a file that was interrupted, and which digests it compares, changes from version to
version. So files are fetched here, into a cache of the layout that Hugging Face's library has: `blobs`, each under its
digest; `snapshots`, a folder a revision, whose files are links to them; `refs`, the newest revision that is whole.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, ClassVar

from occlusight.errors import BadInput, BadModel, Cancelled, OcclusightError
from occlusight.files.lock import only_writer
from occlusight.files.text import read_json
from occlusight.files.whole import sha256, unwritable

WANTED = ("*.json", "*.jinja", "*.safetensors", "*.txt", "*.model")
"""The files of a repository that a model needs."""
INDEX = "model.safetensors.index.json"
TIMEOUT_S = 10.0
TRIES = 5
"""How often a connection is made again that breaks before anything more has come."""
PIECE = 2**20
SPARE = 100 * 2**20
"""Bytes of the disk that are left alone."""

Tell = Callable[[int, int], None]
"""Hears how many bytes of how many are there."""
Stopped = Callable[[], bool]


@dataclass(frozen=True)
class Large:
    """A file that is fetched here: its path in the repository, its bytes and their SHA-256."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class Listing:
    """What a hub has under a name: its newest revision, the bytes of all files that are wanted, and the large ones
    (or all, where the hub says the digests of all)."""

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
class Hub(ABC):
    """A hub, and the cache in which its models are kept; the environment's unless given."""

    endpoint: str | None = None
    cache: Path | None = None

    title: ClassVar[str]
    """What people call it."""
    home: ClassVar[str]
    """The variable of the environment that moves the cache to another disk."""
    branch: ClassVar[str]
    """Where its newest revision is."""

    @property
    @abstractmethod
    def root(self) -> Path:
        """The folder of the cache."""

    @property
    @abstractmethod
    def address(self) -> str:
        """Where the hub is, without a slash at the end."""

    @abstractmethod
    def listing(self, name: str, wanted: Sequence[str] = WANTED) -> Listing:
        """Ask the hub what it has. Raises BadModel where there is no such model, and where the hub cannot be asked."""

    @abstractmethod
    def bring(self, name: str, file: str, folder: Path) -> None:
        """Download a small file into a folder outside the cache. Raises BadModel where it cannot be had."""

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """Who asks."""

    @abstractmethod
    def url(self, listing: Listing, one: Large) -> str:
        """Return where a file is."""

    @abstractmethod
    def folders(self) -> Iterator[tuple[str, Path]]:
        """Yield the name and the folder of each model in the cache."""

    @abstractmethod
    def folder(self, name: str) -> Path:
        """Return the folder of a model in the cache, whether it is there or not."""

    @abstractmethod
    def linked(self, listing: Listing, wanted: Sequence[str]) -> Path:
        """Return the folder of a revision whose large files are there, and fetch the others."""

    @abstractmethod
    def kept(self, name: str, wanted: Sequence[str], reason: Unreachable) -> Path:
        """Return the folder of what was downloaded before. Raises BadModel with the reason for which nothing else can
        be had."""

    def missing(self, listing: Listing) -> int:
        """Return how many bytes of large files must still be fetched."""
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
        try:
            listing = self.listing(name, wanted)
        except Unreachable as reason:
            return self.kept(name, wanted, reason)
        self._check_room(listing)
        there = sum(self._has(name, one) for one in listing.large)
        total = sum(one.size for one in listing.large)
        for one in listing.large:
            there -= self._has(name, one)
            told = None if tell is None else partial(_told_of_all, tell, there, total)
            self._fetch(listing, one, told, stopped)
            there += one.size
        return self.linked(listing, wanted)

    def stored(self) -> list[Stored]:
        """Return the models that are there, by name, also those whose download has not ended."""
        found = []
        for name, folder in sorted(self.folders()):
            ref = folder / "refs" / self.branch
            revision = ref.read_text("utf-8").strip() if ref.is_file() else ""
            snapshot = folder / "snapshots" / revision
            whole = bool(revision) and (snapshot / "config.json").exists() and _has_weights(snapshot)
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
        shutil.rmtree(self.folder(name))
        return stored.bytes

    def blob(self, name: str, one: Large) -> Path:
        """Return where a file lies, or will."""
        return self.folder(name) / "blobs" / one.digest

    def _has(self, name: str, one: Large) -> int:
        """How many bytes of a file are there."""
        blob = self.blob(name, one)
        part = blob.with_suffix(".part")
        return one.size if blob.is_file() else min(one.size, part.stat().st_size) if part.is_file() else 0

    def _check_room(self, listing: Listing) -> None:
        missing = self.missing(listing)
        free = free_bytes(self.root)
        if missing and missing + SPARE > free:
            raise NoRoom(
                f"{listing.name} takes {missing / 1e9:.1f} GB more, but {free / 1e9:.1f} GB are free in {self.root}; "
                f"make room (occlusight models list, remove), or set {self.home} to another disk"
            )

    def _fetch(self, listing: Listing, one: Large, tell: Callable[[int], None] | None, stopped: Stopped) -> None:
        """Bring one file into the cache, from where it ended the last time."""
        blob = self.blob(listing.name, one)
        part = blob.with_suffix(".part")
        if blob.is_file():
            return
        with self.told_plainly(listing.name), opened_alone(part) as file:
            if blob.is_file():  # another process has brought it meanwhile
                part.unlink()
                return
            if file.seek(0, os.SEEK_END) > one.size:
                file.seek(file.truncate(0))
            with bar(one, file.tell()) if tell is None else nullcontext(tell) as hear:
                download(self.url(listing, one), self.headers(), Counted(file, hear, stopped), one.size)
            file.flush()
            digest = sha256(part)
            if digest != one.digest:
                part.unlink()
                raise Damaged(
                    f"{one.path} of {listing.name} arrived damaged (its SHA-256 is {digest[:12]}..., and not "
                    f"{one.digest[:12]}...) and was deleted; download it again"
                )
            part.rename(blob)

    @contextmanager
    def told_plainly(self, name: str) -> Iterator[None]:
        """Turn the errors of a transfer into one of ours. Raises BadModel, Unreachable, or Unwritable where the disk is
        full."""
        from huggingface_hub import errors

        try:
            yield
        except OcclusightError:
            raise
        except (errors.HTTPError, ValueError) as error:  # type: ignore[attr-defined]  # httpx's, or httpx2's
            raise unreachable(name, self.title, error) from error
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
                raise unwritable(Path(error.filename or "the cache of models"), error) from error
            raise unreachable(name, self.title, error) from error


def download(url: str, headers: dict[str, str], file: Counted, size: int) -> None:
    """Fetch what is missing of a file of a known size, behind what is there; a connection that breaks is made again.

    Raises what the transport raises, OSError where other bytes come than were asked for, Cancelled.
    """
    from huggingface_hub import errors
    from huggingface_hub.utils import hf_raise_for_status, http_stream_backoff  # type: ignore[attr-defined]

    tries = TRIES
    while (begun := file.tell()) < size:
        ranged = {"Range": f"bytes={begun}-"} if begun else {}
        try:
            with http_stream_backoff(
                "GET",
                url,
                headers={**headers, **ranged, "Accept-Encoding": "identity"},
                timeout=TIMEOUT_S,
                retry_on_exceptions=(),
                retry_on_status_codes=(408, 429),
            ) as response:
                hf_raise_for_status(response)
                if begun and _begins_at(response.headers.get("Content-Range")) != begun:
                    file.restart()  # the whole file comes, whatever was asked for
                for piece in response.iter_bytes(PIECE):
                    file.write(piece)
        except errors.HfHubHTTPError:
            raise
        except errors.HTTPError:  # type: ignore[attr-defined]  # a connection that broke, or was not made
            tries = tries - 1 if file.tell() <= begun else TRIES
            if not tries:
                raise
            time.sleep(1)
            continue
        if file.tell() != size:
            raise OSError(f"{file.tell():,} bytes came, and not {size:,}")


def _begins_at(content_range: str | None) -> int:
    """Where what comes begins; ModelScope sends a part with status 200, and this header alone says that it is one."""
    found = re.fullmatch(r"bytes (\d+)-\d+/.+", content_range or "")
    return int(found[1]) if found else 0


@contextmanager
def bar(one: Large, begun: int) -> Iterator[Callable[[int], None]]:
    """Draw how far a file is; yields what hears how many bytes of it are there."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    with tqdm(total=one.size, initial=begun, unit="B", unit_scale=True, desc=one.path) as drawn:  # type: ignore[no-untyped-call]
        yield lambda done: drawn.update(done - drawn.n)


class Counted:
    """A file that is written to, as far as nobody stops it, and tells where it is."""

    def __init__(self, file: BinaryIO, tell: Callable[[int], None], stopped: Stopped) -> None:
        self._file = file
        self._tell = tell
        self._stopped = stopped

    def write(self, data: bytes) -> None:
        """Write. Raises Cancelled."""
        if self._stopped():
            raise Cancelled("the download was stopped; what is there stays for the next time")
        self._file.write(data)
        self._tell(self._file.tell())

    def tell(self) -> int:
        """Return where it is."""
        return self._file.tell()

    def restart(self) -> None:
        """Drop all that is there."""
        self._file.seek(self._file.truncate(0))


class Unreachable(BadModel):
    """A hub cannot be asked at the moment."""


class NoRoom(BadInput):
    """The disk has too little room for a model."""


class Damaged(BadModel):
    """What came is not what the hub says it is."""


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
    index = snapshot / INDEX
    if not index.is_file():
        files = list(snapshot.glob("*.safetensors"))
        return bool(files) and all(file.exists() for file in files)
    try:
        named = set(read_json(index)["weight_map"].values())
    except (BadInput, ValueError, LookupError, TypeError, AttributeError):
        return False
    return all((snapshot / str(file)).exists() for file in named)
