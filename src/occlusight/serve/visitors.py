"""Who a request comes from: the browser that opened the page (by a cookie), and its address."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import Response

from occlusight.serve.fair_queue import Client

COOKIE = "occlusight_visitor"
TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


@dataclass(frozen=True)
class Visitor:
    """A browser, by a random token that it alone knows, at an address."""

    token: str
    address: str

    @classmethod
    def of(cls, connection: HTTPConnection) -> Visitor | None:
        """Return the visitor whose cookie came with a request."""
        token = connection.cookies.get(COOKIE, "")
        return cls(token, address_of(connection)) if TOKEN.fullmatch(token) else None

    @classmethod
    def new(cls, connection: HTTPConnection) -> Visitor:
        """Return a visitor who has not been here before."""
        return cls(secrets.token_urlsafe(24), address_of(connection))

    @property
    def client(self) -> Client:
        """Whose share the visitor's questions take: one page session of those at this address."""
        return Client(neighbourhood(self.address), self.token)

    def session(self, name: str) -> str:
        """Return the name under which a page of this visitor is known here; no other visitor can give a page that
        name."""
        return hashlib.blake2b(f"{self.token}/{name}".encode(), digest_size=16).hexdigest()

    def greet(self, response: Response, *, secure: bool) -> None:
        """Let the browser keep the token: no script can read it, and no other site's request carries it."""
        response.set_cookie(COOKIE, self.token, httponly=True, samesite="lax", secure=secure)


def address_of(connection: HTTPConnection) -> str:
    """Return the address that a request came from."""
    return connection.client.host if connection.client else ""


def neighbourhood(address: str) -> str:
    """Return what one owner has at once: an IPv4 address, or the 2**64 addresses of an IPv6 network."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((int(ip), 64), strict=False).network_address)
    return str(ip)
