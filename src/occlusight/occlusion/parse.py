"""Reading free-text answers, Chinese or English, ours or any other model's, into the shape of computed answers.

Every reader returns None (or an empty set) where the text does not say: "no answer" is not "wrong".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from occlusight.occlusion.facts import amount_of
from occlusight.occlusion.parse_names import Mention, Vocabulary

FLIP = {"left": "right", "right": "left", "front": "behind", "behind": "front", "above": "below", "below": "above"}
EN_NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
ZH_NUMBERS = {
    "零": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
    "十": 10,
}
ZH_NUMBERS |= {"十一": 11, "十二": 12}
MEASURES = "个辆盏只张把台部棵丛位名株块本条顶盆束件座栋艘架匹头根瓶副扇面列双支口"

_PLAIN = str.maketrans(
    {"\uff0c": ",", "\uff1b": ";", "\uff1a": ":", "\uff1f": "?", "\uff01": "!", "\uff08": "(", "\uff09": ")"}
)
_PLAIN |= {ord("\u2019"): "'"}
_UNKNOWN = re.compile(
    r"\b(can ?not|can't|unable to|impossible to|hard to|difficult to) (tell|say|determine|judge|see|know)\b|"
    r"\bnot (sure|certain|clear)\b|\bun(clear|sure|certain)\b|不确定|不清楚|无法|看不清|看不出|难以|不好说|不知道",
    re.I,
)
_NOT_FULLY = re.compile(
    r"\b(?:not|n't) (?:be )?(?:completely|fully|entirely|totally|wholly|all)\b|(?:没有?|不会?|并?未|并不)(?:被)?(?:完全|全部)",
    re.I,
)
_NO_EN = r"\b(?:not|no|never|nothing|none|neither|nobody|without)\b|n't\b|\bun(?:obstructed|obscured|occluded|hidden)\b"
_HIDE_EN = r"\b(?:hid(?:es?|ing|den)|block(?:s|ing|ed)?|cover(?:s|ing|ed)?|occlud(?:es?|ing|ed)|obscur(?:es?|ing|ed)|obstruct(?:s|ing|ed)?)\b"
_HIDE_ZH = r"遮挡|挡住|遮住|盖住|遮蔽|遮盖|挡着|遮着|被挡|遮掉"
_VISIBLE = r"\b(?:fully|completely|entirely|wholly|totally|clearly) visible\b|\bin full view\b|完整可见|完全可见|完全露出|完整露出"


def is_chinese(text: str) -> bool:
    """Whether the text holds Chinese characters."""
    return re.search(r"[\u4e00-\u9fff]", text) is not None


def plain(text: str) -> str:
    """Return the text without markup and leading blanks; full-width punctuation becomes plain."""
    text = re.sub(r"<think>.*?</think>", "", text, flags=re.S)
    text = text.translate(_PLAIN)
    return re.sub(r"[*_`#\"“”]+", "", text).strip()


def sentences(text: str) -> list[str]:
    """Split at the ends of sentences."""
    return [s.strip() for s in re.split(r"(?<!\d)\.(?!\d)|[。!?;\n]|\bso\b|所以|因此", plain(text)) if s.strip()]


def decision(text: str, *, visible_means_yes: bool = False) -> str | None:
    """Return yes, no, unknown, or None where nothing is decided.

    `visible_means_yes` is for questions whether something would be visible; otherwise they are about hiding.
    """
    text = plain(text)
    for word in ("是否", "有没有", "会不会", "能不能", "是不是"):
        text = text.replace(word, "")
    leading = re.match(
        r"[\W_]*(?:answer\W+|答案?[是:]?\s*)?(yes|yeah|yep|no|nope|true|false|correct|incorrect|not)\b", text, re.I
    )
    if leading:
        return "yes" if leading.group(1).lower() in ("yes", "yeah", "yep", "true", "correct") else "no"
    if not text:
        return None
    if _UNKNOWN.search(text):
        return "unknown"
    first = re.split(r"(?<!\d)\.(?!\d)|[。!?;\n]", text)[0]
    if _NOT_FULLY.search(first):
        return "no" if visible_means_yes else "yes"
    if is_chinese(text):
        leading = re.match(r"[\W_]*(?:答案?[是:]?\s*)?(不|没|未|否|并未|并没|无|是|对|会|有|能|可以|嗯)", text)
        if leading:
            return "no" if leading.group(1) in ("不", "没", "未", "否", "并未", "并没", "无") else "yes"
    return _implied(text, first, visible_means_yes)


def _implied(text: str, first: str, visible_means_yes: bool) -> str | None:
    """The decision of an answer that does not begin with one."""
    whole = {w.lower() for w in re.findall(r"\b(yes|no)\b", text, re.I)}
    if whole == {"yes"}:
        return "yes"
    denied = re.search(_NO_EN + r"|没|不(?!远)|未|并非|毫无", first, re.I)
    if re.search(_VISIBLE, first, re.I):
        return "yes" if visible_means_yes and not denied else "no"
    if denied:
        return "no"
    if re.search(_HIDE_EN + "|" + _HIDE_ZH, first, re.I):
        return "no" if visible_means_yes else "yes"
    return None


def number(text: str, kind: str, words: Vocabulary) -> int | None:
    """How many of a kind the text counts: the number beside the kind's name, else the first number."""
    text = plain(text)
    counts = [(m.start(), m.end(), n) for m, n in _numbers(text)]
    for mention in words.mentions(text):
        if kind in mention.kinds:
            near = [n for start, end, n in counts if 0 <= mention.start - end <= (12 if text.isascii() else 4)]
            if near:
                return near[-1]
    if counts:
        return counts[0][2]
    if re.match(r"\W*(no|none|not|nothing|没|无|不)", text, re.I) or re.search(r"没有|\bno\b|\bnone\b", text, re.I):
        return 0
    if re.search(r"\ban? ", text, re.I) and any(kind in m.kinds for m in words.mentions(text)):
        return 1
    return None


