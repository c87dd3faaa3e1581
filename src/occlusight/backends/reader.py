"""What a question may mean, with probabilities, read by the small text encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch

if TYPE_CHECKING:
    from occlusight.model.text_encoder import QuestionReader, QuestionTokenizer


@dataclass(frozen=True)
class Reading:
    """How a question was read, its names cut to x1, x2 ... in the order of their mention.

    `labels` are the probabilities of every program with the order of its slots, which sum to 1; `hides` is the
    probability that x1 hides x2 rather than x2 x1, if the question is about that; `inside` the probability that
    pictures of objects can tell it at all. All are calibrated on questions that training did not see.
    """

    labels: Mapping[str, float]
    hides: float
    inside: float


Reader: TypeAlias = Callable[[Sequence[str]], Sequence[Reading]]
"""Reads any number of questions at once; what is given back is in their order."""


def reader_of(model: QuestionReader, tokenizer: QuestionTokenizer) -> Reader:
    """Return a callable that reads questions with a model."""
    config = model.config

    @torch.inference_mode()
    def read(questions: Sequence[str]) -> Sequence[Reading]:
        if not questions:
            return ()
        ids, mask = tokenizer.batch(questions)
        logits = model(ids, mask, tokenizer.name_ids)
        labels = torch.softmax(logits.labels / config.label_temperature, -1).tolist()
        hides = torch.sigmoid(logits.hides / config.direction_temperature).tolist()
        inside = torch.sigmoid(logits.inside / config.scope_temperature).tolist()
        return tuple(
            Reading(dict(zip(config.labels, row, strict=True)), x1, tells)
            for row, x1, tells in zip(labels, hides, inside, strict=True)
        )

    return read
