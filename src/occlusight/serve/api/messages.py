"""/v1/messages: the same answers in the form of Anthropic's API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from secrets import token_hex
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.sse import format_sse_event
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from occlusight.backends.completion import Completion
from occlusight.backends.events import Done, Saved, TextDelta, Usage
from occlusight.backends.protocol import Request
from occlusight.serve.api.conversation import Shown, ShownFilm, Turn, request_of
from occlusight.serve.api.errors import MESSAGES, RESPONSES, ApiError
from occlusight.serve.api.message_shapes import (
    AnsweredText,
    AssistantTurn,
    Base64Source,
    Base64Video,
    FramesSource,
    ImageBlock,
    MessageReply,
    MessageRequest,
    MessageUsage,
    TextBlock,
    UrlSource,
    UserTurn,
    VideoBlock,
)
from occlusight.serve.api.pictures import Pictures
from occlusight.serve.api.service import Service, client_of, stream, unless_left
from occlusight.serve.api.shapes import event_stream
from occlusight.serve.fair_queue import Client

PING = format_sse_event(event="ping", data_str='{"type": "ping"}')
FORM = "output_config.format.schema"
"""The field of an answer's schema."""
STREAMED = event_stream("MessageEvent", "The answer; with `stream` Anthropic's events.")


def messages_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["messages"])

    @router.post(MESSAGES, response_model=MessageReply, responses={**RESPONSES, 200: STREAMED})
    async def create_message(body: MessageRequest, http: HttpRequest) -> Response | MessageReply:
        """Answer the last message of a conversation. Errors have Anthropic's form here."""
        service.check_model(body.model)
        client = client_of(http, body.metadata.user_id if body.metadata else None)
        answer = MessageAnswer(service, body)
        if body.stream:
            return await unless_left(http, stream(answer.pieces(client), failed, PING))
        return await unless_left(http, answer.whole(client))

    return router


class MessageAnswer:
    """One answer, in the form of this family."""

    def __init__(self, service: Service, body: MessageRequest) -> None:
        self.service = service
        self.body = body
        self.id = f"msg_{token_hex(12)}"

    async def whole(self, client: Client) -> MessageReply:
        """Return the answer."""
        async with self.service.pictures(FORM) as pictures:
            request = await asyncio.to_thread(as_request, self.body, pictures)
            async with aclosing(self.service.events(request, client)) as events:
                completion = Completion.of([event async for event in events])
        usage = usage_of(completion.usage, completion.saved)
        return self._reply([AnsweredText(text=completion.text)], stop_reason(completion.finish_reason), usage)

    async def pieces(self, client: Client) -> AsyncGenerator[bytes]:
        """Yield the answer as events."""
        done = Done("cancelled")
        begun = False
        async with self.service.pictures(FORM) as pictures:
            request = await asyncio.to_thread(as_request, self.body, pictures)
            async with aclosing(self.service.events(request, client)) as events:
                async for one in events:
                    if not begun:
                        begun = True
                        message = self._reply([], None, usage_of(Usage(), Saved())).model_dump()
                        yield event("message_start", {"message": message})
                        yield event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
                    if isinstance(one, TextDelta):
                        delta = {"type": "text_delta", "text": one.text}
                        yield event("content_block_delta", {"index": 0, "delta": delta})
                    elif isinstance(one, Done):
                        done = one
        yield event("content_block_stop", {"index": 0})
        ending = {"stop_reason": stop_reason(done.finish_reason), "stop_sequence": None}
        usage = usage_of(done.usage, done.saved).model_dump()
        yield event("message_delta", {"delta": ending, "usage": usage})
        yield event("message_stop")

    def _reply(
        self,
        content: list[AnsweredText],
        reason: Literal["end_turn", "max_tokens"] | None,
        usage: MessageUsage,
    ) -> MessageReply:
        name = self.service.backend.info.name
        return MessageReply(id=self.id, model=name, content=content, stop_reason=reason, usage=usage)


def event(kind: str, fields: Mapping[str, object] | None = None) -> bytes:
    """Return an event."""
    return format_sse_event(event=kind, data_str=json.dumps({"type": kind, **(fields or {})}, ensure_ascii=False))


def failed(error: ApiError) -> bytes:
    """Return the event that tells of a failure."""
    return format_sse_event(event="error", data_str=json.dumps(error.body(MESSAGES), ensure_ascii=False))


def stop_reason(reason: str) -> Literal["end_turn", "max_tokens"]:
    """Return why an answer ended, in Anthropic's words."""
    return "max_tokens" if reason == "length" else "end_turn"


def usage_of(usage: Usage, saved: Saved) -> MessageUsage:
    """Return what an answer took."""
    return MessageUsage(
        input_tokens=usage.prompt_tokens - saved.reused,
        cache_read_input_tokens=saved.reused,
        cache_creation_input_tokens=0,
        output_tokens=usage.completion_tokens,
    )


def as_request(body: MessageRequest, pictures: Pictures) -> Request:
    """Return what the model is asked. Raises ApiError, or BadInput, for what cannot be."""
    system = (
        [] if body.system is None else [body.system] if isinstance(body.system, str) else [b.text for b in body.system]
    )
    turns = [Turn("system", "\n\n".join(system), "system")] if system else []
    turns += [turn_of(message, at) for at, message in enumerate(body.messages)]
    form = body.output_config.format if body.output_config is not None else None
    given: dict[str, Any] = {
        "temperature": body.temperature,
        "top_p": body.top_p,
        "top_k": body.top_k,
        "max_tokens": body.max_tokens,
        "stop": tuple(body.stop_sequences or ()) or None,
        "json_schema": None if form is None else form.schema_,
    }
    return request_of(turns, pictures, **{name: value for name, value in given.items() if value is not None})


def turn_of(message: UserTurn | AssistantTurn, index: int) -> Turn:
    """Return a message as a turn."""
    param = f"messages[{index}].content"
    if isinstance(message.content, str):
        return Turn(message.role, message.content, param)
    texts = [block.text for block in message.content if isinstance(block, TextBlock)]
    shown = tuple(
        shown_in(block.source, f"{param}[{at}].source")
        for at, block in enumerate(message.content)
        if isinstance(block, ImageBlock)
    )
    films = tuple(
        film_in(block.source, f"{param}[{at}].source")
        for at, block in enumerate(message.content)
        if isinstance(block, VideoBlock)
    )
    return Turn(message.role, "\n".join(texts), param, shown, films)


def shown_in(source: Base64Source | UrlSource, param: str) -> Shown:
    """Return the picture of a block."""
    if isinstance(source, UrlSource):
        return Shown(source.url, f"{param}.url")
    return Shown(f"data:{source.media_type};base64,{source.data}", f"{param}.data")


def film_in(source: Base64Video | FramesSource, param: str) -> ShownFilm:
    """Return the video of a block. Raises ApiError where it says two things about its times."""
    if isinstance(source, FramesSource):
        return ShownFilm.of_frames(source.frames, source.times, source.fps, param, "frames")
    return ShownFilm(f"{param}.data", f"data:{source.media_type};base64,{source.data}")
