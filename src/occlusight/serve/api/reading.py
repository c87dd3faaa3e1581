"""/v1/occlusion/read: the text in a picture, as lines or as fields of a schema."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest

from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Backend, Request
from occlusight.errors import Incomplete
from occlusight.reasoning.picture_text import ROOM, read_fields, read_lines
from occlusight.serve.api.errors import RESPONSES, ApiError
from occlusight.serve.api.pictures import Pictures
from occlusight.serve.api.reading_shapes import ReadLine, ReadReply, ReadRequest
from occlusight.serve.api.service import Service, client_of, unless_left


def reading_router(service: Service) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["occlusion"])

    @router.post("/v1/occlusion/read", responses={**RESPONSES})
    async def read(body: ReadRequest, http: HttpRequest) -> ReadReply:
        """Read the text in a picture: lines with their boxes, or the fields that a JSON schema names."""
        client = client_of(http, body.user)

        async def work() -> ReadReply:
            async with service.pictures("json_schema") as pictures:
                request = await asyncio.to_thread(as_request, body, pictures)
                return await service.compute(lambda stopped: answer(service.looks, body, request, stopped), client)

        return await unless_left(http, work())

    return router


def as_request(body: ReadRequest, pictures: Pictures) -> Request:
    """Return how the model is asked about which picture. Raises ApiError, or BadInput, for what cannot be."""
    sampling = SamplingParams(max_tokens=body.max_tokens or ROOM, json_schema=body.json_schema)
    picture = pictures.add(body.image, "image")
    return Request("?", (picture,), sampling=sampling, max_pixels=body.max_pixels, min_pixels=body.min_pixels)


def answer(backend: Backend, body: ReadRequest, request: Request, stopped: Callable[[], bool]) -> ReadReply:
    """Return what the model reads. Raises ApiError where it was cut before all was read; Cancelled."""
    (picture,), lang = request.pictures, body.lang or "en"
    try:
        if body.json_schema is not None:
            filled = read_fields(backend, picture, lang, request, stopped)
            return ReadReply(lines=None, size=None, fields=filled, model=backend.info.name)
        found = read_lines(backend, picture, lang, request, stopped)
    except Incomplete as error:
        raise ApiError(str(error), None, "incomplete") from error
    lines = [ReadLine(text=one.text, box=one.box) for one in found.lines]
    return ReadReply(lines=lines, size=found.size, fields=None, model=backend.info.name)
