"""Our own engine as a backend: a checkpoint folder on this machine."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from occlusight.backends.protocol import (
    Done,
    Event,
    FinishReason,
    ModelInfo,
    Picture,
    Request,
    TextDelta,
    Timings,
    Usage,
)
from occlusight.engine.engine import Engine, EngineSettings
from occlusight.engine.placement import Placement
from occlusight.engine.prompt import Prompt, Visual
from occlusight.engine.revision import revision_of
from occlusight.engine.sampling import Sampler
from occlusight.engine.sequence import Sequence as Decoding
from occlusight.errors import Cancelled
from occlusight.model.chat import Chat
from occlusight.model.picture import open_picture
from occlusight.model.preprocess import PreprocessSettings, patches_of
from occlusight.model.weights import dtype_name, load_model

ROOM = 256
"""Tokens of an answer for which memory is taken at the start."""


class LocalBackend:
    """Answers with a Qwen3-VL checkpoint. Several threads may use it; their answers advance in turn.

    With `blind`, pictures are dropped: the baseline that shows what the questions alone give away.

    Raises:
        BadModel: the folder holds no checkpoint that can be loaded.
        BadInput: the device or dtype does not exist here.
    """

    def __init__(
        self,
        checkpoint: str | Path,
        *,
        name: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        blind: bool = False,
        settings: EngineSettings | None = None,
    ) -> None:
        checkpoint = Path(checkpoint)
        self.blind = blind
        self.chat = Chat.load(checkpoint)
        self.preprocess = PreprocessSettings.load(checkpoint)
        placement = Placement.choose(checkpoint, device, dtype)
        model = load_model(checkpoint, placement.dtype, placement.device)
        revision = revision_of(checkpoint)
        self.engine = Engine(model, revision, settings)
        self._info = ModelInfo(
            name=name or str(checkpoint),
            revision=revision,
            context=self.engine.context,
            memory_bytes=sum(p.numel() * p.element_size() for p in model.parameters()),
            dtype=dtype_name(placement.dtype),
        )

    @property
    def info(self) -> ModelInfo:
        """The model behind this backend."""
        return self._info

    def generate(self, request: Request) -> Answer:
        """Return an iterator over the answer; see `Answer` for how to stop it."""
        stop = threading.Event()
        return Answer(self, self._events(request), stop)

    def score(self, request: Request, choices: Sequence[str]) -> list[float]:
        """Return the log-probability of each choice as the whole answer, the end included."""
        with self.engine.turn(threading.Event()):
            sequence = self.engine.start(self.prompt(request))
            scores = [self.engine.score(sequence, self.chat.encode(choice), self.chat.eos_ids) for choice in choices]
            self.engine.keep(sequence)
        return scores

    def forget(self) -> None:
        """Empty the caches, so that what follows does not depend on what was asked before, not even in its rounding."""
        with self.engine.turn(threading.Event()):
            self.engine.prefixes.clear()
            self.engine.features.clear()

    def prompt(self, request: Request) -> Prompt:
        """Return the ids and pictures of a request, as the checkpoint's chat template writes them.

        Raises:
            BadPicture: a picture cannot be read.
        """
        visuals: list[Visual] = []
        messages: list[dict[str, Any]] = []
        if request.system:
            messages.append({"role": "system", "content": request.system})
        for earlier in request.history:
            messages.append({"role": earlier.role, "content": self._content(earlier.text, earlier.pictures, visuals)})
        messages.append({"role": "user", "content": self._content(request.prompt, request.pictures, visuals)})
        ids = self.chat.prompt(messages, [visual.grid for visual in visuals])
        config = self.chat.config
        return Prompt.build(ids, visuals, pad=config.image_token_id, merge=config.vision.merge_size)

    def _content(self, text: str, pictures: tuple[Picture, ...], visuals: list[Visual]) -> list[dict[str, str]]:
        """Return a message's parts, pictures first; what the pictures become is added to `visuals`."""
        if self.blind:
            pictures = ()
        visuals += [Visual.of(*patches_of(open_picture(picture), self.preprocess)) for picture in pictures]
        return [*({"type": "image"} for _ in pictures), {"type": "text", "text": text}]

    def _events(self, request: Request) -> Generator[Event, None, None]:
        """Yield the events of an answer; each step runs within a turn of the engine."""
        began = perf_counter()
        prompt = self.prompt(request)
        sequence = self.engine.start(prompt, room=min(request.max_tokens, ROOM))
        sampler = Sampler(request.temperature, request.top_p, request.seed)
        text = self.chat.stream()
        limit = min(request.max_tokens, self.engine.context - len(prompt.ids))
        first = 0.0
        count = 0
        reason: FinishReason = "length"
        while count < limit:
            token = sampler.pick(sequence.logits)
            count += 1
            first = first or perf_counter()
            if token in self.chat.eos_ids:
                reason = "stop"
                break
            if piece := text.push(token):
                yield TextDelta(piece)
            if count < limit:
                self.engine.advance(sequence, token)
        if piece := text.finish():
            yield TextDelta(piece)
        ended = perf_counter()
        self.engine.keep(sequence)
        yield Done(reason, usage_of(prompt, count), timings_of(sequence, began, first, ended))


class Answer(Iterator[Event]):
    """The events of one answer. `close`, from any thread, ends the computation before the model's next block."""

    def __init__(self, backend: LocalBackend, events: Generator[Event, None, None], stop: threading.Event) -> None:
        self._engine = backend.engine
        self._events = events
        self._stop = stop
        self._own = threading.Lock()  # a generator cannot be closed while another thread runs it

    def __next__(self) -> Event:
        with self._own:
            if self._stop.is_set():
                raise StopIteration
            try:
                with self._engine.turn(self._stop):
                    return next(self._events)
            except Cancelled:
                raise StopIteration from None

    def close(self) -> None:
        """Stop; what the answer held in memory is given back. Iterating further gives nothing."""
        self._stop.set()
        with self._own:
            self._events.close()

    def __del__(self) -> None:
        self._stop.set()


def usage_of(prompt: Prompt, completion_tokens: int) -> Usage:
    """Return the tokens of an answer; the one that ends it counts."""
    return Usage(len(prompt.ids), completion_tokens, prompt.image_tokens)


def timings_of(sequence: Decoding, began: float, first: float, ended: float) -> Timings:
    """Return the seconds of an answer from its clock readings."""
    return Timings(
        encode_s=sequence.encode_s,
        prefill_s=sequence.prefill_s,
        first_token_s=first - began,
        decode_s=ended - first,
        image_cached=sequence.image_cached,
    )
