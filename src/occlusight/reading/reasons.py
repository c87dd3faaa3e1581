"""Reading the reason in a free-text answer: which part is hidden or still seen, how much, and by which cue one can
tell."""

from __future__ import annotations

import re
from dataclasses import dataclass

from occlusight.occlusion.facts import amount_of
from occlusight.occlusion.parse import plain, sentences
from occlusight.reading.mentions import Vocabulary

_PARTS: tuple[tuple[str, str], ...] = (
    ("left", r"\bleft\b|左(?:侧|边|半|部|端|面|下|上|前|后)"),
    ("right", r"\bright\b(?! (?:behind|in front|next))|右(?:侧|边|半|部|端|面|下|上|前|后)"),
    ("top", r"\b(?:top|upper)\b|上(?:部|方|半|面|端|侧)|顶部|[左右]上"),
    ("bottom", r"\b(?:bottom|lower|base)\b|下(?:部|方|半|面|端|侧)|底部|[左右]下"),
    ("middle", r"\b(?:middle|cent(?:er|re)|central)\b|中间|中部|中央|中心"),
    (
        "all",
        r"\b(?:almost|nearly) (?:all|everything|the (?:whole|entire))\b|\b(?:whole|entire(?:ly)?|completely)\b|"
        r"几乎全部|整个|全部|几乎完全|完全",
    ),
)
_SEEN = re.compile(
    r"\b(?:can|could|we|you) (?:still |only |just )?(?:be seen|see)\b|\bvisible\b|\bremains?\b|\b(?:in|"
    r"into) (?:plain |full )?view\b|"
    r"\bstill (?:seen|shows?)\b|可见|看到|看见|看得[到见]|露出|露着|露在|没有?(?:被)?(?:挡|遮)",
    re.I,
)
_GROUND = re.compile(
    r"(?:touch\w*|meet\w*|stands? on|reach\w*) the (?:ground|floor|table|desk)[^,;.]*|\b(?:base|feet|foot|wheels|"
    r"bottom edge) \w* ?(?:lower|higher)[^,;.]*|"
    r"(?:底部|底边|轮子|脚|接地点|着地点|落地点|底座)[^,;。]{0,8}(?:更|较|偏)(?:低|高|靠下|靠上)[^,;。]*",
    re.I,
)
_OUTLINE = re.compile(r"outline|contour|silhouette|\bedges?\b|轮廓|边缘|外形", re.I)
_WHOLE = re.compile(r"\b(?:complete|unbroken|whole|uninterrupted|intact|continuous)\b|完整|连续|没有?中断", re.I)
_BROKEN = re.compile(
    r"\b(?:cut|interrupted|broken|incomplete|ends? abruptly|stops?)\b|中断|截断|打断|不完整|切断", re.I
)
_PLACE_OF = re.compile(
    r"\bto the (?:\w+ )?(?:left|right) of\b|在[^,。;]+?的?[左右](?:边|侧|面|方|前方|后方)(?!的)|\bon top of\b", re.I
)


def hidden_parts(text: str) -> frozenset[str]:
    """Which parts the text says are hidden; what it says is still visible is passed over."""
    clauses = [c for c in re.split(r"[,;。.!?\n]", _GROUND.sub(" ", plain(text))) if c.strip()]
    kept = [c for c in clauses if not _SEEN.search(c)]
    said = " ; ".join(_PLACE_OF.sub(" ", c) for c in kept)
    found = frozenset(part for part, pattern in _PARTS if re.search(pattern, said, re.I))
    return found - {"all"} or found


def seen_parts(text: str) -> frozenset[str]:
    """Which parts the text says can still be seen; "both sides" are left and right."""
    clauses = [c for c in re.split(r"[,;。.!?\n]| while | but |而", _GROUND.sub(" ", plain(text))) if _SEEN.search(c)]
    said = " ; ".join(_PLACE_OF.sub(" ", c) for c in clauses)
    found = {part for part, pattern in _PARTS if re.search(pattern, said, re.I)} - {"all"}
    if re.search(r"\bboth (?:sides|ends)\b|两[侧边端]", said, re.I):
        found |= {"left", "right"}
    return frozenset(found)


