"""`occlusight serve`: the page."""

from __future__ import annotations

from typing import Annotated

import typer

from occlusight.backends.options import EngineOptions
from occlusight.cli.options import Model, OwnEngine, Plain
from occlusight.cli.records import with_options


@with_options
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 admits other machines.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 7860,
    model: Model = "default",
    engine: OwnEngine = EngineOptions(),
    plain: Plain = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name under which browsers may reach this server, such as pictures.example.org or *.example.org; may be given "
            "several times. Addresses and localhost always work. Other names are refused, so that no web site can make a visitor's "
            "browser talk to this server under a name of its own (DNS rebinding).",
            metavar="NAME",
        ),
    ] = None,
    trusted_proxies: Annotated[
        str | None,
        typer.Option(
            help="Addresses or networks of reverse proxies, joined by commas (127.0.0.1,10.0.0.0/8), whose X-Forwarded-For and "
            "X-Forwarded-Proto say who asks. By default nobody's are believed, and all who come through a proxy share one "
            "client's places in the queue.",
            metavar="ADDRESSES",
        ),
    ] = None,
    lang: Annotated[str, typer.Option(help="The page's first language: auto (the browser's), zh or en.")] = "auto",
) -> None:
    """Open the page: a picture, a question, a streamed answer."""
    from occlusight.serve.run import run

    run(
        host=host,
        port=port,
        model=model,
        language=lang,
        options=engine,
        plain=plain,
        allow_hosts=tuple(allow_host or ()),
        trusted_proxies=trusted_proxies,
    )
