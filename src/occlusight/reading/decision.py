"""Reading yes, no or "cannot tell" in a free-text answer.

What is stated after a label, in a field or in a box counts most, then what the text begins with, then what it concludes
with. Yes and no are whole words: "Notice" is no no, "对不起" no yes, "not sure" neither. Only questions about hiding
and being visible have answers that imply a decision without one of those words ("The car is partly hidden.").
"""

from __future__ import annotations

import re

from occlusight.occlusion.parse import plain
from occlusight.reading.hiding import HIDE_EN, HIDE_ZH, NO_EN
from occlusight.reading.stated import stated_answers, told

YES, NO, UNKNOWN = "yes", "no", "unknown"

_END = r"(?=$|[\s,.。!;:、~…)\]}|/+-]|[啊呀哦呢吧哈了])"
_STOP = r"(?=\s*(?:$|[,.。!;:、~…)\]}|\n–—-]))"
_STOPPED = re.compile(_STOP)
_VERDICT = re.compile(
    r"(?P<yes>(?:yes|yeah|yep|yup|affirmative)(?!\w|['’\-/]|\s*(?:and|or|/)\s*no\b)|"
    rf"(?:true|correct|right|indeed|absolutely|definitely|certainly|of course)\b{_STOP}|(?:indeed,? )?(?:it|"
    rf"they|that) (?:does|do|is|are|can|would|will)\b{_STOP}|i (?:think|believe) so\b|"
    r"(?:that(?:'s| is)|this is|it(?:'s| is)|the statement is|the claim is|the caption is) (?:true|correct|"
    rf"right|accurate)\b{_STOP}|[yt]{_STOP}(?!\s*[-/]))|"
    r"(?P<no>(?:no|nope|nah|negative)(?!\w|['’\-/]|\s*(?:and|or|/)\s*yes\b|\.? ?\d|\s+(?:idea|clue|way (?:to|"
    r"of)|longer|doubts?|information|problem|wonder|question|matter|opinion|comment|"
    rf"answer|image|picture|photo|one can (?:tell|know|say))\b)|(?:false|incorrect|untrue|wrong)\b{_STOP}|"
    rf"(?:absolutely|definitely|certainly|of course|surely) not\b{_STOP}|i do(?:n't| not) (?:think|"
    rf"believe) so\b|(?:it|they|that) (?:does|do|is|are|can|would|will)(?:n't| not)\b{_STOP}|"
    r"(?:that(?:'s| is)|this is|it(?:'s| is)|the statement is|the claim is|the caption is) "
    rf"(?:false|incorrect|wrong|inaccurate|untrue|not (?:true|correct|right|accurate))\b{_STOP}|"
    r"not(?! (?:sure|certain|clear|enough|necessarily|applicable|only|possible|determinable|specified|shown|"
    rf"provided|able|given|known|visible enough)\b)\b|[nf]{_STOP}(?!\s*[-/]))|"
    r"(?P<zh_no>(?:是错误|是错|是假|并不是|并非如此|并没有|并没|并不会|并不|并未|不是|不会|不对|不能|不可以|不行|"
    r"不正确|不属实|不成立|不存在|没有|没|不|否|无|未|错误|错|"
    rf"假)的?{_END})|"
    rf"(?P<zh_yes>(?:是|对|没错|不错|有|会|能|可以|嗯嗯?|正确|属实|确实如此|确实|当然|真|成立)的?{_END})",
    re.I,
)
_STARTS_ZH = re.compile(
    r"(?:(?:能|可以|会)(?:够)?(?:清楚|清晰|完整|完全|全部)?地?(?:看|确定|判断|知道|读|认|被?遮|被?挡|盖|露|照)|"
    r"(?:确实|的确|是)?有(?:东西|物体|一?部分|线索|倒影|影子|遮挡|重叠))"
)
_UNKNOWN = re.compile(
    r"\b(?:can ?not|can't|could ?n't|could not) be (?:told|known|said|determined|seen from|verified|confirmed|"
    r"answered)\b|"
    r"\b(?:can ?not|can't|could ?n't|unable to|impossible to|hard to|difficult to|no way to|not (?:possible|"
    r"able|enough \w+) to) "
    r"(?:\w+ )?(?:tell|say|determine|judge|see|know|verify|confirm|answer|view|assess|identify|provide|assist|"
    r"help|access|process|give|make)|"
    r"\bnot (?:sure|certain|clear|necessarily|applicable|enough)\b|\bun(?:clear|sure|certain|known|able|"
    r"answerable)\b|\bno (?:idea|clue)\b|\bdon't know\b|\bdo not know\b|"
    r"\b(?:it )?depends\b|\bas an ai\b|\b(?:i'm|i am|we're) sorry\b|\bsorry\b|\bapologi[sz]e\b|\bn/a\b|\b(?:no|"
    r"without an?) (?:image|picture|photo)\b|"
    r"不确定|不清楚|无法|没法|看不清|看不出|难以|不好说|不知道|说不准|不一定|未必|不见得|抱歉|对不起|不好意思|"
    r"取决于|请(?:您?重新)?(?:提供|上传)",
    re.I,
)
_UNDECIDED = re.compile(
    r"\b(?:can ?not|can't|unable to|impossible to|hard to|no way to|not possible to) (?:\w+ )?(?:tell|say|"
    r"determine|judge|know)|无法(?:判断|确定)|不确定",
    re.I,
)
_HEDGED = re.compile(
    r"[\W_]*(?:maybe|perhaps|possibly|either|也许|可能|或许|大概|说不定|有可能)(?!\w)(?![的是]{1,2}[,。])", re.I
)
_MIGHT = re.compile(r"\b(?:might|may|could)\b|(?<!不)可能|也许|或许", re.I)
_NOT_FULLY = re.compile(
    r"\b(?:not|n't) (?:be )?(?:completely|fully|entirely|totally|wholly|all)\b|(?:没有?|不会?|并?未|"
    r"并不)(?:被)?(?:完全|全部)",
    re.I,
)
_BOTH = re.compile(
    r"\W*(?:both )?(?:yes\W+(?:and |or |but )?(?:also )?no\b(?! (?:other|longer|one|object|part|thing))|"
    r"no\W+(?:and |or |but )?(?:also )?yes\b|是也不是|"
    r"既.{0,8}又(?:没|不)|yes\W*(?:没有|没|不是|否)|no\W*(?:是的|对)|(?:是的|对)\W*(?:没有|不是|no\b)|(?:没有|"
    r"不是)\W*(?:是的|yes\b))",
    re.I,
)
_DENIES_HIDING = re.compile(
    r"\b(?:(?:do|does|is|are)(?: not|n't)|nothing|never)(?! (?:fully|completely|entirely|totally|wholly|"
    r"all)\b)(?: \w+){0,2}? "
    r"(?:hid|block|cover|occlud|obscur|obstruct)|(?:没有?|不|未)(?:被)?(?:任何东西|它|物体)?(?:遮|挡|盖)",
    re.I,
)
_VISIBLE = (
    r"\b(?:fully|completely|entirely|wholly|totally|clearly) visible\b|\bin full view\b|完整可见|完全可见|"
    r"完全露出|完整露出"
)
_OPENING = re.compile(
    r"[\W_]*(?:(?:answer|short answer|response|assistant)\b\W+|a\s*[:)]\s*|答(?:案)?[是为:]?\s*)?", re.I
)
_CORRECTED = re.compile(
    r"(?:\b(?:actually|correction|wait|on second thought|hold on|scratch that|hmm)\b|更正|等等|等一下|"
    r"不对)[\W_]+(?:no,? |that's wrong\W+)?",
    re.I,
)
_CONCLUDED = re.compile(
    r"(?:\b(?:therefore|thus|hence|so|in conclusion|in short|in summary|overall|to (?:sum up|conclude)|"
    r"consequently|based on (?:the|this) (?:image|picture|photo))\b|"
    r"因此|所以|综上(?:所述)?|总之|故|根据(?:图片|图像|画面))[\s,:]*(?:the answer is\s+)?",
    re.I,
)
_JUDGED = re.compile(
    r"\b(?:statement|claim|caption|sentence|description|assertion)\b[^.!?\n]*?\b(?:is|are)(?: therefore| thus|"
    r" clearly)? "
    r"(?:(?P<yes>true|correct|right|accurate)|(?P<no>false|incorrect|wrong|inaccurate|untrue|not (?:true|"
    r"correct|right|accurate)))\b"
    r"(?! (?:only|if|of|for|or)\b)|\bit is (?:(?P<yes2>true)|(?P<no2>not true|false|untrue)) that\b|"
    r"(?:说法|描述|陈述|句子|命题)[^。,!?\n]*?(?:(?P<no3>不(?:正确|对|属实|准确|成立)|错误|有误)|(?P<yes3>正确|"
    r"属实|准确|成立))",
    re.I,
)
_AFTER_COLON = re.compile(r"[^:\n]:[\s-]*")
_WITHIN = re.compile(
    r"(?:\b(?:say|i'd say|would say|is|be|with an?)|,|->|=>|→|[.;!]\s|\()\s*[\"']?(?=(?:yes|no)\b)", re.I
)


