"""The next token: greedy, nucleus, repeatable."""

import pytest
import torch

from occlusight.engine.sampling import Sampler

LOGITS = torch.tensor([1.0, 3.0, 2.0, -1.0])


def test_temperature_0_takes_the_likeliest() -> None:
    assert [Sampler(temperature=0, seed=s).pick(LOGITS) for s in range(5)] == [1] * 5


def test_the_same_seed_draws_the_same_tokens() -> None:
    draws = [[Sampler(1.5, 1.0, seed).pick(LOGITS) for _ in range(1)] for seed in (3, 3)]
    assert draws[0] == draws[1]
    one, other = Sampler(1.5, 1.0, 3), Sampler(1.5, 1.0, 4)
    assert [one.pick(LOGITS) for _ in range(40)] != [other.pick(LOGITS) for _ in range(40)]


def test_drawing_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    Sampler(1.0).pick(LOGITS)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(1.0, [0, 1, 2, 3]), (0.95, [0, 1, 2]), (0.7, [1, 2]), (0.6, [1]), (0.01, [1])],
)
def test_top_p_keeps_the_fewest_tokens_that_reach_it(top_p: float, kept: list[int]) -> None:
    # softmax of the logits: 0.089, 0.657, 0.242, 0.012
    probabilities = Sampler(1.0, top_p).probabilities(LOGITS)
    assert probabilities.nonzero().flatten().tolist() == kept
    assert probabilities.sum() == pytest.approx(1.0)
    whole = torch.softmax(LOGITS, -1)
    assert torch.allclose(probabilities[kept], whole[kept] / whole[kept].sum())


def test_frequencies_follow_the_temperature() -> None:
    sampler = Sampler(2.0, 1.0, seed=1)
    counts = torch.bincount(torch.tensor([sampler.pick(LOGITS) for _ in range(4000)]), minlength=4) / 4000
    assert torch.allclose(counts, torch.softmax(LOGITS / 2, -1), atol=0.03)
