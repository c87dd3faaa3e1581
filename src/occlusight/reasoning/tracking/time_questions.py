"""What a question asks of a clip's story: when a thing was hidden, by what, how long, how often, whether it is still
there, and whether what came back is the same.

Who hid whom, and whether a thing is still there, is read as any question is (`reasoning.understanding`). It has no
programs for when, how long, how often and the same one: of these the words of time decide, in both languages, and of
whatever else it is not sure. Names are found as in any question (`reasoning.names`), and cut to x1, x2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.names import Name, Named, named
from occlusight.reasoning.understanding import MOST_BEFORE, Understanding, Understood, language
from occlusight.reasoning.vocabulary import Words, normalised

Step: TypeAlias = Literal[
    "when_hidden",
    "when_back",
    "how_long",
    "how_often",
    "same_one",
    "who_hid",
    "hid_what",
    "did_hide",
    "hidings",
    "still_there",
    "where",
]
BY_WORDS = frozenset(("when_hidden", "when_back", "how_long", "how_often", "same_one"))
"""Steps that are no program of a picture."""
MEANS: Mapping[str, Step] = {
    "hides": "did_hide",
    "who_hides": "who_hid",
    "anything_hides": "who_hid",
    "hides_what": "hid_what",
    "hides_anything": "hid_what",
    "anything_hidden": "hidings",
    "still_there": "still_there",
    "hidden_now": "where",
}
"""What a program of pictures asks of a clip."""
SURE = 0.85
"""What is understood less surely is left to the words of time."""
AT_END = re.compile(r"\bnow\b|at the end|\blast (?:frame|picture)|最后|现在|结尾|末尾", re.I)
BACK = (
    r"re-?appear|c[oa]mes? (?:back|out)|return|emerge|shows? (?:up )?again|(?:visible|seen|see it) again|"
    r"(?:back in|into) (?:view|sight)|(?:又|再)(?:再|次)?(?:出现|露|看)|再度|重新|回来|露(?:了)?出来|(?<!\w)出来"
)
GONE = (
    r"behind|hid\b|hide|hidden|cover|block|occlud|conceal|disappear|vanish|gone?\b|went|lost|out of (?:sight|view)|"
    r"挡|遮|盖|躲|藏|后面|背后|消失|不见|看不[到见]"
)
SAME = r"\bsame\b|\b(?:another|a different) (?=one\b|\w+\W*$)|同一|还是(?:那|原来|刚才|之前)|换了|另一"
TIMES = r"how often|how many times|number of times|几次|多少次|几回|多少回"
LONG = r"how long|for how many seconds|how much time|多久|多长时间|多少秒|(?<!第)几秒"
WHEN = (
    r"\bwhen\b|at (?:what|which) (?:time|second|moment|point)|what time|the (?:moment|second|time) |"
    r"after how many seconds|(?:几|多少)秒(?:钟)?(?:的?时候?|后)|"
    r"什么时[候刻间]|啥时候|何时|几时|第几秒|哪一?[刻秒]"
)
STILL = (
    r"\bstill\b|\bh(?:as|ave) .*\b(?:left|gone)\b|\bleave the (?:picture|frame|scene)|"
    r"还在|还看?得?[到见]|还能看|仍然?在|离开"
)
WHERE = r"\bwhere\b|在哪|去哪|到哪|哪里|哪儿"
WHAT = r"(?:\bwhat\b|\bwhich\b|\bwhich \w+|\bwho(?:m)?\b|谁|什么(?:东西|物体)?|哪个(?:东西|物体)?|啥)"
HIDES = (
    r"(?:hid|hides?|hiding|hidden|cover(?:s|ed|ing)?|block(?:s|ed|ing)?|occlud(?:es?|ed|ing)|conceal(?:s|ed)?|挡|遮|盖)"
)
PASSIVE = re.compile(rf"\b{HIDES} (?:\w+ )?(?:by|behind)\b|\bbehind\b|被|后面|背后", re.I)
BY_WHAT = re.compile(
    rf"被{WHAT}|^\W*by {WHAT}\b|{HIDES} (?:by|behind)(?: {WHAT})?\W*$|\bbehind {WHAT}|在{WHAT}.{{0,2}}(?:后面|背后)",
    re.I,
)
WHAT_HID = re.compile(
    rf"{WHAT}(?: \w+){{0,3}}? ?{HIDES}(?:.{{0,2}})(?:x1|it\b|this\b|that\b|它|他|她)|{WHAT}把x1|"
    rf"{WHAT} (?:was|is|stood|went|passed) (?:in front of|before) x1",
    re.I,
)
HID_WHAT = re.compile(
    rf"{WHAT}(?: \w+)? (?:did|does|do|has|had|is|was) x1 (?:\w+ )?{HIDES}|x1(?:.{{0,3}}){HIDES}.{{0,3}}{WHAT}|"
    rf"{WHAT}.*\b(?:by|behind) x1|x1(?:的)?(?:后面|背后).*{WHAT}",
    re.I,
)


AFTERWARDS = re.compile(r"^\W*(?:what(?! time)|who|which)\b.*\bwhen\b", re.I)
"""A question in which the time is told, not asked: "what was in front of it when it vanished?"."""


@dataclass(frozen=True)
class TimeQuestion:
    """What is asked.

    step: of what of the story
    about: the thing that is or was hidden; None where it is said as "it", or not at all
    by: what hides it; None where that is not said
    probability: that this is meant; None where words of time decided, which tell none
    """

    step: Step
    lang: Lang
    about: Name | None = None
    by: Name | None = None
    probability: float | None = None


def asked_of_clip(
    question: str, understanding: Understanding, history: Sequence[str] = ()
) -> TimeQuestion | Understood:
    """Return what a question asks of a clip's story, or, of one that is not about time, what it means of a picture."""
    by_words = time_question(question, understanding.words, history)
    if by_words is not None and by_words.step in BY_WORDS:
        return by_words
    understood = understanding.of(question, history)
    return of_program(question, understood) or by_words or understood


