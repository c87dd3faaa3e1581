"""Who gets how many rows, and how many there are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from occlusight.engine.scheduler import PRIORITY_BOUNDS, priority_of, split_budget
from occlusight.engine.token_budget import GRAIN, TokenBudget


def test_the_worked_example() -> None:
    assert split_budget([1000, 80, 500], 128) == [64, 64, 0]
    assert split_budget([20, 20, 20], 32) == [16, 16, 0]
    assert split_budget([1000, 80, 500], 400) == [200, 80, 120]
    assert split_budget([300], 512) == [300]
    assert split_budget([], 100) == []
    assert [
        priority_of(unread) for unread in (1, PRIORITY_BOUNDS[0], PRIORITY_BOUNDS[0] + 1, PRIORITY_BOUNDS[1], 1000)
    ] == [0, 0, 1, 1, 2]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 3000), max_size=12), st.integers(1, 1000))
def test_the_first_reader_comes_on_and_no_row_is_left(unread: list[int], budget: int) -> None:
    rows = split_budget(unread, budget)
    assert all(0 <= row <= count for row, count in zip(rows, unread, strict=True))
    assert sum(rows) == min(budget, sum(unread))
    if unread:
        assert rows[0] >= min(unread[0], max(1, budget // 2))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.integers(8, 64), st.data())
def test_everybody_is_read_whatever_comes_after(lengths: list[int], budget: int, data: st.DataObject) -> None:
    """New short prompts come in at every pass; the ones of the beginning still end within the passes that half of the
    rows need."""
    unread = list(lengths)
    done = 0
    newcomers = 0
    while any(unread[: len(lengths)]):
        live = [index for index, count in enumerate(unread) if count]
        for index, row in zip(live, split_budget([unread[index] for index in live], budget), strict=True):
            unread[index] -= row
        done += 1
        if newcomers < 40:
            unread.append(data.draw(st.integers(1, 60)))
            newcomers += 1
        assert done <= sum(-(-count // max(1, budget // 2)) for count in lengths)


def test_a_pass_holds_what_the_machine_computes_in_its_time() -> None:
    budget = TokenBudget(10**9, max_rows=512)
    assert budget.rows(0.001) == GRAIN
    for _ in range(8):
        budget.learn(64, 0.2, 0.5)  # 320 a second
    assert budget.rows(0.5) == 160
    budget.learn(160, 1.0, 0.5)  # slower, at once
    assert budget.rows(0.5) == 80
    budget.learn(3, 9.0, 0.5)  # too few rows to say anything
    assert budget.rows(0.5) == 80
    budget.learn(24, 0.4, 0.5)  # the rest of a prompt: it waited for the weights
    assert budget.rows(0.5) == 80
    budget.learn(24, 0.8, 0.5)  # but this is too long
    assert budget.rows(0.5) == GRAIN
    for _ in range(8):
        budget.learn(80, 0.001, 0.5)
    assert budget.rows(0.5) == 512
    assert budget.rows(-1.0) == GRAIN
