from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import occlusight
from occlusight.backends.decision import decide
from occlusight.backends.open import open_backend
from occlusight.backends.protocol import Backend, Done, Message, Request, TextDelta
from occlusight.backends.scripted import Scripted
from occlusight.checks import received
from occlusight.engine.json_limits import JsonLimits
from occlusight.engine.sampling_params import SamplingKeywords, SamplingParams
from occlusight.errors import BadInput

NAN, INF = float("nan"), float("inf")
NUMBERS = {
    "temperature": (-0.1, 2.5),
    "top_p": (0, 1.01),
    "min_p": (-0.1, 2),
    "repetition_penalty": (0, 11),
    "presence_penalty": (-3, 3),
}
WHOLES = {
    "max_tokens": (0, 2**40),
    "seed": (-1, 2**63),
    "top_k": (-1, 2**31),
    "logprobs": (-1, 21),
    "thinking_tokens": (-1, 2**40),
}
NO_NUMBERS = ("0.5", [0.5], {}, True, np.bool_(True), 1j, np.array([0.5]))


def wrong_values() -> Iterator[tuple[str, object]]:
    """A field and a value that it cannot have."""
    for name, outside in NUMBERS.items():
        yield from ((name, value) for value in (*outside, NAN, INF, -INF, 10**400, None, *NO_NUMBERS))
    for name, outside in WHOLES.items():
        yield from ((name, value) for value in (*outside, 1.5, 1.0, np.float64(1), NAN, 10**5000, *NO_NUMBERS))
    yield from (("max_tokens", None), ("top_k", None), ("system", 5), ("system", b"x"), ("system", "\ud800"))
    yield from (("prompt", None), ("prompt", 5), ("prompt", "a\udfffb"), ("pictures", None), ("pictures", (3,)))
    yield from (("history", value) for value in (None, "hi", 5, [{"role": "user", "content": "x"}], [("user", "x")]))
    yield from (("stop", value) for value in ("", ("",), (5,), None, {"a"}, ["x"] * 17, "\ud800"))
    yield from (("regex", value) for value in ("", 5, ("a",), "\ud800"))
    yield from (("json_schema", value) for value in ("{", "[]", 5, [], {"minimum": NAN}, {"a": {1}}, "[" * 100_000))


