"""Whether pictures of things can tell a question at all: what the reader says of it, and what speaks for or against.

The reader judges short questions harshly, and unknown nouns mildly. How sure it is of a program, whether what is named
is of a known kind, and words of hiding and place tell the rest; their weights were set on wordings held apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from occlusight.reasoning.names import Name

OF_SHARE, OF_KNOWN, OF_UNKNOWN, OF_PLACE, OF_THERE = 0.25, 1.5, -0.5, 3.0, 2.0
"""What the odds of the program, a name of a known kind, one of no known kind, words of place, and a question whether
something is there, or where, and nothing else, add to log odds."""
NEEDED = 3.0
"""The log odds at which a question is as likely outside as inside."""
_PLACE = re.compile(
    r"\b(?:hid|hide|hides|hidden|hiding|cover\w*|block\w*|occlud\w*|obscur\w*|conceal\w*|behind|in front of|left of|"
    r"right of|nearest|nearer|closest|farthest|furthest|visible)\b|"
    r"遮|挡|盖住|前面|后面|左边|右边|最近|最远|看得见|看全",
    re.I,
)
_THERE = re.compile(
    r"^(?:(?:is|are) there (?:an?|any) x1(?: (?:in|on) (?:the|this) (?:picture|image|photo|scene))?|"
    r"(?:图(?:片|像)?[里中]?)?(?:有没有x1|有x1[吗么]|有x1没有)|"
    r"where(?:'s| is| are) x1|x1在(?:图|图片|画面)?[里中]?的?(?:哪[里儿]?|什么位置|什么地方|哪个位置))[?？]?$",
    re.I,
)


def log_odds(p: float) -> float:
    """Return the logarithm of a probability's odds, which is finite for 0 and 1, too."""
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def scope_of(inside: float, share: float, names: Sequence[Name], text: str) -> float:
    """Return the probability that pictures can tell a question.

    inside: what the reader says; share: how sure it is of the program; names: what the question names; text: the
    question without them
    """
    odds = log_odds(inside) + OF_SHARE * log_odds(share) - NEEDED
    odds += OF_KNOWN * any(name.kinds for name in names) + OF_UNKNOWN * any(not name.kinds for name in names)
    odds += OF_PLACE * bool(_PLACE.search(text)) + OF_THERE * bool(_THERE.match(text.strip()))
    return 1 / (1 + math.exp(-odds))
