"""Commands that take a record whole: Typer is shown its options, and the record refuses what is out of range."""

from __future__ import annotations

from typing import Annotated

import pytest
import typer
from tests.cli.walk import commands

from occlusight.backends.options import EngineOptions, SamplingParams
from occlusight.cli.options import OF_ENGINE, OF_SAMPLING, Sampling, ShortSampling
from occlusight.cli.records import OptionsOf, with_options
from occlusight.errors import BadInput


def run(command: object, *arguments: str) -> None:
    app = typer.Typer(add_completion=False)
    app.command()(command)  # type: ignore[type-var]
    app(args=list(arguments), standalone_mode=False)


def test_every_option_of_a_record_is_one_of_a_command() -> None:
    params = {words: {param.name for param in command.params} for words, command in commands()}
    assert OF_SAMPLING.keys() <= params["ask",]
    assert OF_ENGINE.keys() <= params["bench", "run"] | params["speed",]
    assert params["ask",].isdisjoint({"engine", "sampling"})


def test_a_command_gets_a_record_of_what_was_given() -> None:
    heard: list[tuple[int, SamplingParams, bool]] = []

    @with_options
    def command(count: int, sampling: Sampling = SamplingParams(max_tokens=7), loud: bool = False) -> None:
        heard.append((count, sampling, loud))

    run(command, "3", "--loud", "--stop", "a", "--stop", "b", "--temperature", "0.5", "--json-limits", "items=none")
    run(command, "4")
    assert heard[0][0] == 3
    assert heard[0][1].to_json() | {"json_limits": None} == SamplingParams(
        temperature=0.5, max_tokens=7, stop=("a", "b")
    ).to_json() | {"json_limits": None}
    assert heard[0][1].json_limits is not None
    assert heard[0][1].json_limits.items is None
    assert heard == [heard[0], (4, SamplingParams(max_tokens=7), False)]
    with pytest.raises(BadInput, match="temperature must lie between 0 and 2, but"):
        run(command, "3", "--temperature", "9")


def test_fields_that_are_no_options_keep_what_the_command_says() -> None:
    heard: list[SamplingParams] = []

    @with_options
    def command(sampling: ShortSampling = SamplingParams(top_k=5)) -> None:
        heard.append(sampling)

    run(command, "--seed", "1")
    assert heard == [SamplingParams(top_k=5, seed=1)]
    with pytest.raises(typer.TyperException, match="--top-k"):
        run(command, "--top-k", "3")


def test_two_records_may_stand_beside_each_other() -> None:
    heard: list[tuple[SamplingParams, EngineOptions]] = []

    @with_options
    def command(
        sampling: ShortSampling = SamplingParams(),
        engine: Annotated[EngineOptions, OptionsOf(OF_ENGINE, ("dtype",))] = EngineOptions(steady=True),
    ) -> None:
        heard.append((sampling, engine))

    run(command, "--dtype", "float16", "--max-tokens", "3")
    assert heard == [(SamplingParams(max_tokens=3), EngineOptions(dtype="float16", steady=True))]
