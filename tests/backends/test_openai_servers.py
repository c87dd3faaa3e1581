"""What reaches a server and what is refused, the shapes of streams, and models that want their parameters otherwise."""

from __future__ import annotations

import base64
import contextlib
import copy
import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from tests.backends.chat_server import Server

from occlusight.backends.chunks import Reader
from occlusight.backends.events import Done, TextDelta, ThoughtDelta, TokenLogprob
from occlusight.backends.openai import OpenAIBackend
from occlusight.backends.protocol import Message, Request
from occlusight.engine.json_limits import JsonLimits
from occlusight.errors import BadInput, BadModel, OcclusightError

SETTINGS: dict[str, Any] = {
    "stop": ("END",),
    "json_schema": {"type": "object"},
    "regex": "yes|no",
    "top_k": 5,
    "min_p": 0.2,
    "presence_penalty": 0.5,
    "repetition_penalty": 1.2,
    "seed": 3,
    "logprobs": 2,
    "thinking_tokens": 7,
    "json_limits": JsonLimits(),
    "min_pixels": 4096,
}
FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "answer", "strict": True, "schema": {"type": "object"}},
}
SENT = {
    "stop": {"stop": ["END"]},
    "json_schema": {"response_format": FORMAT},
    "presence_penalty": {"presence_penalty": 0.5},
    "seed": {"seed": 3},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
}
FURTHER = {"top_k": {"top_k": 5}, "min_p": {"min_p": 0.2}, "repetition_penalty": {"repetition_penalty": 1.2}}
BY_OWNER = {
    "us": SENT,
    "vllm": {**SENT, **FURTHER, "regex": {"structured_outputs": {"regex": "yes|no"}}},
    "sglang": {**SENT, **FURTHER, "regex": {"regex": "yes|no"}},
    "llamacpp": {**SENT, **FURTHER, "repetition_penalty": {"repeat_penalty": 1.2, "repeat_last_n": 2**20}},
}


@pytest.mark.parametrize("owner", BY_OWNER)
def test_a_setting_reaches_the_server_as_it_wants_it_or_is_refused_by_name(server: Server, owner: str) -> None:
    server.owner = owner
    backend = OpenAIBackend("small", base_url=server.address, retries=0)
    server.events = answer(logprobs={"content": [{"token": "Yes", "logprob": -0.1, "top_logprobs": []}]})
    for name, value in SETTINGS.items():
        server.asked.clear()
        sent = BY_OWNER[owner].get(name)
        request = Request("?", **{name: value})
        if sent is None:
            with pytest.raises(BadInput, match=rf"openai, with http.*, cannot honour {name}=.*; leave it out"):
                backend.generate(request)
            with pytest.raises(BadInput, match=f"cannot honour {name}="):
                backend.score(request, ["Yes"], whole=False)
            assert server.asked == []
            assert name not in backend.honoured
        else:
            list(backend.generate(request))
            assert sent.items() <= server.asked[0].items()
            assert name in backend.honoured


def test_pictures_are_reduced_before_they_are_sent(server: Server) -> None:
    picture = Image.new("RGB", (200, 50))
    backend = OpenAIBackend("small", base_url=server.address, max_pixels=2500)
    for limit in (None, 400, "model", 1_000_000):
        list(backend.generate(Request("?", (picture,), history=(Message("user", "!", picture),), max_pixels=limit)))
    sizes = [[size_of(message["content"][0]) for message in asked["messages"]] for asked in server.asked]
    assert sizes == [[size, size] for size in ((100, 25), (40, 10), (200, 50), (200, 50))]


def size_of(part: dict[str, Any]) -> tuple[int, int]:
    """The size of a picture as it was sent."""
    return Image.open(io.BytesIO(base64.b64decode(part["image_url"]["url"].partition(",")[2]))).size


def test_typed_questions_go_to_servers_that_take_them(server: Server) -> None:
    asked = {"model": "here", "input": "A car.", "questions": [{"type": "predicate", "instructions": "Is it red?"}]}
    without = OpenAIBackend("small", base_url=server.address, retries=0)
    assert not without.capabilities.decides
    with pytest.raises(BadInput, match="small answers no typed questions itself"):
        without.decisions(asked)
    server.typed = {"answers": [{"type": "predicate", "name": None, "probability": 0.8}]}
    backend = OpenAIBackend("small", base_url=server.address, retries=0)
    assert backend.capabilities.decides
    assert backend.decisions(asked) == server.typed
    assert server.asked == [{**asked, "model": "small"}]
    server.typed = "nothing of the kind"
    with pytest.raises(OcclusightError, match="something"):
        backend.decisions(asked)


