"""Structured answers as sentences: the decision first, then the reason; short and regular enough for a small model to learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import UNMEASURED
from occlusight.occlusion.kinds import FULL_WIDTH, KindNames, Lang, Names, article, counted, kind_names, listed, number
from occlusight.questions.inscription_replies import REPLIES as TEXT_REPLIES
from occlusight.questions.targeted_replies import REPLIES as STAGED_REPLIES

Answer = dict[str, Any]

AMOUNT_EN = {"small": "a small part", "part": "part", "more_than_half": "more than half", "most": "almost all"}
AMOUNT_ZH = {"small": "一小部分", "part": "一部分", "more_than_half": "一大半", "most": "绝大部分"}
WHERE_EN = {"left": ", on the left", "right": ", on the right", "top": ", at the top", "bottom": ", at the bottom"}
WHERE_EN |= {"middle": ", in the middle", "all": "", UNMEASURED: ""}
WHERE_ZH = {"left": "左侧", "right": "右侧", "top": "上部", "bottom": "下部", "middle": "中间"}
PART_EN = {"left": "The left side", "right": "The right side", "top": "The top", "bottom": "The bottom"}
PART_EN |= {"middle": "The middle", "all": "Nearly the whole of it"}
SEEN_EN = {"left": "the right side", "right": "the left side", "top": "the bottom", "bottom": "the top"}
SEEN_EN |= {"middle": "both sides", "all": "only small pieces"}
SEEN_ZH = {"left": "右侧", "right": "左侧", "top": "下部", "bottom": "上部", "middle": "两侧", "all": "只有一些小块"}
BESIDE_EN = {"left": "to the left of", "right": "to the right of", "front": "in front of", "behind": "behind"}
BESIDE_ZH = {"left": "左边", "right": "右边", "front": "前面", "behind": "后面"}
BROUGHT = ("own.yes_no", "own.number", "own.choice", "own.text")  # templates of questions that people bring
CORNER_ZH = {"left": "左", "right": "右", "front": "前方", "behind": "后方"}


@dataclass(frozen=True)
class Wording:
    """Words the answers about one picture in one language."""

    facts: Facts
    names: Names
    lang: Lang

    def kind(self, id: str) -> KindNames:
        """The kind of an object."""
        return kind_names(self.names, self.facts.objects[id].kind)

    def the(self, id: str) -> str:
        """The object as a noun phrase: definite where its name is its own."""
        o = self.facts.objects[id]
        if self.lang == "zh":
            return o.name_zh if o.unique else f"一{self.kind(id).measure}{o.name_zh}"
        return f"the {o.name}" if o.unique else f"{article(o.name)} {o.name}"

    def it(self, id: str) -> str:
        """The object named a second time: "it", or again by name where "it" would be wrong."""
        if self.kind(id).human:
            return self.the(id)
        return "it" if self.lang == "en" else "它"

    def them(self, ids: list[str]) -> str:
        """Several objects as one noun phrase; things that share a name are counted together."""
        groups: dict[str, list[str]] = {}
        for id in ids:
            groups.setdefault(self.facts.objects[id].name, []).append(id)
        phrases = []
        for name, members in groups.items():
            if len(members) == 1:
                phrases.append(self.the(members[0]))
            else:
                zh = self.facts.objects[members[0]].name_zh
                phrases.append(
                    counted(self.kind(members[0]), len(members), self.lang, zh if self.lang == "zh" else name)
                )
        return listed(phrases, self.lang)

    def amount(self, answer: Answer) -> str:
        """How much is covered, in words."""
        return (AMOUNT_EN if self.lang == "en" else AMOUNT_ZH)[answer["amount"]]

    def beside(self, entry: Answer, a: str, b: str) -> str:
        """ "the car is to the left of the post and behind it"; empty where nothing can be said.

        `a` and `b` are noun phrases; `b` is repeated as "it" where it is a thing.
        """
        if self.lang == "zh":
            return self._beside_zh(entry, a, b)
        across, depth, vertical = entry["horizontal"], entry["depth"], entry["vertical"]
        if vertical != "none":
            return f"{a} is on {b}" if vertical == "above" else f"{a} is under {b}"
        if across == "none" and depth == "none":
            return ""
        if across == "none" or depth == "none":
            return f"{a} is {BESIDE_EN[depth if across == 'none' else across]} {b}"
        return f"{a} is {BESIDE_EN[across]} {b} and {BESIDE_EN[depth]} {{it}}"

    def _beside_zh(self, entry: Answer, a: str, b: str) -> str:
        across, depth, vertical = entry["horizontal"], entry["depth"], entry["vertical"]
        if vertical != "none":
            return f"{a}在{b}的{'上面' if vertical == 'above' else '下面'}"
        if across == "none" and depth == "none":
            return ""
        if across == "none" or depth == "none":
            return f"{a}在{b}的{BESIDE_ZH[depth if across == 'none' else across]}"
        return f"{a}在{b}的{CORNER_ZH[across]}{CORNER_ZH[depth]}"

    def where(self, entry: Answer, a: str, b: str) -> str:
        """`beside` for two object ids."""
        return self.beside(entry, self.the(a), self.the(b)).replace("{it}", self.it(b))


def reply(template: str, answer: Answer, words: Wording) -> str:
    """Return the reference reply for a template's structured answer."""
    sentence = REPLIES[template](answer, words)
    return sentence.translate(FULL_WIDTH) if words.lang == "zh" else _capital(sentence)


