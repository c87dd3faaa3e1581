"""An encoder cut to what it is needed for: fewer layers, and the pieces of English and Chinese alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from wordfreq import top_n_list

from occlusight.model.text_encoder import NAMES, SPECIAL, EncoderConfig, Piece, QuestionTokenizer
from occlusight.train.packaged_encoder import PackagedEncoder

COMMON_WORDS = 6000
"""So many of the most frequent words of each language keep their pieces (lists of the package `wordfreq`)."""
COMMON_CHARACTERS = 5000
"""So many of the most probable Chinese characters are kept, so that a rare word can still be spelled."""
KEPT_LAYERS = (0, 1, 2, 3, 4, 5, 10, 11)
POSITIONS = 128
"""The longest question in pieces; what is longer is cut."""
STAND_INS = ("▁A", "▁B", "▁C", "▁D")
"""Pieces whose embeddings the names x1 to x4 begin with."""


def cut(packaged: PackagedEncoder, texts: Iterable[str], layers: Sequence[int] = KEPT_LAYERS) -> PackagedEncoder:
    """Return the encoder with these layers, and the pieces that `texts`, common words and characters need.

    The pieces of NAMES come last, after the others in their order.
    """
    needed = _needed(packaged, texts)
    kept = [number for number, (piece, _) in enumerate(packaged.pieces) if piece in needed]
    words = packaged.parameters["words"]
    number_of = {piece: number for number, (piece, _) in enumerate(packaged.pieces)}
    rows = torch.cat((words[kept], words[[number_of[piece] for piece in STAND_INS]]))
    parameters = {"words": rows, "positions": packaged.parameters["positions"][:POSITIONS]}
    for name, value in packaged.parameters.items():
        if name.startswith("norm."):
            parameters[name] = value
        elif name.startswith("layers."):
            _, number, rest = name.split(".", 2)
            if int(number) in layers:
                parameters[f"layers.{layers.index(int(number))}.{rest}"] = value
    config: EncoderConfig = replace(packaged.config, vocabulary=len(rows), layers=len(layers), positions=POSITIONS)
    return PackagedEncoder(config, with_names(packaged.pieces[number] for number in kept), parameters)


def with_names(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Return pieces with those of NAMES after them."""
    return (*pieces, *((name, -10.0) for name in NAMES))


def _needed(packaged: PackagedEncoder, texts: Iterable[str]) -> set[str]:
    tokenizer = QuestionTokenizer.of(with_names(packaged.pieces), packaged.config.positions)
    english: list[str] = top_n_list("en", COMMON_WORDS)
    spelled = [*texts, *english, *(word.capitalize() for word in english), *top_n_list("zh", COMMON_WORDS)]
    needed = {piece for text in spelled for piece in tokenizer.pieces(text)} | set(SPECIAL)
    printable = {chr(code) for code in range(0x20, 0x7F)}
    needed |= printable | {f"▁{character}" for character in printable} | {"▁"}
    characters = [piece for piece, _ in packaged.pieces if re.fullmatch(r"[一-鿿]", piece)]
    return needed | set(characters[:COMMON_CHARACTERS])
