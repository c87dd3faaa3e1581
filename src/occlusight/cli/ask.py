"""`occlusight ask`: a question about one or several pictures, or about each picture of a folder."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from occlusight.cli.answers import answer, cost, cost_in_words, reductions, warnings
from occlusight.cli.contexts import Context, Int8KV, KvGb
from occlusight.cli.options import output_file
from occlusight.cli.pictures import picture_files
from occlusight.cli.pixels import MaxPixels, MinPixels
from occlusight.cli.precision import Quantize, QuantizeVision
from occlusight.cli.progress import SignOfLife
from occlusight.cli.structured import JsonLimitsText, SchemaInPrompt, json_limits_of
from occlusight.cli.waiting import watched
from occlusight.errors import BadInput, Incomplete

if TYPE_CHECKING:
    from collections.abc import Iterator

    from occlusight.backends.protocol import Backend, Event, Request

SAMPLING, SHAPE, COST = "Sampling", "What the answer looks like", "What it took"

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="'default' (shipped; knows renders), a checkpoint folder, a hub id such as Qwen/Qwen3-VL-2B-Instruct, "
        "or modelscope:ORG/NAME.",
    ),
]


def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURE... QUESTION",
            help="Pictures ('-': standard input) and, last, the question. With --batch the question alone.",
        ),
    ],
    model: Model = "default",
    quantize: Quantize = "auto",
    quantize_vision: QuantizeVision = None,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token each time.")] = 0.0,
    top_p: Annotated[
        float, typer.Option(help="Sample among the likeliest tokens that together have this probability.")
    ] = 1.0,
    max_tokens: Annotated[int, typer.Option(help="The longest answer, in tokens.")] = 512,
    seed: Annotated[int | None, typer.Option(help="Makes sampling repeatable.")] = None,
    system: Annotated[str | None, typer.Option(help="A system prompt.")] = None,
    top_k: Annotated[
        int, typer.Option(help="Sample among so many likeliest tokens; 0 takes all.", rich_help_panel=SAMPLING)
    ] = 0,
    min_p: Annotated[
        float,
        typer.Option(
            help="Sample among tokens with at least this share of the likeliest one's probability.",
            rich_help_panel=SAMPLING,
        ),
    ] = 0.0,
    repetition_penalty: Annotated[
        float,
        typer.Option(
            help="Above 1, tokens of question and answer are less likely to come again.", rich_help_panel=SAMPLING
        ),
    ] = 1.0,
    presence_penalty: Annotated[
        float,
        typer.Option(help="Taken from the logits of tokens that the answer already holds.", rich_help_panel=SAMPLING),
    ] = 0.0,
    stop: Annotated[
        list[str] | None,
        typer.Option(
            help="A text that ends the answer and is no part of it; may be given often.", rich_help_panel=SHAPE
        ),
    ] = None,
    json_schema: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The answer is JSON that satisfies the JSON schema in this file.",
            rich_help_panel=SHAPE,
        ),
    ] = None,
    json_limits: JsonLimitsText = None,
    schema_in_prompt: SchemaInPrompt = None,
    regex: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help="The whole answer matches, for example '(yes|no), because .+'.",
            rich_help_panel=SHAPE,
        ),
    ] = None,
    thinking_tokens: Annotated[
        int | None,
        typer.Option(
            help="The longest thoughts of a Thinking checkpoint, which come on stderr; usually 3/4 of --max-tokens.",
            rich_help_panel=SHAPE,
        ),
    ] = None,
    logprobs: Annotated[
        int | None,
        typer.Option(
            help="With --json, tell every token's log-probability and those of so many likeliest in its place.",
            rich_help_panel=COST,
        ),
    ] = None,
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
        Path | None, typer.Option(metavar="DIR", help="Ask the question of every picture in this folder.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=output_file,
            metavar="FILE.jsonl",
            help="Where --batch writes a line a picture; run again to resume.",
        ),
    ] = None,
    max_pixels: MaxPixels = None,
    min_pixels: MinPixels = None,
    context: Context = None,
    int8_kv: Int8KV = False,
    kv_gb: KvGb = None,
) -> None:
    """Ask a question about pictures; the answer is streamed to stdout.

    occlusight ask street.webp "自行车是否被灌木丛遮挡?"

    cat street.webp | occlusight ask - "Is the bicycle hidden?" --regex "(yes|no), because .+" --explain-cost
    """
    from occlusight.backends import open_backend
    from occlusight.backends.protocol import Request

    words[-1] = os.fsencode(words[-1]).decode("utf-8", "replace")  # a question is UTF-8 in every locale
    settings: dict[str, Any] = {
        "temperature": temperature,
        "top_p": top_p,
        "max_tokens": max_tokens,
        "seed": seed,
        "system": system,
        "top_k": top_k,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "presence_penalty": presence_penalty,
        "stop": tuple(stop or ()),
        "json_schema": read_schema(json_schema),
        "json_limits": json_limits_of(json_limits),
        "schema_in_prompt": schema_in_prompt,
        "regex": regex,
        "thinking_tokens": thinking_tokens,
        "logprobs": logprobs,
        "max_pixels": max_pixels,
        "min_pixels": min_pixels,
    }

    sign = SignOfLife()

    def opened() -> Backend:
        return open_backend(
            model,
            quantize=quantize,
            quantize_vision=quantize_vision,
            context=context,
            int8_kv=int8_kv,
            kv_gb=kv_gb,
            tell=sign.tell,
        )

    if logprobs is not None and not as_json:
        raise BadInput("log-probabilities are told in JSON: give --json with --logprobs")
    if batch is not None or out is not None:
        from occlusight.cli.batch import Batch

        if batch is None or out is None:
            raise BadInput("--batch DIR and --out FILE.jsonl go together; give both")
        if len(words) != 1:
            raise BadInput(
                f"with --batch give the question alone; {len(words)} arguments were given: {' '.join(words[:3])}"
            )
        weights = [] if quantize == "auto" and not quantize_vision else [quantize, quantize_vision or ""]
        name = " ".join(filter(None, [model, *weights, "int8-kv" if int8_kv else ""]))
        Batch(batch, out, name, Request(words[0], **settings)).run(opened)
        return
    *pictures, question = words
    if not pictures:
        raise BadInput(f"give at least one picture and, last, the question; only {question!r} was given")
    if os.path.isfile(question):
        raise BadInput(
            f"the last argument must be the question, but {question!r} is a file; add the question in quotes"
        )
    with picture_files(pictures) as files, sign:
        request = Request(question, files, **settings)
        params = request.sampling
        if params.json_schema is not None or params.regex is not None:
            from occlusight.engine.grammar import check_rules

            check_rules(None if params.json_schema is None else str(params.json_schema), params.regex)
        sign.say(f"opening the model {model} ...")
        backend = opened()
        for warning in warnings(backend, request):
            sign.tell(f"({warning})")
        sign.say("reading the picture ..." if len(files) == 1 else "reading the pictures ...")
        if as_json:
            document = answer(backend, request, explain_cost, watched(backend.generate(request)))
            sign.clear()
            print(json.dumps(document, ensure_ascii=False), flush=True)
            if "error" in document:
                raise Incomplete(document["error"], document["answer"])
        else:
            stream(backend, request, explain_cost, sign)


def read_schema(path: Path | None) -> str | None:
    """Return the text of a schema file. Raises BadInput where it cannot be read."""
    try:
        return None if path is None else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"--json-schema needs a file that holds a JSON schema, but {str(path)!r} cannot be read ({error})"
        ) from None


def stream(backend: Backend, request: Request, explain_cost: bool = False, sign: SignOfLife | None = None) -> None:
    """Print the answer as it comes; the sign of life goes away before. On stderr come thoughts, a note where the answer was cut, and what
    it cost.

    Raises Incomplete, after all that, where the answer is not what its schema or expression asks for.
    """
    from occlusight.backends.completion import Completion
    from occlusight.backends.structured import why_incomplete

    completion = Completion.of(printed(watched(backend.generate(request)), sign))
    print(flush=True)
    if explain_cost:
        print(cost_in_words(cost(backend, completion)), file=sys.stderr)
    for note in reductions(completion.usage):
        print(note, file=sys.stderr)
    if why := why_incomplete(request.sampling, completion.text, completion.finish_reason):
        raise Incomplete(why, completion.text)
    if completion.finish_reason == "length":
        print(f"(cut after {completion.usage.completion_tokens} tokens; --max-tokens allows more)", file=sys.stderr)


def printed(events: Iterator[Event], sign: SignOfLife | None = None) -> Iterator[Event]:
    """Yield the events of an answer, its text printed on stdout as it comes, its thoughts on stderr; the sign of life goes away before."""
    from occlusight.backends.protocol import TextDelta, ThoughtDelta

    for event in events:
        if sign is not None:
            sign.clear()
        if isinstance(event, (TextDelta, ThoughtDelta)):
            print(event.text, end="", flush=True, file=sys.stderr if isinstance(event, ThoughtDelta) else sys.stdout)
        yield event
