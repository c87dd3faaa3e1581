"""A prompt being answered."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum, auto
from time import perf_counter

import torch
from torch import Tensor

from occlusight.engine.generation import LogitsConsumer
from occlusight.engine.kv_segments import SequenceKV
from occlusight.engine.prompt import Prompt
from occlusight.model.vision import VisionFeatures


class SequenceStatus(Enum):
    """Where a sequence stands: the first two by its keys and values, the others by `Sequence.finish`."""

    WAITING = auto()
    RUNNING = auto()
    FINISHED = auto()
    FAILED = auto()
    CANCELLED = auto()


@dataclass(eq=False)
class Sequence:
    """What is to be read, what has been, and who takes the logits.

    Args:
        prompt: what is given.
        consumer: takes the logits and says what is read after the prompt.
        logits_from: logits are wanted after this token and every later one; usually the prompt's last.
        max_length: the longest that the sequence can become, in tokens.
        keep: leave what has been read to later prompts that begin alike.
        rope_factor: the factor by which its rotary frequencies are stretched; what another factor has read is of no use
            to it.

    Before it is admitted `kv` is None. `pending_images` are digests of pictures that are still being encoded, at first
    `encoding` of them, `features` those that are there, until the prompt has been read. `position_delta` added to an
    index after the prompt gives its rotary position: it belongs to the sequence, never to the model. `reserved` is the
    memory set aside for what it will still allocate. `error` is why it FAILED.
    """

    prompt: Prompt
    consumer: LogitsConsumer
    logits_from: int
    max_length: int
    keep: bool = True
    rope_factor: float = 1.0
    kv: SequenceKV | None = None
    prompt_positions: Tensor = field(default_factory=lambda: torch.empty(3, 0))
    position_delta: int = 0
    draft_ids: list[int] = field(default_factory=list)
    pending_images: set[str] = field(default_factory=set)
    features: dict[str, VisionFeatures] = field(default_factory=dict)
    logits: list[Tensor] = field(default_factory=list)
    reserved: int = 0
    reused: int = 0
    image_cached: bool = False
    outcome: SequenceStatus | None = None
    error: BaseException | None = None
    submitted: float = field(default_factory=perf_counter)
    admitted: float = 0.0
    encoding: int = 0
    encode_s: float = 0.0
    first: float = 0.0
    finished: float = 0.0

    def __post_init__(self) -> None:
        self.token_keys: list[Hashable] = self.prompt.token_keys()
        if self.rope_factor != 1:
            self.token_keys[0] = (self.rope_factor, self.token_keys[0])

    @property
    def status(self) -> SequenceStatus:
        """Where it stands."""
        return self.outcome or (SequenceStatus.WAITING if self.kv is None else SequenceStatus.RUNNING)

    @property
    def ended(self) -> bool:
        """Whether it has finished, failed or been cancelled; what it held is freed in the end of that step, or by the
        next one.
        """
        return self.outcome is not None

    def finish(self, outcome: SequenceStatus, error: BaseException | None = None) -> None:
        """Note how it ended, from any thread; what was noted first stays."""
        if self.outcome is None:
            self.error = error or self.error  # before the outcome, by which others know to look
            self.outcome = outcome

    @property
    def read(self) -> int:
        """How many tokens have been read."""
        return 0 if self.kv is None else len(self.kv)

    @property
    def length(self) -> int:
        """Tokens of the prompt and of the answer so far."""
        return len(self.prompt.ids) + len(self.consumer.output_ids)

    @property
    def unread(self) -> int:
        """How many tokens there are to read now."""
        return 0 if self.pending_images else self.length - self.read

    @property
    def reading(self) -> bool:
        """Whether the prompt has not been read whole."""
        return self.read < len(self.prompt.ids)

    @property
    def wanted_from(self) -> int:
        """Logits are wanted after this token and every later one: once the answer has begun, after its last token."""
        return self.length - 1 if self.consumer.output_ids else self.logits_from

    def ids(self, begin: int, end: int) -> list[int]:
        """Return tokens `begin` to `end` of prompt and answer."""
        given = len(self.prompt.ids)
        return [*self.prompt.ids[begin:end], *self.consumer.output_ids[max(0, begin - given) : max(0, end - given)]]

    def positions(self, begin: int, end: int) -> Tensor:
        """Return rotary positions `(3, end - begin)`."""
        given = len(self.prompt.ids)
        later = torch.arange(max(begin, given), max(end, given)) + self.position_delta
        return torch.cat((self.prompt_positions[:, begin:end], later.expand(3, -1)), 1)

    def visual_features(self, begin: int, end: int) -> list[VisionFeatures]:
        """Return the features of the visual tokens among `begin` to `end`; a picture may be split."""
        out = []
        for visual, (start, stop) in zip(self.prompt.visuals, self.prompt.spans, strict=True):
            low, high = max(begin, start), min(end, stop)
            if low < high:
                out.append(self.features[visual.digest].slice(low - start, high - start))
        return out
