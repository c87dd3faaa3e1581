"""Downloads from a hub: interrupted and resumed, without room, damaged; what is there and what goes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.backends.fake_hub import CONTENT, NAME, WEIGHTS, FakeHub, fake_hub

from occlusight.backends.downloads import Hub, opened_alone
from occlusight.errors import BadInput, BadModel, Cancelled


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 2**18)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with fake_hub() as one:
        yield one


@pytest.fixture
def hub(served: FakeHub, tmp_path: Path) -> Hub:
    return Hub(served.address, tmp_path / "cache")


def part_of(hub: Hub) -> Path:
    return hub.root / "models--maker--model" / "blobs" / f"{hashlib.sha256(CONTENT).hexdigest()}.part"


def test_a_model_comes_whole_with_what_is_wanted_alone(hub: Hub, served: FakeHub) -> None:
    told: list[tuple[int, int]] = []
    folder = hub.pull(NAME, tell=lambda done, total: told.append((done, total)))
    assert (folder / WEIGHTS).read_bytes() == CONTENT
    assert {path.name for path in folder.iterdir()} == {"config.json", WEIGHTS}
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert told == sorted(told)
    (one,) = hub.stored()
    assert (one.name, one.revision, one.folder) == (NAME, "a" * 40, folder)
    assert one.bytes >= len(CONTENT)
    hub.pull(NAME)
    assert served.ranges == [None]  # nothing is fetched twice


def test_what_was_interrupted_goes_on_where_it_ended(hub: Hub, served: FakeHub) -> None:
    written = 0

    def tell(done: int, total: int) -> None:
        nonlocal written
        written = done

    with pytest.raises(Cancelled):
        hub.pull(NAME, tell=tell, stopped=lambda: written >= 2**20)
    (one,) = hub.stored()
    assert one.folder is None
    assert part_of(hub).stat().st_size == written == hub.missing(hub.listing(NAME)) == 2**20
    told: list[int] = []
    folder = hub.pull(NAME, tell=lambda done, _: told.append(done))
    assert served.ranges == [None, f"bytes={2**20}-"]
    assert told[0] > 2**20
    assert (folder / WEIGHTS).read_bytes() == CONTENT
    assert not part_of(hub).exists()


def test_a_connection_that_breaks_is_made_again(hub: Hub, served: FakeHub) -> None:
    served.cut = 2**20
    assert (hub.pull(NAME) / WEIGHTS).read_bytes() == CONTENT
    assert served.ranges == [None, f"bytes={2**20}-"]


def test_without_room_nothing_is_fetched(hub: Hub, served: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(BadInput, match="are free"):
        hub.pull(NAME)
    assert served.ranges == []


def test_a_disk_that_fills_up_is_said(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("occlusight.backends.downloads.Counted.write", full)
    with pytest.raises(BadInput, match="No space left on device"):
        hub.pull(NAME)


def test_what_arrived_damaged_is_deleted_and_fetched_again(hub: Hub, served: FakeHub) -> None:
    served.alter = True
    with pytest.raises(BadModel, match="damaged"):
        hub.pull(NAME)
    assert not part_of(hub).exists()
    assert hub.missing(hub.listing(NAME)) == len(CONTENT)
    served.alter = False
    assert (hub.pull(NAME) / WEIGHTS).read_bytes() == CONTENT


def test_without_a_connection_what_is_there_is_used(hub: Hub, served: FakeHub, tmp_path: Path) -> None:
    folder = hub.pull(NAME)
    away = Hub("http://127.0.0.1:9", tmp_path / "cache")
    assert away.pull(NAME) == folder
    with pytest.raises(BadModel, match="could not be had"):
        Hub("http://127.0.0.1:9", tmp_path / "other").pull(NAME)
    with pytest.raises(BadModel, match="has no model 'maker/other'"):
        hub.pull("maker/other")


def test_two_do_not_write_one_file(hub: Hub) -> None:
    with opened_alone(part_of(hub)), pytest.raises(BadInput, match="is being written by process"):
        hub.pull(NAME)


def test_what_is_removed_is_gone(hub: Hub) -> None:
    hub.pull(NAME)
    assert hub.remove(NAME) >= len(CONTENT)
    assert hub.stored() == []
    with pytest.raises(BadModel, match="not among the downloaded models"):
        hub.remove(NAME)
