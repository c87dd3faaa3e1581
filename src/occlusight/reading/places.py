"""Reading where one thing is said to be relative to another."""

from __future__ import annotations

import re
from dataclasses import dataclass

from occlusight.occlusion.parse import is_chinese, sentences
from occlusight.reading.hiding import HIDE_EN, HIDE_ZH
from occlusight.reading.mentions import REACH, Mention, Vocabulary

FLIP = {"left": "right", "right": "left", "front": "behind", "behind": "front", "above": "below", "below": "above"}
_SHOWING = (
    HIDE_EN
    + "|"
    + HIDE_ZH
    + r"|\boverlaps?\b|\bcross\w*|\bcut off\b|\bvisible\b|\bseen\b|\bin view\b|可见|露|看得|看不|看到|看见"
)


@dataclass(frozen=True)
class Place:
    """Where something is said to be; None for what is not said."""

    horizontal: str | None = None
    depth: str | None = None
    vertical: str | None = None

    def __bool__(self) -> bool:
        return any((self.horizontal, self.depth, self.vertical))


_AXES: tuple[tuple[str, str, str], ...] = (
    # "right behind" is not "right"
    ("horizontal", "left", r"(?<!has )(?<!have )(?<!had )\bleft\b|左(?=侧|边|面|方|手|前|后|上|下|$|[,。])|[偏靠]左"),
    (
        "horizontal",
        "right",
        r"\bright\b(?! (?:behind|in front|next|beside|above|below|under|at|there|now|on top))|右(?=侧|边|面|方|手|"
        r"前|后|上|下|$|[,。])|[偏靠]右",
    ),
    (
        "depth",
        "front",
        r"\bin front\b|\bfront\b|\bforeground\b|\bnearer\b|\bcloser\b|前(?=面|方|边|侧)|之前|(?:更靠|较|"
        r"更)近(?!镜头|相机|我们|观察者)|靠近(?:镜头|相机|我们|观察者)|靠前|[左右]前",
    ),
    (
        "depth",
        "behind",
        r"\bbehind\b|\bin back of\b|\bbackground\b|\bfa?u?rther\b|\bbeyond\b|后(?=面|方|边|侧)|之后|背后|身后|"
        r"(?:更|较)远|靠后|[左右]后",
    ),
    (
        "vertical",
        "above",
        r"\bon top\b|\babove\b|\bon(?= (?:the|a|an|it)\b)(?! (?:the|its) (?:\w+ )?(?:left|right|other|far|side))|"
        r"上面|上方|之上|[^左右面以之]上(?=[。,]|$)",
    ),
    ("vertical", "below", r"\bunder(?:neath)?\b|\bbelow\b|\bbeneath\b|下面|下方|之下|底下"),
)
_RELATIVE_TO = re.compile(
    r"^(?:relative to|compared (?:to|with)|with respect to|(?:相对于?|对于|与|和|跟)(?=[^,]*,))[^,]*,", re.I
)
_COMPARATIVE = r"nearer|closer|fa?u?rther|(?:更靠|较|更)近|(?:更|较)远|靠前|靠后|靠近(?:镜头|相机|我们|观察者)"
_JOINTS = "of|from|to|than|away|front|side|hand|the|an?|its|on|top"


def place(text: str, a: str, b: str, words: Vocabulary, others: frozenset[str] = frozenset()) -> Place:
    """Where the text says that `a` is relative to `b`; "b is left of a" reads as "a is right of b".

    Sentences about one of the `others` (and not `a` or `b`) are passed over. The first statement of an axis counts.
    """
    found: dict[str, str] = {}
    for whole in sentences(text):
        sentence = _RELATIVE_TO.sub("", whole)
        mentions = words.mentions(sentence)
        if any(others & set(m.ids) for m in mentions) and not any(a in m.ids for m in mentions):
            continue
        said = [(m, axis, v) for axis, v, pattern in _AXES for m in re.finditer(pattern, sentence, re.I)]
        first = min((m.start() for m, _, _ in said), default=0)
        referred = [_reference(sentence, m, mentions) for m, _, _ in said]
        subjects = [m for m in mentions if m not in referred]
        for match, axis, value in sorted(said, key=lambda entry: entry[0].start()):
            direct = _reference(sentence, match, mentions)
            if _negated(sentence, match):
                continue
            if axis in found or (axis == "vertical" and direct is None and not _short(sentence, match)):
                continue
            subject = _inverted(match, mentions) or _subject(match, subjects, direct, first)
            about = [m for m in (direct, subject) if m is not None and (a in m.ids) != (b in m.ids)]
            if axis == "horizontal" and _side_of_thing(sentence, match, direct):
                continue
            flipped = bool(about) and (a if about[0] is direct else b) in about[0].ids
            found[axis] = FLIP[value] if flipped else value
    return Place(**found)


