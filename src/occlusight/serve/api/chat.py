"""/v1/chat/completions: a conversation in, its next message out, whole or piece by piece."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from secrets import token_hex
from time import time
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter
from fastapi.sse import format_sse_event
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from occlusight.backends.completion import Completion
from occlusight.backends.events import Asked, Done, TextDelta, ThoughtDelta, TokenLogprob, Usage
from occlusight.backends.protocol import Request
from occlusight.engine.sampling_params import SamplingKeywords
from occlusight.serve.api.chat_shapes import (
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    ChatMessage,
    ChatReply,
    ChatRequest,
    ChatUsage,
    Delta,
    DeltaChoice,
    FinishReason,
    ImagePart,
    Likely,
    LikelyToken,
    Logprobs,
    PromptDetails,
    SchemaFormat,
    TextPart,
    UnderstoodAs,
    VideoPart,
    VideoUrlPart,
)
from occlusight.serve.api.conversation import Shown, ShownFilm, Turn, request_of
from occlusight.serve.api.errors import RESPONSES, ApiError
from occlusight.serve.api.pictures import Pictures
from occlusight.serve.api.service import Service, client_of, stream, unless_left
from occlusight.serve.api.shapes import PictureRead, event_stream
from occlusight.serve.fair_queue import Client

LEAST_LOGPROB = -9999.0
"""What JSON has for minus infinity: vLLM's number."""
STREAMED = event_stream(
    "ChatChunk", "The answer; with `stream` events, each with a piece of it, the last `[DONE]`.", done="[DONE]"
)


def chat_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["chat"])

    @router.post(
        "/v1/chat/completions",
        response_model=ChatCompletion,
        response_model_exclude_unset=True,
        responses={**RESPONSES, 200: STREAMED},
    )
    async def create_chat_completion(body: ChatRequest, http: HttpRequest) -> Response | ChatCompletion:
        """Answer the last message of a conversation."""
        check_pairs(body)
        service.check_model(body.model)
        client = client_of(http, body.user or body.safety_identifier)
        answering = ChatAnswer(service, body)
        if body.stream:
            return await unless_left(http, stream(answering.pieces(client), lambda error: event(error.body())))
        return await unless_left(http, answering.whole(client))

    return router


class ChatAnswer:
    """One answer, in the form of this family."""

    def __init__(self, service: Service, body: ChatRequest) -> None:
        self.service = service
        self.body = body
        info = service.backend.info
        self.head: dict[str, Any] = {
            "id": f"chatcmpl-{token_hex(12)}",
            "created": int(time()),
            "model": info.name,
            "system_fingerprint": info.revision,
        }

    async def whole(self, client: Client) -> ChatCompletion:
        """Return the answer."""
        async with self.service.pictures(form_param(self.body)) as pictures:
            request = await asyncio.to_thread(as_request, self.body, pictures)
            async with aclosing(self.service.events(request, client)) as events:
                completion = Completion.of([event async for event in events])
        thoughts = {"reasoning_content": completion.thoughts} if completion.thoughts else {}
        message = ChatReply(role="assistant", content=completion.text, refusal=None, **thoughts)
        choice = ChatChoice(
            index=0,
            message=message,
            logprobs=logprobs_of(completion.tokens, request),
            finish_reason=finish_reason(completion.finish_reason),
        )
        done = Done(completion.finish_reason, completion.usage, saved=completion.saved)
        more = understood(completion.asked)
        return ChatCompletion(object="chat.completion", choices=[choice], usage=usage_of(done), **more, **self.head)

    async def pieces(self, client: Client) -> AsyncGenerator[bytes]:
        """Yield the answer as events."""
        options = self.body.stream_options
        with_usage = options is not None and bool(options.include_usage)
        begun = False
        async with self.service.pictures(form_param(self.body)) as pictures:
            request = await asyncio.to_thread(as_request, self.body, pictures)
            async with aclosing(self.service.events(request, client)) as events:
                async for one in events:
                    if not begun:
                        begun = True
                        yield self._piece(Delta(role="assistant", content=""))
                    match one:
                        case TextDelta(text, tokens):
                            yield self._piece(Delta(content=text), logprobs_of(tokens, request))
                        case ThoughtDelta(text):
                            yield self._piece(Delta(reasoning_content=text))
                        case Done(reason):
                            ended = DeltaChoice(
                                index=0, delta=Delta(), logprobs=None, finish_reason=finish_reason(reason)
                            )
                            yield self._chunk([ended], understood(one.asked))
                            if with_usage:
                                yield self._chunk([], {"usage": usage_of(one)})
        yield b"data: [DONE]\n\n"

    def _piece(self, delta: Delta, logprobs: Logprobs | None = None) -> bytes:
        return self._chunk([DeltaChoice(index=0, delta=delta, logprobs=logprobs, finish_reason=None)])

    def _chunk(self, choices: list[DeltaChoice], more: Mapping[str, Any] = MappingProxyType({})) -> bytes:
        chunk = ChatChunk(object="chat.completion.chunk", choices=choices, **more, **self.head)
        return format_sse_event(data_str=chunk.model_dump_json(exclude_unset=True))


