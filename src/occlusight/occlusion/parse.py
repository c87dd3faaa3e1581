"""Reading free-text answers, Chinese or English, ours or any other model's, into the shape of computed answers.

Every reader returns None (or an empty set) where the text does not say: "no answer" is not "wrong".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from occlusight.occlusion.parse_names import REACH, Mention, Vocabulary

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
    r"\b(?:can ?not|can't) be (?:told|known|said|determined|seen from)\b|\b(can ?not|can't|unable to|impossible to|hard to|difficult to) (tell|say|determine|judge|see|know)\b|"
    r"\bnot (sure|certain|clear)\b|\bun(clear|sure|certain)\b|不确定|不清楚|无法|看不清|看不出|难以|不好说|不知道",
    re.I,
)
_NOT_FULLY = re.compile(
    r"\b(?:not|n't) (?:be )?(?:completely|fully|entirely|totally|wholly|all)\b|(?:没有?|不会?|并?未|并不)(?:被)?(?:完全|全部)",
    re.I,
)
_BOTH = re.compile(
    r"\W*(?:both )?(?:yes\W+(?:and |or |but )?(?:also )?no\b|no\W+(?:and |or |but )?(?:also )?yes\b|是也不是|既.{0,8}又(?:没|不)|"
    r"yes\W*(?:没有|没|不是|否)|no\W*(?:是的|对)|(?:是的|对)\W*(?:没有|不是|no\b)|(?:没有|不是)\W*(?:是的|yes\b))",
    re.I,
)
_DENIES_HIDING = re.compile(
    r"\b(?:(?:do|does|is|are)(?: not|n't)|nothing|never)(?! (?:fully|completely|entirely|totally|wholly|all)\b)(?: \w+){0,2}? "
    r"(?:hid|block|cover|occlud|obscur|obstruct)|(?:没有?|不|未)(?:被)?(?:任何东西|它|物体)?(?:遮|挡|盖)",
    re.I,
)
_NO_EN = r"\b(?:not|no|never|nothing|none|neither|nobody|without)\b|n't\b|\bun(?:obstructed|obscured|occluded|hidden)\b"
HIDE_EN = r"\b(?:hid(?:es?|ing|den)|block(?:s|ing|ed)?|cover(?:s|ing|ed)?|occlud(?:es?|ing|ed)|obscur(?:es?|ing|ed)|obstruct(?:s|ing|ed)?)\b"
HIDE_ZH = r"遮挡|挡住|遮住|盖住|遮蔽|遮盖|盖住|挡着|遮着|(?<=被)挡|遮掉"
_VISIBLE = r"\b(?:fully|completely|entirely|wholly|totally|clearly) visible\b|\bin full view\b|完整可见|完全可见|完全露出|完整露出"

_SHOWING = (
    HIDE_EN
    + "|"
    + HIDE_ZH
    + r"|\boverlaps?\b|\bcross\w*|\bcut off\b|\bvisible\b|\bseen\b|\bin view\b|可见|露|看得|看不|看到|看见"
)


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

    `visible_means_yes` is for questions whether something would be visible; otherwise they are about hiding. An answer that
    takes both sides ("yes and no", "Yes, it does not hide it") decides nothing: unknown.
    """
    text = plain(text)
    if _BOTH.match(text):
        return "unknown"
    text = re.sub(r"^[^.。!?;\n]*\?\s*", "", text)  # the question said again
    for word in ("是否", "有没有", "会不会", "能不能", "是不是"):
        text = text.replace(word, "")
    leading = re.match(
        r"[\W_]*(?:answer\W+|答案?[是:]?\s*)?(yes|yeah|yep|no|nope|true|false|correct|incorrect|not|right|(?:indeed,? )?(?:it|they) (?:does|do)(?=[.,:;!]|$))(?!\w)",
        text,
        re.I,
    )
    first = re.split(r"(?<!\d)\.(?!\d)|[。!?;\n]", text)[0]
    if leading:
        said = leading.group(1).lower()
        if said == "not" and _NOT_FULLY.search(first):
            return "no" if visible_means_yes else "yes"
        if said in ("no", "nope", "false", "incorrect", "not"):
            return "no"
        return "unknown" if not visible_means_yes and _DENIES_HIDING.search(first) else "yes"
    if not text:
        return None
    if _UNKNOWN.search(text):
        return "unknown"
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
    if re.search(HIDE_EN + "|" + HIDE_ZH, first, re.I):
        return "no" if visible_means_yes else "yes"
    return None


def number(text: str, kind: str, words: Vocabulary) -> int | None:
    """How many of a kind the text counts: the number beside the kind's name, else the first number."""
    text = plain(text)
    if re.search(r"一[^,。]?[都也]没", text):
        return 0
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
        if re.search(r"\bnot $|不是$", text[max(0, match.start() - REACH) : match.start()], re.I):
            continue
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
    ("horizontal", "left", r"(?<!has )(?<!have )(?<!had )\bleft\b|左(?=侧|边|面|方|手|前|后|上|下|$|[,。])|[偏靠]左"),
    (
        "horizontal",
        "right",
        r"\bright\b(?! (?:behind|in front|next|beside|above|below|under|at|there|now|on top))|右(?=侧|边|面|方|手|前|后|上|下|$|[,。])|[偏靠]右",
    ),
    (
        "depth",
        "front",
        r"\bin front\b|\bfront\b|\bforeground\b|\bnearer\b|\bcloser\b|前(?=面|方|边|侧)|之前|(?:更靠|较|更)近(?!镜头|相机|我们|观察者)|靠近(?:镜头|相机|我们|观察者)|靠前|[左右]前",
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
    joint = r"(?: away)?(?: (?:to|from) (?:us|the (?:camera|viewer|lens)))? (?:is|are|would be) (?:the |an? )?|的(?:就|应该)?是"
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


def hider(text: str, a: str, b: str, words: Vocabulary) -> str | None:
    """Which of two things the text says hides the other; None where it does not say or denies it."""
    for sentence in sentences(text):
        mentions = words.mentions(sentence)
        for match in re.finditer(HIDE_EN + "|" + HIDE_ZH, sentence, re.I):
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
        clause = [m for m in before if m.start > sentence.rfind(",", 0, match.start())]
        return next(iter(clause or before), None)
    if re.match(r"(?: \w+)? by\b", tail):
        return after[0] if after else None
    if re.match(r"(?: \w+)? behind\b", tail):
        return after[0] if after else None
    if not before or re.search(r"(?:ed|en)$", match.group(0), re.I):
        return None
    clause = [m for m in before if m.start > sentence.rfind(",", 0, match.start())]
    relative = re.search(r"\b(?:which|that)\b[^,]*$", sentence[: match.start()])
    return before[-1] if relative else (clause or before)[0]


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
    """The thing that an answer to "which ...?" names first and does not deny ("not the bus but the car")."""
    text = plain(text)
    return next((m for m in words.mentions(text) if not denied(text, m)), None)


def denied(text: str, mention: Mention) -> bool:
    """Whether a thing is named only to say that it is not the one."""
    before = text[max(0, mention.start - REACH) : mention.start]
    return re.search(r"(?:\bnot|n't|\bneither|\bnor) (?:the |an? )?$|(?:不是|并非|而非)$", before, re.I) is not None