def of_program(question: str, understood: Understood) -> TimeQuestion | None:
    """Return what a question that was understood for sure asks of a story; None where that is nothing, or of the last
    frame."""
    step = None if understood.scope != "inside" or understood.parts else MEANS.get(understood.program[-1][0])
    if step is None or understood.probability < SURE:
        return None
    if step == "who_hid" and AT_END.search(question):
        step = "where"
    elif step == "still_there" and re.search(HIDES, question, re.I):
        step = "where"  # whether it is hidden now
    elif step in ("did_hide", "hid_what", "hidings") and AT_END.search(question):
        return None
    names = {text: name for name in understood.names for text in (name.text, name.noun)}
    given = [names.get(str(argument)) for argument in understood.program[-1][1]]
    by, about = (*given, None, None)[:2] if step in ("did_hide", "hid_what") else (None, (*given, None)[0])
    return TimeQuestion(step, understood.lang, about, by, understood.probability)


def time_question(question: str, words: Words, history: Sequence[str] = ()) -> TimeQuestion | None:
    """Return what a question asks of a story; None for one that is not about time. A thing that is not named is the one
    that the questions before it were about, the oldest first in `history`.

    >>> from occlusight.reasoning.vocabulary import shipped_words
    >>> asked = time_question("When did the dog go behind the car?", shipped_words())
    >>> asked.step, asked.about.text, asked.by.text
    ('when_hidden', 'dog', 'car')
    """
    text = normalised(question)
    lang = language(named(text, words))
    found = _named(text, words)
    step = _step(text, found.without())
    if step is None:
        return None
    about, by = _roles(step, found)
    if about is None and by is None and history:
        before = time_question(history[-1], words, history[-MOST_BEFORE:-1])
        about = before.about if before else next(iter(_named(history[-1], words).names), None)
    return TimeQuestion(step, lang, about, by)


def _named(text: str, words: Words) -> Named:
    """The names in a question, words of time left out."""
    without = re.sub(
        rf"{WHEN}|{LONG}|{TIMES}|{BACK}|{SAME}", lambda m: " " if m[0].isascii() else ",", text, flags=re.I
    )
    found = named(without, words)
    return found.only([name for name in found.names if name.kinds or name.sure] or found.names[:1])


def _step(text: str, frame: str) -> Step | None:
    def says(pattern: str) -> bool:
        return re.search(pattern, text, re.I) is not None

    if says(SAME):
        return "same_one"
    if says(TIMES):
        return "how_often"
    if says(WHEN) and not AFTERWARDS.search(text):
        return "when_back" if says(BACK) else "when_hidden" if says(GONE) else None
    if says(LONG):
        return "how_long"
    if says(STILL):
        return "still_there"
    if says(WHERE):
        return "where"
    if BY_WHAT.search(frame) or WHAT_HID.search(frame):
        return "who_hid"
    return "hid_what" if HID_WHAT.search(frame) else None


def _roles(step: Step, found: Named) -> tuple[Name | None, Name | None]:
    """Which name is of what is hidden, and which of what hides it."""
    names = found.names
    if not names:
        return None, None
    if step == "hid_what":
        return None, names[0]
    if len(names) == 1:
        after = re.search(r"(?:behind|by|被|在|到) ?x1", found.without(), re.I)
        return (None, names[0]) if after and step != "who_hid" else (names[0], None)
    passive = PASSIVE.search(found.without())
    return (names[0], names[1]) if passive else (names[1], names[0])
