"""The engine: requests come in, and every step brings those that run a little further, together."""

from __future__ import annotations

import threading
from dataclasses import replace
from time import perf_counter

import torch

from occlusight.engine.config import EngineSettings
from occlusight.engine.counters import Counters
from occlusight.engine.feature_cache import FeatureCache
from occlusight.engine.forward_pass import ForwardPass, check_numbers
from occlusight.engine.generation import LogitsConsumer
from occlusight.engine.kv_manager import KVManager, expects
from occlusight.engine.kv_segments import SegmentSlice
from occlusight.engine.outlook import Outlook, outlook
from occlusight.engine.prompt import Prompt, Visual
from occlusight.engine.scheduler import priority_of, split_budget
from occlusight.engine.sequence import Sequence, SequenceStatus
from occlusight.engine.speeds import Speeds
from occlusight.engine.token_budget import TokenBudget
from occlusight.engine.vision_encoder import VisionEncoder
from occlusight.model.config import ModelConfig
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.rope import positions
from occlusight.model.vision import VisionFeatures

DRAFTING_ROWS = 8
"""Up to so many rows cost a pass little more than one: it waits for the weights. Drafts fill them."""
TELLING_ROWS = 128
"""Fewer rows of a prompt do not tell how long many take: they wait for the weights."""
ANSWERS = 0
"""The priority class of those that have few tokens to read."""


