"""How far the work before a first token has come, and about how long the rest takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from occlusight.engine.forward_pass import ForwardPass
from occlusight.engine.sequence import Sequence
from occlusight.engine.speeds import Speeds
from occlusight.engine.vision_encoder import Job, VisionEncoder
from occlusight.model.config import ModelConfig
from occlusight.model.size import text_work


@dataclass(frozen=True)
class Outlook:
    """The stage, what of it is done (the tower's blocks, or the prompt's tokens), and the seconds until the first
    token, if known.
    """

    stage: Literal["encoding", "reading"]
    done: int
    total: int
    seconds_left: float | None


def outlook(
    sequence: Sequence, encoder: VisionEncoder, passes: Iterable[ForwardPass], speeds: Speeds, config: ModelConfig
) -> Outlook | None:
    """Return the outlook of a sequence that has been admitted and has no token yet; else None."""
    if sequence.kv is None or sequence.first or sequence.ended:
        return None
    length, read = len(sequence.prompt.ids), sequence.read
    under_way = next((one for one in passes if sequence in one.members), None)
    part = 0.0 if under_way is None else under_way.members.get(sequence, 0) * under_way.fraction
    rest = text_work(config.text, length, round(read + part))
    if sequence.pending_images:
        jobs = encoder.until(sequence)
        if (
            not speeds.rates and jobs and (step_s := jobs[0].step_s)
        ):  # a first picture tells of what comes after it, too
            speeds = Speeds({"vision": jobs[0].work / jobs[0].total / step_s})
        left = [seconds_of(job, speeds) for job in jobs]
        blocks = config.vision.layers
        own = [job for job in jobs if sequence in job.waiting]
        done = (sequence.encoding - len(sequence.pending_images)) * blocks + sum(
            round(job.fraction * blocks) for job in own
        )
        known = [*left, speeds.seconds("text", rest)]
        return Outlook("encoding", done, sequence.encoding * blocks, total_of(known))
    reading = speeds.seconds("text", rest)
    if under_way is not None and under_way.fraction and under_way.members.get(sequence, 0) >= length - read:
        reading = under_way.seconds / under_way.fraction * (1 - under_way.fraction)
    return Outlook("reading", round(read - sequence.reused + part), length - sequence.reused, reading)


def seconds_of(job: Job, speeds: Speeds) -> float | None:
    """Return about what is left of a picture's encoding: by its own steps where these tell, else by earlier
    pictures.
    """
    if job.step_s is not None:
        return job.step_s * (job.total - job.done)
    return speeds.seconds("vision", job.work * (1 - job.fraction))


def total_of(seconds: list[float | None]) -> float | None:
    """Return the sum; None where a part of it is not known."""
    return sum(one for one in seconds if one is not None) if None not in seconds else None
