"""`track --annotated`: what is drawn on frames, and what a model is that cannot tell places."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import Result
from tests.reasoning.tracking.test_track import COMES, FRAMES, GOES, SCENES, Looks

from occlusight.cli.track_film import marks_of, write_tracked
from occlusight.drawing.canvas import COLOURS
from occlusight.drawing.followed import Mark, followed, shown_size
from occlusight.errors import BadInput
from occlusight.images.film import open_film
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.tracking.track import Track, track
from occlusight.reasoning.tracking.watch import Watcher


@pytest.fixture(scope="module")
def found() -> Track:
    frames = [(number / 2, path) for number, path in enumerate(SCENES)]
    return track(Watcher(Extractor(Looks(SCENES))).watch(frames), 2.0, FRAMES / 2)


def test_what_is_seen_has_its_box_and_what_is_hidden_that_of_before(found: Track) -> None:
    before, during, after = (
        {mark.text: (mark.box, mark.hidden) for mark in marks_of(found, frame, "en")}
        for frame in (GOES - 1, GOES + 1, COMES)
    )
    x = 100 + 60 * (GOES - 1)
    assert before["dog"] == ((x, 500, x + 120, 680), False)
    assert "dog" not in during
    assert during["dog: behind the red car"] == ((x, 500, x + 120, 680), True)
    assert after["dog"][0][0] == 100 + 60 * COMES
    assert before["red car"] == during["red car"] == after["red car"] == ((350, 300, 650, 700), False)
    assert {mark.text for mark in marks_of(found, GOES, "zh")} == {"红色的汽车", "公交车", "狗：在红色的汽车后面"}


def test_dashes_tell_what_is_hidden_from_what_is_seen() -> None:
    frame, size = Image.new("RGB", (400, 300)), (400, 300)
    seen, hidden = (
        np.asarray(followed(frame, [Mark("it", (250, 400, 750, 900), COLOURS[0], hidden)], size, "0.0 s"))
        for hidden in (False, True)
    )
    whole, dashes = (np.all(one[266:272, 100:300] == COLOURS[0], axis=-1).any(0).mean() for one in (seen, hidden))
    assert whole > 0.98
    assert 0.4 < dashes < 0.7
    assert np.any(seen[275:] != 0)  # the seconds in the corner


def test_frames_of_any_shape_become_even() -> None:
    assert shown_size((256, 255)) == (768, 764)
    assert shown_size((1181, 665)) == (1180, 664)
    assert shown_size((1, 1)) == (720, 720)


def test_the_video_has_the_frames_that_were_looked_at(found: Track, tmp_path: Path) -> None:
    pytest.importorskip("av")
    pictures = [(t / 2, Image.new("RGB", (400, 300), (200, 200, 200))) for t in range(FRAMES)]
    write_tracked(found, pictures, tmp_path / "out.webm", "en")
    film = open_film(tmp_path / "out.webm", 100)
    assert [round(frame.seconds, 2) for frame in film.frames] == [t / 2 for t in range(FRAMES)]
    assert film.size == (800, 600)
    first, hidden = (np.asarray(film.frames[t].image, float) for t in (0, GOES))
    assert np.abs(first - hidden).mean() > 0.5
    unplaced = replace(found, watched=replace(found.watched, boxes=({},) * FRAMES))
    with pytest.raises(BadInput, match="told no place of anything"):
        write_tracked(unplaced, pictures, tmp_path / "no.webm", "en")


def test_a_model_without_places_is_refused_before_it_looks(
    call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av")
    out, frames = tmp_path / "out.mp4", tmp_path / "frames"
    frames.mkdir()
    for number in range(3):
        Image.new("RGB", (96, 64)).save(frames / f"{number}.png")
    code, _, err = call("track", frames, "--annotated", out)
    assert (code, out.exists()) == (2, False)
    assert "says what there is, not where" in err.splitlines()[-1]
    assert "look 1" not in err
    assert call("track", frames, "--annotated", tmp_path / "out.gif")[0] == 2
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, _, err = call("track", frames, "--annotated", out)
    assert code == 2
    assert "PyAV" in err


def test_what_was_there_stays_where_nothing_can_be_written(found: Track, tmp_path: Path) -> None:
    pytest.importorskip("av")
    out = tmp_path / "out.webm"
    out.write_bytes(b"kept")
    pictures = [(0.0, Image.new("RGB", (64, 48))), (0.5, tmp_path / "gone.png")]
    with pytest.raises(BadInput, match="no such file"):
        write_tracked(found, pictures, out, "en")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("out.webm", b"kept")]
