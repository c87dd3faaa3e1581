"""Log-probabilities of given answers, without decoding any."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import torch
from torch import Tensor

from occlusight.engine.engine import Engine
from occlusight.engine.generation import Reason
from occlusight.engine.prompt import Prompt

Tokens = tuple[int, ...]


class Reader:
    """Reads a prompt and keeps the log-probabilities `(T, V)` after each token from which they are wanted."""

    def __init__(self) -> None:
        self.output_ids: list[int] = []
        self.finish_reason: Reason | None = None
        self.logs = torch.empty(0)

    def propose(self, max_drafts: int) -> list[int]:
        """See `LogitsConsumer`: nothing is proposed."""
        return []

    def consume(self, logits: Tensor, draft_ids: Sequence[int]) -> int:
        """See `LogitsConsumer`: nothing is said."""
        self.logs = torch.log_softmax(logits.float(), -1)
        self.finish_reason = "stop"
        return 0


def score(
    engine: Engine, asked: Sequence[tuple[Prompt, Sequence[Sequence[Tokens]]]], ends: Tokens | None
) -> tuple[list[list[float]], int]:
    """Return for each prompt and each of its choices the log-probability that one of the choice's wordings follows the
    prompt; and how many tokens of the prompts were known before.

    With `ends`, one of these comes after it: the wording is the whole answer. Without, anything may follow, so that a
    wording that begins like a shorter one of the same choice counts with it. All prompts are read together, then all
    wordings, after what they share.

    Raises:
        BadInput: prompt and wording do not fit.
    """
    found, reused = read(engine, [(prompt, None) for prompt, _ in asked])
    afters = [logs[-1] for logs in found]  # each (V,)
    choices = [[distinct(wordings, whole=ends is not None) for wordings in own] for _, own in asked]
    # What is to be read of each wording: for its beginning alone, all but the last token.
    tails = {
        (at, wording): wording if ends is not None else wording[:-1]
        for at, own in enumerate(choices)
        for wordings in own
        for wording in wordings
    }
    long = [key for key, tail in tails.items() if tail]
    prompts = [asked[at][0] for at, _ in long]
    extended = [
        (Prompt((*prompt.ids, *tails[key]), prompt.visuals, prompt.spans), len(prompt.ids))
        for key, prompt in zip(long, prompts, strict=True)
    ]
    logs = dict(zip(long, read(engine, extended)[0], strict=True))

    def total(at: int, wording: Tokens) -> Tensor:
        after = afters[at][None]
        rows = torch.cat((after, logs[at, wording])) if (at, wording) in logs else after  # (T + 1 or T, V)
        sum_of_tokens = rows[range(len(wording)), list(wording)].sum()
        return sum_of_tokens if ends is None else sum_of_tokens + rows[len(wording), list(ends)].logsumexp(-1)

    scores = [
        [float(torch.stack([total(at, wording) for wording in wordings]).logsumexp(-1)) for wordings in own]
        for at, own in enumerate(choices)
    ]
    return scores, reused


def read(engine: Engine, prompts: Sequence[tuple[Prompt, int | None]]) -> tuple[list[Tensor], int]:
    """Read prompts together; return the log-probabilities after each token from the given one on, else after the last,
    and how many tokens were known before.
    """
    with ExitStack() as stack:
        reading = []
        for prompt, logits_from in prompts:
            reader = Reader()
            sequence = engine.submit(
                prompt, reader, max_new_tokens=0, logits_from=logits_from, keep=logits_from is None
            )
            stack.callback(engine.cancel, sequence)
            reading.append((sequence, reader))
        for sequence, _ in reading:
            while not sequence.ended:
                engine.follow(sequence)
            if sequence.error is not None:
                raise sequence.error
        return [reader.logs for _, reader in reading], sum(sequence.reused for sequence, _ in reading)


def distinct(wordings: Sequence[Tokens], whole: bool) -> list[Tokens]:
    """Drop repeated wordings; and where only beginnings count, those that go on from another one: 是的 is among what
    begins with 是.
    """
    unique = list(dict.fromkeys(wordings))
    if whole:
        return unique
    return [one for one in unique if not any(one != other and one[: len(other)] == other for other in unique)]
