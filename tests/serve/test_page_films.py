"""A video in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.images.test_film import every, write
from tests.serve.test_desk_films import Watches

from occlusight.backends.scripted import Scripted

pytest.importorskip("av")
pytestmark = pytest.mark.page


def test_a_video_is_chosen_shown_and_asked_about(
    serve: Callable[..., str], open_tab: Callable[..., Any], tmp_path: Path
) -> None:
    clip = write(tmp_path / "clip.mp4", every(Fraction(1, 25), 50))
    backend = Watches("It is hidden.")
    tab = open_tab(serve(backend))
    tab.add(clip)
    tab.page.wait_for_function("document.querySelector('#picture img')?.naturalWidth === 64")
    assert tab.asked("What happens?") == "It is hidden."
    assert len(backend.requests[-1].films) == 1
    assert tab.problems == []
    other = open_tab(serve(Scripted("No.")))
    assert "video" in other.refused(clip)
