"""/v1/responses: the same answers in the form of OpenAI's later API. Nothing is stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from secrets import token_hex
from time import time
from typing import Any

from fastapi import APIRouter
from fastapi.sse import format_sse_event
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from occlusight.backends.completion import Completion
from occlusight.backends.events import TextDelta
from occlusight.backends.protocol import Request
from occlusight.serve.api.chat import likely_tokens
from occlusight.serve.api.conversation import Shown, ShownFilm, Turn, request_of
from occlusight.serve.api.decision_shapes import InputImage
from occlusight.serve.api.errors import RESPONSES, ApiError
from occlusight.serve.api.pictures import Pictures
from occlusight.serve.api.response_shapes import (
    Cached,
    Failure,
    Incompleteness,
    InputVideo,
    Item,
    OutputMessage,
    OutputPart,
    ResponseEvent,
    ResponseReply,
    ResponseRequest,
    ResponseUsage,
    SchemaTextFormat,
    Thought,
)
from occlusight.serve.api.service import Service, client_of, stream, unless_left
from occlusight.serve.api.shapes import event_stream
from occlusight.serve.fair_queue import Client

FORM = "text.format.schema"
"""The field of an answer's schema."""
STREAMED = event_stream("ResponseEvent", "The answer; with `stream` OpenAI's events.")


def responses_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["responses"])

    @router.post("/v1/responses", response_model=ResponseReply, responses={**RESPONSES, 200: STREAMED})
    async def create_response(body: ResponseRequest, http: HttpRequest) -> Response | ResponseReply:
        """Answer the last message of a conversation."""
        if body.top_logprobs is not None and not body.include:
            raise ApiError("top_logprobs needs include: ['message.output_text.logprobs']", "top_logprobs")
        service.check_model(body.model)
        client = client_of(http, body.user or body.safety_identifier)
        answer = ResponseAnswer(service, body)
        if body.stream:
            return await unless_left(http, stream(answer.pieces(client), answer.failed))
        return await unless_left(http, answer.whole(client))

    return router


class ResponseAnswer:
    """One answer, in the form of this family."""

    def __init__(self, service: Service, body: ResponseRequest) -> None:
        self.service = service
        self.body = body
        self.message_id = f"msg_{token_hex(12)}"
        self.id = f"resp_{token_hex(12)}"
        self.created = int(time())
        self._events = 0

    async def whole(self, client: Client) -> ResponseReply:
        """Return the answer."""
        async with self.service.pictures(FORM) as pictures:
            request = await asyncio.to_thread(as_request, self.body, pictures)
            async with aclosing(self.service.events(request, client)) as events:
                return self.reply(Completion.of([event async for event in events]))

    async def pieces(self, client: Client) -> AsyncGenerator[bytes]:
        """Yield the answer as events."""
        place = {"item_id": self.message_id, "output_index": 0, "content_index": 0}
        taken: list[Any] = []
        async with self.service.pictures(FORM) as pictures:
            request = await asyncio.to_thread(as_request, self.body, pictures)
            async with aclosing(self.service.events(request, client)) as events:
                async for one in events:
                    if not taken:
                        for event in self._opening(place):
                            yield event
                    taken.append(one)
                    if isinstance(one, TextDelta):
                        more = {"delta": one.text, "logprobs": [t.model_dump() for t in likely_tokens(one.tokens)]}
                        yield self._event("response.output_text.delta", place | more)
        reply = self.reply(Completion.of(taken))
        (message,) = reply.output
        (part,) = message.content
        said = part.model_dump()
        yield self._event("response.output_text.done", place | {"text": said["text"], "logprobs": said["logprobs"]})
        yield self._event("response.content_part.done", place | {"part": said})
        yield self._event("response.output_item.done", {"output_index": 0, "item": message.model_dump()})
        yield self._event(f"response.{reply.status}", {"response": reply.model_dump()})

    def _opening(self, place: dict[str, Any]) -> list[bytes]:
        begun = self._reply("in_progress", []).model_dump()
        message = OutputMessage(id=self.message_id, status="in_progress", content=[])
        return [
            self._event("response.created", {"response": begun}),
            self._event("response.in_progress", {"response": begun}),
            self._event("response.output_item.added", {"output_index": 0, "item": message.model_dump()}),
            self._event(
                "response.content_part.added",
                place | {"part": OutputPart(text="", annotations=[], logprobs=[]).model_dump()},
            ),
        ]

    def failed(self, error: ApiError) -> bytes:
        """Return the event that tells of a failure."""
        reply = self._reply("failed", [])
        reply.error = Failure(code=error.code or "server_error", message=error.body()["error"]["message"])
        return self._event("response.failed", {"response": reply.model_dump()})

    def reply(self, completion: Completion) -> ResponseReply:
        """Return the whole answer."""
        status = "incomplete" if completion.finish_reason == "length" else "completed"
        part = OutputPart(text=completion.text, annotations=[], logprobs=likely_tokens(completion.tokens))
        message = OutputMessage(id=self.message_id, status=status, content=[part])  # type: ignore[arg-type]
        reply = self._reply(status, [message])
        if status == "incomplete":
            reply.incomplete_details = Incompleteness(reason="max_output_tokens")
        usage = completion.usage
        reply.usage = ResponseUsage(
            input_tokens=usage.prompt_tokens,
            input_tokens_details=Cached(
                cached_tokens=completion.saved.reused, image_tokens=usage.image_tokens, cache_write_tokens=0
            ),
            output_tokens=usage.completion_tokens,
            output_tokens_details=Thought(reasoning_tokens=0),
            total_tokens=usage.prompt_tokens + usage.completion_tokens,
        )
        return reply

    def _reply(self, status: Any, output: list[OutputMessage]) -> ResponseReply:
        body = self.body
        return ResponseReply(
            id=self.id,
            created_at=self.created,
            status=status,
            model=self.service.backend.info.name,
            output=output,
            instructions=body.instructions,
            max_output_tokens=body.max_output_tokens,
            temperature=body.temperature,
            top_p=body.top_p,
        )

    def _event(self, kind: str, fields: dict[str, Any]) -> bytes:
        event = ResponseEvent(type=kind, sequence_number=self._events, **fields)
        self._events += 1
        return format_sse_event(event=kind, data_str=event.model_dump_json())


