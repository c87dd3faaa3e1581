"""/metrics: what is counted, under vLLM's names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.serve.api.conftest import Telling, asked


def test_what_was_answered_is_counted(serve_api: Callable[..., str], pictures: list[Path]) -> None:
    body: dict[str, Any] = {"model": "scripted", "messages": [asked("?", pictures[0])]}
    decision = {"model": "scripted", "input": "x", "questions": [{"type": "predicate", "instructions": "?"}] * 3}
    with httpx.Client(base_url=serve_api(Telling("Yes"))) as http:
        for stream in (False, True):
            assert http.post("/v1/chat/completions", json={**body, "stream": stream}).status_code == 200
        assert http.post("/v1/decisions", json=decision).status_code == 200
        assert http.post("/v1/chat/completions", json={}).status_code == 400
        told = http.get("/metrics")
    assert told.headers["content-type"].startswith("text/plain")
    samples = {
        (one.name, *(v for k, v in one.labels.items() if k != "model_name")): one.value
        for family in text_string_to_metric_families(told.text)
        for one in family.samples
    }
    assert samples["vllm:prompt_tokens_total",] == 2 * 12
    assert samples["vllm:generation_tokens_total",] == 2 * 4
    assert samples["vllm:prefix_cache_hits_total",] == 2 * 5
    assert samples["vllm:mm_cache_queries_total",] == 2
    assert samples["vllm:time_to_first_token_seconds_count",] == 2
    assert samples["vllm:e2e_request_latency_seconds_count",] == 2
    assert samples["vllm:request_queue_time_seconds_count",] == 3
    assert samples["vllm:request_success_total", "length"] == 2
    assert samples["vllm:num_requests_running",] == samples["vllm:num_requests_waiting",] == 0
    assert samples["occlusight:questions_total",] == 3
    assert samples["occlusight:http_responses_total", "/v1/chat/completions", "200"] == 2
    assert samples["process_resident_memory_bytes",] > 0
