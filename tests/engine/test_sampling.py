"""The next token: greedy, penalised, cut off in several ways, repeatable."""

from typing import Any

import pytest
import torch
from transformers.generation import logits_process as theirs

from occlusight.engine.sampling import Sampler
from occlusight.engine.sampling_params import SamplingParams

LOGITS = torch.tensor([1.0, 3.0, 2.0, -1.0])


def sampler(prompt: tuple[int, ...] = (), banned: tuple[int, ...] = (), **settings: Any) -> Sampler:
    return Sampler(SamplingParams(**settings), prompt, banned)


def test_temperature_0_takes_the_likeliest() -> None:
    assert [sampler(seed=s).pick(LOGITS) for s in range(5)] == [1] * 5
    assert sampler(banned=(1,)).pick(LOGITS) == 2
    assert sampler().pick(LOGITS, torch.tensor([True, False, False, True])) == 0


def test_the_same_seed_draws_the_same_tokens() -> None:
    one, same, other = (sampler(temperature=1.5, seed=seed) for seed in (3, 3, 4))
    draws = [[each.pick(LOGITS) for _ in range(40)] for each in (one, same, other)]
    assert draws[0] == draws[1] != draws[2]


def test_drawing_leaves_the_global_generator_and_the_logits_alone() -> None:
    torch.manual_seed(5)
    before, logits = torch.get_rng_state(), LOGITS.clone()
    sampler(temperature=1.0, banned=(0,), repetition_penalty=2.0, prompt=(1,)).pick(logits)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(logits, LOGITS)


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(1.0, [0, 1, 2, 3]), (0.95, [0, 1, 2]), (0.7, [1, 2]), (0.6, [1]), (0.01, [1])],
)
def test_top_p_keeps_the_fewest_tokens_that_reach_it(top_p: float, kept: list[int]) -> None:
    # softmax of the logits: 0.089, 0.657, 0.242, 0.012
    probabilities = sampler(temperature=1.0, top_p=top_p).probabilities(LOGITS)
    assert probabilities.nonzero().flatten().tolist() == kept
    assert probabilities.sum() == pytest.approx(1.0)
    whole = torch.softmax(LOGITS, -1)
    assert torch.allclose(probabilities[kept], whole[kept] / whole[kept].sum())


@pytest.mark.parametrize(
    "settings",
    [
        {"top_k": 5},
        {"top_p": 0.7},
        {"min_p": 0.2},
        {"top_k": 7, "top_p": 0.8, "min_p": 0.1},
        {"repetition_penalty": 1.7, "top_p": 0.9},
    ],
)
def test_probabilities_are_those_of_transformers(settings: dict[str, float]) -> None:
    generator = torch.Generator().manual_seed(1)
    ids = (3, 8, 8, 21)
    for _ in range(20):
        logits = 3 * torch.randn(40, generator=generator)
        scores = logits[None].clone()
        steps: list[Any] = []
        if "repetition_penalty" in settings:
            steps.append(theirs.RepetitionPenaltyLogitsProcessor(settings["repetition_penalty"]))
        steps.append(theirs.TemperatureLogitsWarper(0.7))
        if "top_k" in settings:
            steps.append(theirs.TopKLogitsWarper(int(settings["top_k"])))
        if "top_p" in settings:
            steps.append(theirs.TopPLogitsWarper(settings["top_p"]))
        if "min_p" in settings:
            steps.append(theirs.MinPLogitsWarper(settings["min_p"]))
        for step in steps:
            scores = step(torch.tensor([ids]), scores)
        ours = sampler(prompt=ids, temperature=0.7, **settings).probabilities(logits)
        assert torch.allclose(ours, scores[0].softmax(-1), atol=1e-6)


def test_the_presence_penalty_looks_at_the_answer_alone() -> None:
    one = sampler(prompt=(1,), presence_penalty=1.5)
    assert one.pick(LOGITS) == 1
    one.note(1)
    one.note(1)
    assert one.pick(LOGITS) == 2
    assert sampler(prompt=(1,), repetition_penalty=2.0).pick(LOGITS) == 2


def test_frequencies_follow_the_temperature() -> None:
    one = sampler(temperature=2.0, seed=1)
    counts = torch.bincount(torch.tensor([one.pick(LOGITS) for _ in range(4000)]), minlength=4) / 4000
    assert torch.allclose(counts, torch.softmax(LOGITS / 2, -1), atol=0.03)
