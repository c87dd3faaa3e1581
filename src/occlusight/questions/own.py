"""Questions that people bring with their answers."""

from __future__ import annotations

from typing import Any

from occlusight.occlusion.facts import Facts
from occlusight.questions.phrases import Wording
from occlusight.questions.template import Answer, Template


def stated(facts: Facts, value: Any, choices: list[str], about: str) -> Answer:
    """What people said who brought the question: no graph computes it. `about` is one for the same question in both
    languages."""
    return {"value": value, **({"choices": choices} if choices else {}), "about": about, "objects": []}


def say_stated(answer: Answer, w: Wording) -> str:
    """What people said: a decision as a sentence, a choice by its letter, the first of several right texts."""
    value = answer["value"]
    if "choices" in answer:
        return f"{chr(ord('A') + value)}. {answer['choices'][value]}"
    if value in ("yes", "no"):
        return {"yes": "Yes.", "no": "No."}[value] if w.lang == "en" else {"yes": "是的。", "no": "没有。"}[value]
    return str(value[0] if isinstance(value, list) else value)


SHAPES = ("yes_no", "number", "choice", "text")  # of answers
BROUGHT = tuple(f"own.{shape}" for shape in SHAPES)
TEMPLATES = tuple(
    Template(name=f"own.{shape}", kind="own", program=stated, reply=say_stated, read=shape) for shape in SHAPES
)
