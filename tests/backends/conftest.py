"""A chat server of the tests' own, and the backend that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import pytest
from tests.backends.chat_server import Server, chat_server

from occlusight.backends.openai import OpenAIBackend


@pytest.fixture(scope="session")
def running() -> Iterator[Server]:
    with chat_server() as found:
        yield found


@pytest.fixture
def server(running: Server) -> Server:
    """A server that behaves and has not been asked anything."""
    running.begin()
    return running


@pytest.fixture(scope="session")
def connected(running: Server) -> Iterator[OpenAIBackend]:
    """One connection for many tests: making one reads the machine's certificates, which takes a third of a second."""
    running.begin()
    found = OpenAIBackend("small", base_url=running.address, retries=3)
    yield found
    found.client.close()


@pytest.fixture
def backend(server: Server, connected: OpenAIBackend) -> OpenAIBackend:
    """A backend that has not learned anything of its model yet."""
    found = copy(connected)
    found.changes = []
    return found
