"""The Hugging Face hub: its models, in the cache that its own programs use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from occlusight.backends.downloads import TIMEOUT_S, WANTED, Hub, Large, Listing, Unreachable
from occlusight.errors import BadModel


@dataclass(frozen=True)
class HuggingFace(Hub):
    """The hub at HF_ENDPOINT, and the cache under HF_HOME. Weights are fetched here; its library does the rest."""

    title: ClassVar[str] = "the Hugging Face hub"
    home: ClassVar[str] = "HF_HOME"
    branch: ClassVar[str] = "main"

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

        with self.told_plainly(name):
            info = HfApi(endpoint=self.address).model_info(name, files_metadata=True, timeout=TIMEOUT_S)
        files = {one.rfilename: one for one in info.siblings or ()}
        found = [files[path] for path in filter_repo_objects(files, allow_patterns=list(wanted))]
        large = tuple(Large(one.rfilename, one.lfs.size, one.lfs.sha256) for one in found if one.lfs)
        return Listing(name, info.sha or "", sum(one.size or 0 for one in found), large)

    def bring(self, name: str, file: str, folder: Path) -> None:
        """Download a small file into a folder outside the cache. Raises BadModel where it cannot be had."""
        from huggingface_hub import hf_hub_download

        with self.told_plainly(name):
            hf_hub_download(name, file, local_dir=folder, endpoint=self.address)

    def headers(self) -> dict[str, str]:
        """Who asks: the token of `hf auth login`, if there is one."""
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        return build_hf_headers()

    def url(self, listing: Listing, one: Large) -> str:
        """Return where a file is."""
        from huggingface_hub import hf_hub_url

        return hf_hub_url(listing.name, one.path, revision=listing.revision, endpoint=self.address)

    def folders(self) -> Iterator[tuple[str, Path]]:
        """Yield the name and the folder of each model in the cache."""
        for folder in self.root.glob("models--*"):
            yield folder.name.removeprefix("models--").replace("--", "/", 1), folder

    def folder(self, name: str) -> Path:
        """Return the folder of a model in the cache, whether it is there or not."""
        return self.root / f"models--{name.replace('/', '--')}"

    def linked(self, listing: Listing, wanted: Sequence[str]) -> Path:
        """Return the folder of a revision whose large files are there, and fetch the others."""
        return self._snapshot(listing.name, wanted)

    def kept(self, name: str, wanted: Sequence[str], reason: Unreachable) -> Path:
        """Return the folder of what was downloaded before. Raises BadModel where nothing was."""
        return self._snapshot(name, wanted)

    def _snapshot(self, name: str, wanted: Sequence[str]) -> Path:
        from huggingface_hub import snapshot_download

        with self.told_plainly(name):
            folder = snapshot_download(
                name,
                endpoint=self.address,
                cache_dir=self.cache,
                allow_patterns=list(wanted),
                etag_timeout=TIMEOUT_S,
            )
        return Path(folder)

    @contextmanager
    def told_plainly(self, name: str) -> Iterator[None]:
        """Turn errors into one of ours, as in other hubs; BadModel is raised for what has an error of its own here."""
        from huggingface_hub import errors

        with super().told_plainly(name):
            try:
                yield
            except errors.GatedRepoError as error:
                raise BadModel(
                    f"{name!r} wants its terms to be agreed to: do so at https://huggingface.co/{name}, then log in "
                    "with hf auth login"
                ) from error
            except errors.RepositoryNotFoundError as error:
                raise BadModel(
                    f"the hub has no model {name!r} (or it is private), and no folder here has that name"
                ) from error
