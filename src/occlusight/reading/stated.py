"""Where a text states its answer: a tag, a JSON field, LaTeX's box, or a label such as "Final answer:" or "答案是".

A label that the words before it take back ("a wrong answer is", "if ..., the answer is", "at first I thought") states
nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from occlusight.occlusion.parse import plain, without_thoughts


@dataclass(frozen=True)
class Stated:
    """A place where an answer is stated: its text as it came, where it begins, and how: tag, field, box or label."""

    text: str
    start: int
    how: str


_TAG = re.compile(r"<(answer|final_answer|ans|choice)>(.*?)(?:</\1>|\Z)", re.S | re.I)
_KEYS = (
    r"(?:the_|your_|my_)?(?:final|correct|predicted|model)?[_ ]?(?:answer|choice|option|response|prediction|"
    r"result|decision|verdict|"
    r"count|number|total|label|letter|output)(?:_(?:letter|choice|option|index))?|答案|最终答案|正确答案|选项|"
    r"选择|结果|结论|回答|数量|总数"
)
_VALUE = (
    r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|\[[^\[\]{}\n]*\]|-?\d+(?:\.\d+)?|true|false|null|none|"
    r"[A-Za-z](?=\s*[,}\n])"
)
_FIELD = re.compile(rf"[{{,\n]\s*[\"']?(?:{_KEYS})[\"']?\s*[:=]\s*(?P<value>{_VALUE})\s*(?=[,}}\n]|\Z)", re.I)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathsf|operatorname)\s*\{([^{}]*)\}")
_MARKS = r"[\s*_`#\"'“”$\\\[\](){}<>-]*"
_LABEL = re.compile(
    r"(?<![\w-])(?:(?:(?:final|correct|right|best|most likely|most appropriate|short|direct|overall|my|your|"
    r"our|the)\s+)*answer"
    r"(?:\s+(?:to (?:the|this|your) question|here|in short))?|"
    r"(?:final|correct|right|best|most likely|most appropriate|chosen|selected|matching|my)\s+(?:option|choice|"
    r"letter|caption|statement|decision|verdict|count)|"
    r"(?:final|overall)\s+(?:verdict|decision|conclusion)|conclusion|verdict)"
    rf"(?:{_MARKS}(?:[:=]|：)+|\s*(?:is|would be|should be|must be|has to be|was)\b(?:\s+(?:therefore|thus|then|"
    r"indeed|clearly|simply|definitely|"
    rf"probably|likely|most likely|obviously|certainly))?[\s*_`\"'“”$]*[:：]?)"
    rf"|(?<!\w)ans\.?\s*[:=]|(?<![\w-])answer\s+[-–—]\s|【(?:(?:最终|正确|标准|参考)?(?:答案|选项|结论))】"
    r"|(?:(?:最终|最后|正确|标准|我的|本题|该题)的?)*(?:答案|回答|结论|选项|选择)(?:应该|应当|应|就|显然|"
    rf"最终)?(?:{_MARKS}(?:[:=：]|[是为选])+)",
    re.I,
)
_TAKEN_BACK = re.compile(
    r"\b(?:if(?! (?:we|you|one|i) (?:look|see|consider|compare|zoom))|unless|otherwise)\b[^.!?\n]*$|"
    r"\b(?:at first|initially|thought|tempt\w*|(?:might|may|could|would) (?:\w+ )?(?:think|say|argue|guess|"
    r"assume|seem|look|suggest|conclude)|"
    r"some (?:\w+ )?(?:say|think|argue))\b[^.,!?\n]*$|(?:\b(?:wrong|incorrect|false|not|another|an?|some|"
    r"possible|common)|n't)\s+(?:the\s+)?$|"
    r"(?:如果|假如|若|否则)[^。!?！？\n]*$|(?:起初|一开始|以为|有人)[^。,，!?！？\n]*$|(?:错误|不是|并非|别人|"
    r"其他)的?$",
    re.I,
)
_REACH = 120


def stated_answers(text: str) -> list[Stated]:
    """Return the places where the text states an answer, those that count most first.

    What is in an answer tag comes before all; of fields, boxes and labels the last one in the text comes first.
    """
    text = without_thoughts(text)
    tags = [Stated(m.group(2), m.start(2), "tag") for m in _TAG.finditer(text)]
    others = [*_fields(text), *_boxes(text), *_labels(text)]
    return tags[::-1] + sorted(others, key=lambda s: -s.start)


def told(text: str) -> str:
    """Return the words of a piece of text: plain, without LaTeX and without brackets around the whole."""
    while (bare := _WRAPPED.sub(r"\1", text)) != text:
        text = bare
    text = re.sub(r"\\[()\[\]]|\$|\\[,;! ]|~", " ", text)
    text = re.sub(r"\\(?:boxed|fbox)\s*\{([^{}]*)\}", r"\1", text)
    return plain(text)


def _fields(text: str) -> Iterator[Stated]:
    if "{" not in text:
        return
    for match in _FIELD.finditer(text):
        if text.rfind("{", 0, match.start() + 1) < 0:
            continue
        yield Stated(_value(match.group("value")), match.start("value"), "field")


def _value(raw: str) -> str:
    """A JSON value as words: a list of one is that one."""
    if raw.startswith("'"):
        return raw[1:-1]
    try:
        value = json.loads(raw)
    except ValueError:
        return raw
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _boxes(text: str) -> Iterator[Stated]:
    for match in _BOX.finditer(text):
        depth, at = 1, match.end()
        while at < len(text) and depth and at - match.end() < _REACH:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        if depth == 0:
            yield Stated(text[match.end() : at - 1], match.end(), "box")


def _labels(text: str) -> Iterator[Stated]:
    for match in _LABEL.finditer(text):
        before = text[max(0, match.start() - _REACH) : match.start()]
        if _TAKEN_BACK.search(re.split(r"(?<!\d)[.。!?！？;；\n]", before)[-1]):
            continue
        rest = text[match.end() : match.end() + 4 * _REACH].lstrip(" \t\n*_`\"'“”$:：")
        line = rest.split("\n", 1)[0]
        if line.strip():
            yield Stated(line, match.end(), "label")
