"""The page in a real browser: it answers, goes on, stops, keeps, speaks both languages, and asks no other host for
anything."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from tests.serve.conftest import Tab, serving, wait

from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import (
    Backend,
    CancelCheck,
    Done,
    Event,
    Message,
    ModelInfo,
    PictureUse,
    Request,
    TextDelta,
    Timings,
    Usage,
)
from occlusight.serve.page.examples import Example
from occlusight.serve.page.words import all_words

pytestmark = pytest.mark.page
ZH = "图中有几辆车?它们与路灯杆的位置关系是什么?"
EN = "How many cars are there, and where are they relative to the lamp post?"
REPLIES = {
    ZH: "图中有一辆红色轿车,它在路灯杆后面。路灯杆遮挡了它的中间部分,所以路灯杆更近。",
    EN: "There is one red car, behind the lamp post. The post hides part of its middle, so the post is nearer.",
}
EN_WORDS, ZH_WORDS = all_words()["en"], all_words()["zh"]


class Replies(Backend):
    """Known answers, a character at a time; others repeat the question."""

    info = ModelInfo("default", "r", 4096, dtype="float32")

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        self.requests.append(request)
        text = REPLIES.get(request.prompt, f"You asked: {request.prompt}")
        for character in text:
            time.sleep(0.002)
            yield TextDelta(character)
        use = PictureUse(14, 18, 252, (576, 448), (576, 448))
        yield Done("stop", Usage(280, len(text), 256, (use,)), Timings(0.42, 0.1, 0.52, len(text) * 0.005))


@pytest.fixture(autouse=True)
def _no_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the computer to what is asked."""
    monkeypatch.setattr("occlusight.serve.page.page.seeing", lambda backend: None)


@pytest.fixture
def examples(pictures: list[Path]) -> tuple[Example, ...]:
    return (Example(pictures[3], ZH, EN), Example(pictures[1], "自行车是否被遮挡?", "Is the bicycle hidden?"))


@pytest.mark.parametrize(
    ("locale", "question", "width"),
    [
        ("zh-CN", ZH, 1400),
        ("en-US", EN, 390),
        pytest.param("en-US", EN, 1400, marks=pytest.mark.slow),
        pytest.param("zh-CN", ZH, 390, marks=pytest.mark.slow),
    ],
)
def test_one_click_on_an_example_asks_it(
    serve: Callable[..., str],
    open_tab: Callable[..., Any],
    examples: tuple[Example, ...],
    locale: str,
    question: str,
    width: int,
) -> None:
    address = serve(Replies(), examples)
    tab = open_tab(address, locale, width)
    words = ZH_WORDS if locale == "zh-CN" else EN_WORDS
    assert tab.page.inner_text("#ask").strip() == words["ask"]
    assert words["scope"] in tab.page.inner_text("#scope")
    card = tab.page.locator(".example >> nth=0")
    if width == 390:  # on a phone the first example is in sight without scrolling
        assert within_sight(tab, card)
    card.click()
    assert tab.ended() == REPLIES[question]
    assert tab.page.inner_text(".turn .q p") == question
    assert within_sight(tab, tab.page.locator(".turn .a"))
    for end in tab.page.evaluate(OUTSIDE):
        raise AssertionError(f"sticks out at the side: {end}")
    with Image.open(tab.shoot(f"page_{locale[:2]}_{width}.png")) as image:
        assert image.width == width
    assert {urlsplit(url).netloc for url in tab.requests if not url.startswith(("data:", "blob:"))} == {
        urlsplit(address).netloc
    }
    assert tab.problems == []


OUTSIDE = """() => [...document.querySelectorAll('#app *')].filter((e) => {
  const box = e.getBoundingClientRect();
  const scrolls = e.closest('.sugg, .bar, .rail, .skip, .vh, .defs');
  return !scrolls && box.width > 1 && (box.right > innerWidth + 1 || box.left < -1);
}).map((e) => e.outerHTML.slice(0, 80))"""


