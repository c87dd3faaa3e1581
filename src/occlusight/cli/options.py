"""The options of the commands, each declared once: those that are fields of a record, and those that several commands
have.

A command takes a record whole. Its parameter is annotated with the record and with which of its fields are options
here, and `occlusight.cli.records.with_options` makes the options of them:

    @app.command("ask")
    @with_options
    def ask(words: ..., engine: OwnEngine = EngineOptions(), sampling: Sampling = SamplingParams()) -> None: ...
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from occlusight.backends.options import EngineOptions, SamplingParams
from occlusight.cli.records import CONTEXTS, COST, PIXELS, SAMPLING, SHAPE, OptionsOf
from occlusight.errors import BadInput


def as_pixels(text: str) -> Any:
    """Return a number of pixels, or 'model'."""
    if text == "model":
        return text
    try:
        return int(text.replace(",", "").replace("_", ""))
    except ValueError:
        raise BadInput(f"--max-pixels takes a number of pixels, or 'model', but {text!r} was given") from None


def read_schema(path: str) -> str:
    """Return the text of a schema file. Raises BadInput where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BadInput(
            f"--json-schema needs a file that holds a JSON schema, but {path!r} cannot be read ({error})"
        ) from None


def as_json_limits(given: str) -> Any:
    """Return the limits that a text such as 'characters=2000,items=none' gives. Raises BadInput where it names none of
    them."""
    from dataclasses import fields

    from occlusight.engine.json_limits import JsonLimits

    counts = [one.name for one in fields(JsonLimits) if one.default is not False]
    found: dict[str, int | None] = {}
    for part in given.split(","):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in counts or not (value == "none" or value.isdecimal()):
            raise BadInput(
                f"--json-limits takes {', '.join(counts)} with a whole number or 'none', as in "
                f"characters=2000,items=none, but {part!r} was given"
            )
        found[name] = None if value == "none" else int(value)
    return JsonLimits(**found)  # type: ignore[arg-type]


QuantizeVision = Annotated[
    str | None,
    typer.Option(
        help="The same for the vision tower: none or int8. It follows --quantize unless given.", show_default=False
    ),
]
OF_ANY_BACKEND: dict[str, Any] = {
    "backend": Annotated[
        str,
        typer.Option(
            help="local (our engine), openai (any server that speaks its chat API) or transformers (any image-text "
            "model of it)."
        ),
    ],
    "base_url": Annotated[
        str | None, typer.Option(help="The server's address for --backend openai, such as http://localhost:8000/v1.")
    ],
    "served_checkpoint": Annotated[
        str | None,
        typer.Option(
            metavar="default|FOLDER",
            help="What the server of --backend openai runs, where that is the shipped model or another that knows its "
            "own wordings alone: it is asked in those, and its calibration holds.",
            show_default=False,
        ),
    ],
    "trust_remote_code": Annotated[
        bool,
        typer.Option(
            "--trust-remote-code",
            help="Run the Python code that a checkpoint brings, for --backend transformers: read it first.",
            show_default=False,
        ),
    ],
}
OF_DEVICE: dict[str, Any] = {
    "device": Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")],
    "dtype": Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")],
}
OF_OWN_ENGINE: dict[str, Any] = {
    "quantize": Annotated[
        str,
        typer.Option(
            help="Bits of the decoder's weights: auto (int8 on a CPU from half a billion parameters on, else none), "
            "none, int8 (half of the memory, several times as fast on a CPU) or int4 (less exact; answers come 1.3 "
            "times as fast as with int8, prompts go by int8, so it takes more memory). Made once, kept in the cache "
            "directory. Or the folder of a form that `models quantize` made with settings of its own."
        ),
    ],
    "quantize_vision": QuantizeVision,
    "max_pixels": Annotated[
        Any,
        typer.Option(
            parser=as_pixels,
            metavar="N|model",
            help="Pictures with more pixels are reduced to so many: a model takes about a token for 1024 of them. "
            "'model' takes the checkpoint's own limit alone, which is 16777216 for Qwen3-VL and mostly only delays.",
            show_default="1048576 on a CPU, else model",
            rich_help_panel=PIXELS,
        ),
    ],
    "min_pixels": Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Pictures with fewer pixels are enlarged to so many: small ones are seen better, and take longer.",
            show_default="the checkpoint's own",
            rich_help_panel=PIXELS,
        ),
    ],
    "context": Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_048_576,
            metavar="TOKENS",
            help="The longest prompt and answer together, up to 1048576. Beyond the model's own context (262144 for "
            "Qwen3-VL) YaRN stretches the positions, of sequences alone that need it.",
            show_default="the model's own",
            rich_help_panel=CONTEXTS,
        ),
    ],
    "int8_kv": Annotated[
        bool,
        typer.Option(
            "--int8-kv",
            help="Keep keys and values in a byte a number: half of bf16's memory, a quarter of fp32's, at an error of "
            "at most 1/254 of a head's largest value. For contexts that would not fit otherwise.",
            rich_help_panel=CONTEXTS,
        ),
    ],
    "kv_gb": Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1e6,
            metavar="GB",
            help="Memory for all keys and values; a request that needs more is refused. Qwen3-VL-2B takes 0.115 GB "
            "for 1000 tokens in bf16, 0.058 with --int8-kv.",
            show_default="a quarter of the machine's",
            rich_help_panel=CONTEXTS,
        ),
    ],
}
OF_ENGINE = OF_ANY_BACKEND | OF_DEVICE | OF_OWN_ENGINE
"""The options that are fields of `EngineOptions`; a command takes some of them, or a group."""

