"""Words that decide between two meanings which a reader of sentences mixes up: what is nearest and what is farthest,
what stands before a thing and behind it, what hides it and what hides it now, what it hides and whether it is hidden,
what is there and what is seen whole, how much of it is hidden and whether it is, which part one thing hides of another
and whether it hides it, whether one thing hides another and what would be seen of that without it, what is between two
things and which of them is before the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

FAR = re.compile(
    r"\b(?:far|farther|further|farthest|furthest|behind|back|deeper|rear|distant|remote)\b|远|遠|后面|靠后|深", re.I
)
NEAR = re.compile(r"\b(?:near|nearer|nearest|close|closer|closest|front|first)\b|近|前面|靠前|先", re.I)
_NOW = re.compile(
    r"\b(?:now|currently|at present|at the moment|in the end|at the end|by the end|any ?more|any longer|"
    r"(?:last|final|latest|newest|most recent) (?:one|picture|image|frame|photo|still|shot|scene)|(?:frame|clip|video) "
    r"(?:ends|stops|is over)|end of the (?:clip|video|sequence))\b|现在|如今|眼下|此刻|目前|当前|这会儿|"
    r"这时候|最后|最终|末尾|末帧|末一帧|结尾|片尾|到末了|后来|结束时",
    re.I,
)
_WHOLE = re.compile(
    r"\b(?:fully|completely|entirely|wholly|whole|totally|in full|in its entirety|unobstructed|unblocked|uncovered|"
    r"unoccluded|un-?hidden|(?:full|plain|clear|complete) (?:view|sight|outline)|"
    r"(?:not|n't|nothing|no (?:other )?(?:\w+ )?)(?: \w+){0,3} "
    r"(?:hid|hides|hidden|cover\w*|block\w*|occlud\w*|obstruct\w*))\b|"
    r"完整|完全|全貌|全身|整个|露全|看全|看得全|没(?:有)?(?:被|谁)?(?:人|别的|东西)?[挡遮盖]|未被|不被[挡遮]|无遮挡|不缺|"
    r"一览无余",
    re.I,
)
_BEHIND_IT = re.compile(
    r"\b(?:behind|(?:at|in) (?:the )?(?:back|rear) of|beyond) x1|x1的?(?:后|背|身后)[面头边后侧方]?|x1's back",
    re.I,
)
_BEFORE_IT = re.compile(r"\bin front of x1|\bahead of x1|\bbefore x1|x1的?(?:前|跟前|身前)[面头边侧方]?", re.I)
_IS_HIDDEN = re.compile(
    r"^\W*(?:is|are|was|were)\b(?!.*\b(?:how|which|what|where)\b).*\bx1\b.*\b(?:hidden|occluded|blocked|covered|obscured|"
    r"obstructed|concealed)\b|"
    r"\b(?:any|some)(?:thing|one|body)?\b(?: \w+){0,4} (?:hid\w*|block\w*|cover\w*|occlud\w*|obscur\w*|obstruct\w*|"
    r"conceal\w*)\b.*\bx1\b|"
    r"x1(?!.*(?:多少|哪|什么部|怎么)).{0,6}被.{0,8}[挡遮盖].*(?:吗|没|\?|？|$)|(?:东西|物体|物品|什么|人)(?:把|在)?(?:挡|遮|盖).{0,3}x1.*吗|"
    r"(?:有没有|有|是否有)(?:别的|其他)?(?:东西|物体|物品|什么).{0,2}(?:挡|遮|盖).{0,3}x1",
    re.I,
)
_IT_HIDES = re.compile(
    r"\bx1(?: \w+){0,2} (?:hide|hides|hiding|block|blocks|blocking|cover|covers|covering|occlud(?:e|es|ing)|"
    r"obscur(?:e|es|ing)|obstruct(?:s|ing)?)\b|\b(?:by|behind) x1\b|被x1|x1(?:(?!被).){0,4}(?:挡|遮|盖)",
    re.I,
)
_AMOUNT = re.compile(
    r"\bhow (?:much|big|large|far|heavily|badly|severely)\b|\bper ?cent(?:age)?\b|%|\b(?:fraction|share|ratio|degree|"
    r"extent|amount|proportion|half|thirds?|quarters?|tenths?|mostly|barely|heavily|slightly|severely|largely)\b|"
    r"\b(?:bulk|most|lot|bit) of\b|\ba lot\b|几成|[一二三四五六七八九]成|百分|比例|多少|程度|面积|半|分之|占比|率|"
    r"严重|厉害|大部分|一点",
    re.I,
)
_ASKS_WHICH = re.compile(r"\b(?:what|whats|who|whos|which|where)\b|什么|谁|哪|啥|咩|边个", re.I)
_AMOUNT_OR_IT_HIDES = re.compile(f"{_AMOUNT.pattern}|{_IT_HIDES.pattern}", re.I)
_SLOT = re.compile(r"x\d")
_WHICH_PART = re.compile(
    r"\b(?:which|what)\b(?: \w+){0,2} (?:part|side|portion|bit|piece|section|half|end|corner|area)s?\b|"
    r"^\W*where (?:does|do) x\d (?:hide|block|cover|occlude|obscure|obstruct|conceal)\b|"
    r"哪(?:一|个|些|几)?个?(?:部分|部位|侧|边|块|里|半|头|端|处)|什么(?:部分|部位|地方|位置)",
    re.I,
)
_WHETHER = re.compile(r"^\W*(?:is|are|was|were|does|do|did|can|could)\b|是否|是不是|有没有|吗", re.I)
_GONE_EN = (
    r"gone|away|absent|missing|removed|taken (?:away|out|off)|moved(?: (?:away|aside))?|deleted|erased|lifted|"
    r"out of the way|not (?:there|here|present)|invisible"
)
_GONE_ZH = (
    "拿走|拿掉|拿开|移走|移开|移除|移掉|去掉|去除|撤走|撤掉|搬走|搬开|挪走|挪开|删掉|删除|消失|不在|不见|没了|没有了"
)
_IF_ZH = "如果|要是|假如|假设|假使|倘若|若是|若|万一"
_WITHOUT = re.compile(
    r"\b(?:without|minus|but for|were it not for|if it were not for|if it weren't for) (?:the |that |this )?(x\d)|"
    rf"\b(?:if|once|when|were|with|suppose|imagine|assuming|should) (x\d)"
    r"(?: (?:was|were|is|be|had been|got|gets|to be))?"
    rf"(?: (?:not|no longer))? (?:{_GONE_EN})\b|"
    r"\b(?:if|suppose|imagine) (x\d) (?:wasn't|weren't|isn't|was not|were not|is not) (?:there|here|present|around)\b|"
    rf"(?:{_IF_ZH})(?:图中|图里|画面中|画面里|这里|前面)?(?:没有|没了|没|不存在|少了|除去|不看)(x\d)|"
    r"(?:没有|没了|没|少了|除去|不算|不看)(x\d)(?:的话|之后|以后|的时候|时|[,，])|"
    rf"(?:{_IF_ZH})?(?:{_GONE_ZH})(x\d)|"
    rf"(x\d)(?:{_IF_ZH})?(?:都|也|已经|全)?(?:被)?(?:{_GONE_ZH})",
    re.I,
)
"""What is thought away."""
_OF_TWO = re.compile(
    r"x1(?:和|跟|与|同|还是|或者?|、|[,，]|\s+(?:and|or|vs\.?)\s+)\s*x2(?:这?两个|两者|之间|当中|[中里])?\s*[,，]?\s*"
    r"(?:谁|哪一?[个样边]|which|who).*(?:前|后|近|远|\b(?:front|behind|back|near\w*|clos\w*|far\w*|fur\w*)\b)",
    re.I,
)
"""Which of two things is before the other."""
HIDES = "hides"
PART, TWO = "part_hidden:1", "two_in_one:"
LEAST = 0.2
"""From so much on that one thing hides another, a question about a part of one and about another is one question."""
_CUES = (  # (said, not said, what is read, what is meant)
    (FAR, NEAR, "nearest:", "farthest:"),
    (NEAR, FAR, "farthest:", "nearest:"),
    (_BEHIND_IT, _BEFORE_IT, "in_front:1", "behind:1"),
    (_BEFORE_IT, _BEHIND_IT, "behind:1", "in_front:1"),
    (_NOW, None, "who_hides:1", "hidden_now:1"),
    (_WHOLE, None, "list_all:", "anything_hidden:"),
    (_IS_HIDDEN, _AMOUNT_OR_IT_HIDES, "amount_hidden:1", "who_hides:1"),
    *((_IS_HIDDEN, _IT_HIDES, read, "who_hides:1") for read in ("hides_anything:1", "part_hidden:1")),
    (_AMOUNT, _ASKS_WHICH, "who_hides:1", "amount_hidden:1"),
    *((_OF_TWO, None, read, "nearer:12") for read in ("between:12", "position:12", "position:21")),
)


def cued(labels: Mapping[str, float], text: str) -> dict[str, float]:
    """Return the probabilities of labels after the words of a question, its names cut to x1, x2 ..., have been looked
    at.

    >>> cued({"nearest:": 0.6, "farthest:": 0.4}, "which thing is the farthest away")
    {'nearest:': 0.0, 'farthest:': 1.0}
    """
    found = dict(labels)
    for said, unsaid, read, meant in _CUES:
        if read in found and meant in found and said.search(text) and not (unsaid and unsaid.search(text)):
            found[meant] += found[read]
            found[read] = 0.0
    return _without_one(_about_a_part(found, text), text)


def _without_one(found: dict[str, float], text: str) -> dict[str, float]:
    """Let "would x2 be seen without x1" ask what would be seen, not whether x1 hides x2."""
    gone = _WITHOUT.search(text)
    if gone and {*_SLOT.findall(text)} == {"x1", "x2"}:
        meant, other = ("remove:12", "remove:21") if "x1" in gone.groups() else ("remove:21", "remove:12")
        if meant in found:
            for one in [one for one in found if one == other or one.split(":")[0].split("+")[0] == HIDES]:
                found[meant] += found[one]
                found[one] = 0.0
    return found


def _about_a_part(found: dict[str, float], text: str) -> dict[str, float]:
    """Let "which part of x1 does x2 hide" ask for the part; whether it hides any, "and which", asks for both."""
    which = _WHICH_PART.search(text) and not _WHETHER.search(text)
    if which and PART in found and {"x1", "x2"} <= {*_SLOT.findall(text)}:
        hiding = [one for one in found if one.split(":")[0].split("+")[0] == HIDES]
        one_question = sum(found[one] for one in hiding) >= LEAST
        for one in (*hiding, *((TWO,) if one_question and TWO in found else ())):
            found[PART] += found[one]
            found[one] = 0.0
    return found