def decision(text: str, *, visible_means_yes: bool = False) -> str | None:
    """Return yes, no, unknown, or None where nothing is decided, for a question about hiding.

    `visible_means_yes` is for questions whether something would be visible; otherwise they are about hiding. An answer
    that takes both sides ("yes and no", "Yes, it does not hide it") decides nothing: unknown.
    """
    if (stated := _stated(text)) is not None:
        return stated
    text = _without_question(plain(text))
    if _BOTH.match(text):
        return UNKNOWN
    if said := _corrected(text):
        return said
    first = _first(text)
    if said := _leading(text, first):
        if said == NO and _NOT_FULLY.search(first) and re.match(r"[\W_]*not\b", text, re.I):
            return NO if visible_means_yes else YES
        if said == NO and _UNDECIDED.search(first):
            return UNKNOWN
        return UNKNOWN if said == YES and not visible_means_yes and _DENIES_HIDING.search(first) else said
    if not text:
        return None
    if _UNKNOWN.search(text) or _HEDGED.match(text):
        return UNKNOWN
    if (said := _concluded(text)) is not None:
        return said
    if _NOT_FULLY.search(first):
        return NO if visible_means_yes else YES
    return _implied(first, visible_means_yes)


def verdict(text: str) -> str | None:
    """Return yes, no, unknown, or None for a question about anything: only what is said in words for yes and no counts.

    >>> verdict("The cat sits on the bed, so the statement is false.")
    'no'
    """
    if (stated := _stated(text)) is not None:
        return stated
    text = _without_question(plain(text))
    if _BOTH.match(text):
        return UNKNOWN
    if said := _corrected(text):
        return said
    first = _first(text)
    if said := _leading(text, first):
        return UNKNOWN if said == NO and _UNDECIDED.search(first) else said
    if not text:
        return None
    if _UNKNOWN.search(text) or _HEDGED.match(text):
        return UNKNOWN
    return _concluded(text)


