"""A judge stands beside the rule and never replaces it; its verdicts survive a stop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from occlusight.backends.protocol import Request
from occlusight.backends.scripted import Scripted
from occlusight.bench.judge import judged
from occlusight.bench.oracle import oracle_of
from occlusight.bench.record import Finished, Record
from occlusight.bench.run import run
from occlusight.errors import BadInput


def test_a_judge_is_compared_with_the_rule(data, names, tmp_path: Path) -> None:
    run(oracle_of(data, names), data, tmp_path, names, ["en"])
    finished = Finished.read(tmp_path)
    lines, summary = judged(Scripted("Yes, it is."), finished, data, tmp_path / "judge")
    assert summary["plausible_by_rule"] == summary["plausible_by_judge"] == summary["agreement"] == 1.0
    assert len(lines) == summary["n"] > 0
    for text in ("Perhaps.", "Noted.", "不确定"):
        _, unsure = judged(Scripted(text), finished, data, tmp_path / f"judge {text}")
        assert (unsure["no_verdict"], unsure["kappa"]) == (unsure["n"], None)
    assert json.loads((tmp_path / "scores.json").read_text())["explanation_plausible"] == 1.0


def test_verdicts_are_kept_as_they_come(data, names, tmp_path: Path) -> None:
    """A stopped judging resumes, what failed is asked again, and neither another judge nor other answers mix into
    it."""
    run(oracle_of(data, names), data, tmp_path, names, ["en"])
    finished, asked = Finished.read(tmp_path), []

    def stops(request: Request) -> str:
        asked.append(request.prompt)
        if len(asked) == 3:
            raise KeyboardInterrupt
        if len(asked) == 5:
            raise RuntimeError("overloaded")
        return "Yes."

    def once(name: str = "m", run: Finished = finished):
        return judged(Scripted(stops, name=name), run, data, tmp_path / "judge")

    with pytest.raises(KeyboardInterrupt):
        once()
    lines, summary = once()
    whole = len(lines)
    assert len(asked) == whole + 1 > 5
    assert (summary["failed"], summary["n"], summary["plausible_by_judge"]) == (1, whole - 1, 1.0)
    assert [line["id"] for line in lines if line["failed"]] == [lines[3]["id"]]
    lines, summary = once()
    assert (summary["failed"], summary["n"], len(asked)) == (0, whole, whole + 2)
    assert Record.read(tmp_path / "judge" / "judged.jsonl") == lines
    assert json.loads((tmp_path / "judge" / "judge.json").read_text()) == summary
    with pytest.raises(BadInput, match="a run with another model"):
        once("other")
    changed = tmp_path / "changed"
    run(oracle_of(data, names, paraphrased=True), data, changed, names, ["en"])
    with pytest.raises(BadInput, match="a run with another data"):
        once(run=Finished.read(changed))
