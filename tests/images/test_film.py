"""Videos: frames at their own times and upright, or one line that says why not."""

from __future__ import annotations

import importlib.util
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from occlusight.errors import BadInput, BadVideo, Cancelled
from occlusight.images.film import Budget, Film, FilmLimits, is_video, open_film

av = pytest.importorskip("av")
MS = Fraction(1, 1000)


def write(
    path: Path,
    times: Iterable[float | Fraction],
    size: tuple[int, int] = (64, 48),
    codec: str = "mpeg4",
    draw: Callable[[int], np.ndarray[Any, Any]] | None = None,
    options: dict[str, str] | None = None,
    rotation: int | None = None,
    gop: int = 12,
) -> Path:
    """Write a video whose frames are as grey as they are late: 2 levels a frame."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.gop_size = *size, gop
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = MS
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for i, seconds in enumerate(times):
            pixels = draw(i) if draw else np.full((size[1], size[0], 3), 2 * i % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(Fraction(seconds) / MS), MS
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def every(step: Fraction, count: int) -> list[Fraction]:
    return [i * step for i in range(count)]


def times(film: Film) -> list[float]:
    return [round(frame.seconds, 3) for frame in film.frames]


@pytest.fixture(scope="module")
def even(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 25 frames a second."""
    return write(tmp_path_factory.mktemp("even") / "even.mp4", every(Fraction(1, 25), 50))


def test_the_first_frame_at_or_after_each_instant_is_taken(even: Path) -> None:
    film = open_film(even)
    assert times(film) == [0.0, 0.52, 1.0, 1.52]
    assert (film.duration_s, film.rate, film.size) == (2.0, 25.0, (64, 48))
    assert all(frame.image.mode == "RGB" and frame.image.size == (64, 48) for frame in film.frames)
    levels = [np.asarray(frame.image).mean() for frame in film.frames]
    assert levels == pytest.approx([0, 26, 50, 76], abs=3)
    part = open_film(even, per_second=10, start_s=0.5, end_s=1.0)
    assert times(part) == [0.52, 0.6, 0.72, 0.8, 0.92, 1.0]


@pytest.mark.parametrize("name", ["uneven.mp4", "uneven.mkv"])
def test_uneven_frames_have_their_own_times(tmp_path: Path, name: str) -> None:
    shown = [0, 100 * MS, 133 * MS, 166 * MS, 900 * MS, 2, 2500 * MS]
    film = open_film(write(tmp_path / name, shown), per_second=2)
    assert times(film) == [0.0, 0.9, 2.0, 2.5]
    assert film.rate is None
    if name == "uneven.mp4":
        assert times(open_film(tmp_path / name, per_second=1000)) == [0.0, 0.1, 0.133, 0.166, 0.9, 2.0, 2.5]


def test_frames_without_timestamps_come_at_the_usual_rate(tmp_path: Path) -> None:
    film = open_film(write(tmp_path / "raw.h264", every(Fraction(1, 25), 30), codec="libx264"))
    assert times(film) == [0.0, 0.52, 1.0]
    assert (film.duration_s, film.rate) == (1.2, None)


def test_seeking_finds_the_same_frames(tmp_path: Path) -> None:
    """Frames between others (B) and keyframes every second: what is skipped changes no frame and no time."""
    video = write(tmp_path / "long.mp4", every(Fraction(1, 5), 120), codec="libx264", gop=5)
    film = open_film(video, per_second=0.25, start_s=2.2)
    assert times(film) == [2.2, 6.2, 10.2, 14.2, 18.2, 22.2]
    assert [np.asarray(frame.image).mean() for frame in film.frames] == pytest.approx(
        [2 * 5 * seconds for seconds in times(film)], abs=1.5
    )


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_frames_are_turned_upright(tmp_path: Path, degrees: int) -> None:
    def corner(_: int) -> np.ndarray[Any, Any]:
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[:24, :32] = 255
        return pixels

    video = write(tmp_path / "turned.mp4", [0], draw=corner, rotation=degrees)
    with av.open(str(video)) as container:
        frame = next(container.decode(video=0))
        expected = Image.fromarray(frame.to_ndarray(format="rgb24")).rotate(frame.rotation, expand=True)
    film = open_film(video)
    image = film.frames[0].image
    assert image.size == film.size == expected.size
    assert np.abs(np.asarray(image, float) - np.asarray(expected, float)).mean() < 3


def test_large_frames_are_reduced(tmp_path: Path) -> None:
    large = write(tmp_path / "8k.mp4", [0], size=(7680, 4320), codec="mjpeg")
    film = open_film(large)
    assert film.size == (7680, 4320)
    assert film.frames[0].image.size == (1182, 665)
    with pytest.raises(BadVideo, match=r"7680x4320 = 33177600 pixels, more than the 1000000 allowed"):
        open_film(large, limits=FilmLimits(source_pixels=1_000_000))


