"""How an engine is set up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from occlusight.errors import BadInput
from occlusight.model.memory import memory_bytes

MIB = 1 << 20
LONGEST_STEP_S = 60.0
"""No step may take longer. With this bound the chunks in which prompts are read do not depend on how busy the machine
is.
"""
KV_SHARE = 0.25
"""The share of the machine's memory that keys and values may take, unless the user says."""


@dataclass(frozen=True)
class EngineSettings:
    """Bounds in bytes, and what may be switched off to get the plain twin of each shortcut.

    Args:
        feature_cache_bytes: pictures' features that are kept; 0 keeps none.
        prefix_cache_bytes: keys and values kept of answers that have ended; 0 keeps none, and nothing is shared between
            answers.
        kept_tokens: neither keeps more than so many tokens take: with a small model the bounds in bytes would be
            thousands of pictures that nobody asks about again.
        kv_bytes: all keys and values, kept ones and those of running answers; 0 takes a quarter of the machine's
            memory.
        int8_kv: hold them in a byte a number, for contexts that would not fit otherwise.
        step_s: how long a step may take; how many prompt tokens are read together follows from the speed measured.
        chunk: the most prompt tokens that are read together.
        max_running: the most answers that are computed at a time.
        drafts: the most tokens that are drafted from the text so far (prompt lookup) and checked in one pass; 0 turns
            it off.
    """

    feature_cache_bytes: int = 256 * MIB
    prefix_cache_bytes: int = 512 * MIB
    kept_tokens: int = 16_384
    kv_bytes: int = 0
    int8_kv: bool = False
    step_s: float = 0.4
    chunk: int = 512
    max_running: int = 32
    drafts: int = 6

    def __post_init__(self) -> None:
        if min(self.feature_cache_bytes, self.prefix_cache_bytes, self.kv_bytes) < 0:
            raise BadInput("cache bounds are bytes and cannot be negative; 0 turns a cache off")
        if self.kept_tokens < 1:
            raise BadInput(f"at least 1 token must be kept where a cache is on, but {self.kept_tokens} was given")
        if self.chunk < 1:
            raise BadInput(f"at least 1 prompt token must be read at a time, but {self.chunk} was given")
        if self.max_running < 1:
            raise BadInput(f"at least 1 answer must be computed at a time, but {self.max_running} was given")
        if not 0.0 < self.step_s <= LONGEST_STEP_S:
            raise BadInput(
                f"a step takes more than 0 and at most {LONGEST_STEP_S:g} seconds, but {self.step_s} was given"
            )
        if not 0 <= self.drafts <= 64:
            raise BadInput(f"0 to 64 tokens can be drafted at a time, but {self.drafts} was given")

    @cached_property
    def most_kv_bytes(self) -> int:
        """The bound of all keys and values, settled when it is first asked for."""
        return self.kv_bytes or int(KV_SHARE * memory_bytes())
