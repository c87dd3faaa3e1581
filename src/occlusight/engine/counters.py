"""What an engine has done so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counters:
    """Counts since the start, and what is held now (`running`, `waiting`, `kept_bytes`, `feature_bytes`,
    `reserved_bytes`).

    `prompt_tokens` counts those of admitted prompts, `reused_tokens` those of them that needed no reading;
    `feature_hits` and `feature_misses` count pictures; `draft_tokens` those that prompt lookup proposed,
    `accepted_tokens` those of them that the model said too; `forced_tokens` those to which a grammar or a budget left
    no alternative; `slowest_step_s` is in seconds.
    """

    steps: int = 0
    slowest_step_s: float = 0.0
    rows: int = 0
    answers: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    feature_hits: int = 0
    feature_misses: int = 0
    draft_tokens: int = 0
    accepted_tokens: int = 0
    forced_tokens: int = 0
    running: int = 0
    waiting: int = 0
    kept_bytes: int = 0
    feature_bytes: int = 0
    reserved_bytes: int = 0
