"""`occlusight read`: the text in a picture."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from occlusight.backends.options import EngineOptions, SamplingParams
from occlusight.cli.graph import language
from occlusight.cli.options import AnyBackendAnySize, Model, ReadSampling
from occlusight.cli.pictures import concerns_about, picture_files
from occlusight.cli.progress import SignOfLife
from occlusight.cli.records import with_options
from occlusight.cli.results import say
from occlusight.reasoning.picture_text import ROOM, read_fields, read_lines

NOTHING = {"en": "(no text was found)", "zh": "（没有找到文字）"}


@with_options
def read(
    picture: Annotated[str, typer.Argument(metavar="PICTURE", help="A picture ('-': standard input).")],
    model: Model = "default",
    engine: AnyBackendAnySize = EngineOptions(),
    sampling: ReadSampling = SamplingParams(max_tokens=ROOM),
    lang: Annotated[str, typer.Option(help="The language in which the model is asked: en, zh.")] = "en",
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the lines as one JSON document, with their boxes in thousandths of the picture."
        ),
    ] = False,
) -> None:
    """Read the text in a picture: a line of it on each line, or the JSON that a schema describes.

    Large models read any text. The shipped model reads nothing yet, and says so.

    Example: occlusight read street.webp --model Qwen/Qwen3-VL-2B-Instruct --json

    Example: occlusight read receipt.jpg --model Qwen/Qwen3-VL-2B-Instruct --json-schema receipt.json
    """
    from occlusight.backends import open_backend
    from occlusight.backends.protocol import Request

    sign = SignOfLife()
    told = language(lang)
    request = Request("?", sampling=sampling, max_pixels=engine.max_pixels, min_pixels=engine.min_pixels)
    with picture_files([picture]) as files, sign:
        for concern in concerns_about(files, told):
            sign.tell(f"({concern})")
        sign.say(f"opening the model {model} ...")
        backend = open_backend(model, engine, tell=sign.tell)
        sign.say("reading the picture ...")
        if sampling.json_schema is not None:
            filled = read_fields(backend, files[0], told, request)
            sign.clear()
            print(json.dumps(filled, ensure_ascii=False), flush=True)
            return
        found = read_lines(backend, files[0], told, request)
        sign.clear()
    if as_json:
        print(json.dumps(found.to_json(), ensure_ascii=False), flush=True)
    elif found.lines:
        print("\n".join(line.text for line in found.lines), flush=True)
    else:
        say(NOTHING[told])
