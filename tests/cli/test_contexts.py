"""--context, --int8-kv and --kv-gb of the commands that answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Result

from occlusight.backends.local import LocalBackend
from occlusight.backends.open import open_backend
from occlusight.engine.kv_manager import KVManager
from occlusight.model.int8_kv_cache import Int8KVCache
from occlusight.model.kv_cache import KVCache


@pytest.fixture
def ask(call: Callable[..., Result], tiny_checkpoint: Path, pictures: list[Path]) -> Callable[..., Result]:
    """Ask the tiny model something."""

    def ask(*options: Any) -> Result:
        return call("ask", pictures[0], "What?", "--model", tiny_checkpoint, "--max-tokens", 3, "--json", *options)

    return ask


def test_a_longer_context_is_stretched_and_a_shorter_one_is_a_limit(ask: Callable[..., Result]) -> None:
    code, out, _ = ask("--context", 10_000)
    assert code == 0
    assert json.loads(out)["model"]["context"] == 10_000
    code, _, err = ask("--context", 20)
    assert code == 2
    assert "this model takes fewer than 20" in " ".join(err.split())
    code, _, err = ask("--context", 2_000_000)
    assert code == 2
    assert "less than or equal to 1048576 (received '2000000')" in " ".join(err.split())


def test_keys_and_values_are_kept_in_8_bits(
    ask: Callable[..., Result], tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[type[KVCache]] = []

    class Watched(KVManager):
        def store(self, capacity: int) -> KVCache:
            store = super().store(capacity)
            made.append(type(store))
            return store

    monkeypatch.setattr("occlusight.engine.engine.KVManager", Watched)
    code, out, _ = ask("--int8-kv")
    assert code == 0
    assert json.loads(out)["model"]["dtype"].endswith("keys and values in int8")
    assert set(made) == {Int8KVCache}
    made.clear()
    assert ask()[0] == 0
    assert set(made) == {KVCache}
    backend = open_backend(str(tiny_checkpoint), context=9000, int8_kv=True, kv_gb=0.5)
    assert isinstance(backend, LocalBackend)
    settings = backend.engine.settings
    assert (backend.info.context, settings.int8_kv, settings.most_kv_bytes) == (9000, True, 500_000_000)
    yarn = backend.engine.model.text.config.yarn
    assert yarn is not None
    assert yarn.native == 4096


def test_a_request_beyond_the_memory_given_is_refused(ask: Callable[..., Result]) -> None:
    code, _, err = ask("--kv-gb", 0.001, "--max-tokens", 4000)
    assert code == 2
    assert "but 1.0 MiB are allowed" in " ".join(err.split())


def test_other_backends_have_no_such_options(call: Callable[..., Result], tmp_path: Path) -> None:
    options = ("--data", "occlusion-50", "--out", tmp_path / "out", "--backend", "openai", "--int8-kv")
    code, _, err = call("bench", "run", *options)
    assert code == 2
    assert "the backend openai cannot honour int8_kv=True; leave it out" in " ".join(err.split())


@pytest.mark.parametrize("command", [("ask",), ("serve",), ("bench", "run")])
def test_help_teaches_them(call: Callable[..., Result], command: tuple[str, ...]) -> None:
    _, out, _ = call(*command, "--help")
    for option in ("--context", "--int8-kv", "--kv-gb"):
        assert option in out
