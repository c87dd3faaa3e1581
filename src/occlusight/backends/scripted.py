"""Canned answers behind the protocol: for tests, and for constant baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from occlusight.backends.events import Done, Event, FinishReason, TextDelta, Usage
from occlusight.backends.protocol import Backend, CancelCheck, Capabilities, Choice, ModelInfo, Request
from occlusight.errors import BadInput

Script = str | Mapping[str, str] | Callable[[Request], str]


@dataclass
class Scripted(Backend):
    """Answers from a script: always the same text, a text for each prompt, or what a function says.

    The text comes in pieces of `piece` characters. `requests` keeps what was asked; `max_tokens` counts pieces.
    """

    script: Script
    piece: int = 8
    name: str = "scripted"
    learnt: tuple[str, ...] = ()
    requests: list[Request] = field(default_factory=list, repr=False)

    @property
    def info(self) -> ModelInfo:
        """A model without weights."""
        return ModelInfo(name=self.name, revision="none", context=2**20, dtype="none", learnt=self.learnt)

    @property
    def capabilities(self) -> Capabilities:
        """A script is sure of its answer."""
        return Capabilities(scores="answer")

    def answer(self, request: Request) -> str:
        """Return the whole answer. Raises BadInput for a prompt that the script does not have."""
        if isinstance(self.script, str):
            return self.script
        if callable(self.script):
            return self.script(request)
        try:
            return self.script[request.prompt]
        except KeyError:
            raise BadInput(f"the script has no answer to {request.prompt!r}") from None

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Yield the answer in pieces, then Done; cut after `max_tokens` pieces."""
        self.requests.append(request)
        text = self.answer(request)
        pieces = [text[i : i + self.piece] for i in range(0, len(text), self.piece)]
        for piece in pieces[: request.sampling.max_tokens]:
            yield TextDelta(piece)
        reason: FinishReason = "stop" if len(pieces) <= request.sampling.max_tokens else "length"
        yield Done(
            reason,
            Usage(len(request.prompt.split()), min(len(pieces), request.sampling.max_tokens), len(request.pictures)),
        )

    def score(self, request: Request, choices: Sequence[Choice], *, whole: bool = True) -> list[float]:
        """Give all probability to the choice that begins the scripted answer."""
        text = self.answer(request).casefold()
        wordings = [(choice,) if isinstance(choice, str) else choice for choice in choices]
        return [0.0 if text.startswith(tuple(w.casefold() for w in words)) else -30.0 for words in wordings]
