"""/v1/decisions: many typed questions about one input, answered by probabilities and no text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, log1p
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest

from occlusight.backends.events import Saved, Usage
from occlusight.backends.fields import Picture
from occlusight.backends.protocol import Request
from occlusight.errors import Cancelled, OcclusightError
from occlusight.reasoning.own_choices import coloured_names, own_names, own_question
from occlusight.reasoning.statements import fitted
from occlusight.serve.api.asking import (
    Wordings,
    ambiguous,
    answer_of,
    prompt_of,
    text_of,
    with_own_names,
    wordings_of,
    yes_first,
)
from occlusight.serve.api.conversation import Detail, Shown, Turn, request_of
from occlusight.serve.api.decision_shapes import (
    Choice,
    Decision,
    DecisionRequest,
    DecisionUsage,
    Input,
    InputDetails,
    InputImage,
    Option,
    OutputDetails,
    Part,
    Question,
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
        return await decision_of(service, body, http)

    return router


async def decision_of(service: Service, body: DecisionRequest, http: HttpRequest) -> Decision:
    """Return the answers to a request. Raises ApiError."""
    service.check_model(body.model)
    can = service.backend.capabilities
    if can.scores is None and not can.decides:
        raise ApiError(f"{body.model} tells no probabilities; ask another model", "model", "unsupported_model")
    check_choices(body)
    client = client_of(http, body.safety_identifier)
    if can.decides:
        return await unless_left(http, passed_on(service, body, client))
    return await unless_left(http, decided(service, body, client))


@dataclass(frozen=True)
class Item:
    """A question, what the model is asked, how its answers may be said, and whether the question is all that is said of
    the picture."""

    question: Question
    request: Request
    wordings: list[Wordings]
    alone: bool


@dataclass
class Answers:
    """The log-probabilities of each question's answers, which of them were fitted, and what was read for them."""

    logs: list[list[float]]
    calibrated: list[bool]
    prompt_tokens: int = 0
    reused: int = 0

    def read(self, usage: Usage, saved: Saved) -> None:
        """Count what was read."""
        self.prompt_tokens += usage.prompt_tokens
        self.reused += saved.reused


async def decided(service: Service, body: DecisionRequest, client: Client) -> Decision:
    """Return the answers."""
    async with service.pictures() as pictures:
        learnt = service.backend.info.learnt
        items = await asyncio.to_thread(as_items, body, pictures, bool(learnt))
        if learnt:
            items = await asyncio.to_thread(in_own_words, service, items)
        found = await service.compute(lambda stopped: weigh(service, items, stopped), client)
    note({"questions": len(items), "prompt_tokens": found.prompt_tokens, "cached_tokens": found.reused})
    rows = zip(items, found.logs, found.calibrated, strict=True)
    return Decision(
        model=service.backend.info.name,
        answers=[answer_of(item.question, logs, calibrated) for item, logs, calibrated in rows],
        usage=usage_of(found.prompt_tokens, found.reused),
        calibrated=all(found.calibrated),
    )


def usage_of(tokens: int, reused: int) -> DecisionUsage:
    """Return what reading so many tokens took, of which some were known."""
    return DecisionUsage(
        input_tokens=tokens,
        input_tokens_details=InputDetails(cached_tokens=reused, cache_write_tokens=0),
        output_tokens=0,
        output_tokens_details=OutputDetails(reasoning_tokens=0),
        total_tokens=tokens,
    )


async def passed_on(service: Service, body: DecisionRequest, client: Client) -> Decision:
    """Return the answers of a model that is asked typed questions as they are."""
    async with service.pictures() as pictures:
        await asyncio.to_thread(as_items, body, pictures, True)  # what is refused here does not reach it
        asked = body.model_dump(mode="json", exclude_unset=True)
        with_content(asked, pictures)
        found = await service.compute(lambda stopped: service.backend.decisions(asked), client)
    decision = as_decision(found, service.backend.info.name)
    note({"questions": len(body.questions), "prompt_tokens": decision.usage.input_tokens})
    return decision


def with_content(asked: Any, pictures: Pictures) -> None:
    """Put their content in place of the addresses of pictures, which were fetched here."""
    if isinstance(asked, dict):
        if asked.get("type") == "input_image":
            asked["image_url"] = pictures.data_uri(asked["image_url"])
        asked = list(asked.values())
    if isinstance(asked, list):
        for one in asked:
            with_content(one, pictures)


