"""The documents make a site: each page in its contents, each link leads somewhere, nothing comes from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FETCHED = re.compile(r"<(?:script|img|link|source)[^>]*?(?:src|href)=\"?((?:https?:)?//[^\" >]+)")


def build(*config: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", *config]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build("--strict", "--site-dir", str(folder))
    assert (built.returncode, built.stderr) == (0, "")
    return folder


def test_the_site_has_the_first_pages_in_both_languages(site: Path) -> None:
    for page, title in (("index.html", "Occlusight"), ("zh/index.html", "遮见"), ("zh/first-steps.html", "第一步")):
        assert title in (site / page).read_text("utf-8")
    assert "examples/street.webp" in (site / "uses.html").read_text("utf-8")
    assert (site / "examples" / "street.webp").stat().st_size > 10_000


def test_no_page_fetches_anything_from_another_host(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    assert [(page.name, found) for page in pages for found in FETCHED.findall(page.read_text("utf-8"))] == []


def test_how_a_block_is_tested_is_not_shown(site: Path) -> None:
    shown = (site / "first-steps.html").read_text("utf-8")
    assert "language-sh" in shown or 'class="highlight"' in shown
    assert "sh run" not in shown
