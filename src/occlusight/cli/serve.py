"""`occlusight serve`: the page, and the API for programs."""

from __future__ import annotations

from typing import Annotated

import typer

from occlusight.backends.options import EngineOptions
from occlusight.cli.options import Model, Plain, ServedEngine
from occlusight.cli.records import with_options

ACCESS = "Who may use what, and how much"


@with_options
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 admits other machines.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 7860,
    model: Model = "default",
    engine: ServedEngine = EngineOptions(),
    plain: Plain = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name under which browsers may reach this server, such as pictures.example.org or *.example.org; "
            "may be given several times. Addresses and localhost always work. Other names are refused, so that no web "
            "site can make a visitor's browser talk to this server under a name of its own (DNS rebinding).",
            metavar="NAME",
        ),
    ] = None,
    trusted_proxies: Annotated[
        str | None,
        typer.Option(
            help="Addresses or networks of reverse proxies, joined by commas (127.0.0.1,10.0.0.0/8), whose "
            "X-Forwarded-For and X-Forwarded-Proto say who asks. By default nobody's are believed, and all who come "
            "through a proxy share one client's places in the queue.",
            metavar="ADDRESSES",
        ),
    ] = None,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            help="A key without which nothing is answered, neither the page (as the password that the browser asks "
            "for; any name) nor the API (Authorization: Bearer KEY); may be given several times.",
            metavar="KEY",
            envvar="OCCLUSIGHT_API_KEY",
            rich_help_panel=ACCESS,
        ),
    ] = None,
    admin_key: Annotated[
        str | None,
        typer.Option(
            help="The key for /admin; without one that is for requests from this machine alone.",
            metavar="KEY",
            envvar="OCCLUSIGHT_ADMIN_KEY",
            rich_help_panel=ACCESS,
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="A site whose pages may use the API, such as https://example.org; may be given several times.",
            metavar="ORIGIN",
            rich_help_panel=ACCESS,
        ),
    ] = None,
    allow_picture_urls: Annotated[
        bool,
        typer.Option(
            "--allow-picture-urls",
            help="Fetch pictures that requests to the API name by http or https addresses, from public addresses "
            "alone.",
            rich_help_panel=ACCESS,
        ),
    ] = False,
    limit_rate: Annotated[
        str | None,
        typer.Option(
            help="How many requests to the API a key, or else an address, may send, such as 60/minute.",
            metavar="RATE",
            rich_help_panel=ACCESS,
        ),
    ] = None,
    limit_body: Annotated[
        int, typer.Option(help="The largest request to the API, in MiB.", min=1, max=1024, rich_help_panel=ACCESS)
    ] = 64,
    limit_pictures: Annotated[
        int,
        typer.Option(help="The most pictures of a request to the API.", min=0, max=1024, rich_help_panel=ACCESS),
    ] = 16,
    limit_pixels: Annotated[
        int,
        typer.Option(
            help="The most pixels of a picture in a request to the API.", min=1, max=2**31, rich_help_panel=ACCESS
        ),
    ] = 100_000_000,
    lang: Annotated[str, typer.Option(help="The page's first language: auto (the browser's), zh or en.")] = "auto",
) -> None:
    """Open the page (a conversation about pictures, docs/page.md) and answer programs (docs/api.md)."""
    from occlusight.serve.access import Access
    from occlusight.serve.api.bodies import BodyLimits
    from occlusight.serve.api.fetching import Fetcher
    from occlusight.serve.api.pictures import RequestLimits
    from occlusight.serve.run import run
    from occlusight.serve.settings import ApiSettings

    run(
        host=host,
        port=port,
        model=model,
        language=lang,
        options=engine,
        plain=plain,
        allow_hosts=tuple(allow_host or ()),
        trusted_proxies=trusted_proxies,
        settings=ApiSettings(
            Access(tuple(api_key or ()), admin_key, limit_rate),
            tuple(allow_origin or ()),
            BodyLimits.of(limit_body * 2**20),
            RequestLimits(limit_pictures, limit_pixels, fetcher=Fetcher() if allow_picture_urls else None),
        ),
    )
