"""/v1/decisions: many typed questions about one input, answered by probabilities and no text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest

from occlusight.backends.protocol import Request, Saved, Usage, Weighed
from occlusight.errors import Cancelled
from occlusight.serve.api.asking import Wordings, ambiguous, answer_of, prompt_of, text_of, wordings_of
from occlusight.serve.api.conversation import Detail, Shown, Turn, request_of
from occlusight.serve.api.decision_shapes import (
    Choice,
    Decision,
    DecisionRequest,
    DecisionUsage,
    Input,
    InputDetails,
    InputImage,
    OutputDetails,
    Part,
)
from occlusight.serve.api.errors import RESPONSES, ApiError
from occlusight.serve.api.pictures import Pictures
from occlusight.serve.api.service import Service, client_of, unless_left
from occlusight.serve.fair_queue import Client
from occlusight.serve.request_log import note

TOGETHER = 32
"""Questions that are asked together; between two such lots is seen whether the client is still there."""


def decisions_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["decisions"])

    @router.post("/v1/decisions", responses={**RESPONSES})
    async def create_decision(body: DecisionRequest, http: HttpRequest) -> Decision:
        """Tell how probable each possible answer of each question is."""
        service.check_model(body.model)
        if service.backend.capabilities.scores is None:
            raise ApiError(f"{body.model} tells no probabilities; ask another model", "model", "unsupported_model")
        check_choices(body)
        client = client_of(http, body.safety_identifier)
        return await unless_left(http, decided(service, body, client))

    return router


async def decided(service: Service, body: DecisionRequest, client: Client) -> Decision:
    """Return the answers."""
    async with service.pictures() as pictures:
        requests = await asyncio.to_thread(as_requests, body, pictures, bool(service.backend.info.learnt))
        wordings = [wordings_of(question) for question in body.questions]
        asked = list(zip(requests, wordings, strict=True))
        weighed = await service.compute(lambda stopped: weigh(service, asked, stopped), client)
    usage, reused = weighed.usage, weighed.saved.reused
    note({"questions": len(asked), "prompt_tokens": usage.prompt_tokens, "cached_tokens": reused})
    return Decision(
        model=service.backend.info.name,
        answers=[answer_of(question, logs) for question, logs in zip(body.questions, weighed.scores, strict=True)],
        usage=DecisionUsage(
            input_tokens=usage.prompt_tokens,
            input_tokens_details=InputDetails(cached_tokens=reused, cache_write_tokens=0),
            output_tokens=0,
            output_tokens_details=OutputDetails(reasoning_tokens=0),
            total_tokens=usage.prompt_tokens,
        ),
        calibrated=False,
    )


def weigh(service: Service, asked: list[tuple[Request, list[Wordings]]], stopped: Callable[[], bool]) -> Weighed:
    """Return the log-probability of each answer of each question, in lots. Raises Cancelled between two of them."""
    scores: list[list[float]] = [[] for _ in asked]
    prompt_tokens = reused = 0
    for whole in (False, True):
        places = [at for at, (_, wordings) in enumerate(asked) if ambiguous(wordings) is whole]
        for start in range(0, len(places), TOGETHER):
            if stopped():
                raise Cancelled("nobody wants these answers any more")
            lot = places[start : start + TOGETHER]
            found = service.backend.weigh([asked[at] for at in lot], whole=whole)
            prompt_tokens += found.usage.prompt_tokens
            reused += found.saved.reused
            for at, logs in zip(lot, found.scores, strict=True):
                scores[at] = logs
    return Weighed(scores, Usage(prompt_tokens), Saved(reused))


def as_requests(body: DecisionRequest, pictures: Pictures, as_it_is: bool) -> list[Request]:
    """Return what the model is asked: the input, which all share, with each question at its end."""
    if isinstance(body.input, str):
        given = [Turn("user", body.input, "input")]
    else:
        given = [turn_of(message, at) for at, message in enumerate(body.input)]
    last = given.pop() if given[-1].role == "user" else Turn("user", "", "input")
    requests = []
    for at, question in enumerate(body.questions):
        param = f"questions[{at}].instructions"
        if not text_of(question.instructions).strip():
            raise ApiError(f"{param}: the question is empty", param, "invalid_value")
        prompt = prompt_of(question, last.text, as_it_is)
        shown = (*last.pictures, *pictures_in(question.instructions, param))
        requests.append(request_of([*given, Turn("user", prompt, param, shown)], pictures))
    return requests


def turn_of(message: Input, index: int) -> Turn:
    """Return a message as a turn."""
    param = f"input[{index}].content"
    role = "system" if message.role == "developer" else message.role
    shown = pictures_in(message.content, param) if message.role == "user" else ()
    return Turn(role, text_of(message.content), param, shown)


def pictures_in(content: str | list[Part], param: str) -> tuple[Shown, ...]:
    """Return the pictures of a message or a question."""
    parts = [] if isinstance(content, str) else content
    return tuple(
        Shown(part.image_url, f"{param}[{at}].image_url", detail_of(part))
        for at, part in enumerate(parts)
        if isinstance(part, InputImage)
    )


def detail_of(part: InputImage) -> Detail:
    """Return how finely a picture is to be read."""
    return "high" if part.detail == "original" else part.detail


def check_choices(body: DecisionRequest) -> None:
    """Raise ApiError for choices or levels that are the same."""
    for at, question in enumerate(body.questions):
        if question.type == "predicate":
            continue
        name = "choices" if isinstance(question, Choice) else "levels"
        values = (
            [(type(one.value), one.value) for one in question.choices]
            if isinstance(question, Choice)
            else [level.label for level in question.levels]
        )
        if len(set(values)) < len(values):
            param = f"questions[{at}].{name}"
            raise ApiError(f"{param} must be different", param, "invalid_value")
