"""How much memory a server holds after many questions, each about another picture."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from benchmarks.load import Plan, listener, load

GROWTH_MB = 50


@pytest.mark.slow
def test_500_requests_with_different_pictures_grow_by_little_from_the_250th_on() -> None:
    command = [sys.executable, "-m", "occlusight", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            url = next(line.split()[-4] for line in server.stderr if "the page is on" in line)
            plan = Plan(url, clients=8, seconds=3600, answers=500)
            tally, _ = asyncio.run(load(plan, listener(urlsplit(url).port or 0)))
        finally:
            server.terminate()
    assert len(tally.times) >= 500
    assert tally.growth_mb is not None
    assert tally.growth_mb <= GROWTH_MB, tally.rss_mb
