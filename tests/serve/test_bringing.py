"""Pictures brought to the page in a real browser, and what is said to anything else."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.images.test_film import every, write
from tests.serve.replies import ZH_WORDS, Replies

pytestmark = [pytest.mark.page, pytest.mark.usefixtures("no_graphs")]


def test_what_cannot_be_asked_is_said_in_the_pages_language(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path], tmp_path: Path
) -> None:
    tab = open_tab(serve(Replies()), "zh-CN")
    files = {
        "broken.png": pictures[0].read_bytes()[:60],
        "empty.jpg": b"",
        "notes.pdf": b"%PDF-1.7 not a picture",
        "film.mp4": write(tmp_path / "clip.mp4", every(Fraction(1, 25), 50)).read_bytes(),
        "hidden.png": b"\0\0\0\x20ftypisom",
        "words.txt": b"just words",
    }
    told = {}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        told[name] = tab.refused(tmp_path / name)
        assert not [c for c in told[name].replace(name, "") if c == "/"], "a path"
        assert tab.page.locator("#picture img").count() == 0
    assert "视频" in told["film.mp4"]
    assert "PDF" in told["notes.pdf"]
    for name in ("broken.png", "hidden.png"):
        assert told[name] == ZH_WORDS["e_broken"].format(name=name)
    assert all("GIF、BMP 和 TIFF" in told[name] for name in ("film.mp4", "notes.pdf", "words.txt"))
    tab.ask("有几辆车?")
    assert tab.said == ZH_WORDS["e_no_picture_yet"]
    tab.page.evaluate("document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: new DataTransfer()}))")
    assert tab.said == ZH_WORDS["e_paste_none"]
    tab.page.click("#paste")  # Chromium gives a page no clipboard unasked
    tab.page.wait_for_function("t => document.querySelector('#say').innerText === t", arg=ZH_WORDS["e_paste_closed"])
    assert tab.problems == []


PASTE = """([name, data]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(data)], name, {type: 'image/png'}));
  document.body.dispatchEvent(new EVENT);
}"""


def test_pictures_are_pasted_dropped_anywhere_and_asked_about_together(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path], tmp_path: Path
) -> None:
    backend = Replies()
    tab = open_tab(serve(backend))
    given = ["p.png", list(pictures[0].read_bytes())]
    for event in (
        "ClipboardEvent('paste', {clipboardData: transfer, bubbles: true})",
        "DragEvent('drop', {dataTransfer: transfer, bubbles: true})",
    ):
        count = tab.page.locator("#picture img").count()
        tab.page.evaluate(PASTE.replace("EVENT", event), given)
        tab.page.wait_for_function("document.querySelector('#picture img')?.naturalWidth > 0")
        assert tab.asked("What is it?").startswith("You asked")
        assert len(backend.requests[-1].pictures) == 1
        assert count <= 1
    with Image.open(pictures[0]) as image:  # what no browser shows is shown all the same
        image.save(tmp_path / "scan.tiff")
    tab.add(tmp_path / "scan.tiff")
    tab.page.wait_for_function("document.querySelector('#picture img')?.naturalWidth > 0")
    Image.new("RGB", (96, 64), (4, 4, 4)).save(tmp_path / "night.png")
    tab.add(tmp_path / "night.png")
    assert "dark" in tab.page.inner_text("#under")
    tab.add(pictures[0], pictures[1])
    tab.asked("What changed?")
    assert len(backend.requests[-1].pictures) == 2
    assert tab.page.locator(".thumbs [aria-pressed]").count() == 4  # nothing was asked about the one in the dark
    assert tab.problems == []
