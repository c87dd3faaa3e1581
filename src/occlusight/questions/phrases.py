"""Noun phrases and places in words: what replies, and the same said otherwise, are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import KindNames, Lang, Names, article, colour_prefix, counted, kind_names, listed

AMOUNT_EN = {"small": "a small part", "part": "part", "more_than_half": "more than half", "most": "almost all"}
AMOUNT_ZH = {"small": "一小部分", "part": "一部分", "more_than_half": "一大半", "most": "绝大部分"}
BESIDE_EN = {"left": "to the left of", "right": "to the right of", "front": "in front of", "behind": "behind"}
BESIDE_ZH = {"left": "左边", "right": "右边", "front": "前面", "behind": "后面"}
CORNER_ZH = {"left": "左", "right": "右", "front": "前方", "behind": "后方"}


OPPOSITE = {"left": "right", "front": "behind", "above": "below"}
OPPOSITE |= {after: before for before, after in OPPOSITE.items()} | {"none": "none"}


def cap(text: str) -> str:
    """Return the text with a capital at its start."""
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Wording:
    """Words what is said about one picture in one language."""

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

    def colour(self, key: str) -> str:
        """The word for a colour that a thing in the picture has, as its name has it ("red", "红色"); else the key."""
        for id, o in self.facts.objects.items():
            noun, name = (self.kind(id).en, o.name) if self.lang == "en" else (self.kind(id).zh, o.name_zh)
            if o.colour == key and (prefix := colour_prefix(name, noun)):
                return prefix.strip().removesuffix("的")
        return key

    def hiding(self, a: str, b: str) -> str:
        """That `a` hides part of `b`, without a full stop."""
        one, two = self.the(a), self.the(b)
        return f"{one} hides part of {two}" if self.lang == "en" else f"{one}遮挡了{two}的一部分"

    def amount(self, answer: Mapping[str, Any]) -> str:
        """How much is covered, in words."""
        return (AMOUNT_EN if self.lang == "en" else AMOUNT_ZH)[answer["amount"]]

    def beside(self, entry: Mapping[str, str], a: str, b: str) -> str:
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

    def _beside_zh(self, entry: Mapping[str, str], a: str, b: str) -> str:
        across, depth, vertical = entry["horizontal"], entry["depth"], entry["vertical"]
        if vertical != "none":
            return f"{a}在{b}的{'上面' if vertical == 'above' else '下面'}"
        if across == "none" and depth == "none":
            return ""
        if across == "none" or depth == "none":
            return f"{a}在{b}的{BESIDE_ZH[depth if across == 'none' else across]}"
        return f"{a}在{b}的{CORNER_ZH[across]}{CORNER_ZH[depth]}"

    def where(self, entry: Mapping[str, str], a: str, b: str) -> str:
        """`beside` for two object ids."""
        return self.beside(entry, self.the(a), self.the(b)).replace("{it}", self.it(b))
