"""Whether a request fits, when it may begin, with how much memory, and what it leaves to others."""

from __future__ import annotations

import math
from collections.abc import Sequence as Sequences
from contextlib import suppress

from torch import device, dtype

from occlusight.engine.config import MIB, EngineSettings
from occlusight.engine.kv_segments import SegmentSlice, SequenceKV
from occlusight.engine.prefix_cache import PrefixCache
from occlusight.engine.prompt import Prompt
from occlusight.engine.sequence import Sequence, SequenceStatus
from occlusight.errors import BadInput
from occlusight.model.allocator import give_back_gaps
from occlusight.model.config import ModelConfig
from occlusight.model.int8_kv_cache import Int8KVCache
from occlusight.model.kv_cache import GRAIN, KVCache, round_up
from occlusight.model.memory import GB, available_bytes
from occlusight.model.size import vision_bytes

ROOM = 256
"""Tokens of an answer for which memory is taken at the start; more is taken as it grows."""

SMALL = 32 * MIB
"""What takes no more is not worth asking the system about."""

MOST_PARTS = 12
"""Every part of a sequence costs a call of attention in every layer; more are copied into one."""
WORTH_SHARING = 64
"""A prompt whose own part is shorter, without a picture, is not made a segment of its own before its answer has
ended.
"""

GAPS = 64 * MIB
"""After so many evicted bytes the gaps that they left between others are given back to the system: not all fit what
comes next.
"""


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
                f"{len(prompt.ids)} tokens of prompt ({prompt.image_tokens} for pictures) and up to "
                f"{max_length - len(prompt.ids)} of answer "
                f"need {need / MIB:.1f} MiB of memory ({self.token_bytes} bytes a token), but {limit / MIB:.1f} MiB "
                "are allowed; "
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
            f"reading {prompt.image_tokens} tokens of pictures takes {need / GB:.2f} GB of memory ({encoding / GB:.2f} "
            "GB to encode the largest, the "
            f"rest for keys and values of up to {max_length} tokens), but {free / GB:.2f} GB are free; use a smaller "
            "max_pixels or max_tokens, or fewer "
            f"pictures"
        )

    def need(self, prompt: Prompt, reused: int, max_length: int) -> int:
        """Return the bytes to set aside for a sequence of at most `max_length` tokens of which `reused` are known."""
        begun = GRAIN * (len(prompt.visuals) + 2)  # every segment that is shared ends with an unused rest
        tokens = round_up(max_length - reused + self.settings.drafts + 1) + begun
        return tokens * self.token_bytes + prompt.image_tokens * self.visual_bytes