def _numbers(text: str) -> Iterator[tuple[re.Match[str], int]]:
    spelled = "|".join(EN_NUMBERS)
    zh = "十一|十二|[零一二两三四五六七八九十]"
    pattern = rf"\d+|\b(?:{spelled})\b|(?:{zh})(?=[{MEASURES}])|^(?:{zh})(?=[。,\s]*$)"
    for match in re.finditer(pattern, text, re.I):
        word = match.group(0).lower()
        if word.isdigit():
            yield match, int(word)
        else:
            yield match, EN_NUMBERS.index(word) if word in EN_NUMBERS else ZH_NUMBERS[word]


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
    ("horizontal", "left", r"\bleft\b|左(?=侧|边|面|方|手|前|后|上|下|$|[,。])|[偏靠]左"),
    (
        "horizontal",
        "right",
        r"\bright\b(?! (?:behind|in front|next|beside|above|below|under|at|there|now|on top))|右(?=侧|边|面|方|手|前|后|上|下|$|[,。])|[偏靠]右",
    ),
    (
        "depth",
        "front",
        r"\bin front\b|\bfront\b|\bforeground\b|\bnearer\b|\bcloser\b|前(?=面|方|边|侧)|之前|(?:更靠|较|更)近|靠前|[左右]前",
    ),
    (
        "depth",
        "behind",
        r"\bbehind\b|\bin back of\b|\bbackground\b|\bfa?u?rther\b|\bbeyond\b|后(?=面|方|边|侧)|之后|背后|身后|(?:更|较)远|靠后|[左右]后",
    ),
    (
        "vertical",
        "above",
        r"\bon top\b|\babove\b|\bon(?= (?:the|a|an|it)\b)(?! (?:the|its) (?:\w+ )?(?:left|right|other|far|side))|上面|上方|之上|[^左右面以之]上(?=[。,]|$)",
    ),
    ("vertical", "below", r"\bunder(?:neath)?\b|\bbelow\b|\bbeneath\b|下面|下方|之下|底下"),
)
_RELATIVE_TO = re.compile(
    r"^(?:relative to|compared (?:to|with)|with respect to|(?:相对于?|对于|与|和|跟)(?=[^,]*,))[^,]*,", re.I
)
_COMPARATIVE = r"nearer|closer|fa?u?rther|(?:更靠|较|更)近|(?:更|较)远"
_JOINTS = "of|from|to|than|away|front|side|hand|the|an?|its|on|top"