@dataclass(frozen=True)
class Cue:
    """A cue that a reason cites: `ground` says that a thing meets the ground lower (or higher) in the picture,
    `outline` that its outline is whole (or broken off). `id` is the thing, `holds` what is said of it."""

    what: str
    id: str
    low_or_whole: bool


def cues(text: str, a: str, b: str, words: Vocabulary) -> tuple[Cue, ...]:
    """The cues that the text cites about `a` or `b`; a cue about neither of them is passed over."""
    found = []
    for sentence in sentences(text):
        for clause in re.split(r"[,;]| and ", sentence):
            mentions = [m for m in words.mentions(sentence) if (a in m.ids) != (b in m.ids)]
            if ground := _GROUND.search(clause):
                at = sentence.find(ground.group(0))
                before = [m for m in mentions if m.end <= at]
                lower = re.search(r"lower|nearer|closer|低|靠下", ground.group(0), re.I)
                higher = re.search(r"higher|高|靠上", ground.group(0), re.I)
                if before and bool(lower) != bool(higher):
                    found.append(Cue("ground", a if a in before[-1].ids else b, lower is not None))
            if _OUTLINE.search(clause) and bool(_WHOLE.search(clause)) != bool(_BROKEN.search(clause)):
                at = sentence.find(clause)
                subject = [m for m in mentions if m.start < at + len(clause)]
                if subject:
                    found.append(Cue("outline", a if a in subject[-1].ids else b, _WHOLE.search(clause) is not None))
    return tuple(found)


_AMOUNTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("small",),
        r"\b(?:small|tiny|little|minor|slight(?:ly)?|a bit|strip|sliver|edge|tip)\b|一?小部分|少部分|少量|一点|"
        r"一小块|一条|一角|略微|轻微|稍微|一点点",
    ),
    (("more_than_half",), r"\b(?:more than|over) (?:a |one )?half\b|一?大半|一?多半|超过一半|过半|一半以上"),
    (
        ("most",),
        r"\b(?:almost|nearly) (?:all|entire(?:ly)?|everything|completely|fully|the (?:whole|entire))\b|绝大部分|"
        r"几乎全部|几乎完全",
    ),
    (("more_than_half", "most"), r"\b(?:most(?:ly)?|majority|large(?:st)? part|much|main part)\b|大部分"),
    (("part", "more_than_half"), r"\bhalf\b|一半"),
    (("most",), r"\b(?:completely|entirely|totally|wholly)\b|完全|全部|整个"),
    (("small", "part", "more_than_half"), r"\b(?:part(?:s|ly|ial|ially)?|portions?|some|section)\b|部分|局部"),
)


def amounts(text: str) -> frozenset[str]:
    """The classes of amount that the text's words for how much is hidden allow; empty where it does not say."""
    said = _of_hidden(text)
    if (percent := percentage(text)) is not None:
        return frozenset({amount_of(percent)})
    for classes, pattern in _AMOUNTS:
        if re.search(pattern, said, re.I):
            return frozenset(classes)
    return frozenset()


def percentage(text: str) -> float | None:
    """The share that the text says is hidden as a percentage, 0 to 1; None where it says none."""
    found = re.search(r"(\d+(?:\.\d+)?) ?(?:%|percent|per cent)|百分之(\d+)", _of_hidden(text))
    return min(1.0, float(found.group(1) or found.group(2)) / 100) if found else None


def _of_hidden(text: str) -> str:
    """The clauses that do not say what can be seen."""
    clauses = re.split(r"[,;。!?\n]|\.(?!\d)| while ", plain(text))
    return " ; ".join(c for c in clauses if not _SEEN.search(c))


def no_overlap(text: str) -> bool:
    """Whether the text says that two things do not overlap."""
    return (
        re.search(
            r"\b(?:do|does|are|is)(?: not|n't) (?:even )?(?:overlap|touch)|\bnever overlap|\b(?:no|"
            r"without) overlap|\bapart\b|\b(?:gap|space) between\b|"
            r"(?:没有|不|未|并未|互不|毫无)(?:任何|相互|互相|发生)?重叠|离得很开|隔着|分得很开|互不相交",
            plain(text),
            re.I,
        )
        is not None
    )
