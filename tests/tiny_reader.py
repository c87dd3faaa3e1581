"""A reader of questions with random weights, small enough for tests."""

from __future__ import annotations

import torch

from occlusight.model.text_encoder import (
    NAMES,
    SPECIAL,
    EncoderConfig,
    Piece,
    QuestionReader,
    QuestionTokenizer,
    ReaderConfig,
)

LABELS = ("count:1", "hides:12", "hides:21")
WORDS = ("▁does", "▁hide", "▁is", "▁hidden", "▁by", "▁how", "▁many", "挡", "住", "吗", "被")
LETTERS = ("▁", *"abcdefghijklmnopqrstuvwxyz?")


def tiny_pieces() -> tuple[Piece, ...]:
    plain = [(word, -3.0) for word in WORDS] + [(letter, -8.0) for letter in LETTERS]
    return (*((name, 0.0) for name in SPECIAL), *plain, *((name, -10.0) for name in NAMES))


def tiny_reader(labels: tuple[str, ...] = LABELS) -> tuple[QuestionReader, QuestionTokenizer]:
    """Return a model of two layers, 16 wide, and its tokenizer, which cuts after 24 pieces."""
    pieces = tiny_pieces()
    torch.manual_seed(3)
    encoder = EncoderConfig(vocabulary=len(pieces), hidden=16, layers=2, heads=2, inner=32, positions=24)
    model = QuestionReader(ReaderConfig(encoder, labels, head=8, label_temperature=2.0))
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.25)
    return model.eval(), QuestionTokenizer.of(pieces, 24)
