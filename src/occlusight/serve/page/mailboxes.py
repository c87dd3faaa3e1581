"""What pages have not read yet: Gradio keeps it by page session, the 2,000 latest, whoever they belong to.

A client that opens sessions by the thousand would throw out what others wait for, and one that never reads would fill
the memory.
"""

from __future__ import annotations

from asyncio import Queue
from collections import Counter
from dataclasses import dataclass
from typing import Any

from gradio.utils import LRUCache

from occlusight.errors import Busy

RETRY_S = 5


@dataclass(frozen=True)
class Room:
    """How many sessions have a mailbox, and how many messages lie unread in one and in all."""

    sessions: int = 4000
    unread: int = 1000
    unread_in_all: int = 100_000


class Mailboxes(LRUCache[str, "Queue[Any]"]):
    """Messages by session; where there are too many, those go first that belong to the group (an address) that has
    most."""

    def __init__(self, room: Room | None = None) -> None:
        self.room = room or Room()
        super().__init__(2 * self.room.sessions)
        self._groups: dict[str, str] = {}

    def __delitem__(self, session: str) -> None:
        super().__delitem__(session)
        self._groups.pop(session, None)

    def __missing__(self, session: str) -> Queue[Any]:
        """Return what takes the messages of an answer that goes on for a session whose mailbox is gone."""
        return Queue()

    def admit(self, session: str, group: str) -> None:
        """Make room for what a session of a group is about to be sent. Raises Busy where it has not read what it was
        sent before."""
        if session in self and self[session].qsize() > self.room.unread:
            raise Busy("earlier answers have not been read", RETRY_S, by_client=True)
        self._groups[session] = group
        while len(self) >= self.room.sessions or self.unread > self.room.unread_in_all:
            held: Counter[str] = Counter()
            for name, box in self.items():
                held[self._groups.get(name, "")] += 1 + box.qsize()
            del self[max(self, key=lambda name: held[self._groups.get(name, "")])]  # the oldest of these

    @property
    def unread(self) -> int:
        """Messages in all mailboxes."""
        return sum(box.qsize() for box in self.values())
