"""Pictures that a request names by their address, fetched for it where the server was told to.

A client must not reach by this server what he cannot reach himself: its own ports, its network, a cloud's metadata. So
names are resolved here, addresses are checked, and the connection goes to the very address that was checked: a name
that resolves otherwise the next moment (DNS rebinding) changes nothing. Each redirect makes a connection of its own and
so is checked too. Nothing of the environment (proxies, .netrc) is used.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from time import monotonic
from typing import Any, TypeAlias

import httpcore
import httpx

from occlusight.errors import Cancelled, OcclusightError

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a name."""
Stopped: TypeAlias = Callable[[], bool]
NAT64 = ipaddress.ip_network("64:ff9b::/96")
HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "occlusight"}


class NotFetched(OcclusightError):
    """A picture cannot, or may not, be fetched; the message says why, in words for the client."""


@dataclass(frozen=True)
class FetchLimits:
    """Bytes of one picture, seconds for all pictures of a request together, and redirects of one."""

    largest: int = 20 * 2**20
    seconds: float = 15.0
    redirects: int = 3


class Fetcher:
    """Fetches pictures; several threads may use it.

    Args:
        limits: how much, how long, how far.
        resolve: tells the addresses of names.
        network: makes the connections to addresses.
    """

    def __init__(
        self,
        limits: FetchLimits = FetchLimits(),
        resolve: Resolve | None = None,
        network: httpcore.NetworkBackend | None = None,
    ) -> None:
        self.limits = limits
        self._resolve = resolve or addresses_of
        self._network = network or httpcore.SyncBackend()

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=False)

    def fetch(self, url: str, ends: float, stopped: Stopped = lambda: False) -> bytes:
        """Return what lies at an address, until a moment of `monotonic`.

        Raises:
            NotFetched: it may not be reached, is not there, too large or too slow.
            Cancelled: `stopped` says so.
        """
        connecting = Connecting(self._resolve, self._network, ends, stopped)
        with (
            told(),
            Transport(self._trust, connecting) as transport,
            httpx.Client(
                transport=transport,
                trust_env=False,
                headers=HEADERS,
                follow_redirects=True,
                max_redirects=self.limits.redirects,
            ) as client,
            client.stream("GET", checked(url)) as answer,
        ):
            return self._content(answer)

    def _content(self, answer: httpx.Response) -> bytes:
        if answer.status_code != httpx.codes.OK:
            raise NotFetched(f"its server answers with status {answer.status_code}")
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise NotFetched("its server packs what it sends, which was not asked for")
        largest = self.limits.largest
        coming = answer.headers.get("content-length", "0")
        data = bytearray()
        if coming.isdecimal() and int(coming[:20]) <= largest:
            for piece in answer.iter_raw():
                data += piece
                if len(data) > largest:
                    break
            else:
                return bytes(data)
        raise NotFetched(f"it is larger than the {largest} bytes allowed")


class Transport(httpx.BaseTransport):
    """Sends httpx's requests over connections that were checked."""

    def __init__(self, trust: ssl.SSLContext, connecting: Connecting) -> None:
        self._pool = httpcore.ConnectionPool(trust, max_keepalive_connections=0, network_backend=connecting)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises NotFetched, and what httpcore raises."""
        url = checked(str(request.url))
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
        )
        answer = self._pool.handle_request(asked)
        return httpx.Response(answer.status, headers=answer.headers, stream=Body(answer))

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class Body(httpx.SyncByteStream):
    """What an answer brings."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        """Read no more."""
        self._answer.close()


class Connecting(httpcore.NetworkBackend):
    """Connects to public addresses alone, until a moment, and as long as somebody waits."""

    def __init__(self, resolve: Resolve, network: httpcore.NetworkBackend, ends: float, stopped: Stopped) -> None:
        self._resolve = resolve
        self._network = network
        self._ends = ends
        self._stopped = stopped

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that may be reached. Raises NotFetched where there is none."""
        for address in self._addresses(host, port):
            if is_public(address):
                stream = self._network.connect_tcp(address, port, self.left(), local_address, socket_options)
                return Bounded(stream, self)
        raise NotFetched("its address is not a public one")

    def left(self) -> float:
        """Return how many seconds there are. Raises NotFetched where there are none, and Cancelled."""
        if self._stopped():
            raise Cancelled("nobody waits for this picture any more")
        left = self._ends - monotonic()
        if left <= 0:
            raise NotFetched("it does not come in time")
        return left

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Resolve a name in a thread, since nothing bounds how long the system takes."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="resolving")
        try:
            return thread.submit(self._resolve, host, port).result(self.left())
        except TimeoutError:
            raise NotFetched("it does not come in time") from None
        except (OSError, UnicodeError):
            raise NotFetched("there is no such host") from None
        finally:
            thread.shutdown(wait=False)


class Bounded(httpcore.NetworkStream):
    """A connection on which nothing lasts longer than there is time: not even a server that sends a byte now and then
    is waited for."""

    def __init__(self, stream: httpcore.NetworkStream, connecting: Connecting) -> None:
        self._stream = stream
        self._connecting = connecting

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read."""
        return self._stream.read(max_bytes, self._connecting.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write."""
        self._stream.write(buffer, self._connecting.left())

    def close(self) -> None:
        """Close."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Go on in secret, with who proves to have the host's name."""
        stream = self._stream.start_tls(ssl_context, server_hostname, self._connecting.left())
        return Bounded(stream, self._connecting)

    def get_extra_info(self, info: str) -> Any:
        """Return what is known of the connection."""
        return self._stream.get_extra_info(info)


def checked(url: str) -> httpx.URL:
    """Return an address. Raises NotFetched for one that is none, or not on the web."""
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise NotFetched("this is no address") from None
    if found.scheme not in ("http", "https") or not found.host:
        raise NotFetched("addresses begin with http:// or https:// and a host")
    if found.userinfo:
        raise NotFetched("addresses with a name or a password are not fetched")
    return found


def is_public(address: str) -> bool:
    """Whether an address is one that everybody can reach: of those of IPv6 that stand for one of IPv4, that one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        carried = ip.ipv4_mapped or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None)
        if carried is not None:
            return is_public(str(carried))
        if ip.is_site_local or ip.sixtofour or ip.teredo:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def addresses_of(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name. Raises OSError where there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


@contextmanager
def told() -> Iterator[None]:
    """Within, errors of the network become ours."""
    try:
        yield
    except OcclusightError:
        raise
    except (httpx.TimeoutException, httpcore.TimeoutException):
        raise NotFetched("it does not come in time") from None
    except httpx.TooManyRedirects:
        raise NotFetched("it is redirected too often") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpcore.ProtocolError, httpcore.NetworkError, OSError, ValueError):
        raise NotFetched("it cannot be fetched") from None
