"""/v1/systemone, asked by the client of its makers, and with pictures as llama.cpp takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from systemone import Choice, Client, Noul, Score, SystemOneError
from tests.serve.api.conftest import data_uri, serving_api
from tests.serve.api.test_decisions import Weighing

from occlusight.backends.protocol import Choice as Options
from occlusight.backends.protocol import Request
from occlusight.serve.api.systemone import above_chance

HIDDEN = {"type": "noul", "instructions": "The car is hidden."}


class Seeing(Weighing):
    """Remembers the pictures that each question was asked about, too, which are gone afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[list[bytes]] = []

    def score_many(
        self, asked: Sequence[tuple[Request, Sequence[Options]]], *, whole: bool = True
    ) -> list[list[float]]:
        self.shown += [[Path(str(one)).read_bytes() for one in request.pictures] for request, _ in asked]
        return super().score_many(asked, whole=whole)


@pytest.fixture(scope="module")
def served() -> Seeing:
    return Seeing()


@pytest.fixture(scope="module")
def address(served: Seeing) -> Iterator[str]:
    with serving_api(served) as one:
        yield one


@pytest.fixture
def backend(served: Seeing) -> Seeing:
    """It, not asked anything yet."""
    served.lots.clear()
    served.shown.clear()
    return served


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address) as one:
        yield one


def ask(http: httpx.Client, **body: Any) -> Any:
    return http.post("/v1/systemone", json={"questions": {"hidden": HIDDEN}, **body})


def test_each_type_of_question_is_answered_by_its_name(address: str) -> None:
    with Client(address) as client:
        found = client.system_one(
            state={"street": "busy"},
            questions={
                "hidden": Noul("The car is hidden.", {"true": "in part, too", "false": None}),
                "where": Choice("Where?", {"front": "near", "back": None}),
                "near": Score("How near?", ["back", "front"]),
            },
        )
    assert found.model == "scripted"
    assert found.nouls["hidden"].noul == pytest.approx(8 / 9)
    where, near = found.choices["where"], found.scores["near"]
    assert where.choice == "front"
    assert where.probabilities == {"front": pytest.approx(0.7), "back": pytest.approx(0.3)}
    assert where.confidence == pytest.approx(0.4)  # 0.7, where 0.5 says nothing and 1 is certain
    assert (near.score, near.legend) == (pytest.approx(0.7), {"0": "back", "1": "front"})
    assert near.probabilities == {"0": pytest.approx(0.3), "1": pytest.approx(0.7)}
    assert found.raw["calibrated"] is False
    assert all(answer["calibrated"] is False for answer in found.raw["answers"].values())


def test_the_state_and_what_criteria_say_reach_the_model(address: str, backend: Weighing) -> None:
    with Client(address) as client:
        client.system_one(
            state={"street": "busy"},
            questions={
                "hidden": Noul("The car is hidden.", {"true": "in part, too", "false": None}),
                "where": Choice("Where?", {"front": "near", "back": None}),
            },
        )
    (_, lot), *_ = backend.lots
    hidden, where = (request.prompt for request, _ in lot)
    assert hidden.startswith('{"street": "busy"}\n\nThe car is hidden.\ntrue: in part, too\n')
    assert "- front: near\n- back" in where


def test_pictures_come_from_images_files_and_state_in_this_order(
    http: httpx.Client, backend: Seeing, pictures: list[Path]
) -> None:
    one, two, three = (data_uri(picture) for picture in pictures[:3])
    part = {"type": "image_url", "image_url": {"url": three}}
    states = ([{"type": "text", "text": "A street."}, part], [{"role": "user", "content": [part]}])
    for state in (*states, {"messages": states[1], "place": "a street"}):
        assert ask(http, state=state, images=[one], files=[two]).status_code == 200
    asked = [request for _, lot in backend.lots for request, _ in lot]
    assert backend.shown == [[picture.read_bytes() for picture in pictures[:3]]] * 3
    assert asked[0].prompt.startswith("A street.\n\nThe car is hidden.")
    assert asked[1].prompt.startswith("The car is hidden.")
    assert asked[2].prompt.startswith('{"place": "a street"}\n\nThe car is hidden.')


def test_a_chat_is_a_history(http: httpx.Client, backend: Weighing, pictures: list[Path]) -> None:
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is there?"},
        {"role": "assistant", "content": "A car."},
        {"role": "user", "content": "Well?"},
    ]
    assert ask(http, state=chat, images=[data_uri(pictures[0])]).status_code == 200
    (_, [(request, _)]), *_ = backend.lots
    assert request.prompt.startswith("Well?\n\nThe car is hidden.")
    assert [message.text for message in request.history] == ["What is there?", "A car."]
    assert len(request.history[0].pictures) == 1
    assert request.system == "Be brief."


def test_errors_name_the_field_that_was_given(http: httpx.Client, pictures: list[Path]) -> None:
    image = data_uri(pictures[0])
    video = {"type": "video", "video": [image]}
    levels = {"near": {"type": "score", "instructions": "How near?", "criteria": ["far", "far"]}}
    for body, field in (
        ({}, "state"),
        ({"state": []}, "state"),
        ({"images": ["no picture"]}, "images[0]"),
        ({"files": [image, "no picture"]}, "files[1]"),
        ({"state": [{"type": "image_url", "image_url": {"url": "no"}}]}, "state[0].image_url"),
        ({"state": [{"type": "sound"}]}, "state[0].type"),
        ({"state": [{"role": "user", "content": 5}]}, "state[0].content"),
        ({"state": {"messages": [{"role": "user", "content": [video]}]}}, "state.messages[0].content[0]"),
        ({"state": "a", "questions": {"hidden": {**HIDDEN, "instructions": " "}}}, "questions.hidden.instructions"),
        ({"state": "a", "questions": levels}, "questions.near.criteria"),
        ({"state": "a", "questions": {}}, "questions"),
        ({"state": "a", "stream": True}, "stream"),
    ):
        response = ask(http, **body)
        assert response.status_code == 400, body
        error = response.json()["error"]
        assert error["param"] == field
        assert field in error["message"]
    assert ask(http, state="a", model="another").status_code == 404


def test_the_client_tells_an_error(address: str) -> None:
    with Client(address, model="another") as client, pytest.raises(SystemOneError, match="there is no model"):
        client.system_one(state="a", questions={"hidden": Noul("The car is hidden.")})


def test_confidence_is_what_is_above_chance() -> None:
    assert above_chance([0.25, 0.25, 0.25, 0.25]) == 0
    assert above_chance([0.0, 1.0]) == 1
    assert above_chance([0.6, 0.2, 0.2]) == pytest.approx(0.4)
