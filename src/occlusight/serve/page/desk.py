"""Answers what pages ask: each answer is a stream of events, which end with `done` or `failed`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event

from occlusight.backends.events import Done
from occlusight.backends.protocol import Backend, CancelCheck, Message, Request
from occlusight.errors import BadInput, BadPicture, Busy
from occlusight.images.film import Budget, Film, FilmLimits, is_video, open_film
from occlusight.serve.fair_queue import FairQueue, Place
from occlusight.serve.page.exchange import News, busy_told
from occlusight.serve.page.question import Question
from occlusight.serve.page.stream import Answering
from occlusight.serve.page.uploads import Uploads

LOG = logging.getLogger("occlusight.serve")
LONGEST_OPENING_S = 20.0
"""Seconds in which a video must be opened."""
MOST_PIXELS = 25_165_824
"""Pixels of all frames of a video together: Qwen3-VL reads no more."""
EVERY_S = 4.0
"""How often somebody who waits is told his place, at most."""


class Desk:
    """Answers for every open page."""

    def __init__(self, backend: Backend, uploads: Uploads, queue: FairQueue) -> None:
        self.backend = backend
        self.uploads = uploads
        self.queue = queue
        self.threads = ThreadPoolExecutor(queue.shares.at_once, thread_name_prefix="answer")

    def answer(self, question: Question, pictures: tuple[Path, ...], place: Place) -> AsyncGenerator[News, None]:
        """Yield what there is to tell of an answer, as it comes: `waits`, `progress`, `text`, `thought`, `done` or
        `failed`; closing this stops it."""
        return or_failed(self._answer(question, pictures, place), self.uploads.told)

    async def _answer(self, question: Question, pictures: tuple[Path, ...], place: Place) -> AsyncGenerator[News, None]:
        answering: Answering | None = None
        left = Event()
        try:
            videos = [path for path in pictures if is_video(path)]
            request = as_request(question, tuple(path for path in pictures if path not in videos))
            async for ahead in place.waits(EVERY_S):
                yield {"event": "waits", "ahead": ahead}
            if videos and place.runs:
                request = replace(request, films=await asyncio.to_thread(opened, videos, left.is_set))
            answering = Answering(self.backend, request, place, self.threads)
            told = thought = 0
            async for progress in answering.news():
                if progress is not None:
                    yield {"event": "progress", **asdict(progress)}
                text, thoughts = answering.text, answering.thought  # they grow while this waits
                if len(thoughts) > thought:
                    yield {"event": "thought", "more": thoughts[thought:]}
                if len(text) > told:
                    yield {"event": "text", "more": text[told:]}
                told, thought = len(text), len(thoughts)
            yield {**ending(answering), "alone": not self.queue.running and not self.queue.waiting}
        finally:
            left.set()
            if answering is not None:
                answering.stop()

    def close(self) -> None:
        """Begin no further answer."""
        self.threads.shutdown(wait=False, cancel_futures=True)


async def or_failed(news: AsyncGenerator[News, None], told: Callable[[object], str]) -> AsyncGenerator[News, None]:
    """Yield events, and `failed`, with its kind, where making them fails; `told` takes out of messages what is nobody's
    business."""
    failed: News
    try:
        async with aclosing(news):
            async for one in news:
                yield one
            return
    except BadPicture as error:
        failed = {"kind": "picture", "message": told(error)}
    except BadInput as error:
        failed = {"kind": "input", "message": told(error)}
    except Busy as busy:
        failed = busy_told(busy)
    except Exception as error:  # the page must be usable again; the log keeps the whole story
        LOG.exception("an answer failed")
        failed = {"kind": "failed", "message": type(error).__name__}
    yield {"event": "failed", **failed}


def opened(videos: Sequence[Path], left: CancelCheck) -> tuple[Film, ...]:
    """Open videos as frames, as Qwen3-VL takes them. Raises BadVideo, and Cancelled where `left` says so."""
    limits, budget = FilmLimits(seconds=LONGEST_OPENING_S), Budget(pixels=MOST_PIXELS)
    return tuple(open_film(video, limits=limits, cancelled=left, budget=budget) for video in videos)


def as_request(question: Question, pictures: tuple[Path, ...]) -> Request:
    """Return what the backend is asked. Raises BadInput."""
    return Request(
        question.question,
        pictures,
        system=question.system or None,
        history=tuple(Message(turn.role, turn.text) for turn in question.history),
        temperature=question.temperature,
        top_p=question.top_p,
        max_tokens=question.max_tokens,
        seed=question.seed,
        max_pixels=question.max_pixels,
    )


def ending(answering: Answering) -> News:
    """Return how an answer ended: `seconds` of all, until the first word and of looking, how the pictures were read,
    whether pictures can tell what was asked (`scope`), and how probably these are of the model's world (`domain`)."""
    done = answering.done or Done("cancelled")
    return {
        "event": "done",
        "finish_reason": done.finish_reason,
        "seconds": answering.seconds,
        "first_s": done.timings.first_token_s,
        "looking_s": None if done.timings.image_cached else done.timings.encode_s,
        "tokens": done.usage.completion_tokens,
        "pictures": [asdict(use) for use in done.usage.pictures],
        "scope": done.asked and done.asked.scope,
        "domain": done.asked and done.asked.domain,
    }
