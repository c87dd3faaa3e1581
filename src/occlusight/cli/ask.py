"""`occlusight ask`: a question about one or several pictures or videos, or about each of a folder."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from occlusight.backends.options import EngineOptions, SamplingParams
from occlusight.cli.answers import answer, cost, cost_in_words, reductions, warnings
from occlusight.cli.options import AskedEngine, Model, Plain, Reason, RulesFile, Sampling, System
from occlusight.cli.outputs import output_file
from occlusight.cli.pictures import apart, concerns_about, picture_files
from occlusight.cli.progress import SignOfLife
from occlusight.cli.records import COST, with_options
from occlusight.cli.waiting import watched
from occlusight.errors import BadInput, Incomplete
from occlusight.occlusion.parse import is_chinese

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from occlusight.backends.events import Event
    from occlusight.backends.protocol import Backend, Request
    from occlusight.images.film import Film


@with_options
def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURE... QUESTION",
            help="Pictures or videos ('-': standard input) and, last, the question. With --batch the question alone.",
        ),
    ],
    model: Model = "default",
    engine: AskedEngine = EngineOptions(),
    sampling: Sampling = SamplingParams(),
    system: System = None,
    plain: Plain = False,
    reason: Reason = False,
    rules: RulesFile = None,
    explain_cost: Annotated[
        bool,
        typer.Option(
            "--explain-cost",
            help="Tell what the answer took: image tokens, what caches and guesses saved, precision, seconds.",
            rich_help_panel=COST,
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of streaming the text.")
    ] = False,
    batch: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Ask the question of every picture and video in this folder.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=output_file,
            metavar="FILE.jsonl",
            help="Where --batch writes a line a picture; run again to resume.",
        ),
    ] = None,
) -> None:
    """Ask a question about pictures or videos; the answer is streamed to stdout.

    occlusight ask street.webp "自行车是否被灌木丛遮挡?"

    occlusight ask clip.mp4 "What hides the dog?" --model Qwen/Qwen3-VL-2B-Instruct

    cat street.webp | occlusight ask - "Is the bicycle hidden?" --regex "(yes|no), because .+" --explain-cost
    """
    words[-1] = os.fsencode(words[-1]).decode("utf-8", "replace")  # a question is UTF-8 in every locale
    if sampling.logprobs is not None and not as_json:
        raise BadInput("log-probabilities are told in JSON: give --json with --logprobs")
    if rules is not None and not reason:
        raise BadInput("--rules are for answers from a relation graph; give --reason with it")
    asking = Asking(model, engine, sampling, system, plain, reason, rules)
    if batch is not None or out is not None:
        if batch is None or out is None:
            raise BadInput("--batch DIR and --out FILE.jsonl go together; give both")
        asking.about_each(batch, out, words)
    else:
        asking.about(words, as_json, explain_cost)


@dataclass(frozen=True)
class Asking:
    """Who is asked, and how."""

    model: str
    engine: EngineOptions
    sampling: SamplingParams
    system: str | None
    plain: bool = False
    reason: bool = False
    rules: Path | None = None

    def open(self, tell: Callable[[str], None]) -> Backend:
        """Open the model."""
        from occlusight.api import open_model

        return open_model(self.model, self.engine, plain=self.plain, reason=self.reason, rules=self.rules, tell=tell)

    def request(self, question: str, pictures: tuple[Path, ...] = (), films: tuple[Film, ...] = ()) -> Request:
        """Return a question as a request. Raises BadInput."""
        from occlusight.backends.protocol import Request

        limits = self.engine.max_pixels, self.engine.min_pixels
        return Request(question, pictures, self.system, (), self.sampling, *limits, films)

    def about_each(self, folder: Path, out: Path, words: list[str]) -> None:
        """Ask about each picture and video of a folder. Raises BadInput for more words than a question."""
        from occlusight.cli.batch import Batch

        if len(words) != 1:
            raise BadInput(
                f"with --batch give the question alone; {len(words)} arguments were given: {' '.join(words[:3])}"
            )
        tell = SignOfLife().tell
        called = (
            f"{self.model}{numbers_of(self.engine)}{' plain' if self.plain else ''}{' reason' if self.reason else ''}"
        )
        Batch(folder, out, called, self.request(words[0])).run(lambda: self.open(tell))

    def about(self, words: list[str], as_json: bool, explain_cost: bool) -> None:
        """Ask about the pictures and videos that the words name before the question.

        What cannot be asked is refused before the model is opened.
        """
        *named, question = words
        if not named:
            raise BadInput(f"give at least one picture and, last, the question; only {question!r} was given")
        if os.path.isfile(question):
            raise BadInput(
                f"the last argument must be the question, but {question!r} is a file; add the question in quotes"
            )
        sign = SignOfLife()
        with picture_files(named) as files, sign:
            pictures, films = apart(files, sign.say)
            request = self.request(question, pictures, films)
            if self.sampling.json_schema is not None or self.sampling.regex is not None:
                from occlusight.engine.grammar import check_rules

                schema = self.sampling.json_schema
                check_rules(None if schema is None else str(schema), self.sampling.regex)
            for concern in concerns_about(pictures, "zh" if is_chinese(question) else "en"):
                sign.tell(f"({concern})")
            sign.say(f"opening the model {self.model} ...")
            backend = self.open(sign.tell)
            for warning in warnings(backend, request):
                sign.tell(f"({warning})")
            kind = "video" if films else "picture"
            sign.say(f"reading the {kind} ..." if len(files) == 1 else f"reading the {kind}s ...")
            if not as_json:
                stream(backend, request, explain_cost, sign)
                return
            document = answer(backend, request, explain_cost, watched(backend.generate(request)))
            sign.clear()
            print(json.dumps(document, ensure_ascii=False), flush=True)
            if "error" in document:
                raise Incomplete(document["error"], document["answer"])


def numbers_of(engine: EngineOptions) -> str:
    """Return where and in what numbers a model computes, where that was asked for: what tells its answers from others
    in the file of a batch."""
    where = "" if engine.backend == "local" else f" {engine.backend} {engine.base_url or ''}".rstrip()
    bits = "" if engine.quantize == "auto" and not engine.quantize_vision else f" {engine.quantize}"
    vision = f" {engine.quantize_vision}" if engine.quantize_vision else ""
    return where + bits + vision + (" int8-kv" if engine.int8_kv else "")


def stream(backend: Backend, request: Request, explain_cost: bool = False, sign: SignOfLife | None = None) -> None:
    """Print the answer as it comes; the sign of life goes away before. On stderr come thoughts, notes where the answer
    was cut and where another model knows such pictures, and what it cost.

    Raises Incomplete, after all that, where the answer is not what its schema or expression asks for.
    """
    from occlusight.backends.completion import Completion
    from occlusight.backends.structured import why_incomplete
    from occlusight.cli.larger import how_larger

    completion = Completion.of(printed(watched(backend.generate(request)), sign))
    print(flush=True)
    if explain_cost:
        print(cost_in_words(cost(backend, completion)), file=sys.stderr)
    for note in reductions(completion.usage):
        print(note, file=sys.stderr)
    if completion.asked is not None and (how := how_larger(completion.asked.domain, completion.asked.lang)):
        print(how, file=sys.stderr)
    if why := why_incomplete(request.sampling, completion.text, completion.finish_reason):
        raise Incomplete(why, completion.text)
    if completion.finish_reason == "length":
        print(f"(cut after {completion.usage.completion_tokens} tokens; --max-tokens allows more)", file=sys.stderr)


def printed(events: Iterator[Event], sign: SignOfLife | None = None) -> Iterator[Event]:
    """Yield the events of an answer, its text printed on stdout as it comes, its thoughts on stderr; the sign of life
    goes away before."""
    from occlusight.backends.events import TextDelta, ThoughtDelta

    for event in events:
        if sign is not None:
            sign.clear()
        if isinstance(event, (TextDelta, ThoughtDelta)):
            print(event.text, end="", flush=True, file=sys.stderr if isinstance(event, ThoughtDelta) else sys.stdout)
        yield event