def within_sight(tab: Tab, element: Any) -> bool:
    """Whether an element's beginning can be seen: neither above or below the window, nor under something else."""
    inside: bool = element.evaluate("""(e) => {
      const box = e.getBoundingClientRect();
      const there = document.elementFromPoint(box.left + Math.min(20, box.width / 2), box.top + 4);
      return e === there || e.contains(there) || (there?.contains(e) ?? false);
    }""")
    return inside


def test_a_conversation_goes_on_is_changed_and_saved(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    backend = Replies()
    tab = open_tab(serve(backend))
    tab.add(pictures[0])
    assert tab.asked("Is it hidden?") == "You asked: Is it hidden?"
    assert tab.asked("By what?") == "You asked: By what?"
    assert backend.requests[-1].history == (
        Message("user", "Is it hidden?"),
        Message("assistant", "You asked: Is it hidden?"),
    )
    tab.add(pictures[1])  # no answer about the former picture stands beside the new one
    assert tab.answer == ""
    assert tab.page.locator(".group").count() == 2
    assert tab.asked("And here?") == "You asked: And here?"
    assert backend.requests[-1].history == ()
    tab.page.click(".ghead >> nth=0")  # the picture and its answers change together
    assert tab.answer == "You asked: By what?"
    assert "a.png" in str(tab.page.get_attribute("#picture img", "alt"))

    tab.page.click(f".turn >> nth=1 >> [aria-label='{EN_WORDS['edit']}']")
    tab.page.fill(".editing textarea", "By which thing?")
    tab.page.press(".editing textarea", "Enter")
    assert tab.ended() == "You asked: By which thing?"
    tab.page.click(f".turn >> nth=1 >> [aria-label='{EN_WORDS['again']}']")
    assert tab.ended() == "You asked: By which thing?"
    assert [len(request.history) for request in backend.requests[-2:]] == [2, 2]

    for ending, texts in (
        ("md", ["**By which thing?**", "You asked: And here?"]),
        ("json", ['"question": "And here?"']),
    ):
        tab.page.click("#export")
        with tab.page.expect_download() as saved:
            tab.page.click(f"#export-{ending}")
        text = Path(saved.value.path()).read_text("utf-8")
        assert saved.value.suggested_filename == f"Is-it-hidden.{ending}"
        assert all(one in text for one in texts)
        if ending == "json":
            assert [len(group["turns"]) for group in json.loads(text)["groups"]] == [2, 1]

    tab.page.click(f".turn >> nth=0 >> [aria-label='{EN_WORDS['delete_turn']}']")
    tab.page.wait_for_function("document.querySelectorAll('.turn').length === 2")
    tab.page.click("#new")
    assert tab.page.locator(".turn").count() == 0
    tab.page.click("#history li button")
    assert tab.page.locator(".turn").count() == 2
    assert tab.problems == []


def test_what_was_said_survives_a_reload_and_a_restart_until_it_is_deleted(
    open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    backend = Replies()
    with serving(backend) as address:
        port = urlsplit(address).port
        tab = open_tab(address)
        tab.add(pictures[0])
        tab.asked("Is it hidden?")
        tab.page.check("[name=language][value=zh]", force=True)
        tab.page.check("[name=theme][value=dark]", force=True)
        tab.reload()
        assert tab.answer == "You asked: Is it hidden?"
        assert tab.page.inner_text("#ask").strip() == ZH_WORDS["ask"]
        assert tab.page.get_attribute("html", "lang") == "zh-CN"
        assert tab.page.get_attribute("html", "data-theme") == "dark"
    with serving(backend, port=port) as address:  # knows nothing of the picture
        tab.reload()
        assert tab.answer == "You asked: Is it hidden?"
        assert tab.page.locator("#picture img").evaluate("(e) => e.naturalWidth > 0")
        assert tab.asked("By what?") == "You asked: By what?"
        assert len(backend.requests[-1].history) == 2
        handle = backend.requests[-1].pictures[0]
        assert isinstance(handle, Path)
        assert handle.is_file()
        tab.page.click("#delete")
        tab.page.click("dialog button[value=yes]")
        tab.page.wait_for_function("document.querySelectorAll('.turn').length === 0")
        assert tab.page.evaluate(KEPT) == [0, 0]
        tab.page.wait_for_timeout(200)
        assert not handle.exists()


KEPT = """async () => {
  const open = indexedDB.open('occlusight');
  await new Promise((done) => { open.onsuccess = done; });
  const counts = ['conversations', 'pictures'].map((store) => new Promise((done) => {
    const request = open.result.transaction(store).objectStore(store).count();
    request.onsuccess = () => done(request.result);
  }));
  return Promise.all(counts);
}"""


def test_an_uploaded_picture_is_answered_by_the_engine_as_in_python(
    serve: Callable[..., str], open_tab: Callable[..., Any], tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    tab = open_tab(serve(LocalBackend(tiny_checkpoint)))
    tab.limit(32)
    tab.add(pictures[1])
    tab.page.fill("#question", "Is it hidden?")
    tab.page.press("#question", "Enter")
    tab.page.wait_for_selector(".turn")
    request = Request("Is it hidden?", (pictures[1],), max_tokens=32)
    events = LocalBackend(tiny_checkpoint).generate(request)
    assert tab.ended().split() == "".join(e.text for e in events if isinstance(e, TextDelta)).split()


def slow(backend: LocalBackend) -> list[float]:
    """Make every pass through the first decoder layer take 30 ms; returns when each happened."""
    passes: list[float] = []

    def hold(*_: Any) -> None:
        passes.append(time.monotonic())
        time.sleep(0.03)

    backend.engine.model.text.layers[0].register_forward_hook(hold)
    return passes


def settled(passes: list[float]) -> bool:
    """Return whether the model has stopped running."""
    count = len(passes)
    time.sleep(0.4)
    return len(passes) == count


BEGUN = "document.querySelector('.turn .a')?.innerText.length > 3"


def test_stop_and_closing_the_page_stop_the_computation(
    serve: Callable[..., str], open_tab: Callable[..., Any], tiny_checkpoint: Path, pictures: list[Path]
) -> None:
    backend = LocalBackend(tiny_checkpoint)
    passes = slow(backend)
    tab = open_tab(serve(backend))
    tab.add(pictures[0])
    tab.ask("Is it hidden?")
    tab.page.wait_for_function(BEGUN)
    assert tab.page.inner_text("#ask").strip() == EN_WORDS["stop"]
    tab.page.click("#ask")
    assert tab.ended()  # what came before the stop stays
    assert tab.status == EN_WORDS["state_stopped"]
    assert settled(passes)
    assert len(passes) < 512
    passes.clear()
    tab.page.click(f"[aria-label='{EN_WORDS['again']}']")  # and the page is ready for more
    wait(lambda: len(passes) > 3)
    tab.page.close()
    end = time.monotonic() + 10
    while not settled(passes):
        assert time.monotonic() < end
    assert 0 < len(passes) < 512


def test_what_cannot_be_asked_is_said_in_the_pages_language(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path], tmp_path: Path
) -> None:
    tab = open_tab(serve(Replies()), "zh-CN")
    files = {
        "broken.png": pictures[0].read_bytes()[:60],
        "empty.jpg": b"",
        "notes.pdf": b"%PDF-1.7 not a picture",
        "film.mp4": b"\0\0\0\x20ftypisom",
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
    assert "视频" in told["hidden.png"]
    assert "PDF" in told["notes.pdf"]
    assert told["broken.png"] == ZH_WORDS["e_broken"].format(name="broken.png")
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


def test_settings_reach_the_model_and_say_what_they_did(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    backend = Replies()
    tab = open_tab(serve(backend))
    tab.add(pictures[0])
    tab.page.focus("#set-temperature")
    for _ in range(3):
        tab.page.keyboard.press("ArrowRight")
    assert tab.page.inner_text("[for=set-temperature] output") == EN_WORDS["vary_1"]
    tab.page.check("[name=detail][value=quick]", force=True)
    tab.page.fill("#set-system", "Be brief.")
    tab.page.press("#set-system", "Tab")
    tab.asked("Is it hidden?")
    request = backend.requests[-1]
    assert round(request.sampling.temperature, 2) == 0.3
    assert (request.sampling.seed, request.max_pixels, request.system) == (0, 131_072, "Be brief.")
    assert EN_WORDS["read_as"].format(width=576, height=448) in tab.page.inner_text(".did")
    assert "0.4 s" in tab.page.inner_text("#settings")
    tab.page.fill("#set-system", "")
    tab.page.press("#set-system", "Tab")
    tab.reload()
    tab.asked("Is it hidden?")
    assert backend.requests[-1].system is None
    assert round(backend.requests[-1].sampling.temperature, 2) == 0.3


def test_another_model_goes_without_what_is_said_of_renders(
    serve: Callable[..., str], open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    tab = open_tab(serve(Replies()))
    assert tab.page.locator(".example").count() == 0
    tab.add(pictures[0])
    assert EN_WORDS["renders"] in tab.page.inner_text("#under")
    other = open_tab(serve(Replies(), knows_photographs=True))
    other.add(pictures[0])
    assert other.page.inner_text("#under") == ""
    assert EN_WORDS["scope_any"] in other.page.inner_text("#scope")


def test_a_server_that_went_away_is_said_and_can_be_asked_again(
    open_tab: Callable[..., Any], pictures: list[Path]
) -> None:
    with serving(Replies()) as address:
        tab = open_tab(address)
        tab.add(pictures[0])
    tab.ask("Is it hidden?")
    assert tab.ended() == EN_WORDS["e_no_server"]
    with serving(Replies(), port=urlsplit(address).port):
        tab.page.click(f"[aria-label='{EN_WORDS['again']}']")
        assert tab.ended() == "You asked: Is it hidden?"


def test_everything_can_be_done_with_the_keyboard(
    serve: Callable[..., str], open_tab: Callable[..., Any], examples: tuple[Example, ...]
) -> None:
    tab = open_tab(serve(Replies(), examples))
    keyboard = tab.page.keyboard
    keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.innerText") == EN_WORDS["skip_question"]
    keyboard.press("/")
    keyboard.type(EN)
    keyboard.press("Shift+Enter")
    keyboard.press("Backspace")
    keyboard.press("Enter")
    assert tab.ended() == REPLIES[EN]
    tab.page.focus("#export")
    keyboard.press("Enter")
    assert tab.page.is_visible("#export-md")
    keyboard.press("Escape")
    tab.page.focus("#delete")
    keyboard.press("Enter")
    tab.page.wait_for_selector("dialog[open]")
    keyboard.press("Escape")
    assert tab.page.locator(".turn").count() == 1
    assert tab.page.inner_text("#announce") == REPLIES[EN]


FILLED = """async () => {
  const store = await import(new URL('page/store.js', document.baseURI));
  const blob = (megabytes) => new Blob([new Uint8Array(megabytes * 2 ** 20)]);
  const kept = [];
  for (const [id, size] of [['a', 20], ['b', 20], ['c', 51]]) kept.push(await store.keepPicture(id, blob(size), id));
  await store.picture('a');  // used later than b
  kept.push(await store.keepPicture('d', blob(20), 'd'));
  const there = await Promise.all(['a', 'b', 'c', 'd'].map((id) => store.picture(id)));
  return [kept, there.map(Boolean), (await store.bytesKept()) / 2 ** 20];
}"""


def test_pictures_used_longest_ago_make_place_beyond_50_mb(
    serve: Callable[..., str], open_tab: Callable[..., Any]
) -> None:
    tab = open_tab(serve(Replies()))
    kept, there, megabytes = tab.page.evaluate(FILLED)
    assert kept == [True, True, False, True]
    assert there == [True, False, False, True]
    assert megabytes == 40
