"""Who is answered next, and who is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occlusight.errors import Busy
from occlusight.serve.fair_queue import Client, FairQueue, Place, Shares


def client(name: str) -> Client:
    """`a1` is member 1 of group a."""
    return Client(name[0], name)


async def order_of(queue: FairQueue, places: list[Place]) -> list[str]:
    """Let the places take their turns one by one; return whose they were."""
    order = []
    while queue.running:
        (place,) = queue.running
        order.append(place.client.member)
        place.leave()
    assert all(place.state in ("left", "displaced") for place in places)
    return order


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 5))  # type: ignore[arg-type]


def test_groups_take_turns_and_within_them_members() -> None:
    async def test() -> None:
        queue = FairQueue(Shares(at_once=1, of_a_member=9))
        places = [queue.enter(client(name)) for name in ("a1", "a1", "a1", "a2", "b1", "b1", "c1")]
        told = sorted(places[1:], key=queue.ahead_of)
        order = await order_of(queue, places)
        assert order == ["a1", "a1", "b1", "c1", "a2", "b1", "a1"]
        assert [place.client.member for place in told] == order[1:]

    run(test)


def test_a_member_has_few_places_and_those_that_run_count() -> None:
    async def test() -> None:
        queue = FairQueue(Shares(at_once=1, of_a_member=2))
        first = queue.enter(client("a1"))
        queue.enter(client("a1"))
        with pytest.raises(Busy, match="2 of your questions") as busy:
            queue.enter(client("a1"))
        assert busy.value.by_client
        assert busy.value.retry_after_s >= 1
        first.leave()
        first.leave()
        assert queue.enter(client("a1")).state == "waits"

    run(test)


def test_a_newcomer_gets_the_newest_place_of_the_largest_group() -> None:
    async def test() -> None:
        queue = FairQueue(Shares(at_once=1, waiting=3))
        places = [queue.enter(client(name)) for name in ("a1", "a2", "a3", "a4")]
        with pytest.raises(Busy) as busy:
            queue.enter(client("a5"))
        assert not busy.value.by_client
        turn = places[3].waits()
        assert await anext(turn) == 2
        newcomer = queue.enter(client("b1"))
        assert places[3].state == "displaced"
        with pytest.raises(Busy, match="others had fewer"):
            await anext(turn)
        with pytest.raises(Busy):  # the groups are even now
            queue.enter(client("b2"))
        assert await order_of(queue, [*places, newcomer]) == ["a1", "a2", "b1", "a3"]

    run(test)


def test_who_waits_is_told_his_place_until_his_turn() -> None:
    async def test() -> None:
        queue = FairQueue(Shares(at_once=1))
        places = [queue.enter(client(name)) for name in ("a1", "b1", "c1")]

        async def told(place: Place) -> list[int]:
            return [ahead async for ahead in place.waits()]

        waiting = asyncio.create_task(told(places[2]))
        for place in places[:2]:
            await asyncio.sleep(0)
            place.leave()
        assert await waiting == [1, 0]
        assert places[2].runs
        assert [ahead async for ahead in places[2].waits()] == []

    run(test)


def test_nobody_waits_for_ever() -> None:
    async def test() -> None:
        queue = FairQueue(Shares(at_once=1, longest_wait_s=0.05))
        queue.enter(client("a1"))
        with pytest.raises(Busy, match="no turn came"), queue.enter(client("b1")) as place:
            async for _ in place.waits():
                pass
        assert queue.waiting == 0

    run(test)


@given(st.lists(st.tuples(st.sampled_from(["enter", "leave"]), st.sampled_from("abc"), st.integers(0, 3)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_the_bounds_hold_whatever_comes(steps: list[tuple[str, str, int]]) -> None:
    async def test() -> None:
        shares = Shares(at_once=2, waiting=5, of_a_member=2)
        queue = FairQueue(shares)
        places: list[Place] = []
        for what, group, number in steps:
            if what == "enter":
                try:
                    places.append(queue.enter(client(f"{group}{number}")))
                except Busy:
                    assert (
                        queue.waiting == shares.waiting
                        or sum(p.client.member == f"{group}{number}" and p.state in ("waits", "runs") for p in places)
                        == shares.of_a_member
                    )
            elif places:
                places[number % len(places)].leave()
            waiting = [place for place in places if place.state == "waits"]
            assert len(waiting) == queue.waiting <= shares.waiting
            assert len(queue.running) == min(shares.at_once, len(queue.running) + len(waiting))
            assert sorted(map(queue.ahead_of, waiting)) == list(range(len(waiting)))

    run(test)
