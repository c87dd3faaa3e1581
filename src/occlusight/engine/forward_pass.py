"""One pass of the decoder over rows of several sequences, layer by layer."""

from __future__ import annotations

from collections.abc import Generator
from time import perf_counter

import torch
from torch import Tensor

from occlusight.engine.packed_batch import PackedBatch
from occlusight.engine.sequence import Sequence
from occlusight.errors import BadNumbers
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.size import text_work
from occlusight.model.vision import VisionFeatures


class ForwardPass:
    """Reads the next tokens of each sequence, as many as given, its drafts after the last; the logits wanted go to its
    `logits`.

    It may stand still between two layers for as long as one likes; nothing counts as read before its end.
    `slowest` is the longest that a layer took, in seconds, at first what is `expected`; `seconds` what all took.
    """

    def __init__(self, model: Qwen3VL, members: list[tuple[Sequence, int]], expected: float = 0.0) -> None:
        self.members = dict(members)
        self.count = sum(count for _, count in members)
        self.seconds = 0.0
        self._layers, self._done = model.config.text.layers, 0
        self.work = sum(text_work(model.config.text, s.read + n, s.read) for s, n in members)  # in multiplications
        self.slowest = expected
        ids: list[int] = []
        positions: list[Tensor] = []
        features: list[VisionFeatures] = []
        rows = []
        rope_factors: list[float] = []
        self._wanted: dict[Sequence, list[int]] = {}  # the rows whose logits are needed
        for sequence, count in members:
            assert sequence.kv is not None
            begin = sequence.read
            end = begin + count
            draft_ids = sequence.draft_ids if end == sequence.length else []
            stop = end + len(draft_ids)
            offset = len(ids) - begin
            self._wanted[sequence] = list(range(max(begin, sequence.wanted_from) + offset, stop + offset))
            ids += [*sequence.ids(begin, end), *draft_ids]
            positions.append(sequence.positions(begin, stop))
            features += sequence.visual_features(begin, end)
            rows.append((sequence.kv, count + len(draft_ids)))
            rope_factors += [sequence.rope_factor] * (stop - begin)
        self._rows = PackedBatch(rows)
        device = model.device
        flat = [row for own in self._wanted.values() for row in own]
        self._index = {row: index for index, row in enumerate(flat)}
        hidden = model.steps(
            torch.tensor([ids], device=device),
            torch.cat(positions, 1)[:, None].to(device),
            features=VisionFeatures.cat(features) if features else None,
            cache=self._rows,
            rope_factor=torch.tensor([rope_factors], device=device) if max(rope_factors) > 1 else None,
            wanted=torch.tensor(flat, dtype=torch.int64, device=device),
        )
        self._steps = self._run(model, hidden)
        self._fresh = True

    def __contains__(self, sequence: Sequence) -> bool:
        return sequence in self.members

    @property
    def fraction(self) -> float:
        """How much is done, by layers."""
        return min(1.0, self._done / self._layers)

    def advance(self, seconds: float) -> bool:
        """Run layers until the next one would take longer than is left; at least one, but none that nobody wants. True
        at the end.
        """
        began = now = perf_counter()
        while not all(sequence.ended for sequence in self.members):
            before = now
            done = next(self._steps, True)
            now = perf_counter()
            self.seconds += now - before
            self.slowest = now - before if self._fresh else max(self.slowest, now - before)
            self._fresh = False
            self._done += 1
            if done:
                return True
            if now - began + self.slowest > seconds:
                return False
        return False

    def drop(self, sequence: Sequence) -> None:
        """Let go of a sequence that has ended."""
        del self.members[sequence], self._wanted[sequence]
        if self.members:
            assert sequence.kv is not None
            self._rows.drop(sequence.kv)
        else:
            self._steps.close()

    def _run(self, model: Qwen3VL, steps: Generator[None, None, Tensor]) -> Generator[None, None, None]:
        hidden = yield from steps
        indices = [self._index[row] for own in self._wanted.values() for row in own]  # some may have been dropped
        if not indices:
            return
        logits = model.logits(hidden[0, indices])  # (wanted rows, V)
        for sequence, own in zip(
            self._wanted, torch.split(logits, [len(own) for own in self._wanted.values()]), strict=True
        ):
            if len(own):
                sequence.logits.append(own)


def check_numbers(logits: Tensor) -> None:
    """Raise BadNumbers where logits are NaN or infinite: a sum tells it in one pass."""
    if not bool(torch.isfinite(logits.sum(dtype=torch.float32))):
        raise BadNumbers(
            "the model computed numbers that are not finite (NaN or infinity), so there is no answer; its weights are "
            "damaged, or --dtype "
            "float16 is too narrow for it: take bfloat16 or float32"
        )
