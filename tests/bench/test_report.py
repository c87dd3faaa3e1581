"""The report: complete, the same in three forms, and it opens in a real browser that has no network."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

from occlusight.backends.protocol import Request
from occlusight.backends.scripted import Scripted
from occlusight.bench.error_analysis import concentration, failures, near_far
from occlusight.bench.oracle import oracle_of
from occlusight.bench.record import Finished
from occlusight.bench.report import by_question, document, write
from occlusight.bench.run import run
from occlusight.cli.bench_inputs import shipped_names
from occlusight.datasets.dataset import open_set
from occlusight.errors import BadInput

SECTIONS = ["headline", "types", "calibration", "depth", "errors", "costs", "failures", "record"]


class Half(Scripted):
    """The oracle, wrong on every third question; sure of itself in proportion to the length of the question."""

    def __init__(self, oracle) -> None:
        super().__init__(self.sometimes, name="half")
        self.oracle = oracle

    def sometimes(self, request: Request) -> str:
        wrong = "Yes. <b>Everything</b> is far." if request.prompt.isascii() else "是的。"
        return wrong if len(request.prompt) % 3 == 0 else self.oracle.look_up(request)

    def score(self, request: Request, choices, *, whole: bool = True) -> list[float]:
        yes = self.sometimes(request).startswith(("Yes", "是"))
        sure = 0.1 + len(request.prompt) % 7
        return [sure, 0.0] if yes else [0.0, sure]


@pytest.fixture(scope="module")
def finished(data, names, tmp_path_factory) -> Finished:
    folder = tmp_path_factory.mktemp("half")
    run(Half(oracle_of(data, names)), data, folder, names)
    return Finished.read(folder)


def test_three_forms_say_the_same(finished, data, tmp_path) -> None:
    html, whole, table = write(finished, data, tmp_path)
    found = json.loads(whole.read_text("utf-8"))
    assert found["scores"] == finished.scores
    rows = {(r["group"], r["number"]): r for r in csv.DictReader(table.read_text("utf-8").splitlines())}
    assert float(rows["all", "pair_f1"]["value"]) == finished.scores["pair_f1"]
    assert float(rows["lang zh", "position_accuracy"]["value"]) == finished.scores["by_lang"]["zh"]["position_accuracy"]
    text = html.read_text("utf-8")
    assert f"{100 * finished.scores['pair_f1']:.1f} (" in text
    assert "<b>Everything" not in text, "answers are data, not markup"
    assert all(f'id="{name}"' in text for name in SECTIONS)


def test_it_needs_nothing_from_outside(finished, data, tmp_path) -> None:
    text = write(finished, data, tmp_path)[0].read_text("utf-8")
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "<script" not in text
    assert 'src="' not in text


def test_errors_are_counted_where_they_are(finished, data) -> None:
    for bins in concentration(data, finished.lines).values():
        for b in bins:
            assert 0 <= b["accuracy"] <= 1
            assert b["n"] > 0
    counts = near_far(data, finished.lines)
    asked = [
        q
        for q in data.questions
        if q.kind == "depth_pair" or (q.template == "position.relative" and q.answer["value"]["depth"] != "none")
    ]
    assert sum(n for said in counts.values() for n in said.values()) == len(asked)
    shown = failures(data, finished.lines, 12)
    assert len({q.scene for q in shown}) == len(shown) > 0
    assert all(finished.lines[q.id]["outcome"] != "right" for q in shown)


def test_staged_scenes_are_reported_by_type_of_occlusion(tmp_path) -> None:
    """The shipped set has questions of its own, about mirrors and what cannot be told; five pictures are of five
    types."""
    staged, catalogue = open_set("occlusion-50"), shipped_names()
    run(Half(oracle_of(staged, catalogue)), staged, tmp_path, catalogue, ["en"], scenes=5)
    found = Finished.read(tmp_path)
    assert set(found.scores["by_occlusion"]) == {"partial", "complete", "chain", "transparent", "reflective"}
    text = write(found, staged, tmp_path)[0].read_text("utf-8")
    assert all(f">{name}<" in text for name in ("chain", "recognition (F1)", "seen in a mirror (all)"))
    assert "truth: The " in text, "in words, not as ids"
    chain = found.scores["by_occlusion"]["chain"]
    assert f"<td>chain</td><td>{100 * chain['occlusion_balanced_accuracy']:.1f} (" in text
    bars = {label: value for label, value, _, _ in by_question(found.scores)}
    assert bars["recognition (F1)"] == found.scores["recognition_f1"]


def test_a_run_on_other_data_is_refused(finished, make_set, tmp_path) -> None:
    with pytest.raises(BadInput, match="another data set"):
        document(finished, make_set(tmp_path / "other", scenes=1))


@pytest.mark.page
def test_it_opens_in_a_real_browser(finished, data, tmp_path) -> None:
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("OCCLUSIGHT_REQUIRE_BROWSER"):
            pytest.fail("no chromium on this machine (apt-get install chromium)")
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    html = write(finished, data, tmp_path)[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
        page = context.new_page()
        requests: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.goto(html.as_uri())
        assert page.locator("svg.plot").count() >= 4
        assert page.locator("figure").count() == len(failures(data, finished.lines, 12))
        box = page.locator("figure svg.overlay").first.bounding_box()
        assert box is not None
        assert box["width"] > 100
        assert page.locator("svg[aria-label=calibration] circle").count() > 1
        assert page.locator("#headline + .scroll tr").count() > 10
        shot = Path(__file__).parents[2] / "build" / "report.png"
        shot.parent.mkdir(exist_ok=True)
        page.screenshot(path=str(shot), full_page=True)
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == 390, "a phone scrolls tables, not the page"
        context.close()
        browser.close()
    assert problems == []
    assert all(url.startswith(("file:", "data:")) for url in requests)
