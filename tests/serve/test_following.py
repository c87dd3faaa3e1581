"""Videos that are followed, without a browser: what goes to the page, how far it is, and how it is stopped."""

from __future__ import annotations

import asyncio
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.reasoning.tracking.test_track import COMES, FRAMES, GOES, SCENES
from tests.serve.conftest import serving
from tests.serve.street_film import Waits, sees, street_film
from tests.serve.test_security import Browser

from occlusight.api import in_any_words
from occlusight.backends.protocol import Capabilities
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadVideo
from occlusight.serve.fair_queue import Client, FairQueue
from occlusight.serve.page import following
from occlusight.serve.page.following import Following, Places, drawn, teller, timeline
from occlusight.serve.page.picture import Brought

pytest.importorskip("av")
VIDEO = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
CLIP = Path("clip.mp4")


@pytest.fixture
def street(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open every video as the street."""
    monkeypatch.setattr(following, "opened", lambda videos, left: (street_film(),))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def told(films: Following, path: Path = CLIP) -> list[dict[str, Any]]:
    """Follow a video to its end, and return what was said."""

    async def all_of() -> list[dict[str, Any]]:
        with FairQueue().enter(Client("me", "me")) as place:
            async with aclosing(films.news(path, place)) as news:
                return [one async for one in news]

    return asyncio.run(all_of())


@pytest.mark.usefixtures("street")
def test_a_video_is_followed_once_and_kept_with_its_frames(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "EVERY_S", 0.001)
    by = sees()
    films = Following(lambda: by, threads)
    news = told(films)
    document = news[-1]["track"]
    assert [one["event"] for one in news if one["event"] != "progress"] == ["done"]
    shares = [one["done"] / one["total"] for one in news if one["event"] == "progress"]
    assert shares == sorted(shares)
    assert json.loads(json.dumps(document))["objects"] == document["objects"]
    assert [one["t"] for one in document["frames"]] == [n / 2 for n in range(FRAMES)]
    assert document["domain"] is None
    assert document["rules"].keys() >= {
        name for one in document["frames"] for r in one["graph"]["relations"] for name in r["changed_by"]
    }
    calls = by.extractor.backend.calls  # type: ignore[attr-defined]
    assert told(films)[-1]["track"] == document
    assert by.extractor.backend.calls == calls  # type: ignore[attr-defined]
    found = films.of(CLIP)
    assert found is not None
    assert Image.open(io.BytesIO(found.frame(3)[1])).size == (400, 300)
    for number in (-1, FRAMES):
        with pytest.raises(IndexError):
            found.frame(number)
    films.forget(CLIP)
    assert films.of(CLIP) is None


def located(films: Following, number: int) -> Places:
    """Return about where the things of a frame are."""

    async def asked() -> Places:
        with FairQueue().enter(Client("me", "me")) as place:
            return await films.places(CLIP, number, place)

    return asyncio.run(asked())


@pytest.mark.usefixtures("street")
def test_a_model_is_asked_once_where_the_things_of_a_frame_are(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def found_there(backend: Any, picture: Any, objects: Any) -> Places:
        asked.append([one.thing.the("en") for one in objects])
        assert picture.size == (400, 300)
        return {one.id: (100, 200, 300, 400) for one in objects}

    monkeypatch.setattr(following, "places", found_there)
    monkeypatch.setattr(following, "locates", lambda backend: True)
    films = Following(sees, threads)
    told(films)
    found = films.of(CLIP)
    assert found is not None
    without = drawn(found, GOES - 1, "svg", "en")
    where = located(films, GOES - 1)
    assert where == located(films, GOES - 1)
    assert asked == [["the red car", "the dog", "the bus"]]
    assert set(where) == {o.id for o in found.frame(GOES - 1)[0].graph.objects}
    assert found.frame(GOES)[0].places == {}  # of another frame nothing is known yet
    assert drawn(found, GOES - 1, "svg", "en") != without  # what is saved has its dots, too
    with pytest.raises(IndexError):
        located(films, FRAMES)


@pytest.mark.usefixtures("street")
def test_who_is_hidden_when_is_drawn_as_wide_as_it_is_shown(threads: ThreadPoolExecutor) -> None:
    films = Following(sees, threads)
    told(films)
    found = films.of(CLIP)
    assert found is not None
    for asked, shown in ((700, 700), (10, 300), (999_999, 1200)):
        root = ET.fromstring(timeline(found, "zh", asked))
        left, right, seconds = (float(root.attrib[f"data-{name}"]) for name in ("left", "right", "seconds"))
        assert root.attrib["viewBox"].split()[2] == str(shown)
        assert 0 < left < right < shown
        assert (seconds, root.attrib["role"]) == (FRAMES / 2, "group")
        [bar] = [one for one in root.iter() if one.get("class") == "is-hidden"]
        (rect,) = (one for one in bar if one.tag.endswith("rect"))
        start, wide = float(rect.attrib["x"]), float(rect.attrib["width"])
        assert start == pytest.approx(left + (right - left) * GOES / FRAMES, abs=0.1)
        assert wide == pytest.approx((right - left) * (COMES - GOES) / FRAMES, abs=0.1)
        assert bar.get("aria-label") == "狗: 在红色的汽车后面"
    svg = drawn(found, GOES - 1, "svg", "en").decode()
    assert "data-occluder" in svg
    assert drawn(found, 0, "png", "zh").startswith(b"\x89PNG")


@pytest.mark.usefixtures("street")
def test_to_leave_stops_it_within_a_look(threads: ThreadPoolExecutor) -> None:
    model = Waits(SCENES)
    films = Following(lambda: sees(model), threads)

    async def leave() -> None:
        with FairQueue().enter(Client("me", "me")) as place:
            async with aclosing(films.news(CLIP, place)) as news:
                async for one in news:
                    if one["event"] == "progress":
                        break
        model.may.set()

    asyncio.run(leave())
    threads.submit(lambda: None).result()  # the thread is free again
    assert model.looks == 2
    assert films.of(CLIP) is None


def test_as_many_videos_are_kept_as_there_is_room_for(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "opened", lambda videos, left: (street_film(2),))
    monkeypatch.setattr(following, "MOST_KEPT", 2)
    reasoning = sees()
    films, by = [Path(f"{n}.mp4") for n in range(3)], Following(lambda: reasoning, threads)
    for one in films:
        told(by, one)
    assert [by.of(one) is not None for one in films] == [False, True, True]


def test_who_can_follow() -> None:
    plain = Scripted("", learnt=("hides",))
    asked = in_any_words(plain)
    by = teller(asked)
    assert by is not None
    assert by() is by()
    assert by() is asked.reasoning  # type: ignore[attr-defined]
    assert teller(Scripted("")) is not None

    class Silent(Scripted):
        @property
        def capabilities(self) -> Capabilities:
            return Capabilities()

    assert teller(Silent("")) is None


@pytest.mark.usefixtures("street")
def test_a_video_is_followed_for_whoever_brought_it(
    monkeypatch: pytest.MonkeyPatch, pictures: list[Path], tmp_path: Path
) -> None:
    monkeypatch.setattr("occlusight.serve.page.page.teller", lambda backend: sees)
    monkeypatch.setattr("occlusight.serve.page.gate.check_picture", lambda path, shown: Brought(film=True))
    with (
        serving(Scripted("Yes.")) as address,
        closing(Browser(address).http) as one,
        closing(Browser(address).http) as two,
    ):
        name = one.post("/pictures", files={"picture": ("clip.mp4", VIDEO)}).json()["name"]
        still = one.post("/pictures", files={"picture": ("a.png", pictures[0].read_bytes())}).json()["name"]
        assert one.get(f"/tracks/json/{name}").status_code == 404  # nobody wanted it yet
        for browser, body, status in (
            (two, {"video": name}, 404),
            (one, {"video": still}, 404),
            (one, {"video": name, "fps": 9}, 422),
            (one, {}, 422),
        ):
            assert browser.post("/tracks", json=body).status_code == status
        lines = [json.loads(line) for line in one.post("/tracks", json={"video": name}).text.splitlines()]
        assert lines[-1]["event"] == "done"
        assert one.get(f"/tracks/json/{name}").json() == lines[-1]["track"]
        for kind, begins in (("timeline", b"<svg"), ("jpg", b"\xff\xd8"), ("png", b"\x89PNG"), ("svg", b"<svg")):
            place = f"/tracks/{kind}/{name}?frame=3&width=600&language=zh"
            reply = one.get(place)
            assert reply.content.startswith(begins)
            assert "sandbox" in reply.headers["content-security-policy"]
            assert "private" in reply.headers["cache-control"]
            assert two.get(place).status_code == 404
        for frame in ("", "12", "-1", "x", "٣", "9" * 5000):
            assert one.get(f"/tracks/jpg/{name}?frame={frame}").status_code == 404
        assert one.get(f"/tracks/pdf/{name}?frame=1").status_code == 404
        assert one.delete(f"/pictures/{name}").status_code == 204
        assert one.get(f"/tracks/json/{name}").status_code == 404


def test_what_cannot_be_opened_fails_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(videos: Any, left: Any) -> Any:
        raise BadVideo(f"{videos[0]} is broken")

    monkeypatch.setattr(following, "opened", broken)
    monkeypatch.setattr("occlusight.serve.page.page.teller", lambda backend: sees)
    monkeypatch.setattr("occlusight.serve.page.gate.check_picture", lambda path, shown: Brought(film=True))
    with serving(Scripted("Yes.")) as address, closing(Browser(address).http) as http:
        name = http.post("/pictures", files={"picture": ("clip.mp4", VIDEO)}).json()["name"]
        last = json.loads(http.post("/tracks", json={"video": name}).text.splitlines()[-1])
        assert (last["event"], last["kind"], last["message"]) == ("failed", "input", "clip.mp4 is broken")
    monkeypatch.setattr("occlusight.serve.page.page.teller", lambda backend: None)
    with serving(Scripted("Yes.")) as address, closing(Browser(address).http) as http:
        name = http.post("/pictures", files={"picture": ("clip.mp4", VIDEO)}).json()["name"]
        assert http.post("/tracks", json={"video": name}).status_code == 404
