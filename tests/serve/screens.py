"""The screenshots of the docs, by the shipped model: python -m tests.serve.screens [--clip FILE] [OUT]

Each is of the page in one language and theme, at the width of a desk or of a phone; `--clip` adds that of a video that
is followed. A folder of frames, as `occlusight scenes make --recipe clip` writes it, is shown at two frames a second.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from tests.images.test_film import every, write
from tests.serve.conftest import FLAGS, Tab, serving, tab_of

from occlusight.api import in_any_words, open_model
from occlusight.serve.page.examples import shipped_examples
from occlusight.serve.page.words import Language

OUT = Path("docs/screens")
WIDTHS = {"desk": 1400, "phone": 390}
LOCALES: dict[Language, str] = {"en": "en-US", "zh": "zh-CN"}
ASKED: dict[Language, tuple[int, str, str]] = {
    "en": (0, "Which object is farthest from us?", "What does the number plate say?"),
    "zh": (2, "蓝色的书是否遮挡盆栽?为什么?", "书上写的是什么?"),
}
"""By language: an example, and what is asked about it after its own question."""
LOOKS_MS = 300_000


def converse(tab: Tab, language: Language) -> None:
    """Ask about an example, wait for its graph, and move the mouse away."""
    example, *questions = ASKED[language]
    tab.page.set_default_timeout(LOOKS_MS)
    tab.page.click(f".example >> nth={example}")
    tab.ended()
    tab.page.wait_for_selector("#picture svg")
    for question in questions:
        tab.asked(question)
    settled(tab)


def follow(tab: Tab, clip: Path) -> None:
    """Choose a video, follow it, and go to its first event."""
    tab.page.set_default_timeout(LOOKS_MS)
    tab.add(clip)
    tab.page.click("#look")
    tab.page.wait_for_selector("#happens button")
    tab.page.click("#happens button >> nth=0")
    settled(tab)


def settled(tab: Tab) -> None:
    """Leave what moves the time to come to rest."""
    tab.page.mouse.move(0, 0)
    tab.page.wait_for_timeout(1500)
    assert tab.problems == []


def keep(tab: Tab, path: Path) -> None:
    """Write what is in sight as WebP."""
    Image.open(BytesIO(tab.page.screenshot())).save(path, quality=88, method=6)
    print(path)


def as_video(folder: Path, to: Path) -> Path:
    """Write the frames of a folder as a video."""
    frames = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.iterdir())]
    height, width = frames[0].shape[:2]
    return write(to, every(Fraction(1, 2), len(frames)), (width, height), draw=frames.__getitem__)


def shoot(out: Path, clip: Path | None) -> None:
    """Write all screenshots into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    backend = in_any_words(open_model("default", plain=True))
    with (
        serving(backend, tuple(shipped_examples())) as address,
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        for theme in ("light", "dark"):
            for language, locale in LOCALES.items():
                for device, width in WIDTHS.items():
                    with tab_of(chromium, address, locale, width, color_scheme=theme) as tab:
                        converse(tab, language)
                        keep(tab, out / f"{device}-{theme}-{language}.webp")
        if clip is not None:
            video = as_video(clip, Path(folder) / f"{clip.name}.mp4") if clip.is_dir() else clip
            with tab_of(chromium, address, "en-US", color_scheme="light") as tab:
                follow(tab, video)
                keep(tab, out / "video.webp")
        chromium.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Follow the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=OUT)
    given = parser.parse_args(arguments)
    shoot(given.out, given.clip)


if __name__ == "__main__":
    main()