class KVManager:
    """Keys and values of all sequences: memory set aside for each, what they share, and what is kept for later ones."""

    def __init__(self, config: ModelConfig, number: dtype, where: device, settings: EngineSettings) -> None:
        self.config, self.dtype, self.device, self.settings = config, number, where, settings
        probe = self.store(1)
        token_bytes = probe.nbytes // probe.capacity
        self.admission = Admission(config, number, token_bytes, settings, where.type == "cpu")
        self.prefixes = PrefixCache(min(settings.prefix_cache_bytes, settings.kept_tokens * token_bytes))
        self._evicted = 0  # bytes at which gaps were given back last

    @property
    def shares(self) -> bool:
        """Whether answers share what they have read."""
        return self.settings.prefix_cache_bytes > 0

    def find(self, sequence: Sequence) -> tuple[SegmentSlice, ...]:
        """Return what is known of the beginning of a sequence."""
        return beginning(self.prefixes.find(sequence.token_keys), sequence) if self.shares else ()

    def fits(self, sequence: Sequence, parts: tuple[SegmentSlice, ...], reserved: int) -> bool:
        """Whether there is memory for a sequence where others have `reserved` bytes; what is kept and not in use makes
        room.
        """
        reused = own_part(parts)
        free = (
            self.settings.most_kv_bytes - reserved - self.admission.need(sequence.prompt, reused, sequence.max_length)
        )
        self.prefixes.hold(parts)
        try:
            if self.prefixes.nbytes > free and self.prefixes.held_bytes > free:
                return False
            self.prefixes.shrink(free)
            return True
        finally:
            self.prefixes.let_go(parts)

    def allocate(self, sequence: Sequence, parts: tuple[SegmentSlice, ...]) -> None:
        """Set memory aside for a sequence that begins with `parts`."""
        sequence.reused = sum(part.length for part in parts)
        begun = own_part(parts)  # tokens before the tail
        sequence.reserved = self.admission.need(sequence.prompt, begun, sequence.max_length)
        tail = self.store(min(sequence.max_length - begun, self._room(sequence.prompt, begun)))
        sequence.kv = SequenceKV(parts, tail)
        if len(parts) > MOST_PARTS:
            sequence.kv.gather(tail)
        self.prefixes.hold(sequence.kv.parts)

    def make_room(self, sequence: Sequence, count: int) -> None:
        """Let a tail grow by doubling, never beyond what was reserved."""
        assert sequence.kv is not None
        tail = sequence.kv.tail
        if tail.length + count > tail.capacity:
            longest = round_up(sequence.max_length - sequence.kv.base + self.settings.drafts + 1)
            tail.reserve(max(tail.length + count, min(2 * tail.capacity, longest)))

    def share(self, sequence: Sequence, at_end: bool = False) -> None:
        """Make what has been read a segment that others may go on from: after a picture, after a long prompt, and at
        the end.
        """
        kv = sequence.kv
        assert kv is not None
        base, length = kv.base, kv.tail.length
        picture = any(base < end <= base + length for _, end in sequence.prompt.spans)
        split = any(begin < base + length < end for begin, end in sequence.prompt.spans)
        long = not sequence.reading and base < len(sequence.prompt.ids) and length >= WORTH_SHARING
        if not length or not (at_end or (picture and not split) or long):
            return
        kv.tail.trim()
        left = 1 if at_end else sequence.max_length - sequence.read + self.settings.drafts + 1
        segment = kv.freeze(
            tuple(sequence.token_keys[base : base + length]),
            self.store(min(left, self._room(sequence.prompt, sequence.read))),
        )
        sequence.reserved = max(0, sequence.reserved - segment.store.nbytes)
        self.prefixes.add(segment)
        self.prefixes.hold(kv.parts[-1:])

    def free(self, sequence: Sequence) -> None:
        """Give a sequence's memory back; what it has read is kept for others unless it failed or was cancelled."""
        kv = sequence.kv
        assert kv is not None
        if self.shares and sequence.keep and sequence.status is SequenceStatus.FINISHED:
            with suppress(MemoryError):
                self.share(sequence, at_end=True)
        sequence.reserved = 0
        sequence.kv = None
        self.prefixes.let_go(kv.parts)
        if self.prefixes.evicted_bytes - self._evicted >= GAPS:
            self._evicted = self.prefixes.evicted_bytes
            give_back_gaps()

    def store(self, capacity: int) -> KVCache:
        """Return an empty store for so many tokens."""
        kind = Int8KVCache if self.settings.int8_kv else KVCache
        return kind(self.config.text, capacity=capacity, dtype=self.dtype, device=self.device)

    def _room(self, prompt: Prompt, begun: int) -> int:
        """Return how many tokens a tail takes at first that begins there: no room for the answer where it is shared
        before that.
        """
        left = max(0, len(prompt.ids) - begun)
        shared = left >= WORTH_SHARING or any(end > begun for _, end in prompt.spans)
        return left if self.shares and shared else left + ROOM


def own_part(parts: tuple[SegmentSlice, ...]) -> int:
    """Return how many tokens need no memory of the sequence's own: none where its parts are too many and will be
    copied.
    """
    return sum(part.length for part in parts) if len(parts) <= MOST_PARTS else 0


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
    """Whether somebody is reading a picture that the waiting prompt begins with and of which more than `known` tokens
    are then shared.
    """
    for other in running:
        if not other.reading or other.ended:
            continue
        for _, end in reversed(other.prompt.spans):
            if end <= max(known, other.read):
                break
            if end < len(waiting.prompt.ids) and waiting.token_keys[:end] == other.token_keys[:end]:
                return True
    return False
