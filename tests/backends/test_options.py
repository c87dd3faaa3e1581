"""Options of an engine: checked by their record, taken by the backends that declare them, refused by name by the
others."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from occlusight.backends import events, honoured, options, protocol
from occlusight.backends.events import TextDelta
from occlusight.backends.open import BACKENDS, backend_class, open_backend
from occlusight.backends.options import EngineKeywords, EngineOptions
from occlusight.backends.protocol import Capabilities, ModelInfo, Request
from occlusight.errors import BadInput

OTHERS = EngineOptions(
    base_url="http://127.0.0.1:1/v1",
    served_checkpoint="default",
    trust_remote_code=True,
    device="cuda",
    dtype="float16",
    quantize="int8",
    quantize_vision="int8",
    max_pixels=1000,
    min_pixels=10,
    context=20,
    int8_kv=True,
    kv_gb=0.5,
    prompt_lookup=False,
    steady=True,
    offline=True,
)
"""Of every option but the backend another value than the usual one."""
NAMES = [one.name for one in fields(EngineOptions) if one.name != "backend"]


def test_every_option_is_checked_and_a_keyword_of_those_who_forward_it() -> None:
    assert all("check" in one.metadata for one in fields(EngineOptions))
    types = {one.name: one.type for one in fields(EngineOptions)}
    assert {name: one.__forward_arg__ for name, one in EngineKeywords.__annotations__.items()} == types


def test_paths_are_texts_and_limits_are_in_order() -> None:
    assert EngineOptions(quantize=Path("forms/a")).quantize == "forms/a"
    with pytest.raises(BadInput, match=r"min_pixels \(20\) must not be above max_pixels \(10\)"):
        EngineOptions(max_pixels=10, min_pixels=20)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_backend_does_not_take_is_refused_by_name_before_it_opens_anything(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = backend_class(backend)
    monkeypatch.setattr(found, "open", lambda *_: pytest.fail("opened"))
    taken = found.supported_options
    assert taken < set(NAMES)
    for name in set(NAMES) - taken:
        assert getattr(OTHERS, name) != getattr(EngineOptions(), name)
        with pytest.raises(BadInput, match=f"the backend {backend} cannot honour {name}=.*; leave it out; .* takes"):
            open_backend("a model", backend=backend, **{name: getattr(OTHERS, name)})  # type: ignore[misc]


def test_every_option_is_taken_by_a_backend() -> None:
    assert set().union(*(backend_class(one).supported_options for one in BACKENDS)) == set(NAMES)


def test_keywords_change_a_record_and_an_unknown_one_is_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, EngineOptions]] = []
    monkeypatch.setattr(backend_class("local"), "open", lambda model, options, tell: opened.append((model, options)))
    record = EngineOptions(int8_kv=True, context=99)
    open_backend(Path("a/model"), record, context=100)
    assert opened == [("a/model", replace(record, context=100))]
    with pytest.raises(TypeError, match="quantise"):
        open_backend("default", quantise="int8")  # type: ignore[call-arg]
    with pytest.raises(BadInput, match="options must be a EngineOptions, but 'int8' was given"):
        open_backend("default", "int8")  # type: ignore[arg-type]


def test_the_backend_of_the_documentation_answers_and_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines that docs/architecture.md adds to backends/echo.py, as they stand."""
    text = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text("utf-8")
    found = re.search(r"^ backends/echo\.py\n((?:\+.*\n)+)", text, re.MULTILINE)
    assert found
    code = "from __future__ import annotations\nfrom typing import ClassVar\n" + re.sub("(?m)^\\+", "", found[1])
    made: dict[str, type] = {}
    exec(code, {**vars(events), **vars(honoured), **vars(options), **vars(protocol), "__name__": "echo"}, made)
    monkeypatch.setattr("occlusight.backends.open.backend_class", {"echo": made["EchoBackend"]}.__getitem__)
    backend = open_backend("parrot", backend="echo", base_url="there")
    assert (backend.info, backend.capabilities) == (ModelInfo("parrot", "there"), Capabilities())
    assert list(backend.generate_many([Request("a", max_tokens=3), Request("b")]))[::2] == [
        (0, TextDelta("a")),
        (1, TextDelta("b")),
    ]
    with pytest.raises(BadInput, match="the backend echo cannot honour seed=3"):
        backend.generate(Request("a", seed=3))
    with pytest.raises(BadInput, match="parrot tells no log-probabilities"):
        backend.score_many([(Request("a"), ["b"])])
    with pytest.raises(BadInput, match=r"the backend echo cannot honour int8_kv=True; .* takes base_url"):
        open_backend("parrot", backend="echo", int8_kv=True)


def test_a_backend_whose_package_is_missing_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "occlusight.backends.openai", None)
    with pytest.raises(BadInput, match=r"--backend openai needs the package .*pip install"):
        open_backend("m", backend="openai")
