"""Two questions in one, and words that point back: where to cut, and what "it" stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from occlusight.occlusion.kinds import Lang

_JOINTS = re.compile(
    r"[?!.;]\s*|,\s*(?:and |but |also |then |so )?|\s(?:and|plus|then|also|while|but|or|as well as|&)\s|"
    r"(?=并且|而且|另外|还有|同时|顺便|再|又)|[。;!?,、]|以及|[和跟及](?=.{2})|"
    r"(?<=[吗呢谁没])(?=[\u4e00-\u9fff]{3})|(?<=什么|多少|哪里|哪个)(?=[\u4e00-\u9fff]{3})",
    re.I,
)
_SURE_JOINTS = re.compile(
    r"[?!.;]\s*|,\s*(?:and |also |then |plus )?|\s(?:and also|and then|as well as|and|plus|&)\s"
    r"(?=(?:whats?|which|how|wheres?|whos?|is|are|does|do|did|has|can|tell|give|say|list|name|count|describe|box|locate|"
    r"read)\b)|[。;！!]\s*|[,、]?(?:还有|另外|并且|而且|顺便(?:问下|问|再)?|同时|然后)",
    re.I,
)
_IT_EN = re.compile(r"\b(?:it|that one|this one|them|him|her|itself)\b(?!'s (?:the|a)\b)|\bits\b", re.I)
_IT_ZH = re.compile(r"它|这个(?![\u4e00-\u9fff]*(?:图|画))|那个(?=被|挡|遮|有|在|是|后|前|左|右)")
_NO_IT = re.compile(r"\bit (?:is |was )?(?:possible|true|correct|likely|fair|clear|the case|that)\b", re.I)
"""Where "it" stands for nothing."""
_ALSO = re.compile(
    r"^(?P<one>.+?)(?:(?:[?!.;,。]\s*|\s+)(?:and (?:what|how) about|what about|how about|and(?: also)?|also|same for|"
    r"as well as)\s+(?P<two>[^?!.;,。]+?)(?: too| as well)?|"
    r"(?:[?!.;,。、]\s*|\s+|(?<=[了吗住]))(?:(?:那么?|还有|以及)(?P<three>[^?!.;,。]+?)呢?|(?P<four>[^?!.;,。]+?)呢))[?!.。\s]*$",
    re.I,
)
SHORTEST = 2
"""Letters or characters that a part has at least."""


def parts(text: str, *, surely: bool = False) -> Iterator[tuple[str, str]]:
    """Yield each way to cut a text into two questions, as they are written; with `surely`, only where two sentences
    seem to meet."""
    seen = set()
    for joint in (_SURE_JOINTS if surely else _JOINTS).finditer(text):
        one, two = text[: joint.start()].strip(), text[joint.end() :].strip(" ,.;?!")
        long = all(len(re.findall(r"[a-z]{2,}|[\u4e00-\u9fff]", part, re.I)) >= SHORTEST for part in (one, two))
        if long and (one, two) not in seen:
            seen.add((one, two))
            yield one, two


def also(text: str) -> tuple[str, str, bool] | None:
    """Return a question and what is said after it, as if it were asked of another thing, too, and whether a sentence
    ends between them.

    >>> also("What hides the car? And the dog?"), also("汽车被什么挡住了,那狗呢?"), also("is it a car?")
    (('What hides the car', 'the dog', True), ('汽车被什么挡住了', '狗', True), None)
    >>> also("what hides the car and the dog")
    ('what hides the car', 'the dog', False)
    """
    found = _ALSO.search(text)
    if found is None:
        return None
    ends = text[found.end("one")] in ("?!.;。" if found["two"] else "?!.;。,、")
    return found["one"], found["two"] or found["three"] or found["four"], ends


def points_back(text: str) -> bool:
    """Whether a text says "it"."""
    return bool(_IT_EN.search(text) or _IT_ZH.search(text)) and not _NO_IT.search(text)


def with_name(text: str, name: str) -> str:
    """Return a text with a name in the place of its first "it".

    >>> with_name("and what colour is it?", "red car")
    'and what colour is the red car?'
    >>> with_name("它被什么挡住了", "车")
    '车被什么挡住了'
    """
    if _IT_ZH.search(text):
        return _IT_ZH.sub(lambda _: name, text, count=1)
    owned = f"the {name}'s"
    return _IT_EN.sub(lambda it: owned if it[0].lower() == "its" else f"the {name}", text, count=1)


def said_about(text: str, names: Sequence[str], lang: Lang) -> list[str]:
    """Return the ways to say a text that names nothing about one or two things, as the other half of its sentence does.

    >>> said_about("what colour", ["red car"], "en")
    ['what colour the red car', 'what colour of the red car']
    >>> said_about("哪个更近", ["车", "狗"], "zh")
    ['车哪个更近', '车和狗哪个更近']
    """
    one, both = names[0], names[:2]
    if lang == "zh":
        return [one + text, *(["和".join(both) + text] if len(both) == 2 else [])]
    ways = [f"{text} the {one}", f"{text} of the {one}"]
    if len(both) == 2:
        ways.append(f"{text}, the {both[0]} or the {both[1]}")
    return ways