def test_a_context_that_the_server_tells_is_known(server: Server, backend: OpenAIBackend) -> None:
    assert backend.info.context == 0
    server.entry = {"max_model_len": 32768}
    assert OpenAIBackend("small", base_url=server.address).info.context == 32768


def test_the_time_of_a_list_is_no_revision_of_a_model(server: Server, backend: OpenAIBackend) -> None:
    assert backend.info.revision == f"{server.address}#7"
    server.owner = "llamacpp"
    assert OpenAIBackend("small", base_url=server.address).info.revision == server.address


def test_settings_of_its_own_that_a_server_would_fill_in_are_always_said(server: Server) -> None:
    list(OpenAIBackend("small", base_url=server.address, server="vllm").generate(Request("?", temperature=1.0)))
    assert {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}.items() <= server.asked[0].items()
    with pytest.raises(BadInput, match="server must be one of openai, vllm, sglang, llamacpp, but 'tgi'"):
        OpenAIBackend("small", base_url=server.address, server="tgi")


def test_a_schema_is_told_to_the_model_too_unless_the_user_says_otherwise(
    server: Server, backend: OpenAIBackend
) -> None:
    for choice in (None, False):
        list(backend.generate(Request("?", json_schema={"type": "null"}, schema_in_prompt=choice)))
    assert server.asked[0]["messages"][-1]["content"].endswith('{"type": "null"}')
    assert server.asked[1]["messages"][-1]["content"] == "?"


def chunk(delta: object = None, reason: object = None, **more: object) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    if "logprobs" in more:
        choice["logprobs"] = more.pop("logprobs")
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "small", "choices": [choice], **more}


USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
END = [chunk({}, "stop"), {**chunk(), "choices": [], "usage": USAGE}, "[DONE]"]


def answer(**more: object) -> list[object]:
    return [chunk({"content": "Yes"}, **more), *END]


PARTS = [{"type": "text", "text": "Yes"}]
WHOLE = {
    "plain": answer(),
    "delta null": [chunk({"content": "Yes"}), chunk(None, "stop"), *END[1:]],
    "finish reason empty": [chunk({"content": "Yes"}, ""), *END],
    "choices null": [chunk({"content": "Yes"}), END[0], {**chunk(), "choices": None, "usage": USAGE}, "[DONE]"],
    "choices absent": [{"id": "1"}, *answer()],
    "role and nulls first": [chunk({"role": "assistant", "content": None, "refusal": None}), *answer()],
    "content in parts": [chunk({"content": PARTS}), *END],
    "text that a part lacks": [chunk({"content": [{"type": "text"}, *PARTS, {"type": "image_url"}, None]}), *END],
    "tool calls null": [chunk({"content": "Yes", "tool_calls": None, "function_call": None}), *END],
    "no end mark": answer()[:-1],
    "logprobs null": answer(logprobs=None),
    "reason eos": [chunk({"content": "Yes"}), chunk({}, "eos"), *END[1:]],
    "reason end_turn": [chunk({"content": "Yes"}), chunk({}, "end_turn"), *END[1:]],
    "reason in capitals": [chunk({"content": "Yes"}), chunk({}, "STOP"), *END[1:]],
    "reason in the last text": [chunk({"content": "Yes"}, "stop"), *END[1:]],
    "a refusal": [chunk({"refusal": "Yes"}), *END],
}


@pytest.mark.parametrize("shape", WHOLE)
def test_a_stream_is_read_in_every_shape(server: Server, backend: OpenAIBackend, shape: str) -> None:
    server.events = WHOLE[shape]
    *pieces, done = backend.generate(Request("?"))
    assert pieces == [TextDelta("Yes")]
    assert isinstance(done, Done)
    assert (done.finish_reason, done.usage.prompt_tokens, done.usage.completion_tokens) == ("stop", 3, 1)


@pytest.mark.parametrize("noise", [b"\xff\xfe{{{", b"[" * 20_000, b"a" * 1_000_000, b'{"choices": [{"del', b"\0"])
def test_a_stream_that_is_none_is_an_error_in_a_line(server: Server, backend: OpenAIBackend, noise: bytes) -> None:
    server.events = [chunk({"content": "Yes"}), noise]
    with pytest.raises(OcclusightError) as refused:
        list(backend.generate(Request("?")))
    assert server.address in str(refused.value)
    assert "\n" not in str(refused.value)