def as_request(body: ResponseRequest, pictures: Pictures) -> Request:
    """Return what the model is asked. Raises ApiError, or BadInput, for what cannot be."""
    turns = [] if body.instructions is None else [Turn("system", body.instructions, "instructions")]
    if isinstance(body.input, str):
        turns.append(Turn("user", body.input, "input"))
    else:
        turns += [turn_of(item, at) for at, item in enumerate(body.input)]
    form = body.text.format if body.text is not None else None
    schema: dict[str, Any] | None = None
    if isinstance(form, SchemaTextFormat):
        schema = form.schema_
    elif form is not None and form.type == "json_object":
        schema = {"type": "object"}
    given: dict[str, Any] = {
        "temperature": body.temperature,
        "top_p": body.top_p,
        "max_tokens": body.max_output_tokens,
        "json_schema": schema,
        "logprobs": (body.top_logprobs or 0) if body.include else None,
    }
    return request_of(turns, pictures, **{name: value for name, value in given.items() if value is not None})


def turn_of(item: Item, index: int) -> Turn:
    """Return a message as a turn."""
    param = f"input[{index}].content"
    role = "system" if item.role == "developer" else item.role
    if isinstance(item.content, str):
        return Turn(role, item.content, param)
    shown = tuple(
        Shown(part.image_url, f"{param}[{at}].image_url", "high" if part.detail == "original" else part.detail)
        for at, part in enumerate(item.content)
        if isinstance(part, InputImage)
    )
    films = tuple(
        film_in(part, f"{param}[{at}]") for at, part in enumerate(item.content) if isinstance(part, InputVideo)
    )
    texts = [part.text for part in item.content if not isinstance(part, InputImage | InputVideo)]
    return Turn(role, "\n".join(texts), param, shown, films)


def film_in(part: InputVideo, param: str) -> ShownFilm:
    """Return the video of a part. Raises ApiError where it is none, or two."""
    if (part.video_url is None) == (part.frames is None):
        field = f"{param}.video_url"
        raise ApiError(f"{param}: a video is a video_url, or frames; give one of them", field, "invalid_value")
    if part.frames is not None:
        return ShownFilm.of_frames(part.frames, part.times, part.fps, param, "frames")
    if part.times is not None or part.fps is not None:
        field = "fps" if part.times is None else "times"
        raise ApiError(f"{param}: {field} is of frames; a video_url tells its own", f"{param}.{field}", "invalid_value")
    return ShownFilm(f"{param}.video_url", part.video_url)
