"""Reads a streamed answer in the shapes that servers give it: fields that are null, absent, empty or in parts mean
nothing, not harm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from occlusight.backends.events import Event, FinishReason, TextDelta, ThoughtDelta, TokenLogprob, Usage
from occlusight.errors import OcclusightError

STOPPED = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_sequences"})
CUT = frozenset({"length", "max_tokens", "max_length"})
"""How servers call an answer's own end, and one that was cut."""


class Reader:
    """What a stream has said so far: how the answer ended (None: it has not), what it took, and whether
    log-probabilities came."""

    def __init__(self) -> None:
        self.reason: FinishReason | None = None
        self.usage = Usage()
        self.has_logprobs = False
        self._waiting: list[TokenLogprob] = []

    def events(self, chunk: Any) -> Iterator[Event]:
        """Yield the pieces of text and thought in a chunk.

        Raises OcclusightError for an error in the stream, and for an answer that ended in another way than by itself or
        its length.
        """
        if found := complaint_in(chunk):
            raise OcclusightError(f"the server broke its answer off ({found})")
        if (usage := field(chunk, "usage")) is not None:
            self.usage = Usage(count(usage, "prompt_tokens"), count(usage, "completion_tokens"))
        for choice in listed(chunk, "choices"):
            delta = field(choice, "delta")
            self._waiting += logprobs_in(choice)
            self.has_logprobs = self.has_logprobs or bool(self._waiting)
            thought = field(delta, "reasoning_content") or field(delta, "reasoning")
            said = field(delta, "content") or field(delta, "refusal")
            for thinking, text in (*pieces(thought, thinking=True), *pieces(said)):
                tokens = tuple(self._waiting)
                self._waiting.clear()
                yield ThoughtDelta(text, tokens) if thinking else TextDelta(text, tokens)
            if reason := field(choice, "finish_reason"):
                self.reason = reason_of(str(reason))


def field(holder: Any, name: str) -> Any:
    """Return a field of an object or a mapping, None where there is none."""
    return holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)


def listed(holder: Any, name: str) -> list[Any]:
    """Return a field that holds a list, nothing where it holds anything else."""
    value = field(holder, name)
    return value if isinstance(value, list) else []


def count(usage: Any, name: str) -> int:
    """Return a number of tokens, 0 where the server says none."""
    value = field(usage, name)
    return int(value) if isinstance(value, (int, float)) and 0 < value < 2**53 else 0


def pieces(content: Any, thinking: bool = False) -> Iterator[tuple[bool, str]]:
    """Yield (whether it is a thought, text) of a content: a text, or a list of parts that hold one."""
    if isinstance(content, str):
        if content:
            yield thinking, content
    elif isinstance(content, list):
        for part in content:
            kind = field(part, "type")
            held = part if isinstance(part, str) else field(part, "text") or field(part, "thinking")
            yield from pieces(held, thinking or kind in ("thinking", "reasoning"))


def logprobs_in(choice: Any) -> list[TokenLogprob]:
    """Return the tokens that a choice tells the log-probabilities of."""
    found = listed(field(choice, "logprobs"), "content")
    return [token for entry in found if (token := token_in(entry)) is not None]


def token_in(entry: Any) -> TokenLogprob | None:
    """Return a token with its log-probability and its rivals; None where an entry says none."""
    token, value = field(entry, "token"), field(entry, "logprob")
    if not isinstance(token, str) or not isinstance(value, (int, float)) or not value <= 0:
        return None
    rivals = (token_in(one) for one in listed(entry, "top_logprobs"))
    return TokenLogprob(token, float(value), tuple((one.token, one.logprob) for one in rivals if one is not None))


def reason_of(said: str) -> FinishReason:
    """Return how an answer ended. Raises OcclusightError where it was neither by itself nor by its length."""
    if said.lower() in STOPPED:
        return "stop"
    if said.lower() in CUT:
        return "length"
    raise OcclusightError(f"the server ended its answer with {said!r} instead of stop or length")


def complaint_in(chunk: Any) -> str:
    """Return what an error that comes as a chunk says; nothing where the chunk is none."""
    error = field(chunk, "error")
    if not error and field(chunk, "object") != "error":
        return ""
    said = error if isinstance(error, str) else field(error or chunk, "message")
    return " ".join(str(said or error or "no reason given").split())[:300]
