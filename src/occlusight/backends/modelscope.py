"""ModelScope: its models, in a cache of our own making where its programs have theirs.

Its listing says the SHA-256 of every file, so that all are fetched alike. It names a commit for each file and none for
all of them: what is called a revision here is a digest of the listing.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar
from urllib.parse import urlencode

from occlusight.backends.downloads import (
    TIMEOUT_S,
    WANTED,
    Counted,
    Hub,
    Large,
    Listing,
    Unreachable,
    download,
)
from occlusight.errors import BadModel
from occlusight.files.whole import write_whole

PREFIX = "modelscope:"
ENDPOINT = "https://modelscope.cn"
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ModelScope(Hub):
    """The hub at MODELSCOPE_ENDPOINT, and the cache under MODELSCOPE_CACHE. Names begin with `modelscope:`."""

    title: ClassVar[str] = "ModelScope"
    home: ClassVar[str] = "MODELSCOPE_CACHE"
    branch: ClassVar[str] = "master"

    @property
    def root(self) -> Path:
        """The folder of the cache."""
        cache = self.cache or Path(os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope").expanduser()
        return cache / "models"

    @property
    def address(self) -> str:
        """Where the hub is."""
        address = self.endpoint or os.environ.get("MODELSCOPE_ENDPOINT") or ENDPOINT
        return (address if "://" in address else f"https://{address}").rstrip("/")

    def listing(self, name: str, wanted: Sequence[str] = WANTED) -> Listing:
        """Ask the hub what it has. Raises BadModel where there is no such model, and where the hub cannot be asked."""
        from huggingface_hub.utils import filter_repo_objects, get_session  # type: ignore[attr-defined]

        with self.told_plainly(name):
            answer = get_session().get(
                f"{self._of(name)}/repo/files",
                params={"Revision": self.branch, "Recursive": "true"},
                headers=self.headers(),
                timeout=TIMEOUT_S,
            )
            if answer.status_code == 404:
                raise BadModel(f"ModelScope has no model {name.removeprefix(PREFIX)!r} (or it is private)")
            if answer.status_code in (401, 403):
                raise BadModel(f"ModelScope does not give out {name!r}; a token for it goes into MODELSCOPE_API_TOKEN")
            answer.raise_for_status()
            files = {one.path: one for one in _files(answer.json())}
        large = tuple(files[path] for path in sorted(filter_repo_objects(files, allow_patterns=list(wanted))))
        revision = hashlib.sha256("".join(f"{one.digest} {one.path}\n" for one in large).encode()).hexdigest()[:40]
        return Listing(name, revision, sum(one.size for one in large), large)

    def bring(self, name: str, file: str, folder: Path) -> None:
        """Download a small file into a folder outside the cache. Raises BadModel where it cannot be had."""
        listing = self.listing(name)
        one = next((one for one in listing.large if one.path == file), None)
        if one is None:
            raise BadModel(f"{name!r} is no model that can be asked: it has no {file}")
        with self.told_plainly(name), (folder / file).open("wb") as out:
            download(self.url(listing, one), self.headers(), Counted(out, lambda _: None, lambda: False), one.size)

    def headers(self) -> dict[str, str]:
        """Who asks: the token in MODELSCOPE_API_TOKEN, if there is one."""
        token = os.environ.get("MODELSCOPE_API_TOKEN")
        known = {"Authorization": f"Bearer {token}", "Cookie": f"m_session_id={token}"} if token else {}
        return {"User-Agent": "occlusight", **known}

    def url(self, listing: Listing, one: Large) -> str:
        """Return where a file is."""
        return f"{self._of(listing.name)}/repo?{urlencode({'Revision': self.branch, 'FilePath': one.path})}"

    def folders(self) -> Iterator[tuple[str, Path]]:
        """Yield the name and the folder of each model in the cache that was downloaded by us, not by ModelScope's own
        programs."""
        for blobs in self.root.glob("*--*/blobs"):
            yield PREFIX + blobs.parent.name.replace("--", "/", 1), blobs.parent

    def folder(self, name: str) -> Path:
        """Return the folder of a model in the cache, whether it is there or not."""
        return self.root / name.removeprefix(PREFIX).replace("/", "--")

    def linked(self, listing: Listing, wanted: Sequence[str]) -> Path:
        """Return the folder of a revision all of whose files are there."""
        folder = self.folder(listing.name)
        snapshot = folder / "snapshots" / listing.revision
        with self.told_plainly(listing.name):
            for one in listing.large:
                link = snapshot / one.path
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.exists():
                    link.unlink(missing_ok=True)
                    _link(link, self.blob(listing.name, one))
            (folder / "refs").mkdir(exist_ok=True)
            write_whole(folder / "refs" / self.branch, listing.revision)
        return snapshot

    def kept(self, name: str, wanted: Sequence[str], reason: Unreachable) -> Path:
        """Return the folder of what was downloaded before. Raises the reason where nothing was."""
        stored = self.find(name)
        if stored is None or stored.folder is None:
            raise reason
        return stored.folder

    def _of(self, name: str) -> str:
        return f"{self.address}/api/v1/models/{name.removeprefix(PREFIX)}"


def _files(answer: Any) -> Iterator[Large]:
    """Yield the files of a listing. Raises BadModel for one that lists none, or not as it should."""
    try:
        if answer["Code"] != 200:
            raise ValueError(answer.get("Message") or answer["Code"])
        for one in answer["Data"]["Files"]:
            if one["Type"] != "tree":
                yield _file(one)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"its list of files is none: {error}") from error


def _file(one: Mapping[str, Any]) -> Large:
    path, size, digest = one["Path"], one["Size"], one["Sha256"].lower()
    there = PurePosixPath(path)
    if there.is_absolute() or ".." in there.parts or "\\" in path or not SHA256.fullmatch(digest) or size < 0:
        raise ValueError(f"its list of files has {path!r} of {size} bytes with the digest {digest!r}")
    return Large(path, size, digest)


def _link(link: Path, blob: Path) -> None:
    with suppress(FileExistsError):  # another process has made it meanwhile
        try:
            link.symlink_to(os.path.relpath(blob, link.parent))
        except FileExistsError:
            raise
        except OSError:  # where only administrators may
            os.link(blob, link)
