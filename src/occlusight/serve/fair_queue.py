"""Fair shares of the server's answers: whoever asks more than others waits longer, and nobody can keep others out.

Clients take turns: first the groups (an API key, or else an address), then within a group its members (page sessions).
A member has a few places at most. When all places are taken, a newcomer gets the newest place of the group that has
most, unless that is its own: so one group may fill an idle server, and still keeps nobody out. Independent of what
asks: the page, or an HTTP API.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Literal, TypeAlias, TypeVar

from occlusight.errors import Busy

FIRST_GUESS_S = 2.0
"""What an answer is taken to last before any has ended."""
LONGEST_RETRY_S = 120


@dataclass(frozen=True)
class Client:
    """Who asks; a `program` may ask more at once than somebody at a page."""

    group: str
    member: str
    program: bool = False


@dataclass(frozen=True)
class Shares:
    """How many answers are computed at once, how many may wait in all, of one member and of one that is a program, and
    for how long (seconds).

    Answers that are computed together share the reading of the weights: with the shipped model on two cores 8 take 0.22
    s of a processor each, 2 take 0.37, 16 take 0.19.
    """

    at_once: int = 8
    waiting: int = 128
    of_a_member: int = 4
    of_a_program: int = 64
    longest_wait_s: float = 600.0


Turn = TypeVar("Turn")
State: TypeAlias = Literal["waits", "runs", "left", "displaced"]


class Place:
    """A place in the queue; leave it in any case (`with queue.enter(client) as place`)."""

    def __init__(self, queue: FairQueue, client: Client) -> None:
        self.client = client
        self.state: State = "waits"
        self.since = monotonic()
        self._queue = queue

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    @property
    def runs(self) -> bool:
        """Whether its turn has come and not ended."""
        return self.state == "runs"

    async def waits(self, every_s: float = 0.0) -> AsyncIterator[int]:
        """Yield how many answers begin before this one, at most every so many seconds, until its turn comes or it is
        left.

        Raises:
            Busy: the place went to a newcomer, or the wait was too long.
        """
        queue = self._queue
        end = self.since + queue.shares.longest_wait_s
        told, told_at = -1, -math.inf
        while self.state == "waits":
            changed = queue.changed
            now = monotonic()
            if now >= end:
                self.leave()
                raise Busy(f"no turn came within {queue.shares.longest_wait_s:.0f} s", queue.retry_after_s)
            if now >= told_at + every_s and (ahead := queue.ahead_of(self)) != told:
                told, told_at = ahead, now
                yield ahead
                continue
            pause = end - now if now >= told_at + every_s else min(end, told_at + every_s) - now
            try:
                async with asyncio.timeout(pause):
                    await changed.wait()
            except TimeoutError:
                continue
        if self.state == "displaced":
            raise Busy("the server is full, and others had fewer places", queue.retry_after_s)

    def leave(self) -> None:
        """Give the place back; a second time nothing happens."""
        self._queue.take_back(self)


class FairQueue:
    """Places for answers, used from one event loop; `on_turn` hears of each turn how long it was waited for."""

    def __init__(self, shares: Shares | None = None) -> None:
        self.shares = shares or Shares()
        self.on_turn: Callable[[float], object] | None = None
        self.running: set[Place] = set()
        self.changed = asyncio.Event()
        self._groups: dict[str, dict[str, list[Place]]] = {}  # whose turn it is comes first
        self._order: dict[Place, int] | None = None
        self._usual_s = FIRST_GUESS_S

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(group_size, self._groups.values()))

    @property
    def retry_after_s(self) -> int:
        """When a place is likely to be free again."""
        return max(1, min(LONGEST_RETRY_S, math.ceil(self._usual_s * (self.waiting + 1) / self.shares.at_once)))

    def check(self, client: Client) -> None:
        """Raise Busy where `enter` would."""
        self._full(client)

    def enter(self, client: Client) -> Place:
        """Take a place.

        Raises:
            Busy: the member has its share already, or the queue is full and no group has more places than this one.
        """
        crowded = self._full(client)
        if crowded is not None:
            self._displace(crowded)
        place = Place(self, client)
        self._groups.setdefault(client.group, {}).setdefault(client.member, []).append(place)
        self._move()
        return place

    def ahead_of(self, place: Place) -> int:
        """Return how many of those that wait begin before it."""
        if self._order is None:
            self._order = {waiting: ahead for ahead, waiting in enumerate(turns(self._groups))}
        return self._order.get(place, 0)

    def take_back(self, place: Place) -> None:
        """End a place; what `Place.leave` does."""
        if place.state == "runs":
            self.running.discard(place)
            self._usual_s += 0.2 * (monotonic() - place.since - self._usual_s)
        elif place.state == "waits":
            self._remove(place)
        else:
            return
        place.state = "left"
        self._move()

    def _full(self, client: Client) -> str | None:
        """Return the group that loses a place to this client: None where there is room. Raises Busy where there is none
        for it."""
        group = self._groups.get(client.group, {})
        mine = len(group.get(client.member, ())) + sum(place.client == client for place in self.running)
        if mine >= (self.shares.of_a_program if client.program else self.shares.of_a_member):
            message = f"{mine} of your questions wait or are being answered, and more are not taken"
            raise Busy(message, self.retry_after_s, by_client=True)
        if self.waiting < self.shares.waiting:
            return None
        crowded = max(self._groups, key=lambda name: group_size(self._groups[name]))
        if group_size(self._groups[crowded]) <= group_size(group) + 1:
            raise Busy(f"the server is full: {self.waiting} questions wait", self.retry_after_s)
        return crowded

    def _displace(self, group: str) -> None:
        newest = max(
            (place for places in self._groups[group].values() for place in places), key=lambda place: place.since
        )
        self._remove(newest)
        newest.state = "displaced"

    def _remove(self, place: Place) -> None:
        members = self._groups[place.client.group]
        members[place.client.member].remove(place)
        if not members[place.client.member]:
            del members[place.client.member]
        if not members:
            del self._groups[place.client.group]

    def _move(self) -> None:
        """Begin what there is room for, and wake all who wait."""
        while len(self.running) < self.shares.at_once and self._groups:
            group, members = next(iter(self._groups.items()))
            member, places = next(iter(members.items()))
            place = places[0]
            self._remove(place)
            last(self._groups, group)
            last(members, member)
            now = monotonic()
            if self.on_turn is not None:
                self.on_turn(now - place.since)
            place.state, place.since = "runs", now
            self.running.add(place)
        self._order = None
        self.changed.set()
        self.changed = asyncio.Event()


def group_size(members: dict[str, list[Place]]) -> int:
    """Return how many places a group has."""
    return sum(map(len, members.values()))


def last(turns: dict[str, Turn], name: str) -> None:
    """Put a name at the end of those that take turns, if it is among them."""
    if name in turns:
        turns[name] = turns.pop(name)


def turns(groups: dict[str, dict[str, list[Place]]]) -> Iterator[Place]:
    """Yield all places in the order in which they will begin."""
    rest = {group: {member: list(places) for member, places in members.items()} for group, members in groups.items()}
    while rest:
        group, members = next(iter(rest.items()))
        member, places = next(iter(members.items()))
        yield places.pop(0)
        del rest[group]
        del members[member]
        if places:
            members[member] = places
        if members:
            rest[group] = members
