"""Visitors of a running server's page, many at once: each opens the page, uploads a picture, asks, reads the answer,
and asks again. Or programs that ask its API."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import islice, permutations
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
from PIL import Image

from occlusight.errors import BadInput

ASKED = ("page", "chat", "decisions")
DECISIONS = 8
"""Questions that a program has decided at a time."""
PATIENCE_S = 120.0
"""How long a visitor waits for one reply, or after the time is up for the answer under way, before he gives up."""
PAUSE_S = 0.2
"""Between an error and the next question, where nothing says how long to wait."""
LOOK_S = 1.0
"""How often the server's memory is looked at, at most: the system holds the server up meanwhile."""


@dataclass(frozen=True)
class Plan:
    """Who asks what, for how long.

    Args:
        url: the server, on this machine.
        clients: how many visitors ask at the same time.
        seconds: how long they go on asking; answers under way then are waited for.
        addresses: from how many loopback addresses (127.0.0.2 on) they come; 1 is 127.0.0.1.
        answers: they stop earlier, after so many answers in all.
        question: what they ask, of a picture that nobody has asked about before.
        tokens: the longest answer.
        ask: the `page`, or of the API `chat` or `decisions` (eight of these at a time).
    """

    url: str
    clients: int = 64
    seconds: float = 120.0
    addresses: int = 1
    answers: int = 100_000
    question: str = "What is in the picture?"
    tokens: int = 512
    ask: str = "page"

    def __post_init__(self) -> None:
        host = urlsplit(self.url).hostname or ""
        if host != "localhost" and not (host.replace(".", "").isdigit() and ip_address(host).is_loopback):
            raise BadInput(
                f"--url must be a server on this machine, such as http://127.0.0.1:7860, but {self.url!r} was given"
            )
        if self.ask not in ASKED:
            raise BadInput(f"--ask takes {', '.join(ASKED)}, but {self.ask!r} was given")
        if not 1 <= self.clients <= 1000 or not 1 <= self.addresses <= 250 or not 0 < self.seconds <= 3600:
            raise BadInput("at most 1000 clients from 250 addresses ask for at most 3600 s, and at least one of each")


@dataclass
class Tally:
    """What came of it: seconds of each answer, answers of each client, refusals and errors by kind, memory (MB) after
    so many answers."""

    times: list[float] = field(default_factory=list)
    of_client: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    rss_mb: list[tuple[int, float]] = field(default_factory=list)
    _looked: float = 0.0

    def look(self, server: int | None) -> None:
        """Note the server's memory, unless that was done just now."""
        if server is not None and monotonic() - self._looked >= LOOK_S:
            self.rss_mb.append((len(self.times), resident_mb(server)))
            self._looked = monotonic()

    @property
    def growth_mb(self) -> float | None:
        """How much memory grew while the second half of the answers was given."""
        half = len(self.times) / 2
        later = [mb for answers, mb in self.rss_mb if answers >= half]
        return round(later[-1] - later[0], 1) if len(later) > 1 else None


@dataclass(frozen=True)
class Ended:
    """How an answer ended: `done`, or what was wrong, and then after how many seconds it is worth another try."""

    kind: str
    again_s: float = 0.0