def recognition(answer: Answer, w: Wording) -> str:
    """There are four objects: a red car, ..."""
    groups: dict[tuple[str, str], int] = {}
    for id in answer["objects"]:
        o = w.facts.objects[id]
        key = (o.kind, o.name if w.lang == "en" else o.name_zh)
        groups[key] = groups.get(key, 0) + 1
    n = len(answer["objects"])
    phrases = [
        counted(kind_names(w.names, kind), times, w.lang, name, single_article=True)
        for (kind, name), times in groups.items()
    ]
    if w.lang == "zh":
        return f"图中有{number(n, 'zh')}个物体:{listed(phrases, 'zh')}。"
    there = "is one object" if n == 1 else f"are {number(n, 'en')} objects"
    return f"There {there}: {listed(phrases, 'en')}."


def _covers(answer: Answer, w: Wording, *, passive: bool) -> str:
    """The yes of a pair, without a full stop."""
    a, b, part = answer["occluder"], answer["occluded"], answer["hidden_part"]
    if w.lang == "en":
        cover = f"hides {w.amount(answer)} of {w.it(b)}{WHERE_EN[part]}"
        if passive:
            cover = f"hides {w.amount(answer)} of it{WHERE_EN[part]}"
            return f"{w.the(b)} is behind {w.the(a)}, which {cover.replace('of it', f'of {w.it(b)}')}"
        return f"{w.the(a)} stands in front of {w.the(b)} and {cover}"
    amount = w.amount(answer)
    where = WHERE_ZH.get(part, "")
    little = answer["amount"] in ("small", "part")
    if passive:
        share = f"{where}的{amount}" if where and little else amount
        tail = "" if little or not where else f",主要在{where}"
        return f"{w.the(b)}在{w.the(a)}的后面,{share}被{w.the(a)}遮挡{tail}"
    share = f"{w.it(b)}{where}的{amount}" if where and little else f"{w.it(b)}的{amount}"
    tail = "" if little or not where else f",主要在{where}"
    return f"{w.the(a)}在{w.the(b)}的前面,遮挡了{share}{tail}"


def _still_seen(part: str, w: Wording) -> str:
    if w.lang == "en":
        return f"; {SEEN_EN[part]} can still be seen"
    return f";{SEEN_ZH[part]}仍然可见"


