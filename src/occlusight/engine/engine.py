"""The engine: pictures and a prompt in, the next token's logits out, again and again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from occlusight.engine.feature_cache import FeatureCache
from occlusight.engine.prefix_cache import PrefixCache
from occlusight.engine.prompt import Prompt
from occlusight.engine.sequence import Sequence
from occlusight.engine.turns import Interrupts, Turns
from occlusight.errors import BadInput
from occlusight.model.kv_cache import KVCache
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.rope import positions
from occlusight.model.vision import VisionFeatures

MIB = 1 << 20


@dataclass(frozen=True)
class EngineSettings:
    """Bounds of the caches in bytes (0 turns one off), and how many prompt tokens are read at a time."""

    feature_cache_bytes: int = 256 * MIB
    prefix_cache_bytes: int = 512 * MIB
    chunk: int = 512

    def __post_init__(self) -> None:
        if min(self.feature_cache_bytes, self.prefix_cache_bytes) < 0:
            raise BadInput("cache bounds are bytes and cannot be negative; 0 turns a cache off")
        if self.chunk < 1:
            raise BadInput(f"at least 1 prompt token must be read at a time, but {self.chunk} was given")


class Engine:
    """One model and its caches. Calls must be made within `turn`.

    `revision` is the digest of the weights; features of one model never serve another.
    """

    def __init__(self, model: Qwen3VL, revision: str = "", settings: EngineSettings | None = None) -> None:
        self.model = model
        self.settings = settings or EngineSettings()
        self.revision = revision
        self.features = FeatureCache(self.settings.feature_cache_bytes)
        self.prefixes = PrefixCache(self.settings.prefix_cache_bytes)
        self._turns = Turns()
        self._interrupts = Interrupts(model)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.text.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """What the model computes in."""
        return self.model.text.embed_tokens.weight.dtype

    @property
    def context(self) -> int:
        """The longest sequence in tokens."""
        return self.model.config.text.max_positions

    @contextmanager
    def turn(self, stop: threading.Event) -> Iterator[None]:
        """Wait for the engine; within, passes raise Cancelled between two blocks once `stop` is set."""
        with self._turns.take(), self._interrupts.watch(stop), torch.inference_mode():
            yield

    def start(self, prompt: Prompt, room: int = 0) -> Sequence:
        """Encode the pictures, read the prompt and return its sequence; `room` tokens more are expected.

        Raises:
            BadInput: the prompt is longer than the model's context.
            Cancelled: the flag of the turn was set.
        """
        if len(prompt.ids) >= self.context:
            raise BadInput(
                f"the prompt has {len(prompt.ids)} tokens ({prompt.image_tokens} of them for pictures), but this model "
                f"takes fewer than {self.context}; shorten the text or use fewer or smaller pictures"
            )
        cells = prompt.cells()
        reused, cache = self._reuse(prompt, room)
        began = perf_counter()
        features, image_cached = self._encode(prompt, reused)
        encoded = perf_counter()
        places, delta = positions(prompt.tensor, prompt.grids, self.model.config)  # (3, T)
        logits = self._read(prompt, reused, places, features, cache)
        return Sequence(
            cells=cells,
            cache=cache,
            delta=delta,
            logits=logits,
            encode_s=encoded - began,
            prefill_s=perf_counter() - encoded,
            reused=reused,
            image_cached=image_cached,
        )

    def advance(self, sequence: Sequence, token: int) -> None:
        """Read one token more; `sequence.logits` are then those of the token after it. Raises Cancelled."""
        sequence.logits = self._continue(sequence, [token])[-1]
        sequence.cells.append(token)

    def score(self, sequence: Sequence, tokens: list[int], ends: tuple[int, ...]) -> float:
        """Return the log-probability that `tokens` follow and then one of `ends`; the sequence is left as it was.

        Raises:
            Cancelled: the flag of the turn was set.
        """
        length = len(sequence)
        logits = sequence.logits[None]  # (1, V)
        if tokens:
            logits = torch.cat((logits, self._continue(sequence, tokens)))  # (T + 1, V)
            sequence.cache.truncate(length)
        logs = torch.log_softmax(logits.float(), -1)
        chosen = logs[range(len(tokens)), tokens].sum() if tokens else logs.new_zeros(())
        return float(chosen + logs[-1, list(ends)].logsumexp(-1))

    def keep(self, sequence: Sequence) -> None:
        """Leave the sequence's keys and values for prompts that begin alike; it cannot be advanced any more."""
        self.prefixes.put(sequence.cells, sequence.cache)

    def _reuse(self, prompt: Prompt, room: int) -> tuple[int, KVCache]:
        """Return how many tokens of the prompt are already known, and a cache of our own that holds them.

        A picture is never cut, and the last token is always read: its logits are needed.
        """
        known, kept = self.prefixes.find(prompt.cells())
        known = prompt.whole(min(known, len(prompt.ids) - 1))
        if kept is None or known == 0:
            capacity = min(len(prompt.ids) + room, self.context)
            return 0, KVCache(self.model.config.text, capacity=capacity, dtype=self.dtype, device=self.device)
        cache = kept.copy()
        cache.truncate(known)
        return known, cache

    def _encode(self, prompt: Prompt, reused: int) -> tuple[VisionFeatures | None, bool]:
        """Return the features of the pictures after the first `reused` tokens, and whether none had to be computed."""
        parts: list[VisionFeatures] = []
        computed = False
        for visual, (begin, _) in zip(prompt.visuals, prompt.spans, strict=True):
            if begin < reused:
                continue
            key = f"{self.revision}:{self.dtype}:{visual.digest}"
            features = self.features.get(key)
            if features is None:
                computed = True
                features = self.model.encode(visual.patches.to(self.device), [visual.grid]).without_patches()
                self.features.put(key, features)
            parts.append(features)
        return (VisionFeatures.cat(parts) if parts else None), bool(prompt.visuals) and not computed

    def _read(
        self, prompt: Prompt, reused: int, places: Tensor, features: VisionFeatures | None, cache: KVCache
    ) -> Tensor:
        """Read the prompt after its first `reused` tokens, chunk by chunk; return the last token's logits `(V,)`."""
        ids = prompt.tensor
        visual = (ids == self.model.config.image_token_id) | (ids == self.model.config.video_token_id)
        used = 0  # features read
        hidden = torch.empty(0)
        for begin in range(reused, len(ids), self.settings.chunk):
            end = min(begin + self.settings.chunk, len(ids))
            count = int(visual[begin:end].sum())
            part = features.slice(used, used + count) if features is not None and count else None
            used += count
            chunk = ids[None, begin:end].to(self.device)
            hidden = self.model(chunk, places[:, None, begin:end].to(self.device), features=part, cache=cache)
        logits: Tensor = self.model.logits(hidden[0, -1])
        return logits

    def _continue(self, sequence: Sequence, tokens: list[int]) -> Tensor:
        """Read plain tokens after the sequence; return their logits `(T, V)`."""
        begin = len(sequence) + sequence.delta
        places = torch.arange(begin, begin + len(tokens), device=self.device).expand(3, 1, -1)
        hidden = self.model(torch.tensor([tokens], device=self.device), places, cache=sequence.cache)
        logits: Tensor = self.model.logits(hidden[0])
        return logits
