"""Reading how many: numbers in digits and in words, English and Chinese, and which of several is the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from occlusight.occlusion.parse import plain
from occlusight.reading.mentions import REACH, Vocabulary
from occlusight.reading.stated import stated_answers, told

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_EN = {word: i for i, word in enumerate(_ONES)} | {word: 10 * i for i, word in enumerate(_TENS, 2)}
_ZH = {digit: i for i, digit in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_UNITS = {"十": 10, "百": 100, "千": 1000}
MEASURES = "个辆盏只张把台部棵丛位名株块本条顶盆束件座栋艘架匹头根瓶副扇面列双支口颗枚粒朵片份卷道组串堆间"

_NOT_ONE_ZH = rf"(?!点)[{MEASURES}]?[^,。]{{0,4}}[都也](?:没|看不|见不|不)"  # after 一

_ONE_EN = "|".join(_ONES)
_TEN_EN = "|".join(_TENS)
_ZH_NUMBER = r"[零〇一二两三四五六七八九十百千]+"
_NUMBER = re.compile(
    r"(?<![A-Za-z\d.])(?:(?<!\d)[-−])?\d+(?:,\d{3})*(?:\.\d+)?(?![\d%A-Za-z]|[.,]\d| ?%| percent| per cent|"
    r"(?:st|nd|rd|th)\b|-(?:year|way|sided|inch|d\b))|"
    rf"(?<![\w-])(?:(?:{_TEN_EN})[- ](?:{'|'.join(_ONES[1:10])})|(?:(?:a|"
    rf"{_ONE_EN}) )?hundred(?:(?: and)? (?:(?:{_TEN_EN})(?:[- ](?:{'|'.join(_ONES[1:10])}))?|{_ONE_EN}))?|"
    rf"(?:(?:a|one) )?dozen|{_TEN_EN}|{_ONE_EN})(?!\w|-(?:way|sided|year))|"
    rf"(?<!第){_ZH_NUMBER}(?=[{MEASURES}])(?!个方面)|^{_ZH_NUMBER}(?=[。,\s]*$)",
    re.I,
)
# Digits that name or place something and count nothing.
_NO_COUNT = re.compile(
    r"\b(?:image|picture|figure|fig\.|photo|step|row|column|option|line|no\.|number|layer|page|section|"
    r"question|part|case|group) #?\d+(?=\s*[:.,)\n]| (?:has|shows|is|contains|holds)\b)|"
    r"第[\d一二三四五六七八九十]+|(?:图|步骤|选项)\s?\d+|\[[^\]\n]*,[^\]\n]*\]|\(\s*\d+(?:\.\d+)?\s*,\s*\d+[^)\n]*\)",
    re.M | re.I,
)
# What nobody counts: "no idea", "zero clue", "no one knows", 没有头绪. Words of none and of one in them say no number.
_KNOWING = (
    "idea|clue|way|telling|comment|answer|doubt|information|data|problem|worry|worries|opinion|use|guess|certainty|knowledge|means|"
    r"hope|chance|(?:image|picture|photo|number|count|estimate)(?= (?:was|is|has|can|could|provided|given|"
    r"attached|here|to)\b|\W*$)"
)
_KNOWING_ZH = (
    "头绪|办法|法子|答案|把握|信息|线索|概念|想法|定论|主意|意见|问题|疑问|依据|结论|图片|图像|(?:数字|数量)(?!牌)"
)
_IDIOM = re.compile(
    r"\b(?:no|zero|not (?:an?|any|the (?:slightest|faintest|foggiest|least))|n't (?:an?|any|the (?:slightest|"
    r"faintest|foggiest)))"
    rf"(?: \w+){{0,2}}? (?:{_KNOWING})s?\b|"
    r"\b(?:no one|nobody|none of us)(?: \w+)? (?:knows?|tell|say|count|guess)\b|\bno (?:can do|easy task|sense|"
    r"point)\b|"
    r"\bnothing (?:(?:i|we|one) can |to |more to )(?:say|do|tell|add|go on|report)\b|\bnone of your business\b|"
    r"\bno(?: \w+){1,3} (?:can|could) be (?:counted|determined|told|given|said|known|made|established|verified)\b|"
    r"(?:毫无|没有?|无)(?:任何|具体|明确|确切|足够|充足|什么|一点|半点|可靠|准确|相关|看[到见]|提供|收到|"
    rf"上传)*的?(?:{_KNOWING_ZH})|"
    rf"(?:一点儿?|半点)?(?:{_KNOWING_ZH})[都也]?没有|没有?(?:提供|收到|上传|给出?)照片|没有?人(?:能|会|"
    r"可以)?(?:知道|数|说|清楚)|"
    r"没有?(?:看清楚?|数清楚?|数过|算过|谱|准|底|数|显示|给出|说明|写明)(?=[。.,!\s]|$)",
    re.I,
)
# How things are arranged: "3 rows of 4", "每行5个".
_ARRANGED = re.compile(
    rf"(?:\d+|\b(?:{_ONE_EN}))(?: \w+)? (?:rows?|columns?|layers?|groups?|lines|stacks?|tiers|sets)\b"
    rf"(?: ?(?:of|with|x|×|by) (?:\d+|(?:{_ONE_EN})\b)(?! *=))?|(?:\d+|{_ZH_NUMBER})(?=[行列排层组])|"
    rf"每[行列排层组]有?(?:\d+|{_ZH_NUMBER})",
    re.I,
)
_LIST_MARK = re.compile(r"^[ \t]*\(?\d{1,2}[.)、](?!\d)(?=\s*\S)", re.M)
_RANGE = re.compile(
    r"(?P<low>\d+(?:\.\d+)?)\s*(?:-|–|—|~|to|or|and|至|到|或者?)\s*(?P<high>\d+(?:\.\d+)?)(?!\s*(?:=|\d))",
    re.I,
)
_TOTAL_BEFORE = (
    r"(?:\b(?:in total|altogether|in all|total(?: number)?(?: count)?(?: of [\w ]{1,40}?)?(?: is| are|:| of| =|"
    r" would be| comes to)?|the (?:count|number)(?: of [\w ]{1,40}?)? (?:is|would be|should be)|equals|makes?|"
    r"gives?|"
    r"(?:so|therefore|thus|hence)[, ]+(?:there (?:are|is|would be|should be|must be)|i count|we have|it is)|"
    r"i count)|=|≈|(?:一共|总共|共计|合计|总计|总数|共)(?:应该|应|大约|约)?(?:有|是|为)?|(?:因此|所以)[^。\d]{0,10})"
    r"[\s:,]*(?:(?:there are|there is|is|are|be|of|about|approximately|around|roughly|exactly|约|大约)[\s:]*)*$"
)
_TOTAL_AFTER = (
    r"^[^.,;。\d\n]{0,40}?\b(?:in total|in all|altogether|total(?! (?:of|is|number|count)))\b|"
    r"^[^.。,\d]{0,10}(?:总共|一共)"
)


@dataclass(frozen=True)
class Counted:
    """A number in a text, and where it stands."""

    value: float
    start: int
    end: int


def numbers_in(text: str) -> Iterator[Counted]:
    """Yield the numbers of a plain text that may count something.

    Ordinals, shares, marks of lists, boxes, idioms ("no one knows") and what is denied ("not 3 but 4", "no one") are
    passed over.
    """
    text = _NO_COUNT.sub(_blank, _IDIOM.sub(_blank, text))
    if len(_LIST_MARK.findall(text)) > 1:
        text = _LIST_MARK.sub(_blank, text)
    for match in _NUMBER.finditer(text):
        before, after = text[max(0, match.start() - REACH) : match.start()], text[match.end() : match.end() + REACH]
        if re.search(r"\b(?:not|n't|no)(?: just| only)? $|不(?:只)?是$", before, re.I):
            continue
        if match.group(0) == "一" and re.match(_NOT_ONE_ZH, after):
            continue
        yield Counted(_value(match.group(0)), match.start(), match.end())


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group(0))


def quantity(text: str) -> float | None:
    """Return the number that an answer gives, None where it gives none or does not say which of several it means.

    >>> quantity("3 rows of 4 eggs, so there are 12 eggs in total, 2 of them hidden")
    12.0
    """
    for place in stated_answers(text):
        words = _IDIOM.sub(_blank, told(place.text))
        found = list(numbers_in(words))
        if re.match(rf"\W*{_DONT_KNOW}", words, re.I):
            return None
        if found and (
            place.how in ("tag", "field", "box") or not re.search(r"[A-Za-z一-鿿]{4}.*[,.;]", words[: found[0].start])
        ):
            return _chosen(words, found)
        if not found and _NONE_THERE.match(words):
            return 0.0
    text = _IDIOM.sub(_blank, told(text))
    found = list(numbers_in(text))
    if not found:
        return 0.0 if _NONE_THERE.search(text) and not re.search(_DONT_KNOW, text, re.I) else None
    things = list(numbers_in(_ARRANGED.sub(_blank, text)))
    return None if not things and len(found) > 1 else _chosen(text, things or found)


_DONT_KNOW = (
    r"(?:can ?not|can't|unable|unknown|unclear|not sure|sorry|i don't know|impossible|无法|无从|没法|不能(?:确定|"
    r"判断|回答|数)|不确定|不知道|"
    r"不清楚|不好说|说不[好清准上]|数不[清过]|看不[清出]|难说|抱歉|对不起)"
)
_NONE_THERE = re.compile(
    r"\W*\b(?:none|zero|nothing|no)(?: \w+)?\W*$|\bthere(?: are| is|'s) (?:no|not any|not a single|none|nothing)\b|"
    r"\bthere (?:are|is)n't an?y?\b|\b(?:do not|don't) see any\b|\bno(?: \w+){1,2} (?:are|is|can be) \w+|"
    r"\bnone of (?:the|them|these|those)\b|\bnot (?:one|a single)\b|\b(?:no one|nobody)\b|\bno \w+(?: here| there|"
    r" at all)\W*$|"
    rf"一{_NOT_ONE_ZH}|"
    r"没(?:有(?:任何)?|见到|看到)\w{0,8}[。.]?$|[看见]不[到见](?:任何)?\w{1,8}[。.]?$|^\W*无[。.]?$",
    re.I,
)


def _chosen(text: str, found: list[Counted]) -> float | None:
    """Which of the numbers of a text is its answer."""
    values = {n.value for n in found}
    for match in _RANGE.finditer(text):
        inside = {n.value for n in found if match.start() <= n.start < match.end()}
        if len(inside) == 2 and values == inside and not _sum(text, match.end()):
            return None
    if len(values) == 1:
        return found[0].value
    totals = [n.value for n in found if re.search(_TOTAL_AFTER, text[n.end : n.end + REACH], re.I)]
    totals = totals or [
        n.value for n in found if re.search(_TOTAL_BEFORE, text[max(0, n.start - REACH) : n.start], re.I)
    ]
    if totals:
        return totals[-1]
    # the number first, and what it is made of after it: "12 (3 rows of 4)"
    first = found[0]
    if not text[: first.start].strip(" (*") and re.match(r"\s*(?:[.(:;\n–—-]|,(?!\s*\d)|$)", text[first.end :]):
        return first.value
    last = [line for line in text.splitlines() if line.strip()][-1].strip()
    alone = list(numbers_in(last))
    return alone[0].value if len(alone) == 1 and len(last.split()) <= 3 and len(last) < 16 else None


def _sum(text: str, at: int) -> bool:
    return re.match(r"\s*=", text[at:]) is not None


def number(text: str, kind: str, words: Vocabulary) -> int | None:
    """How many of a kind the text counts: what a label states, the number beside the kind's name, else the first
    number."""
    for place in stated_answers(text):
        stated = told(place.text)
        found = list(numbers_in(stated))
        if found and found[0].start <= 2 and not any(kind not in m.kinds for m in words.mentions(stated)):
            return int(found[0].value)
    text = _IDIOM.sub(_blank, plain(text))
    if re.search(f"一{_NOT_ONE_ZH}", text):
        return 0
    counts = list(numbers_in(text))
    for mention in words.mentions(text):
        if kind in mention.kinds:
            near = [n for n in counts if 0 <= mention.start - n.end <= (12 if text.isascii() else 4)]
            if near:
                return int(near[-1].value)
    if counts:
        return int(counts[0].value)
    none = _NONE_THERE.search(text) or re.search(r"没有|\bno \w|\bnone\b", text, re.I)
    if re.search(_DONT_KNOW, text, re.I) and not none:
        return None
    if none or re.match(r"\W*(?:no|none|not|nothing|没|无|不)(?![A-Za-z])(?! (?:sure|certain|clear)\b)", text, re.I):
        return 0
    if re.search(r"\ban? ", text, re.I) and any(kind in m.kinds for m in words.mentions(text)):
        return 1
    return None


def _value(word: str) -> float:
    """The value of a number in digits, English or Chinese words."""
    word = word.lower().replace("−", "-").strip()
    if word.lstrip("-")[:1].isdigit():
        return float(word.replace(",", ""))
    if word[0] in _ZH or word[0] in _UNITS:
        return float(_chinese(word))
    if word.endswith("dozen"):
        return 12.0
    above, hundred, below = word.rpartition("hundred")
    hundreds = _EN.get(above.strip(), 1) if hundred else 0
    return float(100 * hundreds + sum(_EN[part] for part in re.split(r"[- ]", below.strip()) if part in _EN))


def _chinese(word: str) -> int:
    """A Chinese number below ten thousand; digits without units stand side by side."""
    if not any(c in _UNITS for c in word):
        return int("".join(str(_ZH[c]) for c in word))
    total, digit = 0, None
    for c in word:
        if c in _UNITS:
            total += (1 if digit in (None, 0) else digit or 1) * _UNITS[c]
            digit = None
        else:
            digit = _ZH[c]
    return total + (digit or 0)