ODD: tuple[Any, ...] = (
    None,
    -1,
    2**70,
    1e308,
    float("nan"),
    float("inf"),
    "x",
    "",
    [],
    {},
    True,
    [None],
    [[1]],
    {"a": 1},
    0.5,
)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of everything in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*place, key)
        yield from places(inner, (*place, key))


def test_a_field_of_any_type_in_a_stream_is_an_answer_or_an_error() -> None:
    logprobs = {"content": [{"token": "Y", "logprob": -0.1, "top_logprobs": [{"token": "Y", "logprob": -0.1}]}]}
    whole = chunk(
        {"content": [{"type": "text", "text": "Y"}], "reasoning": "?"}, "stop", logprobs=logprobs, usage=USAGE
    )
    read = 0
    for *above, last in places(whole):
        for value in ODD:
            document = copy.deepcopy(whole)
            holder: Any = document
            for key in above:
                holder = holder[key]
            holder[last] = value
            reader = Reader()
            with contextlib.suppress(OcclusightError):
                for piece in reader.events(document):
                    assert isinstance(piece, TextDelta | ThoughtDelta)
                    assert all(token.logprob <= 0 for token in piece.tokens)
                read += 1
            assert reader.usage.prompt_tokens >= 0
    assert read > 200


@pytest.mark.parametrize("listing", ["[" * 20_000, '{"data": 3}'])
def test_a_server_whose_list_of_models_is_none_is_believed(server: Server, listing: str) -> None:
    server.listing = (200, listing)
    assert OpenAIBackend("small", base_url=server.address, retries=0).info.name == "small"


def test_a_list_of_things_without_names_has_no_model(server: Server) -> None:
    server.listing = (200, '{"data": [{"id": []}, {"id": {}}, 3, null]}')
    with pytest.raises(BadModel, match="has no model 'small'"):
        OpenAIBackend("small", base_url=server.address, retries=0)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, {"prompt_tokens": "x", "completion_tokens": -1}])
def test_an_answer_whose_cost_is_not_told(server: Server, backend: OpenAIBackend, usage: object) -> None:
    server.events = [*answer()[:-2], {**chunk(), "choices": [], "usage": usage}, "[DONE]"]
    done = list(backend.generate(Request("?")))[-1]
    assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (0, 0)


def test_thoughts_are_apart(server: Server, backend: OpenAIBackend) -> None:
    thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
    for delta in ({"reasoning_content": "hm"}, {"reasoning": "hm"}, {"content": thinking}):
        server.events = [chunk({**delta}), *answer()]
        assert list(backend.generate(Request("?")))[:-1] == [ThoughtDelta("hm"), TextDelta("Yes")]


BROKEN = {
    "no reason at the end": [chunk({"content": "Yes"}), "[DONE]"],
    "only empty reasons": [chunk({"content": "Yes"}, ""), chunk({}, ""), "[DONE]"],
    "nothing": [],
    "an error": [chunk({"content": "Yes"}), {"error": {"message": "out of memory", "code": 500}}, "[DONE]"],
    "an error as text": [chunk({"content": "Yes"}), {"error": "out of memory"}, "[DONE]"],
    "an error as vLLM says it": [{"object": "error", "message": "out of memory", "code": 500}, "[DONE]"],
    "an error after the end": [*answer()[:2], {"error": {"message": "out of memory"}}],
    "half a line": [chunk({"content": "Yes"}), '{"id": "1", "choi'],
    "content_filter": [chunk({"content": "Yes"}), chunk({}, "content_filter"), "[DONE]"],
    "tool_calls": [chunk({"content": "Yes"}), chunk({}, "tool_calls"), "[DONE]"],
    "abort": [chunk({"content": "Yes"}), chunk({}, "abort"), "[DONE]"],
}


@pytest.mark.parametrize("how", BROKEN)
def test_an_answer_that_broke_off_is_an_error_and_never_a_short_answer(
    server: Server, backend: OpenAIBackend, how: str
) -> None:
    server.events = BROKEN[how]
    with pytest.raises(OcclusightError) as found:
        list(backend.generate(Request("?")))
    assert not isinstance(found.value, BadInput)
    assert "out of memory" in str(found.value) or not how.startswith("an error")


