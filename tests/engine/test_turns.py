"""Several callers of one engine."""

import threading
import time
from itertools import pairwise

import pytest

from occlusight.engine.turns import Turns


def test_turns_come_in_the_order_of_asking() -> None:
    turns = Turns()
    order: list[int] = []

    def wait(name: int) -> None:
        with turns.take():
            order.append(name)

    threads = [threading.Thread(target=wait, args=(n,)) for n in range(6)]
    with turns.take():
        for thread in threads:
            thread.start()
            time.sleep(0.02)
    for thread in threads:
        thread.join(5)
    assert order == list(range(6))


def test_two_callers_alternate() -> None:
    turns = Turns()
    order: list[str] = []
    ready = threading.Barrier(2)

    def work(name: str) -> None:
        ready.wait(5)
        for _ in range(20):
            with turns.take():
                order.append(name)
                time.sleep(0.002)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    middle = order[4:30]
    assert sum(one != other for one, other in pairwise(middle)) > len(middle) / 2


def test_an_error_passes_the_turn_on() -> None:
    turns = Turns()
    with pytest.raises(RuntimeError), turns.take():
        raise RuntimeError
    with turns.take():
        pass