class Visitor:
    """A browser with the page open."""

    def __init__(self, plan: Plan, number: int) -> None:
        address = None if plan.addresses == 1 else f"127.0.0.{2 + number % plan.addresses}"
        self.plan = plan
        self.number = number
        self.http = httpx.AsyncClient(
            base_url=plan.url,
            timeout=PATIENCE_S,
            transport=httpx.AsyncHTTPTransport(local_address=address, limits=httpx.Limits(max_connections=8)),
        )
        self._random = np.random.default_rng([number, 20])

    async def open(self) -> None:
        """Load the page."""
        (await self.http.get("/")).raise_for_status()

    async def close(self) -> None:
        """Close the page."""
        await self.http.aclose()

    async def ask(self) -> Ended:
        """Ask about a new picture. Return how it ended.

        Raises:
            httpx.HTTPStatusError: it was refused.
        """
        form = {"picture": ("picture.jpg", self._picture(), "image/jpeg")}
        name = (await self.http.post("/pictures", files=form)).raise_for_status().json()["name"]
        asked = {"question": self.plan.question, "pictures": [name], "max_tokens": self.plan.tokens}
        last: dict[str, Any] = {"event": "nothing"}
        async with self.http.stream("POST", "/answers", json=asked) as stream:
            stream.raise_for_status()
            async for line in stream.aiter_lines():
                last = json.loads(line)
        return Ended(last.get("kind", last["event"]), last.get("seconds", PAUSE_S) if last["event"] == "failed" else 0)

    def _picture(self) -> bytes:
        coarse = self._random.integers(0, 256, (6, 8, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(coarse).resize((512, 384), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
        return file.getvalue()


class Program(Visitor):
    """A program that asks the API."""

    model = ""

    async def open(self) -> None:
        """See which model answers."""
        listed = (await self.http.get("/v1/models")).raise_for_status().json()
        self.model = listed["data"][0]["id"]

    async def ask(self) -> Ended:
        """Ask about a new picture. Return how it ended. Raises httpx.HTTPStatusError: it was refused."""
        picture = f"data:image/jpeg;base64,{base64.b64encode(self._picture()).decode()}"
        route, body = (self._chat if self.plan.ask == "chat" else self._decisions)(picture)
        answer = (await self.http.post(route, json={"model": self.model, **body})).raise_for_status().json()
        return Ended("done" if answer.get("choices") or len(answer.get("answers", ())) == DECISIONS else "nothing")

    def _chat(self, picture: str) -> tuple[str, dict[str, Any]]:
        content = [
            {"type": "image_url", "image_url": {"url": picture}},
            {"type": "text", "text": self.plan.question},
        ]
        messages = [{"role": "user", "content": content}]
        return "/v1/chat/completions", {"messages": messages, "max_tokens": self.plan.tokens}

    def _decisions(self, picture: str) -> tuple[str, dict[str, Any]]:
        questions = [
            {"type": "predicate", "instructions": f"Does the {a} hide the {b}?"}
            for a, b in islice(permutations(("red car", "street lamp", "dog", "bench"), 2), DECISIONS)
        ]
        shown = [{"role": "user", "content": [{"type": "input_image", "image_url": picture}]}]
        return "/v1/decisions", {"input": shown, "questions": questions}


async def load(plan: Plan, server: int | None) -> tuple[Tally, float]:
    """Have all visitors ask until time is up; return what came of it and how long it took. `server`: the server's
    process."""
    tally = Tally()
    kind = Visitor if plan.ask == "page" else Program
    visitors = [kind(plan, number) for number in range(plan.clients)]
    try:
        await asyncio.gather(*(visitor.open() for visitor in visitors))
        began = monotonic()
        await asyncio.gather(*(keep_asking(visitor, tally, began + plan.seconds, server) for visitor in visitors))
        return tally, monotonic() - began
    finally:
        await asyncio.gather(*(visitor.close() for visitor in visitors))


async def keep_asking(visitor: Visitor, tally: Tally, end: float, server: int | None) -> None:
    """Ask one question after the other; wait as long as a refusal says."""
    while monotonic() < end and len(tally.times) < visitor.plan.answers:
        began, pause = monotonic(), PAUSE_S
        try:
            async with asyncio.timeout(end + PATIENCE_S - began):
                ended = await visitor.ask()
            kind, pause = ended.kind, ended.again_s
        except httpx.HTTPStatusError as error:
            kind = f"HTTP {error.response.status_code}"
            pause = float(error.response.headers.get("retry-after", 1))
        except (httpx.HTTPError, TimeoutError) as error:
            kind = type(error).__name__
        if kind == "done":
            tally.times.append(monotonic() - began)
            tally.of_client[visitor.number] += 1
            tally.look(server)
            continue
        tally.errors[kind] += 1
        await asyncio.sleep(min(pause, max(0.0, end - monotonic())))


def summary(plan: Plan, tally: Tally, seconds: float) -> dict[str, Any]:
    """Return the figures: answers a second, seconds of the median and the slowest of them, errors by kind, answers of a
    client."""
    times = sorted(tally.times)
    of_client = [tally.of_client[number] for number in range(plan.clients)]
    return {
        "ask": plan.ask,
        "clients": plan.clients,
        "addresses": plan.addresses,
        "seconds": round(seconds, 1),
        "answers": len(times),
        "answers_per_s": round(len(times) / seconds, 2),
        "p50_s": at(times, 0.50),
        "p90_s": at(times, 0.90),
        "p99_s": at(times, 0.99),
        "least_of_a_client": min(of_client),
        "most_of_a_client": max(of_client),
        "errors": dict(tally.errors.most_common()),
    }


def at(times: list[float], share: float) -> float | None:
    """Return the time within which a share of the sorted times lies."""
    return round(times[min(len(times) - 1, int(share * len(times)))], 3) if times else None


def listener(port: int) -> int | None:
    """Return the process of this user that listens on a port; None where it cannot be seen."""
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in Path(table).read_text().splitlines()[1:] if Path(table).exists() else ():
            cells = row.split()
            if cells[3] == "0A" and int(cells[1].rpartition(":")[2], 16) == port:
                sockets.add(f"socket:[{cells[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(one.readlink()) in sockets for one in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:
            continue
    return None


def resident_mb(process: int) -> float:
    """Return the memory that a process and all that it started hold, in MB (10**6 bytes); pages that they share count
    once each."""
    return sum(proportional(Path(f"/proc/{one}")) for one in tree(process)) / 1e3


def tree(process: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield process
    try:
        children = [
            child for task in Path(f"/proc/{process}/task").glob("*/children") for child in task.read_text().split()
        ]
    except OSError:
        return
    for child in children:
        yield from tree(int(child))


def proportional(process: Path) -> float:
    """Return a process's share of the memory that it holds (Pss), in 1000 bytes; 0 for one that has ended."""
    try:
        rows = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(row.split()[1]) for row in rows if row.startswith("Pss:")) * 1.024
