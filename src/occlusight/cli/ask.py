"""`occlusight ask`: a question about one or several pictures, or about each picture of a folder."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from occlusight.errors import BadInput

if TYPE_CHECKING:
    from occlusight.backends.protocol import Backend, Request

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
            metavar="PICTURE... QUESTION", help="Pictures and, last, the question. With --batch the question alone."
        ),
    ],
    model: Model = "default",
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token each time.")] = 0.0,
    top_p: Annotated[
        float, typer.Option(help="Sample among the likeliest tokens that together have this probability.")
    ] = 1.0,
    max_tokens: Annotated[int, typer.Option(help="The longest answer, in tokens.")] = 512,
    seed: Annotated[int | None, typer.Option(help="Makes sampling repeatable.")] = None,
    system: Annotated[str | None, typer.Option(help="A system prompt.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of streaming the text.")
    ] = False,
    batch: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Ask the question of every picture in this folder.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.jsonl", help="Where --batch writes a line a picture; run again to resume."),
    ] = None,
) -> None:
    """Ask a question about pictures; the answer is streamed to stdout.

    occlusight ask street.webp "自行车是否被灌木丛遮挡?"
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
    }
    if batch is not None or out is not None:
        from occlusight.cli.batch import Batch

        if batch is None or out is None:
            raise BadInput("--batch DIR and --out FILE.jsonl go together; give both")
        if len(words) != 1:
            raise BadInput(
                f"with --batch give the question alone; {len(words)} arguments were given: {' '.join(words[:3])}"
            )
        Batch(batch, out, model, Request(words[0], **settings)).run(lambda: open_backend(model))
        return
    *pictures, question = words
    if not pictures:
        raise BadInput(f"give at least one picture and, last, the question; only {question!r} was given")
    for picture in pictures:
        if not Path(picture).is_file():
            raise BadInput(
                f"there is no picture {picture!r}; pictures come first, the question last (in quotes, as one argument)"
            )
    if Path(question).is_file():
        raise BadInput(
            f"the last argument must be the question, but {question!r} is a file; add the question in quotes"
        )
    request = Request(question, tuple(Path(p) for p in pictures), **settings)
    backend = open_backend(model)
    if as_json:
        print(json.dumps(answer(backend, request), ensure_ascii=False))
    else:
        stream(backend, request)


def stream(backend: Backend, request: Request) -> None:
    """Print the answer as it comes. A note on stderr says when it was cut."""
    from occlusight.backends.protocol import Done, TextDelta

    for event in backend.generate(request):
        if isinstance(event, TextDelta):
            print(event.text, end="", flush=True)
        elif isinstance(event, Done):
            print(flush=True)
            if event.finish_reason == "length":
                print(f"(cut after {event.usage.completion_tokens} tokens; --max-tokens allows more)", file=sys.stderr)


def answer(backend: Backend, request: Request) -> dict[str, Any]:
    """Return `answer, finish_reason, usage, timings, model`: what `--json` prints and a batch records."""
    from occlusight.backends.protocol import Done, TextDelta

    text: list[str] = []
    done = Done("cancelled")
    for event in backend.generate(request):
        if isinstance(event, TextDelta):
            text.append(event.text)
        elif isinstance(event, Done):
            done = event
    return {
        "answer": "".join(text),
        "finish_reason": done.finish_reason,
        "usage": asdict(done.usage),
        "timings": {key: round(v, 4) if isinstance(v, float) else v for key, v in asdict(done.timings).items()},
        "model": asdict(backend.info),
    }
