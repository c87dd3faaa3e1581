"""Videos inside requests: as a file, as frames, and what is refused."""

from __future__ import annotations

import base64
import importlib.util
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from anthropic import Anthropic
from anthropic import BadRequestError as BadRequest
from openai import OpenAI
from PIL import Image
from tests.images.test_film import every, sound, write
from tests.serve.api.conftest import Telling, client_at, data_uri, serving_api

from occlusight.errors import BadVideo, Busy, Cancelled
from occlusight.serve.api import pictures as api_pictures
from occlusight.serve.api.errors import ApiError
from occlusight.serve.api.pictures import PictureStore, RequestLimits, pictures_kept

pytest.importorskip("av")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two seconds at 25 frames a second, as a data URI."""
    path = write(tmp_path_factory.mktemp("clips") / "clip.mp4", every(Fraction(1, 25), 50))
    return "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()


@pytest.fixture(scope="module")
def backend() -> Telling:
    return Telling("")


@pytest.fixture(scope="module")
def client(backend: Telling) -> Iterator[OpenAI]:
    with serving_api(backend) as address, client_at(address) as one:
        yield one


def ask(client: OpenAI, *parts: dict[str, Any], history: tuple[Any, ...] = ()) -> Any:
    content = [*parts, {"type": "text", "text": "Is it hidden?"}]
    messages: Any = [*history, {"role": "user", "content": content}]
    return client.chat.completions.create(model="scripted", messages=messages)


def video(url: str) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": url}}


def test_a_video_reaches_the_model_as_frames(client: OpenAI, backend: Telling, clip: str, pictures: list[Path]) -> None:
    picture = {"type": "image_url", "image_url": {"url": data_uri(pictures[0])}}
    assert ask(client, video(clip), picture).choices[0].message.content == "Yes, 是。"
    request = backend.requests[-1]
    assert (len(request.pictures), len(request.films)) == (1, 1)
    assert [round(frame.seconds * 25) for frame in request.films[0].frames] == [0, 16, 33, 49]
    earlier = ({"role": "user", "content": [video(clip), {"type": "text", "text": "?"}]},)
    ask(client, history=(*earlier, {"role": "assistant", "content": "Yes."}))
    assert len(backend.requests[-1].history[0].films) == 1


def test_frames_reach_it_with_their_times(client: OpenAI, backend: Telling, pictures: list[Path]) -> None:
    frames = [data_uri(one) for one in pictures[:3]]
    ask(client, {"type": "video", "video": frames, "times": [0, 0.3, 4]})
    ask(client, {"type": "video", "video": frames, "fps": 4})
    ask(client, {"type": "video", "video": frames})
    times = [[frame.seconds for frame in request.films[0].frames] for request in backend.requests[-3:]]
    assert times == [[0.0, 0.3, 4.0], [0.0, 0.25, 0.5], [0.0, 0.5, 1.0]]


def test_what_cannot_be_shown_names_its_field(client: OpenAI, clip: str, pictures: list[Path]) -> None:
    one, wide = data_uri(pictures[0]), data_uri(pictures[3])
    broken = "data:video/mp4;base64," + base64.b64encode(base64.b64decode(clip.partition(",")[2])[:300]).decode()
    url, frames = "messages[0].content[0].video_url.url", "messages[0].content[0].video"
    for part, param, code in (
        (video("https://example.org/a.mp4"), url, "invalid_video_url"),
        (video(one), url, "invalid_video_url"),
        (video(""), url, "invalid_video_url"),
        (video("data:video/mp4;base64,"), url, "invalid_video"),
        (video("data:video/mp4;base64,AAAA"), url, "invalid_video"),
        (video(broken), url, "invalid_video"),
        ({"type": "video", "video": [one, clip]}, f"{frames}[1]", "invalid_image_url"),
        ({"type": "video", "video": [one, wide]}, frames, "invalid_value"),
        ({"type": "video", "video": [one, one], "times": [1]}, frames, "invalid_value"),
        ({"type": "video", "video": [one, one], "times": []}, frames, "invalid_value"),
        ({"type": "video", "video": [one, one], "fps": 1e-320}, "messages[0].content[0].fps", "invalid_value"),
        ({"type": "video", "video": [one, 1]}, f"{frames}[1]", "invalid_value"),
        ({"type": "video", "video": [one, one], "times": [0, 1e9]}, "messages[0].content[0].times[1]", "invalid_value"),
        ({"type": "video", "video": [one, one], "times": [1, 1]}, frames, "invalid_value"),
        ({"type": "video", "video": [one] * 129}, frames, "too_many_images"),
        ({"type": "video", "video": [one], "times": [1], "fps": 1}, "messages[0].content[0].fps", "invalid_value"),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            ask(client, part)
        assert (refused.value.param, refused.value.code) == (param, code), part
    with pytest.raises(openai.BadRequestError, match="at most 2 videos"):
        ask(client, *[video(clip)] * 3)


def test_what_is_no_video_is_said_as_of_files(client: OpenAI, clip: str, tmp_path: Path) -> None:
    """Whatever was sent as one: what it is, what to do, and in which field; no option that only commands have."""
    moving, cut = tmp_path / "moving.gif", tmp_path / "cut.mp4"
    Image.new("RGB", (8, 8)).save(moving, save_all=True, append_images=[Image.new("RGB", (8, 8), "white")])
    write(cut, every(Fraction(1, 25), 100), options={"movflags": "faststart"})
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 3 // 4])
    for file, said in (
        (moving, "is a GIF picture, not a video; ask about it as a picture, or save it as an MP4 if it moves"),
        (sound(tmp_path / "sound.mp4"), "has sound but no pictures; give an MP4"),
        (cut, r"is cut: .* s; copy it again, or save anew what is there$"),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            ask(client, video("data:video/mp4;base64," + base64.b64encode(file.read_bytes()).decode()))
        url = "messages[0].content[0].video_url.url"
        assert (refused.value.param, refused.value.code) == (url, "invalid_video")
        assert re.match(re.escape(url) + " " + said, refused.value.body["message"])  # type: ignore[call-overload, index]


def test_without_pyav_the_field_is_named(client: OpenAI, clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "av" else found(name, *rest))
    with pytest.raises(openai.BadRequestError, match=r"PyAV.*pip install") as refused:
        ask(client, video(clip))
    assert refused.value.param == "messages[0].content[0].video_url.url"
    assert "occlusight-pictures" not in str(refused.value)


def respond(client: OpenAI, *parts: dict[str, Any]) -> Any:
    content: Any = [*parts, {"type": "input_text", "text": "Is it hidden?"}]
    return client.responses.create(model="scripted", input=[{"role": "user", "content": content}])


def test_responses_take_videos(client: OpenAI, backend: Telling, clip: str, pictures: list[Path]) -> None:
    picture, frames = data_uri(pictures[0]), [data_uri(one) for one in pictures[:3]]
    whole = respond(client, {"type": "input_video", "video_url": clip}, {"type": "input_image", "image_url": picture})
    assert whole.output_text == "Yes, 是。"
    request = backend.requests[-1]
    assert (len(request.pictures), len(request.films)) == (1, 1)
    assert [round(frame.seconds * 25) for frame in request.films[0].frames] == [0, 16, 33, 49]
    respond(client, {"type": "input_video", "frames": frames, "times": [0, 0.3, 4]})
    assert [frame.seconds for frame in backend.requests[-1].films[0].frames] == [0.0, 0.3, 4.0]
    respond(client, {"type": "input_video", "frames": frames, "fps": 4})
    assert [frame.seconds for frame in backend.requests[-1].films[0].frames] == [0.0, 0.25, 0.5]
    at = "input[0].content[0]"
    for part, param, code in (
        ({"video_url": picture}, f"{at}.video_url", "invalid_video_url"),
        ({"video_url": "https://example.org/a.mp4"}, f"{at}.video_url", "invalid_video_url"),
        ({}, f"{at}.video_url", "invalid_value"),
        ({"video_url": ""}, f"{at}.video_url", "invalid_video_url"),
        ({"video_url": clip, "frames": frames}, f"{at}.video_url", "invalid_value"),
        ({"video_url": clip, "fps": 2}, f"{at}.fps", "invalid_value"),
        ({"frames": frames, "times": [0, 0, 1]}, f"{at}.frames", "invalid_value"),
        ({"frames": frames, "times": [0, 1, 2], "fps": 2}, f"{at}.fps", "invalid_value"),
        ({"frames": []}, f"{at}.input_video.frames", None),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            respond(client, {"type": "input_video", **part})
        if code is not None:
            assert (refused.value.param, refused.value.code) == (param, code), part


def test_messages_take_videos(client: OpenAI, backend: Telling, clip: str, pictures: list[Path]) -> None:
    frames = [data_uri(one) for one in pictures[:3]]
    data = clip.partition(",")[2]
    of_file = {"type": "base64", "media_type": "video/mp4", "data": data}
    with Anthropic(base_url=str(client.base_url).removesuffix("/v1/"), api_key="none", max_retries=0) as other:

        def tell(source: dict[str, Any]) -> Any:
            content: Any = [{"type": "video", "source": source}, {"type": "text", "text": "Is it hidden?"}]
            return other.messages.create(
                model="scripted", max_tokens=9, messages=[{"role": "user", "content": content}]
            )

        assert tell(of_file).content[0].text == "Yes, 是。"
        assert [round(frame.seconds * 25) for frame in backend.requests[-1].films[0].frames] == [0, 16, 33, 49]
        tell({"type": "frames", "frames": frames, "times": [0, 0.3, 4]})
        assert [frame.seconds for frame in backend.requests[-1].films[0].frames] == [0.0, 0.3, 4.0]
        for source, said in (
            ({**of_file, "data": "AAAA"}, "messages[0].content[0].source.data is not a video"),
            ({**of_file, "media_type": "image/png"}, "media_type"),
            ({"type": "frames", "frames": frames, "times": [0], "fps": 1}, "times or fps"),
            ({"type": "frames", "frames": frames, "times": [0]}, "each frame needs a time"),
            ({"type": "url", "url": "https://example.org/a.mp4"}, "source"),
        ):
            with pytest.raises(BadRequest, match=re.escape(said)):
                tell(source)


def test_the_schema_tells_of_videos_in_all_families(client: OpenAI) -> None:
    shapes = httpx.get(str(client.base_url).replace("/v1/", "/openapi.json")).json()["components"]["schemas"]
    assert shapes["InputVideo"]["properties"]["video_url"]["examples"] == ["data:video/mp4;base64,AAAA"]
    assert shapes["VideoBlock"]["properties"]["source"]["discriminator"]["mapping"].keys() == {"base64", "frames"}
    content = shapes["UserItem"]["properties"]["content"]["anyOf"][1]["items"]["discriminator"]["mapping"]
    assert content.keys() == {"input_text", "input_image", "input_video"}
    for shape in ("VideoPart", "InputVideo", "FramesSource"):
        times = shapes[shape]["properties"]["times"]["anyOf"][0]
        assert (times["items"]["type"], times["items"]["minimum"]) == ("number", 0)


def test_each_open_video_has_a_place_until_it_is_left(clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_pictures, "WAIT_S", 0.01)
    store = PictureStore(films=1)
    with pictures_kept(store, RequestLimits()) as first, pictures_kept(store, RequestLimits()) as second:
        first.film(clip, "a")
        with pytest.raises(Busy):
            second.film(clip, "b")
        first.leave()
        with pytest.raises(Cancelled):
            first.film(clip, "a")  # nobody waits for it any more
        second.film(clip, "b")
    with pictures_kept(store, RequestLimits()) as third:
        cut = "data:video/mp4;base64," + base64.b64encode(base64.b64decode(clip.partition(",")[2])[:300]).decode()
        with pytest.raises(BadVideo) as broken:
            third.film(cut, "c")
        assert third.told(broken.value).message.startswith("c is broken")
        third.film(clip, "d")
        with pytest.raises(ApiError, match="this is not a picture"):
            third.add("data:image/png;base64," + base64.b64encode(b"no").decode(), "e")
    store.close()


def test_large_frames_are_reduced(pictures: list[Path]) -> None:
    store = PictureStore()
    with pictures_kept(store, RequestLimits(budget=api_pictures.Budget(pixels=2 * 48 * 32))) as kept:
        film = kept.film_of([data_uri(one) for one in pictures[:2]], [0.0, 1.0], "v")
    assert [frame.image.size for frame in film.frames] == [(48, 32)] * 2
    store.close()
