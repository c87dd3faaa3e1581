"""Numbers for Prometheus, under vLLM's names where it has them, so that its boards fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from occlusight.backends.events import Done, Event, Saved, Usage
from occlusight.backends.protocol import Backend, CancelCheck, Choice, Request, Weighed
from occlusight.backends.wrapped import Wrapped
from occlusight.serve.fair_queue import FairQueue

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
TOKEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
LABEL = ("model_name",)


class Metrics:
    """What is counted and measured of one model."""

    def __init__(self, model: str, queue: FairQueue) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, what: str) -> Counter:
            return Counter(f"vllm:{name}", what, LABEL, registry=registry).labels(model)

        def histogram(name: str, what: str, buckets: Sequence[float] = SECONDS) -> Histogram:
            return Histogram(f"vllm:{name}", what, LABEL, buckets=buckets, registry=registry).labels(model)

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(f"vllm:{name}", what, LABEL, registry=registry).labels(model)

        gauge("num_requests_running", "Requests that are being answered.").set_function(lambda: len(queue.running))
        gauge("num_requests_waiting", "Requests that wait for their turn.").set_function(lambda: queue.waiting)
        self.queued = histogram("request_queue_time_seconds", "How long a request waited for its turn.")
        self.first = histogram("time_to_first_token_seconds", "From a request's turn to its first token.")
        self.whole = histogram("e2e_request_latency_seconds", "From a request's turn to its end.")
        self.token = histogram("request_time_per_output_token_seconds", "Mean time of a later token.", TOKEN_SECONDS)
        self.prompt = counter("prompt_tokens", "Tokens of prompts.")
        self.answer = counter("generation_tokens", "Tokens of answers.")
        self.asked = counter("prefix_cache_queries", "Tokens of prompts that were looked for in the cache.")
        self.known = counter("prefix_cache_hits", "Tokens of prompts that were known from earlier requests.")
        self.shown = counter("mm_cache_queries", "Pictures that were looked for in the cache.")
        self.seen = counter("mm_cache_hits", "Pictures whose features were known from earlier requests.")
        self.ended = Counter(
            "vllm:request_success", "Requests that ended.", (*LABEL, "finished_reason"), registry=registry
        )
        self.decided = Counter("occlusight:questions", "Questions of decisions.", LABEL, registry=registry).labels(
            model
        )
        self.replied = Counter(
            "occlusight:http_responses", "Responses of the API.", ("route", "status"), registry=registry
        )
        self.model = model
        queue.on_turn = self.queued.observe

    def text(self) -> bytes:
        """Return all of it in Prometheus' form."""
        return generate_latest(self.registry)

    def read(self, usage: Usage, saved: Saved) -> None:
        """Count a prompt, or several."""
        self.prompt.inc(usage.prompt_tokens)
        self.asked.inc(usage.prompt_tokens)
        self.known.inc(saved.reused)

    def answered(self, done: Done, seconds: float) -> None:
        """Count an answer."""
        usage, timings = done.usage, done.timings
        self.read(usage, done.saved)
        self.answer.inc(usage.completion_tokens)
        self.first.observe(timings.first_token_s)
        self.whole.observe(seconds)
        if usage.completion_tokens > 1:
            self.token.observe(timings.decode_s / (usage.completion_tokens - 1))
        self.shown.inc(len(usage.pictures))
        self.seen.inc(len(usage.pictures) if timings.image_cached else 0)
        self.ended.labels(self.model, done.finish_reason).inc()


class Metered(Wrapped):
    """A backend whose answers are counted."""

    def __init__(self, backend: Backend, metrics: Metrics) -> None:
        super().__init__(backend)
        self.metrics = metrics

    def around(self, backend: Backend) -> Metered:
        """Return another backend that is counted at the same place."""
        return Metered(backend, self.metrics)

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Return an iterator over the answer."""
        return MeteredAnswer(self.backend.generate(request, cancelled), self.metrics)

    def weigh(self, asked: Sequence[tuple[Request, Sequence[Choice]]], *, whole: bool = True) -> Weighed:
        """Return what the backend does."""
        found = self.backend.weigh(asked, whole=whole)
        self.metrics.decided.inc(len(asked))
        self.metrics.read(found.usage, found.saved)
        return found

    def decisions(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the backend does."""
        found = self.backend.decisions(asked)
        self.metrics.decided.inc(len(asked["questions"]))
        return found


class MeteredAnswer(Iterator[Event]):
    """The events of one answer; `close`, from any thread, stops it."""

    def __init__(self, events: Iterator[Event], metrics: Metrics) -> None:
        self._events = events
        self._metrics = metrics
        self._began = perf_counter()
        self._over = False

    def __next__(self) -> Event:
        event = next(self._events)
        if isinstance(event, Done):
            self._over = True
            self._metrics.answered(event, perf_counter() - self._began)
        return event

    def close(self) -> None:
        """Stop."""
        if not self._over:
            self._over = True
            self._metrics.ended.labels(self._metrics.model, "abort").inc()
        close = getattr(self._events, "close", None)
        if close is not None:
            with suppress(ValueError):  # a plain generator that runs in another thread
                close()