def _negated(sentence: str, match: re.Match[str]) -> bool:
    """Whether a place is denied: "not to the left of", "不在左边"."""
    before = sentence[max(0, match.start() - REACH) : match.start()]
    return (
        re.search(
            r"(?:\bnot|n't|\bnever)(?: (?:to|on|in|at|the|directly|really|standing|placed|located|exactly))* ?$|"
            r"(?:不|没有?|并非)(?:是)?(?:在)[^,。;]*$|(?:不|没)(?:是|更)?$",
            before,
            re.I,
        )
        is not None
    )


def _inverted(match: re.Match[str], mentions: list[Mention]) -> Mention | None:
    """What follows in "closer to us is the BUS", "更近的是公交车"."""
    if not re.fullmatch(_COMPARATIVE, match.group(0), re.I):
        return None
    after = [m for m in mentions if m.start >= match.end()]
    gap = match.string[match.end() : after[0].start] if after else ""
    joint = (
        r"(?: away)?(?: (?:to|from) (?:us|the (?:camera|viewer|lens)))? (?:is|are|would be) (?:the |an? )?|"
        r"的(?:就|应该)?是"
    )
    return after[0] if re.fullmatch(joint, gap, re.I) else None


def _subject(match: re.Match[str], mentions: list[Mention], direct: Mention | None, first: int) -> Mention | None:
    """What the sentence is about: the first thing before its first place word; before "nearer" the last thing."""
    comma = match.string.rfind(",", 0, match.start())
    before = [m for m in mentions if m.end <= match.start() and m is not direct]
    if re.fullmatch(_COMPARATIVE, match.group(0), re.I) and not comma < first < match.start():
        clause = [m for m in before if m.start > comma]
        if clause:
            return clause[-1]
        if before and re.match(r",\s*(?:which|who|that)\b", match.string[comma:]):
            return before[-1]
    return next((m for m in before if m.end <= first), None)


def _reference(sentence: str, match: re.Match[str], mentions: list[Mention]) -> Mention | None:
    """The thing that a place word refers to: "left of the POST", "在POST的左边"."""
    if is_chinese(sentence):
        for m in mentions:
            gap = sentence[m.end : match.start()]
            if m.end > match.start():
                continue
            if re.fullmatch(_COMPARATIVE, match.group(0)):
                if sentence[: m.start].endswith("比") and "," not in gap:
                    return m
            elif re.fullmatch(r"的?(?:[左右正][侧边面]?)?", gap):
                return m
        return None
    for m in mentions:
        gap = sentence[match.end() : m.start]
        if m.start >= match.end() and re.fullmatch(rf"\W*(?:(?:{_JOINTS})\W*)*", gap, re.I):
            return m
    return None


def _short(sentence: str, match: re.Match[str]) -> bool:
    """Whether "on" or "under" may go without a thing that it refers to."""
    return len(sentence) < 20 or "它" in sentence[: match.start()]


def _side_of_thing(sentence: str, match: re.Match[str], direct: Mention | None) -> bool:
    """Whether a word like "left" names a part ("its left side is hidden", "挡住了风扇的左侧") and not a place."""
    clause = re.split(r"[,:]", sentence[: match.start()])[-1]
    if re.search(rf"(?:{HIDE_ZH}|露出|看到|看见)[^在]*$", clause):
        return True
    if is_chinese(sentence) and re.match(
        rf"[^,在]*(?:(?:被|仍|还|都)[^,]*(?:{_SHOWING})|看不)", sentence[match.end() :]
    ):
        return True
    showing = re.search(_SHOWING, sentence, re.I) is not None
    if direct is not None:
        part_of = re.match(r"(?:-hand)? (?:side|part|half|edge|end|portion|corner)s? of\b", sentence[match.end() :])
        stands = re.search(
            r"\b(?:is|are|stands?|sits?|located|placed|lies|positioned)\b[^,]*\b(?:on|at|to) the $", clause
        )
        return showing and part_of is not None and stands is None
    around = sentence[max(0, match.start() - 8) : match.end() + 12].lower()
    part = re.search(r"(left|right)(-hand)? (side|part|half|edge|end)|(左|右)(侧|半|部|边)|on the (left|right)", around)
    return showing and part is not None