def test_too_many_frames_are_refused_with_what_to_give(tmp_path: Path) -> None:
    hours = write(tmp_path / "hours.mp4", every(Fraction(10), 720), gop=1)
    said = r"is 7190\.0 s long: 720 frames at 2 a second, more than the 256 allowed; give at most 0\.0354 frames"
    with pytest.raises(BadVideo, match=said):
        open_film(hours)
    film = open_film(hours, per_second=0.0354)
    assert 250 <= len(film.frames) <= 256
    assert times(open_film(hours, start_s=7000, end_s=7020)) == [7000.0, 7010.0, 7020.0]
    unsaid = write(tmp_path / "raw.h264", every(Fraction(1, 25), 30), codec="libx264")
    with pytest.raises(BadVideo, match=r"1\.0 s long or longer: 3 or more frames at 2 a second, more than the 2 "):
        open_film(unsaid, limits=FilmLimits(frames=2))


@pytest.mark.parametrize("name", ["early.mp4", "cut.mkv"])
def test_a_cut_video_says_what_is_there(tmp_path: Path, name: str) -> None:
    whole = write(tmp_path / f"whole-{name}", every(Fraction(1, 25), 200), options={"movflags": "faststart"})
    video = tmp_path / name
    video.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(BadVideo, match=r"is cut: it says that it is 8.00 s long, but its frames end at \d\.\d\d s"):
        open_film(video)
    assert times(open_film(video, end_s=1)) == [0.0, 0.52, 1.0]
    with pytest.raises(BadVideo, match=r"has no frame that can be decoded between 6 and 8 s|is cut"):
        open_film(video, start_s=6)


def test_a_cut_video_without_its_index_is_broken(even: Path, tmp_path: Path) -> None:
    (tmp_path / "late.mp4").write_bytes(even.read_bytes()[:2000])
    with pytest.raises(BadVideo, match="is broken"):
        open_film(tmp_path / "late.mp4")


def test_what_is_no_video_is_one_line(even: Path, tmp_path: Path) -> None:
    picture, text, empty = tmp_path / "picture.mp4", tmp_path / "text.mp4", tmp_path / "empty.mp4"
    moving, unknown = tmp_path / "moving.gif", tmp_path / "still.avif"
    Image.new("RGB", (8, 8)).save(moving)
    unknown.write_bytes(b"\0\0\0 ftypavif\0\0\0\0avifmif1miaf")  # MP4's container, so that FFmpeg opens the whole
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    text.write_text("What hides the ball?\n" * 50)
    empty.touch()
    playlist = tmp_path / "list.mp4"
    playlist.write_text("ffconcat version 1.0\nfile even.mp4\n")
    shutil.copy(even, tmp_path / "even.mp4")
    with playlist.open("rb") as file, av.open(file) as container:  # FFmpeg itself opens what it names
        assert next(container.decode(video=0)).width == 64
    for file, said in {
        picture: "is a PNG picture, not a video",
        moving: "is a GIF picture, not a video; ask about it as a picture, or save it as an MP4 if it moves",
        unknown: "is an AVIF picture, not a video; give an MP4",
        text: "is not a video that can be read; give an MP4",
        empty: "is empty",
        playlist: "is not a video that can be read",
        sound(tmp_path / "sound.mp4"): "has sound but no pictures",
        tmp_path / "nothing.mp4": "there is no such file",
        tmp_path: "is a folder",
    }.items():
        with pytest.raises(BadVideo) as error:
            open_film(file)
        assert str(error.value).startswith(str(file))
        assert said in str(error.value)
        assert "\n" not in str(error.value)


def test_a_wrong_extension_does_not_matter(even: Path, tmp_path: Path) -> None:
    shutil.copy(even, tmp_path / "video.jpg")
    assert len(open_film(tmp_path / "video.jpg").frames) == 4


def test_a_title_in_another_encoding_does_not_matter(tmp_path: Path) -> None:
    video = tmp_path / "titled.avi"
    with av.open(str(video), "w", metadata_encoding="gbk") as container:
        container.metadata["title"] = "遮挡"
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(UnicodeDecodeError):
        av.open(str(video))
    assert len(open_film(video).frames) == 1


def test_instants_without_frames_are_said(even: Path) -> None:
    with pytest.raises(BadVideo, match=r"has no frame from 50 s on: it ends at 2\.00 s; give an earlier start"):
        open_film(even, start_s=50)
    with pytest.raises(BadVideo, match=r"has no frame that can be decoded between 0\.501 and 0\.51 s"):
        open_film(even, start_s=0.501, end_s=0.51)


@pytest.mark.parametrize("values", [{"per_second": 0}, {"per_second": float("nan")}, {"start_s": -1}, {"end_s": -0.5}])
def test_bad_values_are_said(even: Path, values: dict[str, float]) -> None:
    with pytest.raises(BadInput, match=r"but .* was given"):
        open_film(even, **values)


def test_time_and_memory_are_limited(even: Path) -> None:
    with pytest.raises(BadVideo, match=r"takes more than the 0\.01 s allowed"):
        open_film(even, limits=FilmLimits(seconds=0.01))
    with pytest.raises(BadVideo, match="takes more than the 1 MB allowed"):
        open_film(even, limits=FilmLimits(memory_bytes=1_000_000))