OF_SAMPLING: dict[str, Any] = {
    "temperature": Annotated[float, typer.Option(help="0 takes the likeliest token each time.")],
    "top_p": Annotated[
        float, typer.Option(help="Sample among the likeliest tokens that together have this probability.")
    ],
    "max_tokens": Annotated[int, typer.Option(help="The longest answer, in tokens.")],
    "seed": Annotated[int | None, typer.Option(help="Makes sampling repeatable.")],
    "top_k": Annotated[
        int, typer.Option(help="Sample among so many likeliest tokens; 0 takes all.", rich_help_panel=SAMPLING)
    ],
    "min_p": Annotated[
        float,
        typer.Option(
            help="Sample among tokens with at least this share of the likeliest one's probability.",
            rich_help_panel=SAMPLING,
        ),
    ],
    "repetition_penalty": Annotated[
        float,
        typer.Option(
            help="Above 1, tokens of question and answer are less likely to come again.", rich_help_panel=SAMPLING
        ),
    ],
    "presence_penalty": Annotated[
        float,
        typer.Option(help="Taken from the logits of tokens that the answer already holds.", rich_help_panel=SAMPLING),
    ],
    "stop": Annotated[
        list[str],
        typer.Option(
            help="A text that ends the answer and is no part of it; may be given often.", rich_help_panel=SHAPE
        ),
    ],
    "json_schema": Annotated[
        Any,
        typer.Option(
            parser=read_schema,
            metavar="FILE",
            help="The answer is JSON that satisfies the JSON schema in this file.",
            rich_help_panel=SHAPE,
        ),
    ],
    "json_limits": Annotated[
        Any,
        typer.Option(
            parser=as_json_limits,
            metavar="NAME=N,...",
            help="Bounds of what the JSON schema leaves without one: characters=512, items=64, digits=15, decimals=6, "
            "depth=3; 'none' for no bound. A bound in the schema wins.",
            rich_help_panel=SHAPE,
        ),
    ],
    "schema_in_prompt": Annotated[
        bool | None,
        typer.Option(
            "--schema-in-prompt/--no-schema-in-prompt",
            help="Put the JSON schema after the question; usual for models of half a billion parameters and more.",
            rich_help_panel=SHAPE,
        ),
    ],
    "regex": Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help="The whole answer matches, for example '(yes|no), because .+'.",
            rich_help_panel=SHAPE,
        ),
    ],
    "thinking_tokens": Annotated[
        int | None,
        typer.Option(
            help="The longest thoughts of a Thinking checkpoint, which come on stderr; usually 3/4 of --max-tokens.",
            rich_help_panel=SHAPE,
        ),
    ],
    "logprobs": Annotated[
        int | None,
        typer.Option(
            help="With --json, tell every token's log-probability and those of so many likeliest in its place.",
            rich_help_panel=COST,
        ),
    ],
}
"""The options that are fields of `SamplingParams`."""

