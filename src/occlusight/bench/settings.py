"""How a model is asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from occlusight.backends.protocol import Request
from occlusight.questions.question import Question

DECISIONS = {"en": ("Yes", "No"), "zh": ("是的", "没有")}
VISIBLE = {"en": ("Yes", "No"), "zh": ("会", "不会")}
CERTAIN_KINDS = {"occlusion": DECISIONS, "explanation": DECISIONS, "remove": VISIBLE}
"""The kinds of questions whose answer begins with a decision, and the words that it is made of."""


@dataclass(frozen=True)
class Settings:
    """How the model is asked; recorded with the result and part of what makes two runs the same.

    With `certainty`, the log-probabilities of yes and no are asked for beside every decision; with `together`, the questions about
    a picture are asked at once where the backend can.
    """

    system: str | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    seed: int | None = None
    certainty: bool = True
    together: bool = True

    def __post_init__(self) -> None:
        Request("?", **self.sampling)  # refuses what is out of range before a model is opened

    @property
    def sampling(self) -> dict[str, Any]:
        """What a request is asked with."""
        return {key: value for key, value in asdict(self).items() if key not in ("certainty", "together")}

    def request(self, question: Question, picture: Path) -> Request:
        """Return the request for a question: its text as it stands."""
        return Request(question.text, (picture,), **self.sampling)

    def choices(self, question: Question) -> tuple[str, str] | None:
        """Return the words of yes and no whose log-probabilities are wanted; None where none are."""
        return (
            CERTAIN_KINDS[question.kind][question.lang] if self.certainty and question.kind in CERTAIN_KINDS else None
        )