def test_the_caller_can_cancel(even: Path) -> None:
    asked = threading.Event()
    begun = time.monotonic()

    def cancelled() -> bool:
        first, _ = asked.is_set(), asked.set()
        return first

    with pytest.raises(Cancelled, match="the video was stopped on request"):
        open_film(even, cancelled=cancelled, limits=FilmLimits(seconds=30))
    assert time.monotonic() - begun < 10


def test_without_pyav_the_extra_is_named(even: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"PyAV.*pip install .*'\.\[video\]'"):
        open_film(even)


@pytest.mark.parametrize("count", [1, 3, 25, 50, 87])
@pytest.mark.parametrize("format", ["mp4", "mkv"])
def test_a_budget_spreads_frames_from_the_first_to_the_last(tmp_path: Path, count: int, format: str) -> None:
    """As Qwen3-VL's processor does by numbers of frames (`model.video.sample_frames`)."""
    path = write(tmp_path / f"clip.{format}", every(Fraction(1, 25), count))
    film = open_film(path, budget=Budget())
    wanted = min(max(int(count / 25 * 2), 4), count)
    expected = np.linspace(0, count - 1, wanted).round().astype(int).tolist()
    assert [round(frame.seconds * 25) for frame in film.frames] == expected


@pytest.mark.parametrize(
    ("name", "codec", "count", "expected"),
    [
        ("bare.hevc", "libx265", 20, [0.0, 0.24, 0.52, 0.76]),  # says neither times nor how long it is
        ("delayed.flv", "libx264", 75, [0.0, 0.6, 1.2, 1.84, 2.44, 2.96]),  # says that it is two frames longer
    ],
)
def test_a_budget_reaches_the_last_frame_whatever_the_file_says(
    tmp_path: Path, name: str, codec: str, count: int, expected: list[float]
) -> None:
    path = write(tmp_path / name, every(Fraction(1, 25), count), codec=codec)
    assert times(open_film(path, budget=Budget())) == expected


def test_a_file_that_does_not_say_how_long_it_is_has_its_packets_counted(tmp_path: Path) -> None:
    live = write(tmp_path / "live.mkv", every(Fraction(1, 25), 30), options={"live": "1"})
    part = open_film(live, end_s=0.5, budget=Budget(least=2, most=2))
    assert (times(part), part.duration_s) == ([0.0, 0.48], 1.2)


def test_a_budget_bounds_long_videos_and_parts(even: Path) -> None:
    assert times(open_film(even, 25, budget=Budget(most=3))) == [0.0, 0.96, 1.96]
    assert times(open_film(even, start_s=1, budget=Budget())) == [1.0, 1.32, 1.64, 1.96]
    assert times(open_film(even, 25, budget=Budget(least=1, most=1))) == [0.0]
    small = open_film(even, budget=Budget(pixels=4 * 32 * 24))
    assert [frame.image.size for frame in small.frames] == [(32, 24)] * 4
    with pytest.raises(BadVideo, match="give an earlier start"):
        open_film(even, start_s=5, budget=Budget())


def test_a_budget_goes_by_times_where_frames_are_not_even(tmp_path: Path) -> None:
    path = write(tmp_path / "odd.mp4", [0, 0.1, Fraction(133, 1000), Fraction(166, 1000), 1, 3, 3.5])
    assert times(open_film(path, budget=Budget())) == [0.0, 1.0, 3.0, 3.5]


def test_what_begins_as_a_video_is_known(even: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "still.png")
    assert is_video(even)
    assert not is_video(tmp_path / "still.png")
    assert not is_video(tmp_path / "missing.mp4")
    (tmp_path / "text.mp4").write_text("Going behind the green box.\n" * 50)
    assert not is_video(tmp_path / "text.mp4")
    (tmp_path / "bare.m2v").write_bytes(bytes.fromhex("000001b3040030153fffe0a0000001b5148200010000"))
    assert is_video(tmp_path / "bare.m2v")


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("clip.ts", "libx264"),
        ("clip.m2ts", "libx264"),
        ("clip.h264", "libx264"),
        ("clip.hevc", "libx265"),
        ("clip.m4v", "mpeg4"),
        ("clip.ivf", "libvpx"),
        ("clip.mkv", "mpeg4"),
    ],
)
def test_every_kind_of_file_that_is_opened_begins_as_a_video(tmp_path: Path, name: str, codec: str) -> None:
    assert is_video(write(tmp_path / name, every(Fraction(1, 25), 8), codec=codec))


def test_a_recording_that_begins_late_is_as_long_as_its_frames(tmp_path: Path) -> None:
    """Matroska says when it ends, by a clock that had run for an hour when the first frame came."""
    late = write(tmp_path / "late.mkv", [3600 + at for at in every(Fraction(1, 25), 50)])
    film = open_film(late)
    assert (times(film), film.duration_s) == ([0.0, 0.52, 1.0, 1.52], pytest.approx(2, abs=0.001))