def test_a_connection_that_drops_in_the_middle_is_an_error(server: Server, backend: OpenAIBackend) -> None:
    server.events, server.promised = [chunk({"content": "Yes"})], 100_000
    with pytest.raises(OcclusightError, match=r"the connection to http.* (failed|broke)"):
        list(backend.generate(Request("?")))


def test_log_probabilities_come_with_their_text(server: Server, backend: OpenAIBackend) -> None:
    def entry(token: str, value: float, *tops: tuple[str, float]) -> dict[str, Any]:
        return {"token": token, "logprob": value, "top_logprobs": [{"token": t, "logprob": v} for t, v in tops]}

    half = {"content": [entry("\\xe6", -0.5)]}
    rest = {"content": [entry("\\x98\\xaf", -0.1, ("\\x98\\xaf", -0.1), ("x", -3.0))]}
    server.events = [chunk({"content": ""}, logprobs=half), chunk({"content": "是"}, logprobs=rest), *END]
    tokens = (
        TokenLogprob("\\xe6", -0.5),
        TokenLogprob("\\x98\\xaf", -0.1, (("\\x98\\xaf", -0.1), ("x", -3.0))),
    )
    assert list(backend.generate(Request("?", logprobs=2)))[:-1] == [TextDelta("是", tokens)]
    server.events = answer()
    with pytest.raises(BadInput, match="returns no log-probabilities"):
        list(backend.generate(Request("?", logprobs=2)))


@pytest.mark.parametrize("listing", [(404, "x"), (405, "x"), (501, "x"), (200, "<html>hello</html>"), (200, "")])
def test_a_server_that_lists_no_models_is_believed(server: Server, listing: tuple[int, str]) -> None:
    server.listing = listing
    backend = OpenAIBackend("other", base_url=server.address, retries=0)
    assert list(backend.generate(Request("?")))[-1].finish_reason == "stop"
    assert backend.info.revision == server.address


def test_a_server_that_refuses_its_list_is_named(server: Server) -> None:
    server.listing = (403, "no")
    with pytest.raises(BadModel, match="refused to list its models"):
        OpenAIBackend("small", base_url=server.address, retries=0)


COMPLETION = {
    "message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead.",
    "param": "max_tokens",
    "code": "unsupported_parameter",
}
TEMPERATURE = {
    "message": "Unsupported value: 'temperature' does not support 0. Only the default (1) value is supported."
}


def test_a_model_that_wants_other_parameters_is_asked_once_more_and_then_rightly(
    server: Server, backend: OpenAIBackend, caplog: pytest.LogCaptureFixture
) -> None:
    server.refusals = [
        (lambda body: "max_tokens" in body, COMPLETION),
        (lambda body: body.get("temperature", 1) != 1, TEMPERATURE),
    ]
    for _ in range(2):
        assert list(backend.generate(Request("?", max_tokens=9)))[-1].finish_reason == "stop"
    assert len(server.asked) == 4  # two refusals, then two answers
    assert server.asked[-1]["max_completion_tokens"] == 9
    assert not {"max_tokens", "temperature"} & server.asked[-1].keys()
    assert caplog.text.count("takes no temperature") == 1
    with pytest.raises(BadInput, match="Only the default"):  # asked for, and so not dropped
        list(backend.generate(Request("?", temperature=0.5)))
    assert server.asked[-1]["temperature"] == 0.5
    backend.score(Request("?"), ["Yes"], whole=False)
    assert server.asked[-1]["max_completion_tokens"] == 1


def test_a_number_that_is_too_large_is_no_wish_for_another_name(server: Server, backend: OpenAIBackend) -> None:
    server.refusals = [(lambda body: True, {"message": "max_tokens is too large: 9", "param": "max_tokens"})]
    with pytest.raises(BadInput, match="too large"):
        list(backend.generate(Request("?", max_tokens=9)))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", 5),
        ("timeout", "x"),
        ("timeout", -1),
        ("retries", "x"),
        ("retries", -1),
        ("base_url", 5),
        ("base_url", "http://[::1"),
        ("api_key", "é"),
    ],
)
def test_arguments_that_mean_nothing_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(BadInput, match=name):
        OpenAIBackend(**{"model": "small", "base_url": "http://127.0.0.1:9/v1", "retries": 0, name: value})
