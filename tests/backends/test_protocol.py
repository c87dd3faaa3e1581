from pathlib import Path

import pytest
from PIL import Image

from occlusight.backends.protocol import Backend, Done, Message, Request, TextDelta
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadInput


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": "  "}, "question is empty"),
        ({"temperature": 2.5}, "between 0 and 2, but 2.5"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, "top_p must be above 0"),
        ({"max_tokens": 0}, "max_tokens must lie between 1"),
        ({"max_tokens": 1.5}, "whole number"),
        ({"seed": -1}, "seed"),
        ({"pictures": (3,)}, "a int was given"),
    ],
)
def test_requests_are_checked(fields: dict, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Request(**{"prompt": "What is there?", **fields})


def test_pictures_are_paths_or_images() -> None:
    image = Image.new("RGB", (4, 4))
    assert Request("?", ("a.png", image)).pictures == (Path("a.png"), image)
    assert Request("?", image).pictures == (image,)


def test_roles_are_checked() -> None:
    with pytest.raises(BadInput, match="'robot'"):
        Message("robot", "hello")


def test_scripted_answers_in_pieces() -> None:
    backend = Scripted("Yes. It does.", piece=4)
    assert isinstance(backend, Backend)
    events = list(backend.generate(Request("?")))
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "Yes. It does."
    assert isinstance(events[-1], Done)
    assert events[-1].finish_reason == "stop"
    cut = list(backend.generate(Request("?", max_tokens=2)))
    assert cut[-1].finish_reason == "length"
    assert backend.score(Request("?"), ["yes", "no"]) == [0.0, -30.0]
    with pytest.raises(BadInput, match="no answer"):
        list(Scripted({"a": "b"}).generate(Request("?")))
