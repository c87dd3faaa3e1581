"""/v1/decisions, asked by the official client."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from pathlib import Path
from time import thread_time
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.decision_create_params import DecisionCreateParams
from tests.serve.api.conftest import client_at, data_uri, serving_api
from tests.serve.conftest import wait

from occlusight.backends.protocol import Capabilities, Choice, Request
from occlusight.backends.scripted import Scripted
from occlusight.serve.api.asking import ambiguous, evened, normalised, ways, with_own_names
from occlusight.serve.api.decision_shapes import DecisionRequest
from occlusight.serve.fair_queue import FairQueue, Shares

SAYS = {"The red car": 0.9, "yes": 0.8, "no": 0.1, "front": 0.6, "back": 0.2, "front left": 0.1}


class Weighing(Scripted):
    """Gives each text the probability of `SAYS`; remembers what was asked together."""

    def __init__(self) -> None:
        super().__init__("")
        self.lots: list[tuple[bool, list[tuple[Request, Sequence[Choice]]]]] = []
        self.go = threading.Event()
        self.go.set()

    def score_many(self, asked: Sequence[tuple[Request, Sequence[Choice]]], *, whole: bool = True) -> list[list[float]]:
        self.lots.append((whole, list(asked)))
        for request, _ in asked:
            assert all(isinstance(one, Path) and one.is_file() for one in request.pictures)
        assert self.go.wait(10)
        return [[max(math.log(SAYS.get(word, 1e-9)) for word in words) for words in own] for _, own in asked]


@pytest.fixture(scope="module")
def served() -> Weighing:
    return Weighing()


@pytest.fixture(scope="module")
def client(served: Weighing) -> Iterator[OpenAI]:
    with serving_api(served) as address, client_at(address) as one:
        yield one


@pytest.fixture
def backend(served: Weighing) -> Weighing:
    """It, not asked anything yet."""
    served.lots.clear()
    return served


def shown(*pictures: Path) -> list[Any]:
    parts = [{"type": "input_image", "image_url": data_uri(one)} for one in pictures]
    return [{"role": "user", "content": [*parts, {"type": "input_text", "text": "A street."}]}]


def test_as_many_questions_as_may_be_asked_are_about_one_picture(
    client: OpenAI, backend: Weighing, pictures: list[Path]
) -> None:
    questions: list[Any] = [{"type": "predicate", "instructions": f"The car is hidden by {at}."} for at in range(400)]
    decision = client.decisions.create(model="scripted", input=shown(pictures[0]), questions=questions)
    assert len(decision.answers) == sum(len(asked) for _, asked in backend.lots) == 400


def test_each_type_of_question_is_answered(client: OpenAI, backend: Weighing, pictures: list[Path]) -> None:
    decision = client.decisions.create(
        model="scripted",
        input=shown(*pictures[:2]),
        questions=[
            {"type": "predicate", "name": "hidden", "instructions": "The car is hidden."},
            {
                "type": "choice",
                "instructions": [{"type": "input_text", "text": "Where?"}, {"type": "input_json", "data": {"a": 1}}],
                "choices": [{"value": "front", "description": "near"}, {"value": "back"}, {"value": True}],
            },
            {"type": "score", "instructions": "多近？", "levels": [{"label": "back"}, {"label": "front"}]},
            {
                "type": "choice",
                "instructions": "Which part?",
                "choices": [{"value": "front"}, {"value": "front left"}],
            },
        ],
    )
    assert decision.model == "scripted"
    assert decision.model_dump()["calibrated"] is False
    hidden, where, near, part = decision.answers
    assert hidden.type == "predicate"
    assert (hidden.name, hidden.probability) == ("hidden", pytest.approx(8 / 9))
    assert where.type == "choice"
    assert (where.name, where.choice, where.confidence) == (None, True, pytest.approx(0.5))
    assert [(one.value, one.probability) for one in where.probabilities] == [
        ("front", pytest.approx(0.375)),
        ("back", pytest.approx(0.125)),
        (True, pytest.approx(0.5)),
    ]
    assert near.type == "score"
    assert (near.score, near.confidence) == (pytest.approx(0.7), pytest.approx(0.7))  # neither has 0.2: a half for each
    assert [(one.value, one.label) for one in near.probabilities] == [(0, "back"), (1, "front")]
    assert part.type == "choice"
    assert part.confidence == pytest.approx(0.75)

    (whole, first), (whole_too, second) = backend.lots
    assert (whole, len(first), whole_too, len(second)) == (
        False,
        3,
        True,
        1,
    )  # whole where one begins as another
    prompts = [request.prompt for request, _ in first]
    assert prompts[0] == "A street.\n\nThe car is hidden.\n\nIs that so? Answer yes or no."
    assert prompts[1].endswith('Where?\n{"a": 1}\n\nAnswer with one of these alone:\n- front: near\n- back\n- yes')
    assert prompts[2].endswith("多近？\n\n请只回答以下等级之一，从低到高：\n- back\n- front")
    assert len({request.pictures for request, _ in first}) == 1


def test_the_input_is_a_conversation(client: OpenAI, backend: Weighing, pictures: list[Path]) -> None:
    client.decisions.create(
        model="scripted",
        input=[
            {"role": "developer", "content": "Be strict."},
            {"role": "user", "content": [{"type": "input_image", "image_url": data_uri(pictures[0]), "detail": "low"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "A car."}]},
        ],
        questions=[{"type": "predicate", "instructions": "Is it red?"}],
    )
    ((request, _),) = backend.lots[-1][1]
    assert (request.system, request.prompt.splitlines()[0]) == ("Be strict.", "Is it red?")
    assert [(m.role, m.text, len(m.pictures)) for m in request.history] == [("user", "", 1), ("assistant", "A car.", 0)]
    assert request.max_pixels == 512 * 512
    client.decisions.create(
        model="scripted", input="A car.", questions=[{"type": "predicate", "instructions": "Is it red?"}]
    )
    assert backend.lots[-1][1][0][0].prompt.startswith("A car.\n\nIs it red?")


def test_a_model_of_its_own_wordings_is_asked_in_them(serve_api: Callable[..., str]) -> None:
    backend = Weighing()
    backend.learnt = ("hides",)
    with client_at(serve_api(backend)) as client:
        client.decisions.create(
            model="scripted", input="", questions=[{"type": "predicate", "instructions": "Does a hide b?"}]
        )
    assert backend.lots[0][1][0][0].prompt == "Does a hide b?"


def test_a_thing_may_be_called_otherwise_than_the_model_does(serve_api: Callable[..., str]) -> None:
    backend = Weighing()
    backend.learnt = ("nearer",)
    asked = "Which is nearer, the lamp post or the red car?"
    values = [{"value": "lamp post"}, {"value": "red car"}, {"value": False}]
    choice: Any = {"type": "choice", "instructions": asked, "choices": values}
    with client_at(serve_api(backend)) as client:
        given = [{"role": "user", "content": [{"type": "input_text", "text": "It is dark."}]}]
        for before in ("", given):
            client.decisions.create(model="scripted", input=before, questions=[choice])
    (request, (post, car, no)), (told, (still, *_)) = (lot[0] for _, lot in backend.lots)
    assert request.prompt == "Which is nearer, the street lamp or the red car?"
    assert {"lamp post", "The lamp post", "street lamp", "The street lamp"} <= {*post}
    assert (car, no[0]) == (("red car", "Red car", "the red car", "The red car"), "No")
    assert (told.prompt, still) == (f"It is dark.\n\n{asked}", post)  # what was said before may bear on the question


def test_a_thing_may_be_named_without_the_colour_that_the_model_says(serve_api: Callable[..., str]) -> None:
    backend = Weighing()
    backend.learnt = ("nearest",)

    def decide(lang: str, *values: str) -> tuple[list[float], list[Sequence[str]]]:
        asked = {"en": "Which object is closest to us?", "zh": "哪个物体离我们最近？"}[lang]
        choices = [{"value": value} for value in values]
        choice: Any = {"type": "choice", "instructions": asked, "choices": choices}
        answer = client.decisions.create(model="scripted", input="", questions=[choice]).answers[0]
        ((_, wordings),) = backend.lots[-1][1]
        return [one.probability for one in answer.probabilities], list(wordings)  # type: ignore[union-attr]

    with client_at(serve_api(backend)) as client:
        found, (car, post) = decide("en", "car", "lamp post")
        assert found == pytest.approx([0.95, 0.05])  # the model says "The red car"
        assert {"The red car", "The grey car"} <= {*car}
        assert "The grey street lamp" in post
        found, (car, _) = decide("en", "the car", "red car")
        assert found == pytest.approx([0.05, 0.95])
        assert ("The red car" in car, "The blue car" in car) == (False, True)  # what another choice names is its own
        _, (car, _) = decide("zh", "汽车", "路灯")
        assert "红色的汽车" in car


def test_every_field_of_the_official_client_is_known() -> None:
    assert DecisionCreateParams.__annotations__.keys() == DecisionRequest.model_fields.keys()


PREDICATE = {"type": "predicate", "instructions": "?"}
CHOICE = {"type": "choice", "instructions": "?", "choices": [{"value": "a"}, {"value": "b"}]}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"questions": []}, "questions"),
        ({"questions": [PREDICATE] * 401}, "questions"),
        ({"questions": [{**PREDICATE, "instructions": " "}]}, "questions[0].instructions"),
        ({"questions": [PREDICATE, {**CHOICE, "choices": [{"value": "a"}]}]}, "questions[1].choices"),
        ({"questions": [{**CHOICE, "choices": [{"value": "a"}, {"value": "a"}]}]}, "questions[0].choices"),
        ({"questions": [{**CHOICE, "choices": [{"value": 1}, {"value": "a"}]}]}, "questions[0].choices[0].value"),
        ({"questions": [{**PREDICATE, "choices": []}]}, "questions[0].choices"),
        ({"questions": [{"type": "noul", "instructions": "?"}]}, "questions[0]"),
        ({"input": []}, "input"),
        ({"input": [{"type": "function_call", "call_id": "x", "name": "f", "arguments": ""}]}, "input[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "http://a/b"}]}]}, "input[0]."),
        ({"temperature": 1}, "temperature"),
        ({"prompt_cache_options": {"ttl": "30m"}}, "prompt_cache_options"),
    ],
)
def test_what_is_wrong_is_named(client: OpenAI, given: dict[str, Any], param: str) -> None:
    body = {"model": "scripted", "input": "x", "questions": [PREDICATE], **given}
    with pytest.raises(openai.BadRequestError) as error:
        client.post("/decisions", body=body, cast_to=httpx.Response)
    assert str(error.value.param).startswith(param)


def test_a_client_that_leaves_ends_its_questions(serve_api: Callable[..., str]) -> None:
    backend = Weighing()
    backend.go.clear()
    queue = FairQueue(Shares(at_once=1))
    body = {"model": "scripted", "input": "x", "questions": [PREDICATE] * 100}
    with httpx.Client(base_url=serve_api(backend, queue)) as http:
        with pytest.raises(httpx.ReadTimeout):
            http.post("/v1/decisions", json=body, timeout=0.3)
        wait(lambda: not queue.running)
        backend.go.set()
        answer = http.post("/v1/decisions", json={**body, "questions": [PREDICATE]})
    assert answer.status_code == 200
    assert [len(asked) for _, asked in backend.lots] == [32, 1]  # the other 68 were not asked any more


def test_a_model_without_probabilities_is_refused(serve_api: Callable[..., str]) -> None:
    class Silent(Scripted):
        capabilities = Capabilities()

    with client_at(serve_api(Silent("Yes"))) as client, pytest.raises(openai.BadRequestError, match="no probabilities"):
        client.decisions.create(model="scripted", input="x", questions=[{"type": "predicate", "instructions": "?"}])


def test_how_answers_are_said() -> None:
    assert ways("red car") == ("red car", "Red car", "the red car", "The red car")
    assert ways("the car") == ("the car", "The car")
    assert ways("红车") == ("红车",)
    assert ambiguous([("left",), ("left of",)])
    assert not ambiguous([("left", "left side"), ("right",)])
    assert normalised([-1000.0, -1000.0 + math.log(3)]) == pytest.approx([0.25, 0.75])
    assert normalised([-math.inf, -math.inf]) == [0.5, 0.5]
    assert evened([-math.inf, -20.0, -20.0]) == pytest.approx([1 / 3] * 3)
    assert evened([math.log(0.9), math.log(0.9)]) == pytest.approx([0.5, 0.5])  # ways of saying two may overlap
    said, own = [("post", "Post"), ("lamp",), ("bus",)], [("street lamp",), ("street lamp",), ("bus",)]
    assert with_own_names(said, own, [(), ("red lamp", "grey lamp"), ("red bus", "red lamp")]) == [
        ("post", "Post"),
        ("lamp", "The grey lamp"),
        ("bus", "Bus", "The bus", "The red bus", "the bus"),
    ]


def test_answers_that_begin_alike_are_found_however_many_there_are() -> None:
    rng = random.Random(7)
    for _ in range(300):
        wordings = [
            tuple("".join(rng.choices("ab", k=rng.randint(1, 6))) for _ in range(rng.randint(1, 3)))
            for _ in range(rng.randint(2, 6))
        ]
        pairs = [(one, other) for one, other in permutations(wordings, 2)]
        alike = any(b.startswith(a) for one, other in pairs for a in one for b in other)
        assert ambiguous(wordings) is alike, wordings
    began = thread_time()
    assert not ambiguous([ways(f"thing {at}.") for at in range(20_000)])
    assert thread_time() - began < 3  # each with each other would take an hour
