"""/v1/systemone: what /v1/decisions answers, in the form of TypeSafe's API, which llama.cpp and vLLM serve, too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from fastapi import APIRouter
from pydantic import JsonValue, TypeAdapter, ValidationError
from starlette.requests import Request as HttpRequest

from occlusight.serve.api import decision_shapes as decision
from occlusight.serve.api.chat_shapes import ChatMessage, ImagePart, TextPart
from occlusight.serve.api.decisions import decision_of
from occlusight.serve.api.errors import RESPONSES, ApiError, of_validation
from occlusight.serve.api.service import Service
from occlusight.serve.api.systemone_shapes import (
    Answer,
    ChoiceAnswer,
    Noul,
    NoulAnswer,
    Question,
    Score,
    ScoreAnswer,
    SystemOne,
    SystemOneRequest,
    SystemOneUsage,
)

MESSAGES: TypeAdapter[list[ChatMessage]] = TypeAdapter(list[ChatMessage])
SHOWN: TypeAdapter[list[TextPart | ImagePart]] = TypeAdapter(list[TextPart | ImagePart])
Part: TypeAlias = decision.InputText | decision.InputImage
Given: TypeAlias = tuple[str, list[tuple[str, Part]]]
"""A message: its role, and its parts, each with the field that it came in."""


def systemone_router(service: Service) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["decisions"])

    @router.post("/v1/systemone", responses={**RESPONSES})
    async def create_system_one(body: SystemOneRequest, http: HttpRequest) -> SystemOne:
        """Tell how probable each possible answer of each question about a state is."""
        asked, fields = as_decisions(body, service.backend.info.name)
        try:
            found = await decision_of(service, asked, http)
        except ApiError as error:
            raise in_own_fields(error, fields) from error
        return as_system_one(found, body.questions)

    return router


def as_decisions(body: SystemOneRequest, model: str) -> tuple[decision.DecisionRequest, dict[str, str]]:
    """Return the same for /v1/decisions, and which of its fields stands for which field of `body`.

    Raises ApiError: nothing is given to ask about, or levels are the same.
    """
    fields: dict[str, str] = {}
    given = given_by(body.state)
    pictures: list[tuple[str, Part]] = [
        (f"{name}[{at}]", decision.InputImage(type="input_image", image_url=url))
        for name, urls in (("images", body.images), ("files", body.files))
        for at, url in enumerate(urls)
    ]
    given = in_front(given, pictures)
    if not given:
        raise ApiError("state is missing: give it, or pictures", "state", "missing_required_parameter")
    messages: list[dict[str, Any]] = []
    for at, (role, parts) in enumerate(given):
        fields |= {f"input[{at}].content[{n}].image_url": field for n, (field, _) in enumerate(parts)}
        said = "output_text" if role == "assistant" else "input_text"
        shown = [
            part.model_dump() if isinstance(part, decision.InputImage) else {"type": said, "text": part.text}
            for _, part in parts
        ]
        messages.append({"role": role, "content": shown})
    questions = []
    for at, (name, question) in enumerate(body.questions.items()):
        own = f"questions.{name}"
        fields |= {f"questions[{at}].instructions": f"{own}.instructions", f"questions[{at}].levels": f"{own}.criteria"}
        questions.append(as_question(name, question))
    asked = decision.DecisionRequest.model_validate(
        {"model": body.model or model, "input": messages, "questions": questions}
    )
    return asked, fields


def given_by(state: JsonValue) -> list[Given]:
    """Return what a state says, as messages.

    Raises ApiError for messages or parts that are none.
    """
    rest: JsonValue = None
    if isinstance(state, dict) and are(state.get("messages"), "role"):
        rest = {key: value for key, value in state.items() if key != "messages"} or None
        found = list(chat(read(MESSAGES, state["messages"], "state.messages"), "state.messages"))
    elif are(state, "role"):
        found = list(chat(read(MESSAGES, state, "state"), "state"))
    elif are(state, "type"):
        found = [("user", list(parts_of(read(SHOWN, state, "state"), "state")))]
    else:
        rest, found = state, []
    if rest in (None, "", [], {}):
        return found
    return in_front(found, [("state", decision.InputText(type="input_text", text=written(rest)))])


def in_front(given: Sequence[Given], parts: Sequence[tuple[str, Part]]) -> list[Given]:
    """Return messages where the user's first one, or one of its own, begins with some parts."""
    if not parts:
        return list(given)
    first = next((at for at, (role, _) in enumerate(given) if role == "user"), len(given))
    own = [("user", [*parts, *(part for _, said in given[first : first + 1] for part in said)])]
    return [*given[:first], *own, *given[first + 1 :]]