OF_SERVED = OF_OWN_ENGINE | {
    "backend": Annotated[
        str, typer.Option(help="local (our engine) or openai (any server that speaks its chat API: vLLM, llama.cpp).")
    ],
    **{name: OF_ANY_BACKEND[name] for name in ("base_url", "served_checkpoint")},
}
"""The same of what many may ask at a time."""

OwnEngine = Annotated[EngineOptions, OptionsOf(OF_OWN_ENGINE)]
"""A model on our own engine."""
AnyBackend = Annotated[EngineOptions, OptionsOf(OF_ANY_BACKEND)]
"""A model on any backend,"""
AskedEngine = Annotated[EngineOptions, OptionsOf(OF_ENGINE, (*OF_ANY_BACKEND, *OF_OWN_ENGINE))]
ServedEngine = Annotated[EngineOptions, OptionsOf(OF_SERVED)]
AnyBackendAnySize = Annotated[EngineOptions, OptionsOf(OF_ENGINE, (*OF_ANY_BACKEND, "max_pixels", "min_pixels"))]
"""which reads pictures at the size that the user says,"""
WholeEngine = Annotated[EngineOptions, OptionsOf(OF_ENGINE, (*OF_ANY_BACKEND, "dtype", *OF_OWN_ENGINE))]
"""and with everything that our engine takes."""
TimedEngine = Annotated[EngineOptions, OptionsOf(OF_ENGINE, (*OF_DEVICE, "quantize", "quantize_vision", "int8_kv"))]
Server = Annotated[EngineOptions, OptionsOf(OF_ENGINE, ("base_url",))]
Sampling = Annotated[SamplingParams, OptionsOf(OF_SAMPLING)]
ShortSampling = Annotated[SamplingParams, OptionsOf(OF_SAMPLING, ("max_tokens", "temperature", "seed"))]
ReadSampling = Annotated[
    SamplingParams, OptionsOf(OF_SAMPLING, ("max_tokens", "temperature", "seed", "json_schema", "json_limits"))
]

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="'default' (shipped; knows renders), a checkpoint folder, a hub id such as Qwen/Qwen3-VL-2B-Instruct, "
        "or modelscope:ORG/NAME.",
    ),
]
AnyModel = Annotated[str, typer.Option(help="default, a checkpoint folder, a hub id, or a server's name for it.")]
MeasuredModel = Annotated[
    str,
    typer.Option(
        help="default, blind, oracle, paraphrases (the oracle in other words), constant (one answer to everything), a "
        "checkpoint folder, a hub id, or a server's name for it."
    ),
]
Reason = Annotated[
    bool,
    typer.Option("--reason", help="Answer from the relation graph of the picture what that holds; see docs/graph.md."),
]
RulesFile = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        exists=True,
        dir_okay=False,
        metavar="FILE.toml",
        help="Further rules, and knowledge of kinds, that graphs are checked by.",
    ),
]
Plain = Annotated[
    bool,
    typer.Option(
        "--plain",
        help="Put questions to the model as they are; otherwise the shipped model is asked in the words that it knows.",
    ),
]
System = Annotated[str | None, typer.Option(help="A system prompt.")]
Data = Annotated[str, typer.Option(help="A data set: a folder, or the name of a shipped one.")]
RunData = Annotated[str | None, typer.Option(help="The data set; without it the one that the run names.")]
RunFolder = Annotated[Path, typer.Argument(help="The folder of a run.", metavar="DIR")]
Langs = Annotated[str, typer.Option(help="Languages, separated by commas.")]
Scenes = Annotated[int | None, typer.Option(min=1, help="Ask only about the first pictures of the set.")]
QuestionLangs = Annotated[str, typer.Option(help="Languages of the questions, separated by commas.")]
