"""Pictures on their way through the vision tower, block by block."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from time import perf_counter

import torch

from occlusight.engine.feature_cache import FeatureCache
from occlusight.engine.prompt import Visual
from occlusight.engine.sequence import Sequence
from occlusight.engine.speeds import Speeds
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.size import vision_work
from occlusight.model.steps import finished
from occlusight.model.vision import VisionFeatures, steps_for

TELLING = 4
"""So many steps of a picture tell how long the others take."""


@dataclass
class Job:
    """A picture being encoded, in `total` steps, and for whom; `work` is in multiplications."""

    steps: Generator[None, None, VisionFeatures]
    total: int
    work: float
    done: int = 0
    waiting: list[Sequence] = field(default_factory=list)
    seconds: float = 0.0
    slowest: float = 0.0
    first_s: float = 0.0

    @property
    def fraction(self) -> float:
        """How much is done: steps take about as long as one another, but for the first, which embeds the patches."""
        return self.done / self.total

    @property
    def step_s(self) -> float | None:
        """What a step takes, the first left out; None until a few tell."""
        return (self.seconds - self.first_s) / (self.done - 1) if self.done >= TELLING else None


class VisionEncoder:
    """Encodes pictures in the order of asking, each once however many wait for it; features go to these and to the
    cache.

    Keys tell model, number type, and the digest of the processed pixels and their grid; never a path.
    """

    def __init__(
        self, model: Qwen3VL, cache: FeatureCache, prefix: str, device: torch.device, speeds: Speeds | None = None
    ) -> None:
        self.cache = cache
        self.speeds = speeds or Speeds()
        self._device = device
        self._model = model
        self._prefix = prefix
        self._jobs: dict[str, Job] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def slowest(self) -> float:
        """The longest that a block of the picture under way has taken, in seconds."""
        return next((job.slowest for job in self._jobs.values()), 0.0)

    def key(self, visual: Visual) -> str:
        """Return the key of a picture's features."""
        return f"{self._prefix}:{visual.digest}"

    def want(self, visual: Visual, sequence: Sequence) -> bool:
        """Give the sequence a picture's features, at once where they are known (then True), else when they are
        there.
        """
        key = self.key(visual)
        features = self.cache.get(key)
        if features is not None:
            sequence.features[visual.digest] = features
            return True
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = self._job(visual)
        if sequence not in job.waiting:
            job.waiting.append(sequence)
        sequence.pending_images.add(visual.digest)
        return False

    @torch.inference_mode()
    def encode(self, visual: Visual) -> VisionFeatures:
        """Encode a picture at once, for nobody in the queue, and keep its features."""
        job = self._job(visual)
        began = perf_counter()
        features = finished(job.steps).without_patches()
        self.speeds.learn("vision", job.work, perf_counter() - began)
        self.cache.put(self.key(visual), features)
        return features

    def _job(self, visual: Visual) -> Job:
        frames, rows, columns = visual.grid
        config = self._model.config.vision
        return Job(
            self._model.vision.steps(visual.patches.to(self._device), [visual.grid]),
            steps_for(config, frames, rows * columns),
            frames * vision_work(config, rows * columns),
        )

    def until(self, sequence: Sequence) -> list[Job]:
        """Return the pictures to be encoded until the sequence has its own: those of others that came before too."""
        jobs = list(self._jobs.values())
        last = max((place for place, job in enumerate(jobs) if sequence in job.waiting), default=-1)
        return jobs[: last + 1]

    def release(self, sequence: Sequence) -> None:
        """The sequence does not wait any more; what nobody waits for is dropped."""
        for key, job in list(self._jobs.items()):
            if sequence in job.waiting:
                job.waiting.remove(sequence)
                if not job.waiting:
                    job.steps.close()
                    del self._jobs[key]

    def advance(self, seconds: float) -> None:
        """Run blocks of the oldest picture until the next one would take longer than is left; at least one, unless it
        is for nobody.
        """
        began = perf_counter()
        while self._jobs:
            key, job = next(iter(self._jobs.items()))
            if all(sequence.ended for sequence in job.waiting):
                return
            before = perf_counter()
            try:
                next(job.steps)
            except StopIteration as end:
                job.seconds += perf_counter() - before
                self._deliver(key, job, end.value.without_patches())
            else:
                took = perf_counter() - before
                job.done += 1
                job.first_s = job.first_s or took
                job.seconds += took
                job.slowest = max(job.slowest, took)
                if perf_counter() - began + job.slowest > seconds:
                    return
            if perf_counter() - began > seconds:
                return

    def _deliver(self, key: str, job: Job, features: VisionFeatures) -> None:
        del self._jobs[key]
        self.speeds.learn("vision", job.work, job.seconds)
        self.cache.put(key, features)
        digest = key.rpartition(":")[2]
        for sequence in job.waiting:
            sequence.features[digest] = features
            sequence.pending_images.discard(digest)
            sequence.encode_s += job.seconds