def _pair(answer: Answer, w: Wording, *, passive: bool, seen: bool) -> str:
    a, b = answer["occluder"], answer["occluded"]
    en = w.lang == "en"
    if answer["value"] == "yes":
        body = _covers(answer, w, passive=passive) + (_still_seen(answer["hidden_part"], w) if seen else "")
        return f"Yes. {body[0].upper()}{body[1:]}." if en else f"是的。{body}。"
    if answer["reverse"]:
        if en:
            first, how, second = (b, "in front of", a) if passive else (a, "behind", b)
            return f"No. {_the(w, first)} is {how} {w.the(second)}, so it is {w.the(b)} that hides {w.the(a)}."
        first, how, second = (b, "前面", a) if passive else (a, "后面", b)
        return f"没有。{w.the(first)}在{w.the(second)}的{how},是{w.the(b)}遮挡了{w.the(a)}。"
    place = w.where(_flip(answer), b, a) if passive else w.where(answer, a, b)
    if en:
        return f"No. They do not overlap; {place}." if place else "No. They do not overlap in the picture."
    return f"没有。两者没有重叠,{place}。" if place else "没有。两者在图中没有重叠。"


def _the(w: Wording, id: str) -> str:
    phrase = w.the(id)
    return phrase[0].upper() + phrase[1:]


OPPOSITE = {"left": "right", "front": "behind", "above": "below"}
OPPOSITE |= {after: before for before, after in OPPOSITE.items()} | {"none": "none"}


def _flip(entry: Answer) -> Answer:
    return {axis: OPPOSITE[entry[axis]] for axis in ("horizontal", "depth", "vertical")}


def anything(answer: Answer, w: Wording) -> str:
    """Is anything hiding B?"""
    b, found = answer["occluded"], answer["occluders"]
    if w.lang == "en":
        if not found:
            return f"No. Nothing hides {w.the(b)}."
        if len(found) == 1:
            return f"Yes. {_capital(w.them(found))} hides {w.amount(answer)} of {w.it(b)}{WHERE_EN[answer['hidden_part']]}."
        return f"Yes. {_capital(w.them(found))} hide parts of {w.it(b)}."
    if not found:
        return f"没有。没有物体遮挡{w.the(b)}。"
    amount = w.amount(answer) if len(found) == 1 else "一部分"
    where = WHERE_ZH.get(answer.get("hidden_part", ""), "") if answer.get("amount") in ("small", "part") else ""
    return f"是的。{w.them(found)}遮挡了{w.it(b)}{where}的{amount}。"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def who(answer: Answer, w: Wording) -> str:
    """What hides B?"""
    b, found = answer["occluded"], answer["value"]
    if w.lang == "zh":
        return f"{w.them(found)}遮挡了{w.the(b)}。" if found else f"没有物体遮挡{w.the(b)}。"
    if not found:
        return f"Nothing hides {w.the(b)}."
    return f"{_capital(w.them(found))} {'hides' if len(found) == 1 else 'hide'} part of {w.the(b)}."


def part(answer: Answer, w: Wording) -> str:
    """Which part of B does A hide?"""
    a, b, where = answer["occluder"], answer["occluded"], answer["hidden_part"]
    if w.lang == "zh":
        return f"{WHERE_ZH.get(where, '几乎全部')}。{w.the(a)}遮挡了{w.the(b)}的{w.amount(answer)}{_still_seen(where, w)}。"
    return f"{PART_EN[where]}. {_the(w, a)} hides {w.amount(answer)} of {w.the(b)}{_still_seen(where, w)}."


def position(answer: Answer, w: Wording) -> str:
    """Where is A relative to B?"""
    return _capital(w.where(answer["value"], answer["object"], answer["reference"])) + ("." if w.lang == "en" else "。")


def count(answer: Answer, w: Wording) -> str:
    """How many? The number first."""
    kind, n = kind_names(w.names, answer["kind"]), answer["value"]
    if w.lang == "zh":
        return f"{counted(kind, n, 'zh')}。" if n else f"没有。图中没有{kind.zh}。"
    return f"{_capital(counted(kind, n, 'en'))}." if n else f"None. There is no {kind.en} in the picture."


