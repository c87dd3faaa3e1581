"""Log-probabilities of given answers, without decoding any."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import torch
from torch import Tensor

from occlusight.engine.engine import Engine
from occlusight.engine.prompt import Prompt
from occlusight.engine.speaker import Reason

Tokens = tuple[int, ...]


class Reader:
    """Listens to a prompt and keeps the log-probabilities `(T, V)` after each token from which they are wanted."""

    def __init__(self) -> None:
        self.said: list[int] = []
        self.reason: Reason | None = None
        self.logs = torch.empty(0)

    def guess(self, most: int) -> list[int]:
        """See `Listener`: nothing is guessed."""
        return []

    def hear(self, logits: Tensor, guessed: Sequence[int]) -> int:
        """See `Listener`: nothing is said."""
        self.logs = torch.log_softmax(logits.float(), -1)
        self.reason = "stop"
        return 0


def score(engine: Engine, prompt: Prompt, choices: Sequence[Sequence[Tokens]], ends: Tokens | None) -> list[float]:
    """Return for each choice the log-probability that one of its wordings follows the prompt.

    With `ends`, one of these comes after it: the wording is the whole answer. Without, anything may follow, so that a wording that begins
    like a shorter one of the same choice counts with it. All wordings are read together, after what they share: the prompt.

    Raises:
        BadInput: prompt and wording do not fit.
    """
    choices = [distinct(wordings, whole=ends is not None) for wordings in choices]
    wanted = {wording for wordings in choices for wording in wordings}
    after = read(engine, [(prompt, None)])[0][-1]  # (V,)
    # What is to be read of each wording: for its beginning alone, all but the last token.
    tails = {wording: wording if ends is not None else wording[:-1] for wording in wanted}
    long = [wording for wording in wanted if tails[wording]]
    extended = [Prompt((*prompt.ids, *tails[wording]), prompt.visuals, prompt.spans) for wording in long]
    logs = dict(zip(long, read(engine, [(one, len(prompt.ids)) for one in extended]), strict=True))

    def total(wording: Tokens) -> Tensor:
        rows = torch.cat((after[None], logs[wording])) if wording in logs else after[None]  # (T + 1 or T, V)
        sum_of_tokens = rows[range(len(wording)), list(wording)].sum()
        return sum_of_tokens if ends is None else sum_of_tokens + rows[len(wording), list(ends)].logsumexp(-1)

    totals = {wording: total(wording) for wording in wanted}
    return [float(torch.stack([totals[wording] for wording in wordings]).logsumexp(-1)) for wordings in choices]


def read(engine: Engine, prompts: Sequence[tuple[Prompt, int | None]]) -> list[Tensor]:
    """Read prompts together; return the log-probabilities after each token from the given one on, else after the last."""
    with ExitStack() as stack:
        reading = []
        for prompt, heard_from in prompts:
            reader = Reader()
            sequence = engine.submit(prompt, reader, room=0, heard_from=heard_from, keep=heard_from is None)
            stack.callback(engine.cancel, sequence)
            reading.append((sequence, reader))
        for sequence, _ in reading:
            while not sequence.ended:
                engine.follow(sequence)
            if sequence.error is not None:
                raise sequence.error
        return [reader.logs for _, reader in reading]


def distinct(wordings: Sequence[Tokens], whole: bool) -> list[Tokens]:
    """Drop repeated wordings; and where only beginnings count, those that go on from another one: 是的 is among what begins with 是."""
    unique = list(dict.fromkeys(wordings))
    if whole:
        return unique
    return [one for one in unique if not any(one != other and one[: len(other)] == other for other in unique)]
