"""Videos that are written: read back they have the frames, times and length that they were given."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occlusight.errors import BadInput
from occlusight.images.film import Frame, open_film
from occlusight.images.film_writer import FORMATS, write_film

pytest.importorskip("av")
TIMES = [0.0, 0.5, 0.533, 2.0]


def frames(size: tuple[int, int] = (64, 48)) -> Iterator[Frame]:
    for number, seconds in enumerate(TIMES):
        yield Frame(seconds, Image.new("RGB", size, (60 * number, 40, 200)))


@pytest.mark.parametrize("suffix", FORMATS)
def test_frames_come_back_at_their_times(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write_film(path, frames(), 3.0)
    film = open_film(path, per_second=100)
    assert [round(frame.seconds, 3) for frame in film.frames] == TIMES
    assert (film.size, film.duration_s) == ((64, 48), pytest.approx(3.0, abs=0.05))
    reds = [np.asarray(frame.image)[..., 0].mean() for frame in film.frames]
    assert reds == pytest.approx([0, 60, 120, 180], abs=6)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_what_makes_no_video_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.mp4"
    for given, said in (
        (iter(()), "one frame at least"),
        (frames((63, 48)), "63x48"),
        (iter((*frames(), *frames((32, 48)))), "one size"),
    ):
        with pytest.raises(BadInput, match=said):
            write_film(path, given, 3.0)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"PyAV.*pip install"):
        write_film(path, frames(), 3.0)