def count_position(answer: Answer, w: Wording) -> str:
    """How many, where is each, and who hides whom?"""
    kind, n, r = kind_names(w.names, answer["kind"]), answer["value"], answer["reference"]
    places, en = answer["positions"], w.lang == "en"
    if n == 1:
        o = w.facts.objects[places[0]["object"]]
        first = counted(kind, 1, w.lang, o.name if en else o.name_zh)
        subjects = [w.it(o.id)]
    else:
        first = counted(kind, n, w.lang)
        subjects = [w.the(p["object"]) for p in places]
    verb = "is" if n == 1 else "are"
    sentences = [f"There {verb} {first}." if en else f"图中有{first}。"]
    for entry, subject in zip(places, subjects, strict=True):
        place = w.beside(entry, subject, w.the(r)).replace("{it}", w.it(r))
        if entry["hidden"]:
            place += f", partly hidden by it, so {w.the(r)} is nearer" if en else ""
            place += "" if en else f",被{w.the(r)}遮挡了一部分,所以{w.the(r)}离我们更近"
        elif entry["hides"]:
            place += f", and hides part of {w.the(r)}" if en else f",遮挡了{w.the(r)}的一部分"
        sentences.append(f"{_capital(place)}." if en else f"{place}。")
    return (" " if en else "").join(sentences)


def _superlative(en: str, zh: str) -> Callable[[Answer, Wording], str]:
    def word(answer: Answer, w: Wording) -> str:
        return f"{_the(w, answer['value'])} is {en} us." if w.lang == "en" else f"{w.the(answer['value'])}离我们{zh}。"

    return word


def _comparative(en: str, zh: str) -> Callable[[Answer, Wording], str]:
    def word(answer: Answer, w: Wording) -> str:
        this, other = answer["value"], answer["other"]
        return (
            f"{_the(w, this)} is {en} than {w.the(other)}."
            if w.lang == "en"
            else f"{w.the(this)}比{w.the(other)}{zh}。"
        )

    return word


def remove(answer: Answer, w: Wording) -> str:
    """If A were taken away, would all of B be visible?"""
    a, b, others = answer["removed"], answer["occluded"], answer["others"]
    if w.lang == "en":
        if answer["value"] == "yes":
            return f"Yes. Only {w.the(a)} hides {w.the(b)}."
        verb = "hides" if len(others) == 1 else "hide"
        if answer["hidden"]:
            return f"No. {_capital(w.them(others))} {verb} part of {w.the(b)} too."
        return f"No. {_capital(w.them(others))} {verb} {w.the(b)}, not {w.the(a)}."
    if answer["value"] == "yes":
        return f"会。只有{w.the(a)}遮挡了{w.the(b)}。"
    if answer["hidden"]:
        return f"不会。{w.them(others)}也遮挡了{w.the(b)}。"
    return f"不会。遮挡{w.the(b)}的是{w.them(others)},不是{w.the(a)}。"


def stated(answer: Answer, w: Wording) -> str:
    """What people said: a decision as a sentence, a choice by its letter, the first of several right texts."""
    value = answer["value"]
    if "choices" in answer:
        return f"{chr(ord('A') + value)}. {answer['choices'][value]}"
    if value in ("yes", "no"):
        return {"yes": "Yes.", "no": "No."}[value] if w.lang == "en" else {"yes": "是的。", "no": "没有。"}[value]
    return str(value[0] if isinstance(value, list) else value)


def _pair_reply(*, passive: bool, seen: bool) -> Callable[[Answer, Wording], str]:
    return lambda answer, w: _pair(answer, w, passive=passive, seen=seen)


REPLIES: dict[str, Callable[[Answer, Wording], str]] = {
    **STAGED_REPLIES,
    **TEXT_REPLIES,
    "recognition.list": recognition,
    "occlusion.active": _pair_reply(passive=False, seen=False),
    "occlusion.passive": _pair_reply(passive=True, seen=False),
    "occlusion.anything": anything,
    "explanation.active": _pair_reply(passive=False, seen=True),
    "explanation.passive": _pair_reply(passive=True, seen=True),
    "position.relative": position,
    "position.count": count_position,
    "count.kind": count,
    "nearest.all": _superlative("nearest to", "最近"),
    "farthest.all": _superlative("farthest from", "最远"),
    "hidden_part.pair": part,
    "who_hides.one": who,
    "remove.one": remove,
    "depth_pair.nearer": _comparative("nearer", "更近"),
    "depth_pair.farther": _comparative("farther away", "更远"),
    **dict.fromkeys(BROUGHT, stated),
}