@pytest.mark.parametrize(("name", "value"), list(wrong_values()), ids=lambda value: received(value)[:20])
def test_a_value_that_a_field_cannot_have_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(BadInput, match=name) as found:
        Request(**{"prompt": "What is there?", name: value})
    assert len(str(found.value)) < 250


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": "  "}, "question is empty"),
        ({"temperature": 2.5}, "temperature must lie between 0 and 2, but 2.5"),
        ({"temperature": "0.5"}, "temperature must be a number, but '0.5' was given"),
        ({"top_p": 0.0}, "top_p must be above 0"),
        ({"max_tokens": 1.5}, "max_tokens must be a whole number, but 1.5 was given"),
        ({"pictures": (3,)}, "a int was given"),
        ({"regex": "a", "json_schema": {}}, "both were given"),
    ],
)
def test_what_is_wrong_is_said(fields: dict, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Request(**{"prompt": "What is there?", **fields})


def test_numbers_of_numpy_are_numbers_and_are_kept_as_pythons() -> None:
    request = Request("?", temperature=np.float32(0.5), top_p=1, max_tokens=np.int64(7), seed=np.uint8(3), top_k=2)
    params = request.sampling
    assert (params.temperature, params.top_p, params.max_tokens, params.seed) == (0.5, 1.0, 7, 3)
    assert [type(value) for value in (params.temperature, params.top_p, params.max_tokens)] == [float, float, int]


@pytest.mark.parametrize("record", [Request, SamplingParams])
def test_every_field_is_checked(record: type) -> None:
    assert all("check" in field.metadata for field in fields(record))


def test_keywords_are_the_fields_of_the_parameters() -> None:
    types = {field.name: field.type for field in fields(SamplingParams)}
    assert {name: one.__forward_arg__ for name, one in SamplingKeywords.__annotations__.items()} == types


def test_keywords_beside_parameters_change_them_and_keep_the_others() -> None:
    request = Request("?", temperature=0.5, seed=3)
    assert request == Request("?", sampling=SamplingParams(temperature=0.5, seed=3))
    assert replace(request, prompt="!", seed=4) == Request("!", temperature=0.5, seed=4)
    assert replace(request, prompt="!").sampling is request.sampling
    with pytest.raises(TypeError, match="temprature"):
        Request("?", temprature=0.5)
    with pytest.raises(BadInput, match="sampling must be a SamplingParams, but 5 was given"):
        Request("?", sampling=5, seed=3)


def test_a_record_tells_what_is_not_usual() -> None:
    told = SamplingParams(seed=4, stop="x", json_limits=JsonLimits(items=3)).to_json()
    assert told["json_limits"]["items"] == 3
    assert {name: value for name, value in told.items() if name != "json_limits"} == {
        "temperature": 0.0,
        "top_p": 1.0,
        "max_tokens": 512,
        "seed": 4,
        "stop": ("x",),
    }


def test_pictures_are_paths_or_images() -> None:
    image = Image.new("RGB", (4, 4))
    assert Request("?", ("a.png", image)).pictures == (Path("a.png"), image)
    assert Request("?", image).pictures == (image,)


def test_roles_are_checked() -> None:
    with pytest.raises(BadInput, match="'robot'"):
        Message("robot", "hello")
    with pytest.raises(BadInput, match="a message's text must be a text, but 5"):
        Message("user", 5)
    with pytest.raises(BadInput, match="a message's pictures: a picture must be a path"):
        Message("user", "hello", (5,))
    assert Message("user", "hello", "a.png").pictures == (Path("a.png"),)


def test_unknown_arguments_of_the_python_api_list_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"takes model, .*json_schema.*top_p.*, but temprature was given"):
        occlusight.generate_response("a.png", "?", temprature=1.0)
    with pytest.raises(BadInput, match="image_path: a picture must be a path or a PIL image, but a int was given"):
        occlusight.generate_response(5, "?")
    with pytest.raises(BadInput, match="model must be a name or a folder, but 5 was given"):
        occlusight.generate_response("a.png", "?", model=5)


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


WRONG_OPENINGS = [
    ("model", 5),
    ("model", None),
    ("device", None),
    ("dtype", 5),
    ("quantize", 3),
    ("context", "x"),
    ("context", 1.5),
    ("context", 0),
    ("kv_gb", NAN),
    ("kv_gb", INF),
    ("kv_gb", "x"),
    ("int8_kv", "yes"),
    ("steady", 1),
    ("offline", 1),
    ("trust_remote_code", "no"),
]


@pytest.mark.parametrize(("name", "value"), WRONG_OPENINGS)
def test_a_model_is_not_opened_with_a_value_that_means_nothing(name: str, value: object) -> None:
    with pytest.raises(BadInput, match=f"{name} must"):
        open_backend(**{"model": "default", name: value})


def test_choices_and_requests_are_checked(tiny_checkpoint: Path) -> None:
    backend = open_backend(tiny_checkpoint)
    request = Request("Is it?")
    for choices in ("Yes", [5], None, 5, [("Yes", 5)], [()], ["\ud800"]):
        with pytest.raises(BadInput, match="choices must be"):
            backend.score(request, choices)
    for wrong in (None, "Is it?", 5):
        for call in (backend.generate, lambda one: backend.score(one, ["Yes"])):
            with pytest.raises(BadInput, match="request must be a Request, but"):
                call(wrong)
    for words in ("Yes", [], [5]):
        with pytest.raises(BadInput, match="yes must be"):
            decide(backend, request, yes=words)
    assert sum(backend.score(request, ["Yes", ("No", "no")], whole=False)) < 0
