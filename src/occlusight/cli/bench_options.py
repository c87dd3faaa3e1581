"""What the commands of `occlusight bench` say of the model to ask."""

from __future__ import annotations

from typing import Annotated

import typer

ModelName = Annotated[str, typer.Option(help="default, a checkpoint folder, a hub id, or a server's name for it.")]
BackendName = Annotated[
    str,
    typer.Option(
        help="local (our engine), openai (any server that speaks its chat API) or transformers (any image-text model of it)."
    ),
]
BaseUrl = Annotated[
    str | None, typer.Option(help="The server's address for --backend openai, such as http://localhost:8000/v1.")
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        help="Run the Python code that a checkpoint brings, for --backend transformers: read it first.",
        show_default=False,
    ),
]