def place(text: str, a: str, b: str, words: Vocabulary, others: frozenset[str] = frozenset()) -> Place:
    """Where the text says that `a` is relative to `b`; "b is left of a" reads as "a is right of b".

    Sentences about one of the `others` (and not `a` or `b`) are passed over. The first statement of an axis counts.
    """
    found: dict[str, str] = {}
    for whole in sentences(text):
        sentence = _RELATIVE_TO.sub("", whole)
        mentions = words.mentions(sentence)
        if mentions and mentions[0].ids and not {a, b} & set(mentions[0].ids) and set(mentions[0].ids) & others:
            continue
        said = [(m, axis, v) for axis, v, pattern in _AXES for m in re.finditer(pattern, sentence, re.I)]
        first = min((m.start() for m, _, _ in said), default=0)
        for match, axis, value in sorted(said, key=lambda entry: entry[0].start()):
            direct = _reference(sentence, match, mentions)
            if axis in found or (axis == "vertical" and direct is None and not _short(sentence, match)):
                continue
            subject = _subject(match, mentions, direct, first)
            about = [m for m in (direct, subject) if m is not None and (a in m.ids) != (b in m.ids)]
            if direct is None and _side_of_thing(sentence, match):
                continue
            flipped = bool(about) and (a if about[0] is direct else b) in about[0].ids
            found[axis] = FLIP[value] if flipped else value
    return Place(**found)


def _subject(match: re.Match[str], mentions: list[Mention], direct: Mention | None, first: int) -> Mention | None:
    """What the sentence is about: the first thing before its first place word; before "nearer" the last thing."""
    comma = match.string.rfind(",", 0, match.start())
    before = [m for m in mentions if m.end <= match.start() and m is not direct]
    if re.fullmatch(_COMPARATIVE, match.group(0), re.I) and not comma < first < match.start():
        clause = [m for m in before if m.start > comma]
        if clause:
            return clause[-1]
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
            elif re.fullmatch(r"的?[左右正]?", gap):
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


def _side_of_thing(sentence: str, match: re.Match[str]) -> bool:
    """Whether a word like "left" names a part ("its left side is hidden") and not a place."""
    around = sentence[max(0, match.start() - 8) : match.end() + 12].lower()
    hiding = re.search(_HIDE_EN + "|" + _HIDE_ZH + "|visible|be seen|可见", sentence, re.I) is not None
    part = re.search(r"(left|right)(-hand)? (side|part|half|edge|end)|(左|右)(侧|半|部|边)|on the (left|right)", around)
    return hiding and part is not None


def hider(text: str, a: str, b: str, words: Vocabulary) -> str | None:
    """Which of two things the text says hides the other; None where it does not say or denies it."""
    for sentence in sentences(text):
        mentions = words.mentions(sentence)
        for match in re.finditer(_HIDE_EN + "|" + _HIDE_ZH, sentence, re.I):
            before = sentence[: match.start()]
            clause = re.split(r"[,]|\bbut\b", before)[-1]
            if re.search(_NO_EN + r"|没|不|未", clause, re.I) and not re.match(r"\W*no\b", clause, re.I):
                continue
            who = _hiding_subject(sentence, match, mentions)
            if who is not None and (a in who.ids) != (b in who.ids):
                return a if a in who.ids else b
    return None


def _hiding_subject(sentence: str, match: re.Match[str], mentions: list[Mention]) -> Mention | None:
    before = [m for m in mentions if m.end <= match.start()]
    after = [m for m in mentions if m.start >= match.end()]
    tail = sentence[match.end() :]
    if is_chinese(sentence):
        passive = sentence.rfind("被", 0, match.start())
        by = [m for m in before if m.start > passive >= 0 and "," not in sentence[passive : m.start]]
        if by:
            return by[-1]
        if passive >= 0 and "," not in sentence[passive : match.start()]:
            return None
        if before and before[-1].end == match.start():
            return before[-1]
        return before[0] if before else None
    if re.match(r"(?: \w+)? by\b", tail):
        return after[0] if after else None
    if re.match(r"(?: \w+)? behind\b", tail):
        return after[0] if after else None
    if not before or re.search(r"(?:ed|en)$", match.group(0), re.I):
        return None
    relative = re.search(r"\b(?:which|that)\b[^,]*$", sentence[: match.start()])
    return before[-1] if relative else before[0]


