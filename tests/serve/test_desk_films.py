"""Videos on the page, without a browser: kept, shown by their first frame, asked about, refused with a reason."""

from __future__ import annotations

import asyncio
import io
from contextlib import aclosing, closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.images.test_film import every, write
from tests.serve.conftest import serving
from tests.serve.test_security import Browser

from occlusight.api import in_any_words
from occlusight.backends.protocol import ModelInfo
from occlusight.backends.scripted import Scripted
from occlusight.serve.fair_queue import Client, FairQueue
from occlusight.serve.page.desk import Desk
from occlusight.serve.page.page import takes_films
from occlusight.serve.page.picture import PREVIEW, Brought, NoPicture, check_picture, still_of
from occlusight.serve.page.question import Question
from occlusight.serve.page.uploads import Uploads

pytest.importorskip("av")


class Watches(Scripted):
    """Can be asked about videos."""

    @property
    def info(self) -> ModelInfo:
        return replace(super().info, video=True)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write(tmp_path / "clip.mp4", every(Fraction(1, 25), 50))


def test_the_first_frame_of_a_video_is_left_beside_it(clip: Path, pictures: list[Path], tmp_path: Path) -> None:
    assert check_picture(clip, shown=False) == Brought(film=True)
    assert not check_picture(pictures[0], shown=True).film
    moving = tmp_path / "moving"
    with Image.open(pictures[0]) as first:
        first.save(moving, "GIF", save_all=True, append_images=[first.rotate(180)])
    assert "moves" in [one.kind for one in check_picture(moving, shown=True).concerns]
    assert "moves" not in [one.kind for one in check_picture(pictures[0], shown=True).concerns]
    assert still_of(clip) == clip.with_name(PREVIEW)
    assert still_of(pictures[0]) == pictures[0]
    with Image.open(still_of(clip)) as first:
        assert first.size == (64, 48)
    cut = clip.with_name("cut.mp4")
    cut.write_bytes(clip.read_bytes()[:300])
    with pytest.raises(NoPicture, match="is broken") as refused:
        check_picture(cut, shown=False)
    assert refused.value.kind == "broken"


def test_what_is_brought_is_what_it_is_not_what_it_is_called(clip: Path, pictures: list[Path]) -> None:
    with serving(Scripted("Yes.")) as address, closing(Browser(address).http) as http:
        for name, film in (("clip.jpg", True), ("preview.jpg", True), ("clip", True), ("picture.mp4", False)):
            data = (clip if film else pictures[0]).read_bytes()
            found = http.post("/pictures", files={"picture": (name, data)}).json()
            assert found["film"] is film
            shown = http.get(f"/pictures/{found['name']}")
            assert shown.headers["content-type"] == "image/jpeg"
            with Image.open(io.BytesIO(shown.content)) as picture:
                assert picture.format == "JPEG"  # the preview: of a picture, too, where its name hides that it is one


def test_a_question_about_a_video_and_a_picture_reaches_the_model(clip: Path, pictures: list[Path]) -> None:
    backend, queue = Watches("Yes."), FairQueue()
    uploads = Uploads()
    desk = Desk(backend, uploads, queue)
    question = Question(question="Is it hidden?", pictures=("a", "b"))

    async def news(*shown: Path) -> list[dict[str, Any]]:
        with queue.enter(Client("me", "me")) as place:
            async with aclosing(desk.answer(question, shown, place)) as events:
                return [one async for one in events]

    told = asyncio.run(news(clip, pictures[0]))
    assert told[-1]["event"] == "done"
    (request,) = backend.requests
    assert request.pictures == (pictures[0],)
    assert [round(frame.seconds * 25) for frame in request.films[0].frames] == [0, 16, 33, 49]
    cut = clip.with_name("cut.mp4")
    cut.write_bytes(clip.read_bytes()[:300])
    failed = asyncio.run(news(cut))[-1]
    assert (failed["event"], failed["kind"]) == ("failed", "input")
    assert "cut.mp4 is broken" in failed["message"]
    desk.close()
    uploads.close()


def test_who_takes_videos() -> None:
    assert takes_films(Watches(""))
    assert takes_films(in_any_words(Scripted("", learnt=("hides",))))  # from the story of its frames
    assert not takes_films(Scripted(""))
