"""transformers as a backend gives what our engine gives, since it runs the same checkpoint."""

from __future__ import annotations

import threading

import pytest

from occlusight.backends.local import LocalBackend
from occlusight.backends.opening import open_backend
from occlusight.backends.protocol import Done, Request, TextDelta
from occlusight.backends.transformers import TransformersBackend
from occlusight.errors import BadModel


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
        assert end.usage == other_end.usage
        assert end.finish_reason == other_end.finish_reason


def test_the_same_log_probabilities(both, pictures) -> None:
    request = Request("Is the bicycle hidden?", (pictures[0],))
    ours, theirs = (backend.score(request, ["Yes", "No", "是的"]) for backend in both)
    assert ours == pytest.approx(theirs, abs=2e-3)


def test_the_same_model_by_its_digest(both) -> None:
    ours, theirs = both
    assert ours.info.revision == theirs.info.revision
    assert isinstance(theirs, TransformersBackend)
    assert theirs.info.name.endswith("(transformers)")


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