_PARTS: tuple[tuple[str, str], ...] = (
    ("left", r"\bleft\b|左(?:侧|边|半|部|端|面|下|上|前|后)"),
    ("right", r"\bright\b(?! (?:behind|in front|next))|右(?:侧|边|半|部|端|面|下|上|前|后)"),
    ("top", r"\b(?:top|upper)\b|上(?:部|方|半|面|端|侧)|顶部|[左右]上"),
    ("bottom", r"\b(?:bottom|lower|base)\b|下(?:部|方|半|面|端|侧)|底部|[左右]下"),
    ("middle", r"\b(?:middle|cent(?:er|re)|central)\b|中间|中部|中央|中心"),
    (
        "all",
        r"\b(?:almost|nearly) (?:all|everything|the (?:whole|entire))\b|\b(?:whole|entire(?:ly)?|completely)\b|几乎全部|整个|全部|几乎完全|完全",
    ),
)
_SEEN = re.compile(r"\b(?:can|could) (?:still )?be seen\b|\bvisible\b|\bremains?\b|可见|看到|看见|露出", re.I)
_PLACE_OF = re.compile(
    r"\bto the (?:\w+ )?(?:left|right) of\b|在[^,。;]+?的?[左右](?:边|侧|面|方|前方|后方)(?!的)|\bon top of\b", re.I
)


def hidden_parts(text: str) -> frozenset[str]:
    """Which parts the text says are hidden; what it says is still visible is passed over."""
    clauses = [c for c in re.split(r"[,;。.!?\n]", plain(text)) if c.strip()]
    kept = [c for c in clauses if not _SEEN.search(c)]
    said = " ; ".join(_PLACE_OF.sub(" ", c) for c in kept)
    found = frozenset(part for part, pattern in _PARTS if re.search(pattern, said, re.I))
    return found - {"all"} or found


_AMOUNTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("small",),
        r"\b(?:small|tiny|little|minor|slight(?:ly)?|a bit|edge|tip)\b|一?小部分|少部分|少量|一点|一小块|略微|轻微|稍微",
    ),
    (("more_than_half",), r"\b(?:more than|over) (?:a |one )?half\b|一?大半|超过一半|过半|一半以上"),
    (
        ("most",),
        r"\b(?:almost|nearly) (?:all|entire(?:ly)?|everything|completely|fully|the (?:whole|entire))\b|绝大部分|几乎全部|几乎完全",
    ),
    (("more_than_half", "most"), r"\b(?:most(?:ly)?|majority|large(?:st)? part|much|main part)\b|大部分|多半"),
    (("part", "more_than_half"), r"\bhalf\b|一半"),
    (("most",), r"\b(?:completely|entirely|totally|wholly)\b|完全|全部|整个"),
    (("small", "part", "more_than_half"), r"\b(?:part(?:s|ly|ial|ially)?|portions?|some|section)\b|部分|局部"),
)


def amounts(text: str) -> frozenset[str]:
    """The classes of amount that the text's words for how much is hidden allow; empty where it does not say."""
    clauses = [c for c in re.split(r"[,;。!?\n]|\.(?!\d)", plain(text)) if not _SEEN.search(c)]
    said = " ; ".join(clauses)
    percent = re.search(r"(\d+(?:\.\d+)?) ?(?:%|percent|per cent)|百分之(\d+)", said)
    if percent:
        return frozenset({amount_of(min(1.0, float(percent.group(1) or percent.group(2)) / 100))})
    for classes, pattern in _AMOUNTS:
        if re.search(pattern, said, re.I):
            return frozenset(classes)
    return frozenset()


def no_overlap(text: str) -> bool:
    """Whether the text says that two things do not overlap."""
    return (
        re.search(r"\b(?:do|does)(?: not|n't) overlap|\bno overlap|(?:没有|不|未)(?:相互|互相)?重叠", plain(text), re.I)
        is not None
    )


def nothing(text: str) -> bool:
    """Whether the text says that there is no such thing ("Nothing hides the bus")."""
    text = plain(text)
    opening = re.match(
        r"\W*(?:nothing|none|no(?: object| one|thing)?\b|没有|无)|没有(?:任何)?(?:物体|东西)", text, re.I
    )
    return (
        opening is not None
        or re.search(r"\bnot (?:hidden|blocked|occluded|covered)|没有被|未被|无遮挡", text, re.I) is not None
    )


def chosen(text: str, words: Vocabulary) -> Mention | None:
    """The thing that an answer to "which ...?" names first, unless it is denied."""
    text = plain(text)
    mentions = words.mentions(text)
    return mentions[0] if mentions else None