def as_decision(found: Mapping[str, Any], model: str) -> Decision:
    """Return another server's answers in our form: those of which it does not say so are not calibrated. Raises
    OcclusightError for what is none."""
    try:
        answers = [{"calibrated": False, **one} for one in found["answers"]]
        used = found.get("usage") or {}
        tokens = used.get("input_tokens", 0)
        reused = (used.get("input_tokens_details") or {}).get("cached_tokens", 0)
        document = {
            "model": model,
            "answers": answers,
            "usage": usage_of(tokens, reused),
            "calibrated": all(one["calibrated"] for one in answers),
        }
        return Decision.model_validate(document, extra="ignore")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise OcclusightError(f"{model} answered typed questions in a form that is not known here") from error


def weigh(service: Service, items: Sequence[Item], stopped: Callable[[], bool]) -> Answers:
    """Return the log-probability of each answer of each question, in lots. Raises Cancelled between two of them."""
    answers = Answers([[] for _ in items], [False] * len(items))
    if service.calibration is not None:
        weigh_fitted(service, items, stopped, answers)
    for whole in (False, True):
        places = [
            at for at, item in enumerate(items) if not answers.calibrated[at] and ambiguous(item.wordings) is whole
        ]
        for start in range(0, len(places), TOGETHER):
            if stopped():
                raise Cancelled("nobody wants these answers any more")
            lot = places[start : start + TOGETHER]
            found = service.backend.weigh([(items[at].request, items[at].wordings) for at in lot], whole=whole)
            answers.read(found.usage, found.saved)
            for at, logs in zip(lot, found.scores, strict=True):
                answers.logs[at] = logs
    return answers


def weigh_fitted(service: Service, items: Sequence[Item], stopped: Callable[[], bool], answers: Answers) -> None:
    """Put in the answers to questions of yes or no that state what was fitted, of a picture alone. Raises Cancelled."""
    by_pictures: dict[tuple[Picture, ...], list[int]] = {}
    for at, item in enumerate(items):
        if item.alone and yes_first(item.question) is not None:
            by_pictures.setdefault(item.request.pictures, []).append(at)
    for places in by_pictures.values():
        texts = [text_of(items[at].question.instructions) for at in places]
        found = fitted(service.reasoning, items[places[0]].request, texts, stopped)
        answers.read(found.usage, found.saved)
        service.metrics.read(found.usage, found.saved)
        for at, probability in zip(places, found.probabilities, strict=True):
            if probability is not None:
                logs = [log(probability), log1p(-probability)]
                answers.logs[at] = logs if yes_first(items[at].question) else logs[::-1]
                answers.calibrated[at] = True
    service.metrics.decided.inc(sum(answers.calibrated))


def as_items(body: DecisionRequest, pictures: Pictures, as_it_is: bool) -> list[Item]:
    """Return what the model is asked: the input, which all share, with each question at its end."""
    if isinstance(body.input, str):
        given = [Turn("user", body.input, "input")]
    else:
        given = [turn_of(message, at) for at, message in enumerate(body.input)]
    last = given.pop() if given[-1].role == "user" else Turn("user", "", "input")
    items = []
    for at, question in enumerate(body.questions):
        param = f"questions[{at}].instructions"
        if not text_of(question.instructions).strip():
            raise ApiError(f"{param}: the question is empty", param, "invalid_value")
        prompt = prompt_of(question, last.text, as_it_is)
        shown = (*last.pictures, *pictures_in(question.instructions, param))
        request = request_of([*given, Turn("user", prompt, param, shown)], pictures)
        items.append(Item(question, request, wordings_of(question), alone=not (given or last.text)))
    return items


def in_own_words(service: Service, items: Sequence[Item]) -> list[Item]:
    """Return choices in the words of a model that knows its own alone, and all else as it is."""
    return [
        in_own_word(service, item, item.question.choices) if isinstance(item.question, Choice) else item
        for item in items
    ]


def in_own_word(service: Service, item: Item, choices: Sequence[Option]) -> Item:
    """Return a choice in the model's words; where more was said than the question, its names alone."""
    by, request = service.reasoning.understanding, item.request
    if item.alone:
        request = replace(request, prompt=own_question(request.prompt, by, service.backend.info.learnt))
    names = [() if isinstance(one.value, bool) else own_names(one.value, by.words) for one in choices]
    coloured = [() if isinstance(one.value, bool) else coloured_names(one.value, by.words) for one in choices]
    return replace(item, request=request, wordings=with_own_names(item.wordings, names, coloured))


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
