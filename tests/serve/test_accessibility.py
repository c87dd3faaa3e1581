"""What axe-core finds on the page: nothing, in either language and theme, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.serve.conftest import Tab

from occlusight.backends.scripted import Scripted
from occlusight.serve.page.examples import Example, shipped_examples

pytestmark = pytest.mark.page
OURS = ["#app"]


def violations(tab: Tab) -> list[str]:
    """Return what is wrong, each with the elements that it concerns."""
    found = Axe().run(tab.page, context={"include": OURS}).response["violations"]
    return [f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}" for one in found]


@pytest.mark.parametrize(
    ("width", "theme", "locale"),
    [
        (1400, "light", "en-US"),
        pytest.param(390, "dark", "zh-CN", marks=pytest.mark.slow),
        pytest.param(1400, "dark", "zh-CN", marks=pytest.mark.slow),
        pytest.param(390, "light", "en-US", marks=pytest.mark.slow),
    ],
)
def test_axe_finds_nothing(
    serve: Callable[..., str], open_tab: Callable[..., Any], width: int, theme: str, locale: str
) -> None:
    examples: tuple[Example, ...] = tuple(shipped_examples())
    address = serve(Scripted("It stands **behind** the lamp.\nSo the lamp is nearer."), examples)
    tab = open_tab(address, locale, width, color_scheme=theme, reduced_motion="reduce")
    assert tab.page.get_attribute("html", "data-theme") == theme
    assert tab.page.get_attribute("html", "lang") == locale.replace("-US", "")
    assert violations(tab) == []
    tab.asked("?")
    tab.page.evaluate("document.querySelector('#files').dispatchEvent(new Event('change'))")
    tab.page.click("#paste")
    tab.page.wait_for_selector("#say:not([hidden])")
    assert violations(tab) == []
    tab.page.click(".turn .q .ico")
    if width < 1180:
        tab.page.click("#menu")
        tab.page.wait_for_selector("#rail.open")
    assert violations(tab) == []
    tab.page.keyboard.press("Escape")
    tab.page.click("#delete")
    tab.page.wait_for_selector("dialog[open]")
    assert violations(tab) == []
