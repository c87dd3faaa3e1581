"""The options for long contexts: how many tokens there may be, and what their keys and values take."""

from __future__ import annotations

from typing import Annotated

import typer

PANEL = "Long contexts"

Context = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1_048_576,
        metavar="TOKENS",
        help="The longest prompt and answer together, up to 1048576. Beyond the model's own context (262144 for Qwen3-VL) YaRN stretches "
        "the positions, of sequences alone that need it.",
        show_default="the model's own",
        rich_help_panel=PANEL,
    ),
]
Int8KV = Annotated[
    bool,
    typer.Option(
        "--int8-kv",
        help="Keep keys and values in a byte a number: half of bf16's memory, a quarter of fp32's, at an error of at most 1/254 of a "
        "head's largest value. For contexts that would not fit otherwise.",
        rich_help_panel=PANEL,
    ),
]
KvGb = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        max=1e6,
        metavar="GB",
        help="Memory for all keys and values; a request that needs more is refused. Qwen3-VL-2B takes 0.115 GB for 1000 tokens in bf16, "
        "0.058 with --int8-kv.",
        show_default="a quarter of the machine's",
        rich_help_panel=PANEL,
    ),
]
