"""How a model is asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Request
from occlusight.bench.asking import RunRequest
from occlusight.questions.question import Question
from occlusight.questions.registry import templates

DECISIONS = {"en": ("Yes", "No"), "zh": ("是的", "没有")}
VISIBLE = {"en": ("Yes", "No"), "zh": ("会", "不会")}
CERTAIN_KINDS = {"occlusion": DECISIONS, "explanation": DECISIONS, "remove": VISIBLE}
"""The kinds of questions whose answer begins with a decision, and the words that it is made of."""
BOX_ROOM = 4  # times as many tokens as other answers may have, for answers in JSON: eight boxes take some 300


@dataclass(frozen=True)
class Settings:
    """How the model is asked; recorded with the result and part of what makes two runs the same.

    With `certainty`, the log-probabilities of yes and no are asked for beside every decision; with `together`, the
    questions about a picture are asked at once where the backend can. `understood` says that the backend asks through
    what it understands of a question, `reason` that it answers from relation graphs what those hold.
    """

    system: str | None = None
    sampling: SamplingParams = field(default_factory=lambda: SamplingParams(max_tokens=256))
    certainty: bool = True
    together: bool = True
    understood: bool = False
    reason: bool = False

    def __post_init__(self) -> None:
        Request("?", system=self.system)  # refuses what is out of range before a model is opened

    def to_json(self) -> dict[str, Any]:
        """Return what a run records."""
        return {
            "system": self.system,
            **self.sampling.to_json(),
            "certainty": self.certainty,
            "together": self.together,
            "understood": self.understood,
            "reason": self.reason,
        }

    def request(self, question: Question, pictures: tuple[Path, ...]) -> RunRequest:
        """Return the request for a question about these pictures: its text as it stands, and what a run writes of
        it."""
        about = {"id": question.id, "scene": question.scene, "lang": question.lang, "kind": question.kind}
        about |= {"template": question.template, "question": question.text}
        certain = self.certainty and question.kind in CERTAIN_KINDS
        words = CERTAIN_KINDS[question.kind][question.lang] if certain else None
        sampling = self.sampling
        if templates()[question.template].verbatim:
            sampling = replace(sampling, max_tokens=BOX_ROOM * sampling.max_tokens)
        request = Request(question.text, pictures, self.system, sampling=sampling)
        return RunRequest("+".join(question.scenes) or question.scene, request, about, words)
