"""transformers as a backend gives what our engine gives, since it runs the same checkpoint."""

from __future__ import annotations

import shutil
import threading
from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest

from occlusight.backends.events import Done, TextDelta
from occlusight.backends.local import LocalBackend
from occlusight.backends.open import open_backend
from occlusight.backends.protocol import Message, Request
from occlusight.backends.transformers import TransformersBackend
from occlusight.engine.json_limits import JsonLimits
from occlusight.errors import BadInput, BadModel
from occlusight.model.traits import Traits


@pytest.fixture(scope="module")
def both(tiny_checkpoint):
    return LocalBackend(tiny_checkpoint), open_backend(str(tiny_checkpoint), backend="transformers")


def text(backend, request: Request) -> tuple[str, Done]:
    *pieces, done = backend.generate(request)
    return "".join(p.text for p in pieces if isinstance(p, TextDelta)), done


def test_the_same_greedy_answer(both, pictures) -> None:
    ours, theirs = both
    for i in (0, 3):
        request = Request("Is the bicycle hidden?", (pictures[i],), max_tokens=20)
        (said, end), (other, other_end) = text(ours, request), text(theirs, request)
        assert said == other
        assert replace(end.usage, pictures=()) == other_end.usage
        assert end.finish_reason == other_end.finish_reason


def test_the_same_log_probabilities(both, pictures) -> None:
    request = Request("Is the bicycle hidden?", (pictures[0],))
    ours, theirs = (backend.score(request, ["Yes", "No", "是的"]) for backend in both)
    assert ours == pytest.approx(theirs, abs=2e-3)
    choices = ["Yes", ("Yes", "No", "是的")]
    ours, theirs = (backend.score(request, choices, whole=False) for backend in both)
    assert ours == pytest.approx(theirs, abs=2e-3)


def test_the_same_model_by_its_digest(both) -> None:
    ours, theirs = both
    assert ours.info.revision == theirs.info.revision
    assert isinstance(theirs, TransformersBackend)
    assert theirs.info.name.endswith("(transformers)")


def test_what_a_checkpoint_declares_is_known(tiny_checkpoint, tmp_path) -> None:
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "declaring"))
    Traits(2, ("count", "hides")).save(folder)
    info = open_backend(folder, backend="transformers").info
    assert (info.pictures, info.learnt) == (2, ("count", "hides"))


ALIKE = [
    {"temperature": 1.2, "seed": 3},
    {"temperature": 1.5, "seed": 4, "top_k": 5},
    {"temperature": 1.5, "seed": 5, "top_p": 0.5},
    {"temperature": 2.0, "seed": 6, "min_p": 0.3},
    {"repetition_penalty": 3.0},
    {"presence_penalty": 2.0},
    {"regex": "(是|不是)，因为.{3}"},
    {"json_schema": {"type": "object", "properties": {"why": {"type": "string"}}, "required": ["why"]}},
    {"json_schema": {"type": "string"}, "json_limits": JsonLimits(characters=4)},
    {"json_schema": {"type": "string"}, "json_limits": JsonLimits(characters=4), "schema_in_prompt": True},
    {"system": "Be brief.", "history": (Message("user", "Hello"), Message("assistant", "Yes?"))},
]


@pytest.mark.parametrize("settings", ALIKE, ids=lambda settings: "-".join(settings))
def test_every_setting_is_honoured_as_our_engine_does(both, pictures, settings) -> None:
    ours, theirs = both
    few = 16 if "temperature" in settings else 40  # drawing parts at the first rounding that matters
    plain = Request("Is the bicycle hidden?", (pictures[0],), max_tokens=few)
    request = replace(plain, **settings)
    (said, end), (other, other_end) = text(ours, request), text(theirs, request)
    assert said == other
    assert said != text(ours, plain)[0]
    assert end.finish_reason == other_end.finish_reason
    assert end.usage.prompt_tokens == other_end.usage.prompt_tokens


def test_a_stop_string_ends_the_answer_and_is_no_part_of_it(both, pictures) -> None:
    whole, _ = text(both[1], Request("Is it?", (pictures[0],), max_tokens=30))
    stop = whole[len(whole) // 2 : len(whole) // 2 + 2]
    for backend in both:
        said, done = text(backend, Request("Is it?", (pictures[0],), max_tokens=30, stop=("never", stop)))
        assert said == whole[: whole.find(stop)]
        assert done.finish_reason == "stop"


def test_log_probabilities_of_its_tokens(both, pictures) -> None:
    request = Request("Is it?", (pictures[0],), max_tokens=8, logprobs=3, temperature=1.0, seed=2)
    ours, theirs = (
        [token for event in backend.generate(request) if isinstance(event, TextDelta) for token in event.tokens]
        for backend in both
    )
    assert len(ours) == len(theirs) == 8
    assert [token.logprob for token in theirs] == pytest.approx([token.logprob for token in ours], abs=2e-3)
    assert [len(token.top) for token in theirs] == [3] * 8


@pytest.mark.parametrize("field", ["thinking_tokens", "max_pixels", "min_pixels"])
def test_what_is_not_honoured_is_refused_by_name(both, field) -> None:
    request = Request("?", **{field: 4096})
    for asked in (lambda: both[1].generate(request), lambda: both[1].score(request, ["Yes"])):
        with pytest.raises(BadInput, match=f"the backend transformers cannot honour {field}=4096; leave it out"):
            asked()


def test_the_checkpoints_own_settings_have_no_say(both, pictures) -> None:
    request = Request("Is it?", (pictures[0],), max_tokens=12)
    said, _ = text(both[1], request)
    own = both[1].model.generation_config
    before = copy(own)
    try:
        own.repetition_penalty, own.do_sample, own.temperature, own.no_repeat_ngram_size = 5.0, True, 3.0, 1
        assert text(both[1], request)[0] == said
    finally:
        both[1].model.generation_config = before


def test_closing_stops(both, pictures) -> None:
    before = threading.active_count()
    events = both[1].generate(Request("Is it?", (pictures[0],), max_tokens=2000))
    next(events)
    assert threading.active_count() == before + 1
    events.close()
    assert threading.active_count() == before
    assert next(events, None) is None


def test_a_folder_without_a_model_is_explained(tmp_path) -> None:
    with pytest.raises(BadModel, match="cannot load"):
        open_backend(str(tmp_path), backend="transformers")