class Engine:
    """One model, its caches, and the requests under way.

    There is no thread of its own: whoever waits for an answer (`follow`) runs steps for all of them, one caller at a
    time. `revision` is the digest of the weights; features of one model never serve another. `speeds`: what is known of
    this machine.
    """

    def __init__(
        self,
        model: Qwen3VL,
        revision: str = "",
        settings: EngineSettings | None = None,
        speeds: Speeds | None = None,
    ) -> None:
        self.model = model
        self.settings = settings or EngineSettings()
        self.revision = revision
        weight = model.text.embed_tokens.weight
        self.device, self.dtype = weight.device, weight.dtype
        self.kv = KVManager(model.config, self.dtype, self.device, self.settings)
        self.prefixes = self.kv.prefixes
        most_features = self.settings.kept_tokens * self.kv.admission.visual_bytes
        self.features = FeatureCache(min(self.settings.feature_cache_bytes, most_features))
        self.speeds = speeds or Speeds()
        self.encoder = VisionEncoder(model, self.features, f"{revision}:{self.dtype}", self.device, self.speeds)
        self._budget = TokenBudget(model.config.text.matrix_numbers // model.config.text.layers, self.settings.chunk)
        self._counters = Counters()
        self._waiting: list[Sequence] = []
        self._running: list[Sequence] = []
        self._passes: dict[int, ForwardPass] = {}  # those under way, by priority class
        self._late: list[VisionEncoder | ForwardPass] = []
        self._guard = threading.Condition(threading.Lock())
        self._stepping = False

    @property
    def context(self) -> int:
        """The longest sequence in tokens."""
        return self.kv.admission.context

    def counters(self) -> Counters:
        """Return what has been done and what is held."""
        with self._guard:
            return replace(
                self._counters,
                running=len(self._running),
                waiting=len(self._waiting),
                kept_bytes=self.prefixes.nbytes,
                feature_bytes=self.features.nbytes,
                reserved_bytes=self._reserved(),
            )

    def clear_cache(self) -> None:
        """Empty the caches, but for what is in use."""
        with self._guard:
            self._guard.wait_for(lambda: not self._stepping)
            self.prefixes.clear()
            self.features.clear()

    def encode(self, visual: Visual) -> VisionFeatures:
        """Return a picture's features, kept for whoever asks about it next; nobody else's step runs meanwhile."""
        with self._guard:
            self._guard.wait_for(lambda: not self._stepping)
            known = self.features.get(self.encoder.key(visual))
            if known is not None:
                return known
            self._stepping = True
        try:
            return self.encoder.encode(visual)
        finally:
            with self._guard:
                self._stepping = False
                self._guard.notify_all()

    def submit(
        self,
        prompt: Prompt,
        consumer: LogitsConsumer,
        max_new_tokens: int,
        logits_from: int | None = None,
        keep: bool = True,
    ) -> Sequence:
        """Queue a prompt whose answer has at most `max_new_tokens` tokens. `logits_from` (the prompt's last token
        unless given) and `keep`: see `Sequence`.

        Raises:
            BadInput: it can never be answered; nothing has been done then.
        """
        max_length = min(len(prompt.ids) + max_new_tokens, self.context)
        self.kv.admission.check(prompt, max_length)
        last = len(prompt.ids) - 1
        factor = rope_factor_of(prompt, max_length, self.model.config)
        sequence = Sequence(prompt, consumer, last if logits_from is None else logits_from, max_length, keep, factor)
        with self._guard:
            self._waiting.append(sequence)
        return sequence

    def follow(self, sequence: Sequence) -> None:
        """Return after a step, of this caller or another, that may have brought news of the sequence; at once if it has
        ended.
        """
        with self._guard:
            if self._stepping:
                self._guard.wait()
                return
            if sequence.ended:
                return
            self._stepping = True
        try:
            self.step()
        finally:
            with self._guard:
                self._stepping = False
                self._guard.notify_all()

    def outlook(self, sequence: Sequence) -> Outlook | None:
        """Return how far the work before a sequence's first token has come; None before it begins and after it has
        ended.
        """
        return outlook(sequence, self.encoder, list(self._passes.values()), self.speeds, self.model.config)

    def cancel(self, sequence: Sequence, wait: bool = True) -> None:
        """Stop a sequence and free what it holds: now, or after the step under way, which stops early if it is for
        nobody else.

        Without `wait` it may stay until the next step; this never blocks.
        """
        sequence.finish(SequenceStatus.CANCELLED)
        if not self._guard.acquire(blocking=wait):
            return
        try:
            if wait:
                self._guard.wait_for(lambda: not self._stepping)
            if not self._stepping:
                self._sweep()
        finally:
            self._guard.release()

    @torch.inference_mode()
    def step(self) -> None:
        """Schedule, run for a while what is under way, and let those whose pass has ended say what comes next.

        Only one thread at a time may step.
        """
        began = perf_counter()
        running = self.schedule()
        try:
            # Who waits for a picture reads in the next step.
            self.start_passes([sequence for sequence in running if sequence.unread])
            for ended in self.run_passes(began + self.settings.step_s):
                self.finish_pass(ended)
        except Exception as error:
            self._passes.clear()
            for sequence in running:
                sequence.finish(SequenceStatus.FAILED, error)
        with self._guard:
            self._sweep()
            taken = perf_counter() - began
            self._counters = replace(
                self._counters, steps=self._counters.steps + 1, slowest_step_s=max(self._counters.slowest_step_s, taken)
            )

    def schedule(self) -> list[Sequence]:
        """Let go of what has ended, admit what fits, and return all that run."""
        with self._guard:
            self._sweep()
            self._admit()
            return list(self._running)

    def start_passes(self, ready: list[Sequence]) -> None:
        """Begin a pass in every priority class that has none and that somebody waits for."""
        busy = [sequence for one in self._passes.values() for sequence in one.members]
        by_priority: dict[int, list[Sequence]] = {}
        for sequence in ready:
            priority = priority_of(sequence.unread)
            if priority not in self._passes and sequence not in busy and not sequence.ended:
                by_priority.setdefault(priority, []).append(sequence)
        for priority, waiting in by_priority.items():
            members = self._split_budget(waiting, priority == ANSWERS)
            expected = 0.0 if priority == ANSWERS else self._budget.seconds(sum(count for _, count in members))
            self._passes[priority] = ForwardPass(self.model, members, expected)

    def _split_budget(self, waiting: list[Sequence], answers: bool) -> list[tuple[Sequence, int]]:
        """Choose the rows of a pass, and drafts where rows are few; make room for them."""
        unread = [sequence.unread for sequence in waiting]
        rows = unread if answers else split_budget(unread, self._budget.rows(self._layer_s))
        max_drafts = max(0, DRAFTING_ROWS // len(waiting) - 1) if answers and sum(rows) <= DRAFTING_ROWS else 0
        max_drafts = min(max_drafts, self.settings.drafts)
        members = []
        for sequence, count in zip(waiting, rows, strict=True):
            if count:
                sequence.draft_ids = (
                    sequence.consumer.propose(max_drafts) if max_drafts and not sequence.reading else []
                )
                self.kv.make_room(sequence, count + len(sequence.draft_ids))
                members.append((sequence, count))
        order: dict[int, int] = {}  # which beginning came first: the same from run to run, unlike a segment's id
        for sequence, _ in members:
            order.setdefault(first_segment(sequence), len(order))
        return sorted(members, key=lambda member: order[first_segment(member[0])])

    @property
    def _layer_s(self) -> float:
        """How long a layer may take that reads prompts: half a step where something else is to have the other half."""
        return self.settings.step_s / min(2, max(1, len(self._running)))

    def run_passes(self, end: float) -> list[ForwardPass]:
        """Advance until a time what is under way: pictures, answers, short prompts, long ones, each by a block or layer
        at least; return the passes that have ended.

        An earlier one leaves the later ones time for theirs, pictures half of it. What does not fit any more is first
        in the next step.
        """
        works: list[VisionEncoder | ForwardPass] = [self.encoder] if self.encoder else []
        works += [self._passes[priority] for priority in sorted(self._passes)]
        works.sort(key=lambda work: work not in self._late)
        self._late = []
        ended = []
        for index, work in enumerate(works):
            left = end - perf_counter()
            if index and work.slowest > left:
                self._late.append(work)
                continue
            left -= sum(other.slowest for other in works[index + 1 :])
            if isinstance(work, VisionEncoder):
                work.advance(left if len(works) == 1 else min(left, self.settings.step_s / 2))
            elif work.advance(left):
                ended.append(work)
        return ended

    def finish_pass(self, one: ForwardPass) -> None:
        """Hand each sequence of a pass its logits, and leave what was read to others."""
        priority = next(priority for priority, other in self._passes.items() if other is one)
        del self._passes[priority]
        if priority != ANSWERS:
            self._budget.learn(one.count, one.seconds / self.model.config.text.layers, self._layer_s)
            if one.count >= TELLING_ROWS:
                self.speeds.learn("text", one.work, one.seconds)
        self._counters = replace(self._counters, rows=self._counters.rows + one.count)
        for sequence in one.members:
            if sequence.read >= sequence.length:
                self.postprocess(sequence)
            # Also in the middle of what is forced before the first choice.
            sequence.token_keys += sequence.consumer.output_ids[len(sequence.token_keys) - len(sequence.prompt.ids) :]
            if self.kv.shares and not sequence.ended:
                self.kv.share(sequence)

    def postprocess(self, sequence: Sequence) -> None:
        """Let the consumer say what comes next; drop drafts that it does not accept."""
        assert sequence.kv is not None
        if not sequence.first:
            sequence.first = perf_counter()
            sequence.features.clear()
        logits, sequence.logits = torch.cat(sequence.logits), []
        draft_ids, sequence.draft_ids = sequence.draft_ids, []
        try:
            check_numbers(logits)
            accepted = sequence.consumer.consume(logits, draft_ids)
        except Exception as error:
            sequence.finish(SequenceStatus.FAILED, error)
            return
        sequence.kv.tail.truncate(sequence.kv.tail.length - len(draft_ids) + accepted)
        counters = self._counters
        self._counters = replace(
            counters,
            draft_tokens=counters.draft_tokens + len(draft_ids),
            accepted_tokens=counters.accepted_tokens + accepted,
        )
        if sequence.consumer.finish_reason:
            sequence.finished = perf_counter()
            sequence.finish(SequenceStatus.FINISHED)

    def _admit(self) -> None:
        """Let those that wait begin, in the order of their coming, while there is memory.

        One that needs what another is just reading waits for it, and lets later ones pass; one that does not fit lets
        nobody pass.
        """
        for sequence in list(self._waiting):
            if len(self._running) >= self.settings.max_running:
                return
            parts = self.kv.find(sequence)
            if self.kv.shares and expects(sequence, self._running, sum(part.length for part in parts)):
                continue
            if not self.kv.fits(sequence, parts, self._reserved()):
                if self._running:
                    return
                parts = ()  # alone, and what it shares with others is in its way: read everything again
                self.prefixes.clear()
            self._waiting.remove(sequence)
            self._running.append(sequence)
            self._begin(sequence, parts)

    def _begin(self, sequence: Sequence, parts: tuple[SegmentSlice, ...]) -> None:
        """Set memory aside and ask for the pictures that are not known."""
        sequence.admitted = perf_counter()
        prompt = sequence.prompt
        self.kv.allocate(sequence, parts)
        sequence.prompt_positions, sequence.position_delta = positions(prompt.tensor, prompt.grids, self.model.config)
        new = [
            visual for visual, (begin, _) in zip(prompt.visuals, prompt.spans, strict=True) if begin >= sequence.reused
        ]
        hits = sum(self.encoder.want(visual, sequence) for visual in new)
        sequence.encoding = len(sequence.pending_images)
        sequence.image_cached = bool(prompt.visuals) and hits == len(new)
        counters = self._counters
        self._counters = replace(
            counters,
            prompt_tokens=counters.prompt_tokens + len(prompt.ids),
            reused_tokens=counters.reused_tokens + sequence.reused,
            feature_hits=counters.feature_hits + hits,
            feature_misses=counters.feature_misses + len(new) - hits,
        )

    def _sweep(self) -> None:
        """Let go of everything that has ended."""
        for sequence in [s for s in (*self._waiting, *self._running) if s.ended]:
            if sequence in self._waiting:
                self._waiting.remove(sequence)
            else:
                self._running.remove(sequence)
                self._release(sequence)
            done = sequence.status is not SequenceStatus.CANCELLED
            counters = self._counters
            self._counters = replace(
                counters, answers=counters.answers + done, cancelled=counters.cancelled + (not done)
            )

    def _release(self, sequence: Sequence) -> None:
        self.encoder.release(sequence)
        for priority, one in list(self._passes.items()):
            if sequence in one:
                one.drop(sequence)
                if not one.members:
                    del self._passes[priority]
        sequence.pending_images.clear()
        sequence.features.clear()
        sequence.logits.clear()
        self.kv.free(sequence)

    def _reserved(self) -> int:
        return sum(sequence.reserved for sequence in self._running)


def rope_factor_of(prompt: Prompt, max_length: int, config: ModelConfig) -> float:
    """Return YaRN's factor for a sequence of at most `max_length` tokens: 1 unless its positions pass the native
    context.

    (Positions never pass tokens, so most prompts need not be looked at.)
    """
    yarn = config.text.yarn
    if yarn is None or yarn.rope_factor(max_length) == 1:
        return 1.0
    _, position_delta = positions(prompt.tensor, prompt.grids, config)
    return yarn.rope_factor(max_length + position_delta)


def first_segment(sequence: Sequence) -> int:
    """Return what brings those that share their beginning together: their rows are then consecutive."""
    assert sequence.kv is not None
    return id(sequence.kv.parts[0].segment) if sequence.kv.parts else 0
