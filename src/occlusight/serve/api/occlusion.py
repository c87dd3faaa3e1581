"""/v1/occlusion: what this project is about, asked directly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest

from occlusight.backends.completion import Completion
from occlusight.backends.protocol import Request
from occlusight.errors import Cancelled
from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.graph_answers import GraphAnswers
from occlusight.reasoning.reasoned import may_be_in_a_graph
from occlusight.serve.api.errors import RESPONSES, ApiError
from occlusight.serve.api.occlusion_shapes import AskReply, AskRequest, GraphReply, GraphRequest, Ground, Said
from occlusight.serve.api.pictures import Pictures
from occlusight.serve.api.service import Service, client_of, unless_left

Stopped = Callable[[], bool]


def occlusion_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["occlusion"])
    occlusion = Occlusion(service)

    @router.post("/v1/occlusion/ask", responses={**RESPONSES})
    async def ask(body: AskRequest, http: HttpRequest) -> AskReply:
        """Answer a question about a picture, from its relation graph where that holds the answer."""
        client = client_of(http, body.user)

        async def work() -> AskReply:
            async with service.pictures() as pictures:
                request = await asyncio.to_thread(as_request, body, body.question, pictures)
                reply = await service.compute(lambda stopped: occlusion.ask(request, body.lang, stopped), client)
                return reply.model_copy(update={"concerns": said_of(pictures)})

        return await unless_left(http, work())

    @router.post("/v1/occlusion/graph", response_model=GraphReply, responses={**RESPONSES})
    async def graph(body: GraphRequest, http: HttpRequest) -> dict[str, Any]:
        """Return who hides whom in a picture, as a graph that contradicts nothing."""
        if service.backend.capabilities.scores is None:
            raise ApiError("the model tells no probabilities, of which a graph is made", None, "unsupported_model")
        client = client_of(http, body.user)

        async def work() -> dict[str, Any]:
            async with service.pictures() as pictures:
                request = await asyncio.to_thread(as_request, body, "?", pictures)
                document = await service.compute(lambda stopped: occlusion.graph(request, body.lang), client)
                return {**document, "concerns": said_of(pictures)}

        return await unless_left(http, work())

    return router


class Occlusion:
    """Answers from the relation graphs of pictures, which are kept."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def ask(self, request: Request, lang: Lang | None, stopped: Stopped) -> AskReply:
        """Return the answer to a question about one picture. Raises Cancelled."""
        name = self._service.backend.info.name
        if self._service.backend.capabilities.scores is not None:
            by = self._service.reasoning
            asked = by.understanding.of(request.prompt, [])
            if may_be_in_a_graph(asked):
                found = by.described(request)
                answer = GraphAnswers(found, by.understanding).of(asked, lang or asked.lang)
                if answer.from_graph:
                    evidence = answer.evidence
                    return AskReply(
                        answer=answer.text,
                        scope=answer.scope,
                        program=[(op, list(map(str, arguments))) for op, arguments in answer.program],
                        probability=answer.probability,
                        evidence=None if evidence is None else Said(en=evidence.en, zh=evidence.zh),
                        relations=[
                            Ground(occluder=one.occluder, occluded=one.occluded, probability=one.probability)
                            for one in answer.relations
                        ],
                        domain=found.certainty.domain,
                        from_graph=True,
                        model=name,
                    )
        if stopped():
            raise Cancelled("nobody wants this answer any more")
        completion = Completion.of(self._service.backend.generate(request, stopped))
        meant = completion.asked
        return AskReply(
            answer=completion.text,
            scope=None if meant is None else meant.scope,
            program=None if meant is None else [(op, list(arguments)) for op, arguments in meant.program],
            probability=None,
            evidence=None,
            relations=[],
            domain=None if meant is None else meant.domain,
            from_graph=False,
            model=name,
        )

    def graph(self, request: Request, lang: Lang | None) -> dict[str, Any]:
        """Return a picture's graph as a document."""
        return self._service.reasoning.described(request, lang or "en").to_json()


def said_of(pictures: Pictures) -> list[Said]:
    """Return what speaks against the pictures of a request."""
    return [Said(en=one.en, zh=one.zh) for one in pictures.concerns]


def as_request(body: AskRequest | GraphRequest, prompt: str, pictures: Pictures) -> Request:
    """Return what the model is asked. Raises ApiError, or BadInput, for what cannot be."""
    picture = pictures.add(body.image, "image")
    return Request(prompt, (picture,), max_pixels=body.max_pixels, min_pixels=body.min_pixels)
