"""Downloads from Hugging Face's hub and from ModelScope: interrupted and resumed, without room, damaged; what is there
and what goes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.backends.fake_hub import CONTENT, NAME, ON_MODELSCOPE, WEIGHTS, FakeHub, fake_hub

from occlusight.backends.downloads import Hub, opened_alone
from occlusight.backends.hugging_face import HuggingFace
from occlusight.backends.modelscope import ModelScope
from occlusight.errors import BadInput, BadModel, Cancelled

Opens = Callable[[str], Hub]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr("occlusight.backends.downloads.PIECE", 2**18)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.delenv("MODELSCOPE_API_TOKEN", raising=False)
    with fake_hub() as one:
        yield one


@pytest.fixture(params=[HuggingFace, ModelScope])
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Opens:
    """Opens a hub at an address; its cache is always the same."""
    kind: type[Hub] = request.param
    return lambda address: kind(address, tmp_path / "cache")


@pytest.fixture
def hub(opens: Opens, served: FakeHub) -> Hub:
    return opens(served.address)


@pytest.fixture
def name(hub: Hub) -> str:
    return ON_MODELSCOPE if isinstance(hub, ModelScope) else NAME


def part_of(hub: Hub, name: str) -> Path:
    return hub.folder(name) / "blobs" / f"{hashlib.sha256(CONTENT).hexdigest()}.part"


def test_a_model_comes_whole_with_what_is_wanted_alone(hub: Hub, name: str, served: FakeHub) -> None:
    told: list[tuple[int, int]] = []
    folder = hub.pull(name, tell=lambda done, total: told.append((done, total)))
    assert (folder / WEIGHTS).read_bytes() == CONTENT
    assert {path.name for path in folder.iterdir()} == {"config.json", WEIGHTS}
    listing = hub.listing(name)
    assert told[-1] == (sum(one.size for one in listing.large),) * 2
    assert told == sorted(told)
    (one,) = hub.stored()
    assert (one.name, one.revision, one.folder) == (name, listing.revision, folder)
    assert one.bytes >= len(CONTENT)
    hub.pull(name)
    assert served.ranges == [None]  # nothing is fetched twice


def test_what_was_interrupted_goes_on_where_it_ended(hub: Hub, name: str, served: FakeHub) -> None:
    def stopped() -> bool:
        part = part_of(hub, name)
        return part.is_file() and part.stat().st_size >= 2**20

    with pytest.raises(Cancelled):
        hub.pull(name, stopped=stopped)
    (one,) = hub.stored()
    assert one.folder is None
    there = part_of(hub, name).stat().st_size
    assert 2**20 <= there < len(CONTENT)
    assert hub.missing(hub.listing(name)) == len(CONTENT) - there
    told: list[int] = []
    folder = hub.pull(name, tell=lambda done, _: told.append(done))
    assert served.ranges == [None, f"bytes={there}-"]
    assert told[0] > there
    assert (folder / WEIGHTS).read_bytes() == CONTENT
    assert not part_of(hub, name).exists()


def test_a_connection_that_breaks_is_made_again(hub: Hub, name: str, served: FakeHub) -> None:
    served.cut = 2**20
    assert (hub.pull(name) / WEIGHTS).read_bytes() == CONTENT
    assert served.ranges == [None, f"bytes={2**20}-"]


def test_a_connection_that_brings_nothing_more_ends_it(
    hub: Hub, name: str, served: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("occlusight.backends.downloads.time.sleep", lambda _: None)
    served.cut = 0
    with pytest.raises(BadModel, match="could not be had"):
        hub.pull(name)
    assert served.ranges == [None] * 5


def test_without_room_nothing_is_fetched(hub: Hub, name: str, served: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    with pytest.raises(BadInput, match=f"are free.*set {hub.home} to another disk"):
        hub.pull(name)
    assert served.ranges == []


def test_a_disk_that_fills_up_is_said(hub: Hub, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("occlusight.backends.downloads.Counted.write", full)
    with pytest.raises(BadInput, match="No space left on device"):
        hub.pull(name)


def test_what_arrived_damaged_is_deleted_and_fetched_again(hub: Hub, name: str, served: FakeHub) -> None:
    served.alter = True
    with pytest.raises(BadModel, match="damaged"):
        hub.pull(name)
    assert not part_of(hub, name).exists()
    assert hub.missing(hub.listing(name)) == len(CONTENT)
    assert [one.folder for one in hub.stored()] == [None]
    served.alter = False
    assert (hub.pull(name) / WEIGHTS).read_bytes() == CONTENT


def test_what_is_longer_than_it_should_be_is_fetched_anew(hub: Hub, name: str, served: FakeHub) -> None:
    part_of(hub, name).parent.mkdir(parents=True)
    part_of(hub, name).write_bytes(bytes(len(CONTENT) + 1))
    assert (hub.pull(name) / WEIGHTS).read_bytes() == CONTENT
    assert served.ranges == [None]


def test_without_a_connection_what_is_there_is_used(hub: Hub, name: str, opens: Opens, tmp_path: Path) -> None:
    folder = hub.pull(name)
    away = opens("http://127.0.0.1:9")
    assert away.pull(name) == folder
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(BadModel, match="could not be had"):
        away.pull(name)
    with pytest.raises(BadModel, match="has no model 'maker/other'"):
        hub.pull(name.replace(NAME, "maker/other"))


def test_two_do_not_write_one_file(hub: Hub, name: str) -> None:
    with opened_alone(part_of(hub, name)), pytest.raises(BadInput, match="is being written by process"):
        hub.pull(name)


def test_what_is_removed_is_gone(hub: Hub, name: str) -> None:
    hub.pull(name)
    assert hub.remove(name) >= len(CONTENT)
    assert hub.stored() == []
    with pytest.raises(BadModel, match="not among the downloaded models"):
        hub.remove(name)


def test_what_is_newer_leaves_the_older_one_whole_until_it_is_there(hub: Hub, name: str, served: FakeHub) -> None:
    older = hub.pull(name)
    served.files[WEIGHTS], served.revision = CONTENT[::-1], "b" * 40
    with pytest.raises(Cancelled):
        hub.pull(name, stopped=lambda: True)
    assert [one.folder for one in hub.stored()] == [older]
    newer = hub.pull(name)
    assert newer != older
    assert (newer / WEIGHTS).read_bytes() == CONTENT[::-1]
    assert (older / WEIGHTS).read_bytes() == CONTENT
    assert [one.folder for one in hub.stored()] == [newer]


def test_weights_that_an_index_names_and_that_are_not_there_make_no_whole_model(
    hub: Hub, name: str, served: FakeHub
) -> None:
    served.files["model.safetensors.index.json"] = json.dumps({"weight_map": {"a": WEIGHTS, "b": "second"}}).encode()
    folder = hub.pull(name)
    assert [one.folder for one in hub.stored()] == [None]
    (folder / "second").write_bytes(b"")
    assert [one.folder for one in hub.stored()] == [folder]


@pytest.mark.parametrize(
    "wrong",
    [
        {"Path": "../model.safetensors"},
        {"Path": "/tmp/model.safetensors"},
        {"Sha256": ""},
        {"Sha256": None},
        {"Size": "2"},
    ],
)
def test_what_modelscope_should_not_say_is_not_believed(
    served: FakeHub, tmp_path: Path, wrong: dict[str, object]
) -> None:
    served.wrong = wrong
    with pytest.raises(BadModel, match="its list of files"):
        ModelScope(served.address, tmp_path / "cache").pull(ON_MODELSCOPE)
    assert served.ranges == []
    assert not (tmp_path / "cache").exists()


def test_who_asks_is_said_to_modelscope(served: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = ModelScope(served.address, tmp_path / "cache")
    hub.listing(ON_MODELSCOPE)
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "secret")
    hub.listing(ON_MODELSCOPE)
    assert served.tokens == [None, "Bearer secret"]
