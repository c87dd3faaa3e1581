"""Whether a request fits, when it may begin, and with how much memory."""

from __future__ import annotations

import math
from collections.abc import Sequence as Sequences

from torch import dtype

from occlusight.engine.config import MIB, EngineSettings
from occlusight.engine.kv_segments import SegmentSlice
from occlusight.engine.prompt import Prompt
from occlusight.engine.sequence import Sequence
from occlusight.errors import BadInput
from occlusight.model.config import ModelConfig
from occlusight.model.kv_cache import GRAIN, round_up
from occlusight.model.memory import GB, available_bytes
from occlusight.model.size import vision_bytes

ROOM = 256
"""Tokens of an answer for which memory is taken at the start; more is taken as it grows."""

SMALL = 32 * MIB
"""What takes no more is not worth asking the system about."""


class Admission:
    """Counts memory before it is taken, so that what has begun can always be finished.

    `token_bytes` are those of one token's keys and values, `visual_bytes` those of one visual token's features.
    """

    def __init__(
        self, config: ModelConfig, number: dtype, token_bytes: int, settings: EngineSettings, on_cpu: bool = True
    ) -> None:
        self.settings = settings
        self.vision, self.on_cpu = config.vision, on_cpu
        self.context = config.text.max_positions
        self.token_bytes = token_bytes
        self.visual_bytes = (1 + len(config.vision.taps)) * config.text.hidden_size * number.itemsize

    def check(self, prompt: Prompt, max_length: int) -> None:
        """Refuse what can never be answered, before any work.

        Raises:
            BadInput: the prompt is longer than the context, or prompt and answer need more memory than there may be.
        """
        if len(prompt.ids) >= self.context:
            raise BadInput(
                f"the prompt has {len(prompt.ids)} tokens ({prompt.image_tokens} of them for pictures), but this model "
                f"takes fewer than {self.context}; shorten the text or use fewer or smaller pictures"
            )
        self._check_memory(prompt, max_length)
        need, limit = self.need(prompt, 0, max_length), self.settings.most_kv_bytes
        if need > limit:
            raise BadInput(
                f"{len(prompt.ids)} tokens of prompt ({prompt.image_tokens} for pictures) and up to {max_length - len(prompt.ids)} of answer "
                f"need {need / MIB:.1f} MiB of memory ({self.token_bytes} bytes a token), but {limit / MIB:.1f} MiB are allowed; "
                f"use a smaller max_tokens, less text, or fewer or smaller pictures"
            )

    def _check_memory(self, prompt: Prompt, max_length: int) -> None:
        """Refuse pictures that could not be encoded in the memory that is free."""
        if not prompt.visuals or not self.on_cpu:
            return
        largest = max(math.prod(grid) for grid in prompt.grids)
        encoding = vision_bytes(self.vision, largest)
        need = encoding + self.need(prompt, 0, max_length)
        if need <= SMALL or need <= (free := available_bytes()):
            return
        raise BadInput(
            f"reading {prompt.image_tokens} tokens of pictures takes {need / GB:.2f} GB of memory ({encoding / GB:.2f} GB to encode the largest, the "
            f"rest for keys and values of up to {max_length} tokens), but {free / GB:.2f} GB are free; use a smaller max_pixels or max_tokens, or fewer "
            f"pictures"
        )

    def need(self, prompt: Prompt, reused: int, max_length: int) -> int:
        """Return the bytes to set aside for a sequence of at most `max_length` tokens of which `reused` are known."""
        begun = GRAIN * (len(prompt.visuals) + 2)  # every segment that is shared ends with an unused rest
        tokens = round_up(max_length - reused + self.settings.drafts + 1) + begun
        return tokens * self.token_bytes + prompt.image_tokens * self.visual_bytes


def beginning(parts: Sequences[SegmentSlice], sequence: Sequence) -> tuple[SegmentSlice, ...]:
    """Cut known parts of a prompt so that no picture is split, and every token is read whose logits are wanted."""
    known = sequence.prompt.whole(min(sum(part.length for part in parts), sequence.logits_from))
    out: list[SegmentSlice] = []
    for part in parts:
        length = min(part.length, known - part.segment.at)
        if length > 0:
            out.append(SegmentSlice(part.segment, length))
    return tuple(out)


def expects(waiting: Sequence, running: Sequences[Sequence], known: int) -> bool:
    """Whether somebody is reading a picture that the waiting prompt begins with and of which more than `known` tokens are then shared."""
    for other in running:
        if not other.reading or other.cancelled:
            continue
        for _, end in reversed(other.prompt.spans):
            if end <= max(known, other.read):
                break
            if end < len(waiting.prompt.ids) and waiting.token_keys[:end] == other.token_keys[:end]:
                return True
    return False
