"""What a scorer finds in an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Read:
    """What was extracted (None: no answer), its value from 0 to 1, and why. `right` says whether it is right where that
    does not take the whole value."""

    extracted: Any
    value: float
    reason: str
    details: dict[str, Any] = field(default_factory=dict)
    right: bool | None = None

    @property
    def is_right(self) -> bool:
        """Whether it counts as right: by default where it has the whole value."""
        return self.value == 1.0 if self.right is None else self.right


def unsaid(what: str) -> Read:
    """Return that the text does not say it."""
    return Read(None, 0.0, f"the text does not say {what}")


def compared(said: Any, true: Any) -> Read:
    """Return whether two values agree."""
    return Read(said, float(said == true), "agrees" if said == true else f"the truth is {true}")
