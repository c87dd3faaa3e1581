"""How much regular expressions repeat: what tells, before anything is computed, that following one takes for ever."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from occlusight.errors import BadForm

MOST_SPELLED = 8000
"""Characters that an expression has at most once its counted repetitions are written out. Beyond, llguidance gives up,
but only in the middle of an answer."""
PIECE = re.compile(
    r"\\[pPxuU]\{[^{}]*\}|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*+\]?"
    r"|\{(?P<least>\d*),?(?P<most>\d*)\}|(?P<sign>\(\?:|[()|*+?^$])|.",
    re.DOTALL,
)
DIGITS = 9  # of a count, beyond which it is as good as infinite
NO_SCHEMAS = frozenset(("const", "enum", "default", "examples"))
"""Keywords of a schema whose values are no schemas."""


def spelled_out(expression: str) -> int:
    """Return how many characters a regular expression has once its counted repetitions are written out; more than
    `MOST_SPELLED` where they are more.

    >>> spelled_out("a{2,10}b+"), spelled_out("([a-z]{3}-){4}") , spelled_out("(a{1,1000}){1,1000}") > MOST_SPELLED
    (11, 16, True)
    """
    if len(expression) > MOST_SPELLED:
        return len(expression)
    totals, last = [0], 0  # of each group that is open; of what a repetition would repeat
    for piece in PIECE.finditer(expression):
        match piece["sign"]:
            case "(" | "(?:":
                totals.append(0)
                last = 0
                continue
            case ")":
                last = totals.pop() if len(totals) > 1 else 0
            case None if piece["least"] is not None:
                told = piece["most"] or piece["least"] or "1"
                times = max(1, int(told[: DIGITS + 1]))
                totals[-1] += last * (times - 1)
                last *= times
                if totals[-1] > MOST_SPELLED:
                    return totals[-1]
                continue
            case None:
                last = 1
            case "|" | "^" | "$":
                last = 0
            case _:  # what repeats without a count
                continue
        totals[-1] += last
    return sum(totals)


def check_expression(expression: str, complaint: str) -> None:
    """Raise BadForm for an expression that repeats too much; in the complaint, `#` is where the reason goes."""
    if spelled_out(expression) > MOST_SPELLED:
        shown = expression if len(expression) <= 60 else f"{expression[:59]}…"
        why = (
            f"{shown!r} repeats so often that it stands for more than {MOST_SPELLED:,} characters; count less, or use +"
        )
        raise BadForm(complaint.replace("#", why, 1))


def expressions_in(schema: str) -> Iterator[str]:
    """Yield the regular expressions of a JSON schema. Raises ValueError for what is no JSON, and RecursionError."""
    ahead = [json.loads(schema)]
    while ahead:
        one = ahead.pop()
        if isinstance(one, dict):
            if isinstance(one.get("pattern"), str):
                yield one["pattern"]
            named = one.get("patternProperties")
            yield from named if isinstance(named, dict) else ()
            ahead += [value for key, value in one.items() if key not in NO_SCHEMAS]
        elif isinstance(one, list):
            ahead += one
