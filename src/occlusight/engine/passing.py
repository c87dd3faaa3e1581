"""One pass of the decoder over rows of several sequences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from occlusight.engine.chain import Chain
from occlusight.engine.rows import Rows
from occlusight.engine.sequence import Sequence
from occlusight.errors import Cancelled
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.vision import VisionFeatures


def read(model: Qwen3VL, members: list[tuple[Sequence, int]]) -> None:
    """Read the next tokens of each sequence, as many as said, its guesses after the last; the logits wanted go to its `heard`.

    Raises:
        Cancelled: an `Interrupts` said so between two layers; nothing counts as read then.
    """
    ids: list[int] = []
    places: list[Tensor] = []
    features: list[VisionFeatures] = []
    rows: list[tuple[Chain, int]] = []
    stretch: list[float] = []
    wanted: list[list[int]] = []  # of each member, the rows whose logits are needed
    for sequence, count in members:
        assert sequence.chain is not None
        begin = sequence.read
        end = begin + count
        guessed = sequence.guessed if end == sequence.length else []
        stop = end + len(guessed)
        offset = len(ids) - begin
        wanted.append(list(range(max(begin, sequence.wanted_from) + offset, stop + offset)))
        ids += [*sequence.ids(begin, end), *guessed]
        places.append(sequence.positions(begin, stop))
        features += sequence.slices(begin, end)
        rows.append((sequence.chain, count + len(guessed)))
        stretch += [sequence.stretch] * (stop - begin)
    device = model.text.embed_tokens.weight.device
    hidden = model(
        torch.tensor([ids], device=device),
        torch.cat(places, 1)[:, None].to(device),
        features=VisionFeatures.cat(features) if features else None,
        cache=Rows(rows),
        stretch=torch.tensor([stretch], device=device) if max(stretch) > 1 else None,
    )
    flat = [row for own in wanted for row in own]
    if not flat:
        return
    logits = model.logits(hidden[0, flat])  # (wanted rows, V)
    for (sequence, _), own in zip(members, torch.split(logits, [len(own) for own in wanted]), strict=True):
        if len(own):
            sequence.heard.append(own)


class Interrupts:
    """Makes a model's passes stop between two layers once nobody wants them any more."""

    def __init__(self, model: Qwen3VL) -> None:
        self._unwanted: Callable[[], bool] | None = None
        for layer in model.text.layers:
            layer.register_forward_pre_hook(self._look)

    @contextmanager
    def watch(self, unwanted: Callable[[], bool]) -> Iterator[None]:
        """Within, a pass raises Cancelled soon after `unwanted` says so."""
        self._unwanted = unwanted
        try:
            yield
        finally:
            self._unwanted = None

    def _look(self, *_: Any) -> None:
        if self._unwanted is not None and self._unwanted():
            raise Cancelled("the answer was stopped")