def check_pairs(body: ChatRequest) -> None:
    """Raise ApiError for fields that mean nothing, or two things, beside others."""
    if body.stream_options is not None and not body.stream:
        raise ApiError("stream_options is for streams alone; set stream", "stream_options")
    if body.top_logprobs is not None and not body.logprobs:
        raise ApiError("top_logprobs needs logprobs", "top_logprobs")
    if body.max_tokens is not None and body.max_completion_tokens not in (None, body.max_tokens):
        raise ApiError("max_tokens and max_completion_tokens say different things; leave one out", "max_tokens")
    formatted = body.response_format is not None and body.response_format.type != "text"
    if formatted and body.structured_outputs is not None:
        raise ApiError("an answer follows response_format or structured_outputs; leave one out", "structured_outputs")


def as_request(body: ChatRequest, pictures: Pictures) -> Request:
    """Return what the model is asked. Raises ApiError, or BadInput, for what cannot be."""
    return request_of(
        [turn_of(message, index) for index, message in enumerate(body.messages)],
        pictures,
        body.max_pixels,
        body.min_pixels,
        **sampling_of(body),
    )


def turn_of(message: ChatMessage, index: int) -> Turn:
    """Return a message as a turn."""
    param = f"messages[{index}].content"
    role = "system" if message.role == "developer" else message.role
    if isinstance(message.content, str):
        return Turn(role, message.content, param)
    texts = [part.text for part in message.content if isinstance(part, TextPart)]
    shown = tuple(
        Shown(part.image_url.url, f"{param}[{at}].image_url.url", part.image_url.detail)
        for at, part in enumerate(message.content)
        if isinstance(part, ImagePart)
    )
    films = tuple(
        film_in(part, f"{param}[{at}]")
        for at, part in enumerate(message.content)
        if isinstance(part, VideoPart | VideoUrlPart)
    )
    return Turn(role, "\n".join(texts), param, shown, films)


def film_in(part: VideoPart | VideoUrlPart, param: str) -> ShownFilm:
    """Return the video of a part. Raises ApiError where it says two things about its times."""
    if isinstance(part, VideoUrlPart):
        return ShownFilm(f"{param}.video_url.url", part.video_url.url)
    return ShownFilm.of_frames(part.video, part.times, part.fps, param, "video")


def sampling_of(body: ChatRequest) -> SamplingKeywords:
    """Return how the answer is drawn: what was given, and nothing else."""
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    given: dict[str, Any] = {
        "temperature": body.temperature,
        "top_p": body.top_p,
        "max_tokens": body.max_completion_tokens or body.max_tokens,
        "seed": body.seed,
        "top_k": None if body.top_k is None else max(0, body.top_k),
        "min_p": body.min_p,
        "repetition_penalty": body.repetition_penalty,
        "presence_penalty": body.presence_penalty,
        "stop": stop or None,
        "logprobs": (body.top_logprobs or 0) if body.logprobs else None,
        "json_schema": schema_of(body),
        "regex": body.structured_outputs.regex if body.structured_outputs else None,
    }
    return {name: value for name, value in given.items() if value is not None}  # type: ignore[return-value]


def schema_of(body: ChatRequest) -> dict[str, Any] | None:
    """Return the schema that the answer must satisfy."""
    wanted = body.response_format
    if isinstance(wanted, SchemaFormat):
        return wanted.json_schema.schema_
    return {"type": "object"} if wanted is not None and wanted.type == "json_object" else None


def form_param(body: ChatRequest) -> str:
    """Return the field that says which form the answer has."""
    return "structured_outputs.regex" if body.structured_outputs else "response_format.json_schema.schema"


def logprobs_of(tokens: Sequence[TokenLogprob], request: Request) -> Logprobs | None:
    """Return the log-probabilities of an answer's tokens, where they were asked for."""
    if request.sampling.logprobs is None:
        return None
    return Logprobs(content=likely_tokens(tokens), refusal=None)


def likely_tokens(tokens: Sequence[TokenLogprob]) -> list[LikelyToken]:
    """Return tokens with their log-probabilities, and the likeliest in their places."""

    def likely(token: str, logprob: float) -> dict[str, Any]:
        finite = logprob if math.isfinite(logprob) else LEAST_LOGPROB
        return {"token": token, "logprob": finite, "bytes": list(token.encode())}

    return [
        LikelyToken(**likely(one.token, one.logprob), top_logprobs=[Likely(**likely(*other)) for other in one.top])
        for one in tokens
    ]


def finish_reason(reason: str) -> FinishReason:
    """Return why an answer ended, in OpenAI's words."""
    return "length" if reason == "length" else "stop"


def understood(asked: Asked | None) -> dict[str, Any]:
    """Return the field that says what was understood, if anything was."""
    if asked is None:
        return {}
    program = [(op, list(arguments)) for op, arguments in asked.program]
    told = UnderstoodAs(
        scope=asked.scope, program=program, lang=asked.lang, probability=asked.probability, domain=asked.domain
    )
    return {"understood": told}


def usage_of(done: Done) -> ChatUsage:
    """Return what an answer took."""
    usage = done.usage
    details = PromptDetails(
        cached_tokens=done.saved.reused, image_tokens=usage.image_tokens, pictures=pictures_read(usage)
    )
    return ChatUsage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        prompt_tokens_details=details,
    )


def pictures_read(usage: Usage) -> list[PictureRead]:
    """Return how each picture was read."""
    return [
        PictureRead(
            rows=one.rows,
            columns=one.columns,
            tokens=one.tokens,
            size=one.size,
            read_size=one.read_size,
            reduced_by=one.reduced_by,
        )
        for one in usage.pictures
    ]


def event(data: dict[str, Any]) -> bytes:
    """Return an event that holds JSON."""
    return format_sse_event(data_str=json.dumps(data, ensure_ascii=False))
