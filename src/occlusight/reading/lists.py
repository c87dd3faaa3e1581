"""Reading lists of things: in which order they are named, that there is nothing to name, and who is said to hide
whom."""

from __future__ import annotations

import re
from itertools import combinations

from occlusight.occlusion.parse import plain, sentences
from occlusight.reading.hiding import denied, hider, nothing
from occlusight.reading.mentions import Vocabulary

_NOTHING = re.compile(
    r"\b(?:is|are|see|sees?|hides?|has|have) (?:nothing|none|no (?:other )?(?:objects?|things?))\b|\bfully visible\b|"
    r"\b(?:completely|entirely|wholly) (?:visible|in view)\b|\bin full view\b|\bnot (?:\w+ )?hidden\b|"
    r"没有?(?:遮挡|挡住|遮住)(?:任何|什么|别的|其他)|没有?(?:任何|什么|别的|其他)?(?:东西|物体)|(?:什么|任何东西|"
    r"一点)(?:也|都)没|空无一物|完[整全](?:可见|露出)|全部可见",
    re.I,
)


def none_said(text: str) -> bool:
    """Whether the text says that there is nothing, or that nothing is hidden."""
    return nothing(text) or _NOTHING.search(plain(text)) is not None


def sequence(text: str, words: Vocabulary) -> list[str]:
    """Return the objects in the order in which they are first named; names that several share tell none of them."""
    text = plain(text)
    told = [m.ids[0] for m in words.mentions(text) if len(m.ids) == 1 and not denied(text, m)]
    return list(dict.fromkeys(told))


def claims(text: str, words: Vocabulary) -> set[tuple[str, str]]:
    """Return the pairs (occluder, occluded) that the text states, between things that it names without doubt."""
    found = set()
    for sentence in sentences(text):
        for a, b in combinations(sequence(sentence, words), 2):
            said = hider(sentence, a, b, words)
            if said is not None:
                found.add((a, b) if said == a else (b, a))
    return found
