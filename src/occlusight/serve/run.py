"""Starts the server: takes the port, opens the model, says where the page is."""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from occlusight.backends.options import EngineOptions
from occlusight.errors import BadInput
from occlusight.serve.guard import host_name, is_address
from occlusight.serve.settings import ApiSettings

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from occlusight.serve.api.service import Switch
    from occlusight.serve.starting import Starting

LOG = logging.getLogger("occlusight.serve")
LANGUAGES = ("auto", "zh", "en")
SERVED = ("local", "openai")
"""Backends that many may ask at a time."""
ENDING_S = 3
"""How long open connections may take to end when the server stops."""


def run(
    host: str,
    port: int,
    model: str,
    language: str,
    options: EngineOptions = EngineOptions(),
    *,
    plain: bool = False,
    allow_hosts: Sequence[str] = (),
    trusted_proxies: str | None = None,
    settings: ApiSettings = ApiSettings(),
) -> None:
    """Serve until interrupted.

    Args:
        options: how the model is opened.
        plain: ask the model itself, without understanding questions first.
        allow_hosts: see `Guard`.
        trusted_proxies: addresses and networks, joined by commas, whose X-Forwarded-For and X-Forwarded-Proto are
            believed.
        settings: who may use what, and how much a request may bring.

    Raises:
        BadInput: the address cannot be taken, or the model, the language or an allowed host does not exist.
    """
    if language not in LANGUAGES:
        raise BadInput(f"--lang takes {', '.join(LANGUAGES)}, but {language!r} was given")
    if options.backend not in SERVED:
        raise BadInput(f"serve takes --backend {' or '.join(SERVED)}, but {options.backend!r} was given")
    names = [host_name(name) for name in (*allow_hosts, *([] if is_address(host) or not host else [host]))]
    proxies = networks(trusted_proxies) if trusted_proxies is not None else None
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    with take(host, port) as listening:
        import uvicorn

        address = f"http://{shown(host)}:{listening.getsockname()[1]}"

        def begun() -> None:
            LOG.info("the page is on %s (Ctrl-C stops it)", address)

        def failed() -> None:
            server.should_exit = True

        starting = changing(model, language, options, names, settings, plain, begun, failed)
        server = uvicorn.Server(server_config(starting, proxies))
        LOG.info("%s opens already, and shows the page once the model %s is loaded", address, model)
        if shown(host) == "localhost" and host != "127.0.0.1":
            LOG.info("other machines reach it under this machine's address, or a name given with --allow-host")
        if shown(host) != "localhost" and not settings.access.api_keys:
            LOG.warning("whoever reaches this address may ask; --api-key lets in those alone who have it")
        server.run(sockets=[listening])
        if starting.error is not None:
            raise starting.error


def changing(
    model: str,
    language: str,
    options: EngineOptions,
    allow_hosts: Sequence[str],
    settings: ApiSettings,
    plain: bool,
    begun: Callable[[], None],
    failed: Callable[[], None],
) -> Starting:
    """Return the application that serves a model as soon as it is open, and another one later if that is wanted; see
    `Starting`."""
    from occlusight.serve.guard import Guard
    from occlusight.serve.page.first_page import first_page
    from occlusight.serve.starting import Starting

    def make(name: str, options: EngineOptions, tell: Callable[[str], None]) -> ASGIApp:
        return served(name, language, options, allow_hosts, settings, plain, switch, tell)

    async def switch(name: str, tell: Callable[[str], None]) -> None:
        await starting.give_way(lambda: make(name, on_the_disk(options), tell))

    starting = Starting(Guard(first_page, allow_hosts), lambda: make(model, options, LOG.info), begun, failed)
    return starting


def served(
    model: str,
    language: str,
    options: EngineOptions,
    allow_hosts: Sequence[str],
    settings: ApiSettings,
    plain: bool = False,
    switch: Switch | None = None,
    tell: Callable[[str], None] = LOG.info,
) -> ASGIApp:
    """Open the model, and return the application that serves it. What the page needs is imported meanwhile; `switch`
    serves another model instead."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    began = perf_counter()
    with ThreadPoolExecutor(1, thread_name_prefix="imports") as thread:
        creating = thread.submit(import_app)
        from occlusight.api import in_any_words, open_model

        opened = open_model(model, options, plain=True, tell=tell)
        backend = opened if plain else in_any_words(opened)
        info = backend.info
        LOG.info(
            "model %s is loaded in %.1f s (%.0f MB as %s, context of %d tokens)",
            info.name,
            perf_counter() - began,
            info.memory_bytes / 1e6,
            info.dtype,
            info.context,
        )
        create_app = creating.result()
    photographs = model not in ("default", "blind")
    return create_app(
        backend, language, photographs, allow_hosts=allow_hosts, settings=settings, plain=opened, switch=switch
    )


def on_the_disk(options: EngineOptions) -> EngineOptions:
    """Return options by which a model is opened without asking a hub, where this machine is to run it."""
    return replace(options, offline=True) if options.backend == "local" else options


def import_app() -> Callable[..., ASGIApp]:
    """Import what serves the page, Gradio with it."""
    from occlusight.serve.app import create_app

    return create_app


def server_config(app: ASGIApp, proxies: list[str] | None = None, ending_s: int = ENDING_S) -> uvicorn.Config:
    """Return how an application is served; `proxies` are believed about who asks."""
    import uvicorn

    from occlusight.serve.connections import Connection, connections_possible

    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_level="warning",
        timeout_graceful_shutdown=ending_s,
        limit_concurrency=connections_possible(),
        server_header=False,
        proxy_headers=proxies is not None,
        forwarded_allow_ips=proxies or [],
    )


def networks(text: str) -> list[str]:
    """Return the addresses and networks that a list names. Raises BadInput for one that is none."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        try:
            ipaddress.ip_network(name, strict=False)
        except ValueError:
            raise BadInput(
                f"--trusted-proxies takes addresses or networks such as 10.0.0.2 or 10.0.0.0/8, but {name!r} was given"
            ) from None
    return names


def take(host: str, port: int) -> socket.socket:
    """Return a socket that listens there. Raises BadInput, saying what to do, when the address cannot be taken.

    What is written goes out at once: otherwise an answer's body waits, up to 40 ms each time, until the client has
    confirmed the headers. asyncio sees to that alone for sockets that name their protocol, which `create_server`'s do
    not.
    """
    if not 0 <= port <= 65535:
        raise BadInput(f"--port must lie between 0 and 65535, but {port} was given")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.create_server(address[:2], family=family)
    except socket.gaierror as error:
        raise BadInput(f"--host {host!r} is not an address of this machine; try 127.0.0.1 or 0.0.0.0") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise BadInput(
                f"port {port} on {host} is taken by another program; stop that one, or choose another: --port "
                f"{port + 1}"
            ) from error
        if error.errno == errno.EACCES:
            raise BadInput(f"port {port} on {host} may not be taken by this user; choose one above 1023") from error
        raise BadInput(f"--host {host!r} with port {port} cannot be listened on: {error.strerror}") from error
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # those it accepts inherit it
    return listening


def shown(host: str) -> str:
    """Return the host as one writes it into a browser on this machine."""
    if host in ("0.0.0.0", "::", ""):
        return "localhost"
    return "localhost" if host == "127.0.0.1" else f"[{host}]" if ":" in host else host
