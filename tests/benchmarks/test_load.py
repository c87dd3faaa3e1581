"""Visitors of a page, in this process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from time import monotonic
from urllib.parse import urlsplit

import pytest
from benchmarks.load import Ended, Plan, Tally, Visitor, keep_asking, listener, load, resident_mb, summary
from tests.serve.api.conftest import serving_api
from tests.serve.conftest import serving

from occlusight.backends.scripted import Scripted
from occlusight.errors import BadInput
from occlusight.serve.fair_queue import Shares


def test_every_visitor_is_answered_from_as_many_addresses_as_told() -> None:
    backend = Scripted("yes")
    with serving(backend, shares=Shares(at_once=1, waiting=16)) as url:
        plan = Plan(url, clients=4, seconds=20, addresses=4, answers=8)
        tally, seconds = asyncio.run(load(plan, listener(urlsplit(url).port or 0)))
    found = summary(plan, tally, seconds)
    assert found["errors"] == {}
    assert 8 <= found["answers"] == len(backend.requests) <= 11
    assert found["least_of_a_client"] >= 1
    assert 0 < found["p50_s"] <= found["p99_s"]
    assert tally.rss_mb[0][0] == 1
    assert tally.rss_mb[0][1] > 10
    assert len({request.pictures for request in backend.requests}) == found["answers"]


@pytest.mark.parametrize("ask", ["chat", "decisions"])
def test_programs_ask_the_api(ask: str) -> None:
    with serving_api(Scripted("yes")) as url:
        plan = Plan(url, clients=2, seconds=20, answers=4, ask=ask)
        found = summary(plan, *asyncio.run(load(plan, None)))
    assert found["errors"] == {}
    assert 4 <= found["answers"] <= 5
    assert found["ask"] == ask


def test_refusals_are_told_by_kind() -> None:
    with serving(Scripted("yes"), shares=Shares(of_a_member=0)) as url:
        plan = Plan(url, clients=2, seconds=0.5)
        found = summary(plan, *asyncio.run(load(plan, None)))
    assert list(found["errors"]) == ["HTTP 429"]
    assert found["answers"] == 0
    assert found["p50_s"] is None


def test_a_refusal_on_the_page_is_heeded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    visitor, tally = Visitor(Plan("http://127.0.0.1"), 0), Tally()
    ended = iter([Ended("full", 2), Ended("done"), Ended("done")])

    async def ask() -> Ended:
        return next(ended)

    async def both() -> float:
        monkeypatch.setattr(visitor, "ask", ask)
        began = monotonic()
        await keep_asking(visitor, tally, began + 0.3, None)  # the pause lasts until the end
        await visitor.close()
        return monotonic() - began

    assert asyncio.run(both()) >= 0.3
    assert tally.errors == {"full": 1}
    assert tally.times == []


def test_growth_is_that_of_the_second_half() -> None:
    tally = Tally(times=[1.0] * 10, rss_mb=[(1, 100.0), (4, 180.0), (5, 200.0), (7, 230.0), (10, 210.0)])
    assert tally.growth_mb == 10.0
    assert Tally(times=[1.0]).growth_mb is None


def test_memory_is_that_of_a_process_and_its_children() -> None:
    alone = resident_mb(os.getpid())
    command = [sys.executable, "-c", "held = b'x' * 50_000_000; print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert resident_mb(os.getpid()) - alone > 45
        child.communicate(b"\n")


@pytest.mark.parametrize("url", ["http://example.org", "http://10.0.0.1:80", "ftp", "http://127.0.0.1.nip.io"])
def test_only_this_machine_is_visited(url: str) -> None:
    with pytest.raises(BadInput, match="on this machine"):
        Plan(url)