def _stated(text: str) -> str | None:
    """The decision in the last place that states one; unknown where that says that it cannot be told."""
    for place in stated_answers(text):
        words = told(place.text)
        if _BOTH.match(words) or _HEDGED.match(words):
            return UNKNOWN
        if said := _verdict(words, _OPENING.match(words).end()):  # type: ignore[union-attr]
            return UNKNOWN if said == NO and _UNDECIDED.search(_first(words)) else said
        if place.how != "box" and _UNKNOWN.match(words):
            return UNKNOWN
    fields = {
        v.lower()
        for v in re.findall(r"[\"'][\w ]+[\"']\s*:\s*[\"']?(yes|no|true|false|是|否)\b[\"']?\s*[,}\n]", text, re.I)
    }
    fields = {YES if v in ("yes", "true", "是") else NO for v in fields}
    return fields.pop() if len(fields) == 1 else None


def _verdict(text: str, at: int) -> str | None:
    """The verdict that stands in a text at a place."""
    match = _VERDICT.match(text, at)
    if match is None:
        return None
    return YES if match.lastgroup in ("yes", "zh_yes") else NO


def _without_question(text: str) -> str:
    """A text without the question said again, and without words that only ask."""
    text = re.sub(r"^[^.。!?;\n]*\?\s*", "", text)
    for word in ("是否", "有没有", "会不会", "能不能", "是不是", "有无"):
        text = text.replace(word, "")
    return text


def _first(text: str) -> str:
    return re.split(r"(?<!\d)\.(?!\d)|[。!?;\n]", text)[0]


def _leading(text: str, first: str) -> str | None:
    """The verdict that a text begins with."""
    opening = _OPENING.match(text)
    at = opening.end() if opening else 0
    if said := _verdict(text, at):
        return said
    if _STARTS_ZH.match(text, at) and not re.search(r"没|不|未|无", first):
        return YES
    return None


def _corrected(text: str) -> str | None:
    """The verdict after a word that takes back what came before."""
    found = [said for m in _CORRECTED.finditer(text) if m.start() and (said := _bounded(text, m.end()))]
    return found[-1] if found else None


def _concluded(text: str) -> str | None:
    """The verdict that a text concludes with, or that it has in its middle; None where two of them disagree."""
    found = [said for m in _CONCLUDED.finditer(text) if (said := _bounded(text, m.end()))]
    found = found or [YES if (m.lastgroup or "").startswith(YES) else NO for m in _JUDGED.finditer(text)]
    if not found:
        spots = [m.end() for pattern in (_AFTER_COLON, _WITHIN) for m in pattern.finditer(text)]
        found = [said for at in spots if (said := _bounded(text, at))]
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        found += [said for line in lines[-1:] if (said := _bounded(line, 0))]
    if not found:
        return None
    return found[-1] if len(set(found)) == 1 else UNKNOWN


def _bounded(text: str, at: int) -> str | None:
    """The verdict at a place where it is followed by the end of a clause: "no, ...", not "no dog"."""
    match = _VERDICT.match(text, at)
    if match is None or not _STOPPED.match(text, match.end()):
        return None
    return YES if match.lastgroup in ("yes", "zh_yes") else NO


def _implied(first: str, visible_means_yes: bool) -> str | None:
    """The decision of a sentence about hiding that has no word for yes or no."""
    denied = re.search(
        NO_EN + r"|\bimpossible that\b|没|不(?!远|仅|但|过|同|少)|未|无(?!法|疑|论)|并非|毫无", first, re.I
    )
    if _MIGHT.search(first) and not denied:
        return UNKNOWN
    if re.search(_VISIBLE, first, re.I):
        return YES if visible_means_yes and not denied else NO
    if denied:
        return NO
    if re.search(HIDE_EN + "|" + HIDE_ZH, first, re.I):
        return NO if visible_means_yes else YES
    return None
