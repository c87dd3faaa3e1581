"""The comparison, with engines that answer at once: its order, its going on after a stop, what it says of the
targets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time

import pytest
from benchmarks.compare import Plan, compare
from benchmarks.engines import ENGINES, REPOSITORY, Bench, Engine, engines_of
from benchmarks.neighbours import Neighbours
from benchmarks.process import WorkerFailed
from benchmarks.targets import TARGETS, medians_of, verdicts

from occlusight.errors import BadInput

Fake = Callable[..., Engine]


@pytest.fixture
def plan(bench: Bench, fake: Fake) -> Plan:
    engines = {"ours-int8": fake("a", 1.0), "openvino-int8": fake("b", 3.0, tasks=("answers",))}
    return Plan(bench, engines, rounds=2, side=64, tokens=4, questions=2, batch_tokens=3, calm=1.0)


def asked(plan: Plan) -> list[str]:
    return (plan.bench.folder.parent / "asked.txt").read_text(encoding="utf-8").splitlines()


def test_engines_take_turns_and_prompts_grow(plan: Plan, tmp_path: Path) -> None:
    records = compare(plan, tmp_path / "out.jsonl")
    assert [(record["round"], record["engine"]) for record in records] == [
        (1, "ours-int8"),
        (1, "openvino-int8"),
        (2, "ours-int8"),
        (2, "openvino-int8"),
    ]
    assert asked(plan) == [
        "a (64, 64) 0 4",  # warm-up
        "a (64, 64) 1 4",
        "a (64, 64) 2 1",
        "a together [3, 4] 3",
        "b (64, 64) 0 4",
        "b (64, 64) 1 4",
        "b (64, 64) 2 1",
        "a (64, 64) 5 4",
        "a (64, 64) 6 1",
        "a together [7, 8] 3",
        "b (64, 64) 5 4",
        "b (64, 64) 6 1",
    ]
    assert records[0]["versions"] == {"a": "1"}
    assert records[0]["peak_rss_gb"] > 0
    assert all(0 <= record["others_busy"] <= 1 for record in records)


def test_a_run_in_pieces_makes_each_visit_once(plan: Plan, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    compare(replace(plan, rounds=1), out)
    assert compare(replace(plan, minutes=-1), out) == [json.loads(line) for line in out.read_text().splitlines()]
    records = compare(plan, out)
    assert len(records) == len(out.read_text().splitlines()) == 4
    before = len(asked(plan))
    assert len(compare(plan, out)) == 4
    assert len(asked(plan)) == before
    assert compare(replace(plan, tokens=5, minutes=-1), out) == [], "other lengths are another measurement"


def test_a_disturbed_visit_does_not_count_and_is_made_again(plan: Plan, tmp_path: Path) -> None:
    out, told = tmp_path / "out.jsonl", []
    disturbed = replace(plan, rounds=1, calm=-1.0)
    assert compare(disturbed, out, told.append) == []
    assert sum("does not count" in line for line in told) == 2
    assert compare(disturbed, out) == []
    assert len(out.read_text().splitlines()) == 4


def test_engines_that_do_not_fit_are_loaded_again(plan: Plan, tmp_path: Path) -> None:
    assert replace(plan, memory_gb=1.5).kept() == {"ours-int8"}
    records = compare(replace(plan, memory_gb=0.5), tmp_path / "out.jsonl")
    assert len(records) == 4
    assert sum(line.endswith(") 0 4") for line in asked(plan)) == 4, "a warm-up each time"


def test_a_failing_engine_is_named_with_its_log(plan: Plan, fake: Fake, tmp_path: Path) -> None:
    broken = replace(plan, engines={"openvino-int8": fake("broken", 1.0)})
    with pytest.raises(WorkerFailed, match=r"openvino-int8: RuntimeError: no such instruction .*openvino-int8\.log"):
        compare(broken, tmp_path / "out.jsonl")
    assert "Traceback" in (tmp_path / "out-logs" / "openvino-int8.log").read_text()


def test_a_missing_peer_is_refused_with_the_remedy(bench: Bench) -> None:
    with pytest.raises(BadInput, match=r"bin/python is missing; python -m benchmarks setup"):
        ENGINES["llamacpp-q8"].command(bench)
    with pytest.raises(BadInput, match="--engines takes all or some of ours-int8"):
        engines_of("ours-int8,vllm")


def test_targets_take_the_best_peer() -> None:
    def record(engine: str, side: int = 512, **values: float) -> dict[str, object]:
        return {"engine": engine, "side": side, **values}

    records = [
        *(record("ours-int8", first_new_s=value, decode_per_s=11.0) for value in (2.0, 2.2, 9.0)),
        record("transformers-bf16", first_new_s=9.9),
        record("transformers-fp32", first_new_s=7.0),
        record("openvino-int8", first_new_s=4.4, decode_per_s=11.1),
    ]
    rows = {(row["what"], row["against"]): row for row in verdicts(medians_of(records))}
    assert rows["first token, new image", "transformers-fp32"]["ratio"] == pytest.approx(3.182)
    assert rows["first token, new image", "transformers-fp32"]["reached"] is False
    assert rows["first token, new image", "openvino-int8"]["ratio"] == 2.0
    assert rows["decode, int8", "openvino-int8"]["reached"] is True
    assert rows["first token, new image, 1024", "openvino-int8"]["reached"] is None
    assert len(rows) == len(TARGETS)


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="Linux tells")
def test_what_a_process_does_itself_is_not_its_neighbours() -> None:
    own, other, began, used = Neighbours(os.getpid()), Neighbours(1), perf_counter(), process_time()
    while process_time() < used + 0.4:
        pass
    mine, theirs = own.share(), other.share()
    assert mine is not None
    assert theirs is not None
    cores = (process_time() - used) / (perf_counter() - began) / (os.cpu_count() or 1)
    assert theirs - mine > 0.5 * cores


@pytest.mark.skipif(
    "amx_tile" not in Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else True,
    reason="no AMX here",
)
def test_a_process_is_denied_amx() -> None:
    ask = (
        "import ctypes; libc = ctypes.CDLL(None, use_errno=True); print(libc.syscall(158, 0x1023, 18), "
        "ctypes.get_errno())"
    )
    deny = "from benchmarks.no_amx import deny_amx; deny_amx(); "
    found = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True).stdout
        for code in (ask, deny + ask)
    ]
    assert found == ["0 0\n", "-1 1\n"]
