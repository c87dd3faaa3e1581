"""Any server that speaks OpenAI's chat API (vLLM, SGLang, llama.cpp, DashScope, our own) as a backend, through the official client."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import openai

from occlusight.backends.fields import Picture
from occlusight.backends.protocol import (
    Done,
    Event,
    FinishReason,
    ModelInfo,
    Request,
    TextDelta,
    Timings,
    Usage,
)
from occlusight.errors import BadInput, BadModel, OcclusightError
from occlusight.model.picture import open_picture

BASE_URL, API_KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"
TOP_LOGPROBS = 20
UNLIKELY = -30.0
"""The log-probability of a choice that is not among the likeliest first tokens."""


class OpenAIBackend:
    """Answers through a server. Failed connections and overloaded servers are tried again by the client, with growing pauses.

    Args:
        model: the model's name on the server.
        base_url: the server's address up to `/v1`; without it $OPENAI_BASE_URL.
        api_key: without it $OPENAI_API_KEY; many local servers need none.
        timeout: seconds that one request may take.
        retries: how often a failed request is tried again.

    Raises:
        BadInput: no address is given.
        BadModel: the server cannot be reached, or does not have the model.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float = 600.0,
        retries: int = 4,
    ) -> None:
        address = base_url or os.environ.get(BASE_URL)
        if not address:
            raise BadInput(
                f"--backend openai needs the server's address, such as --base-url http://localhost:8000/v1 (or set {BASE_URL})"
            )
        key = api_key or os.environ.get(API_KEY) or "none"
        self.model, self.address = model, address
        self.client = openai.OpenAI(base_url=address, api_key=key, timeout=timeout, max_retries=retries)
        self._info = ModelInfo(name=model, revision=self._revision(), dtype="remote")

    @property
    def info(self) -> ModelInfo:
        """The model's name; the revision is what the server says about it, since its weights cannot be seen from here."""
        return self._info

    def _revision(self) -> str:
        """Ask the server which models it has. Servers that do not list them are believed to have it."""
        try:
            listed = {entry.id: entry for entry in self.client.models.list()}
        except openai.NotFoundError:
            return self.address
        except openai.APIConnectionError as error:
            raise BadModel(f"no server answers at {self.address} ({_cause(error)}); check the address") from error
        except openai.APIStatusError as error:
            raise BadModel(f"{self.address} refused to list its models ({_said(error)})") from error
        if listed and self.model not in listed:
            raise BadModel(f"{self.address} has no model {self.model!r}; it has {', '.join(sorted(listed))}")
        created = getattr(listed.get(self.model), "created", None)
        return f"{self.address}#{created}" if created else self.address

    def generate(self, request: Request) -> Iterator[Event]:
        """Yield the answer as it is streamed; closing the iterator closes the connection, which cancels the work.

        Raises:
            OcclusightError: the server failed after all retries; the message carries its reason.
            BadInput: the server refused the request.
        """
        began, first = perf_counter(), 0.0
        reason: FinishReason | None = None
        usage = Usage()
        with self._told(), self.client.chat.completions.create(**self._body(request), stream=True) as chunks:
            for chunk in chunks:
                if chunk.usage is not None:
                    usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
                for choice in chunk.choices:
                    if choice.delta.content:
                        first = first or perf_counter()
                        yield TextDelta(choice.delta.content)
                    if choice.finish_reason is not None:
                        reason = _reason(choice.finish_reason)
        if reason is None:
            raise OcclusightError(
                f"{self.address} ended its answer without a finish reason; the connection may have broken"
            )
        ended = perf_counter()
        first = first or ended
        yield Done(reason, usage, Timings(first_token_s=first - began, decode_s=ended - first))

    def score(self, request: Request, choices: Sequence[str]) -> list[float]:
        """Return the log-probability of each choice's first token: the chat API gives no more.

        Raises BadInput where the server returns no log-probabilities.
        """
        body = {**self._body(request), "max_tokens": 1, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
        body.pop("stream_options")
        with self._told():
            answer = self.client.chat.completions.create(**body)
        found = answer.choices[0].logprobs
        if found is None or not found.content:
            raise BadInput(f"{self.address} returns no log-probabilities, so its model's certainty cannot be measured")
        tops = [(entry.token.strip(), entry.logprob) for entry in found.content[0].top_logprobs]
        return [
            max((p for token, p in tops if token and choice.strip().startswith(token)), default=UNLIKELY)
            for choice in choices
        ]

    def _body(self, request: Request) -> dict[str, Any]:
        messages: list[dict[str, Any]] = []
        if request.system:
            messages.append({"role": "system", "content": request.system})
        for turn in request.history:
            messages.append({"role": turn.role, "content": _content(turn.text, turn.pictures)})
        messages.append({"role": "user", "content": _content(request.prompt, request.pictures)})
        body: dict[str, Any] = {
            "model": self.model,
            "messages": messages,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "max_tokens": request.max_tokens,
            "stream_options": {"include_usage": True},
        }
        return body if request.seed is None else {**body, "seed": request.seed}

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Within, the client's errors become ours."""
        try:
            yield
        except openai.APIConnectionError as error:
            raise OcclusightError(f"the connection to {self.address} failed ({_cause(error)})") from error
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            raise BadInput(f"{self.address} refused the request ({_said(error)})") from error
        except openai.AuthenticationError as error:
            raise BadInput(f"{self.address} wants another key ({_said(error)}); set {API_KEY}") from error
        except openai.APIError as error:
            raise OcclusightError(f"{self.address} failed ({_said(error)})") from error


def _content(text: str, pictures: Sequence[Picture]) -> str | list[dict[str, Any]]:
    if not pictures:
        return text
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": as_data_url(p)}} for p in pictures]
    return [*parts, {"type": "text", "text": text}]


def as_data_url(picture: Picture) -> str:
    """Return an upright picture as the data URL of a PNG: no pixel is lost on the way. Raises BadPicture."""
    buffer = io.BytesIO()
    open_picture(picture).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _reason(said: str) -> FinishReason:
    if said in ("stop", "length"):
        return "stop" if said == "stop" else "length"
    raise OcclusightError(f"the server ended its answer with {said!r} instead of stop or length")


def _said(error: openai.APIError) -> str:
    status = getattr(error, "status_code", None)
    return f"{f'HTTP {status}: ' if status else ''}{' '.join(str(error.message).split())[:300]}"


def _cause(error: openai.APIConnectionError) -> str:
    return str(error.__cause__ or error.message).strip() or type(error).__name__