def are(value: JsonValue | None, key: str) -> bool:
    """Whether a value is a list of objects that all have a key."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and key in one for one in value)


def read(shape: TypeAdapter[Any], value: JsonValue, field: str) -> Any:
    """Return a value in its shape. Raises ApiError that names the field."""
    try:
        return shape.validate_python(value)
    except ValidationError as error:
        wrong = of_validation([{**one, "loc": ("body", *one["loc"])} for one in error.errors()], value)
        place = wrong.param or ""
        own = field + (f".{place}" if place and not place.startswith("[") else place)
        raise replace(wrong, param=own, message=wrong.message.replace(place or "the body", own, 1)) from error


def chat(messages: Sequence[ChatMessage], field: str) -> Iterator[Given]:
    """Yield the messages of a chat."""
    for at, message in enumerate(messages):
        own = f"{field}[{at}].content"
        content = [TextPart(type="text", text=message.content)] if isinstance(message.content, str) else message.content
        yield message.role, list(parts_of(content, own))


def parts_of(parts: Sequence[Any], field: str) -> Iterator[tuple[str, Part]]:
    """Yield the texts and pictures of a message. Raises ApiError for a video."""
    for at, part in enumerate(parts):
        own = f"{field}[{at}]"
        match part:
            case TextPart(text=text):
                yield own, decision.InputText(type="input_text", text=text)
            case ImagePart(image_url=image):
                shown = decision.InputImage(type="input_image", image_url=image.url, detail=image.detail)
                yield f"{own}.image_url", shown
            case _:
                raise ApiError(f"{own}: decisions are about pictures and text alone", own, "unsupported_parameter")


def as_question(name: str, question: Question) -> dict[str, Any]:
    """Return a question in the shape of /v1/decisions. Raises ApiError for levels that are the same, or empty."""
    text = written(question.instructions)
    match question:
        case Noul(criteria=criteria):
            said = written(criteria) if isinstance(criteria, str) else "; ".join(described(criteria or {}))
            return {"type": "predicate", "name": name, "instructions": f"{text}\n{said}" if said else text}
        case Score(criteria=levels):
            labels = [written(level) for level in levels]
            if len(set(labels)) < len(labels) or not all(labels):
                field = f"questions.{name}.criteria"
                raise ApiError(f"{field} must be different, and not empty", field, "invalid_value")
            return {"type": "score", "name": name, "instructions": text, "levels": [{"label": one} for one in labels]}
    options = [
        {"value": option, "description": None if said is None else written(said)}
        for option, said in question.criteria.items()
    ]
    return {"type": "choice", "name": name, "instructions": text, "choices": options}


def described(criteria: Mapping[str, JsonValue]) -> Iterator[str]:
    """Yield what an object of criteria says."""
    for key, value in criteria.items():
        if value is not None:
            yield f"{key}: {written(value)}"


def written(value: JsonValue) -> str:
    """Return a value as text: what is none, as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def in_own_fields(error: ApiError, fields: Mapping[str, str]) -> ApiError:
    """Return an error of /v1/decisions with the field that its client knows."""
    own = fields.get(error.param or "")
    return error if own is None else replace(error, param=own, message=error.message.replace(str(error.param), own))


def as_system_one(found: decision.Decision, questions: Mapping[str, Question]) -> SystemOne:
    """Return the answers in their form."""
    return SystemOne(
        model=found.model,
        answers={name: as_answer(answer) for name, answer in zip(questions, found.answers, strict=True)},
        usage=SystemOneUsage(input_tokens=found.usage.input_tokens, output_tokens=0),
        calibrated=found.calibrated,
    )


def as_answer(found: decision.PredicateAnswer | decision.ChoiceAnswer | decision.ScoreAnswer) -> Answer:
    """Return an answer in its form."""
    match found:
        case decision.PredicateAnswer(probability=probability):
            return NoulAnswer(type="noul", noul=probability, calibrated=found.calibrated)
        case decision.ChoiceAnswer(probabilities=options):
            return ChoiceAnswer(
                type="choice",
                choice=str(found.choice),
                confidence=above_chance([one.probability for one in options]),
                probabilities={str(one.value): one.probability for one in options},
                calibrated=found.calibrated,
            )
        case decision.ScoreAnswer(probabilities=levels):
            return ScoreAnswer(
                type="score",
                score=found.score,
                confidence=above_chance([one.probability for one in levels]),
                legend={str(one.value): one.label for one in levels},
                probabilities={str(one.value): one.probability for one in levels},
                calibrated=found.calibrated,
            )


def above_chance(shares: Sequence[float]) -> float:
    """Return how far the highest of n probabilities is from 1/n, where 1 is certainty."""
    chance = 1 / len(shares)
    return max(0.0, (max(shares) - chance) / (1 - chance))
