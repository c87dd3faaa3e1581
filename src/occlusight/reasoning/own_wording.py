"""A program in the words that the shipped model was trained on: its templates' texts, with the kinds' own names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from occlusight.errors import BadInput
from occlusight.occlusion.kinds import KindNames, Lang, article
from occlusight.questions.phrases import cap
from occlusight.questions.registry import first_of_step, templates
from occlusight.questions.template import Program
from occlusight.questions.wording import wordings

_SLOT = re.compile(r"\{(\w)\}")


@dataclass(frozen=True)
class Thing:
    """What a name means to the model: a kind, and the colour that tells it from others of its kind, in both languages;
    empty where none is given."""

    kind: KindNames
    colour: tuple[str, str] = ("", "")

    def called(self, lang: Lang, *, plural: bool = False) -> str:
        """Return it as the model calls it: "red car", "红色的汽车"."""
        en, zh = self.colour
        if lang == "zh":
            return f"{zh}的{self.kind.zh}" if zh else self.kind.zh
        noun = self.kind.plural if plural else self.kind.en
        return f"{en} {noun}" if en else noun

    def the(self, lang: Lang) -> str:
        """Return it as a noun phrase within a sentence."""
        return self.called(lang) if lang == "zh" else f"the {self.called(lang)}"

    def one(self, lang: Lang) -> str:
        """Return it as one of its kind: "a red car", "一辆红色的汽车"."""
        name = self.called(lang)
        return f"一{self.kind.measure}{name}" if lang == "zh" else f"{article(name)} {name}"

    def in_slot(self, slot: str, lang: Lang) -> str:
        """Return it as it stands in a slot of a template's text: see `Template.texts`."""
        match slot:
            case "k":
                return self.called(lang, plural=True)
            case "t":
                return self.called(lang)
            case "e" if lang == "en":
                return self.one(lang)
            case "e":
                return self.called(lang)
        return self.the(lang)


def own_wording(program: Program, things: Mapping[str, Thing], lang: Lang, *, why: bool = False) -> str:
    """Return a program as the first text of its template; `things` are what the names in it mean.

    Raises BadInput for a step that has no text of its own.
    """
    op, arguments = program[-1]
    template = templates()["explanation.active"] if op == "hides" and why else first_of_step().get(op)
    texts = template and (template.texts or wordings().get(template.name))
    if not texts:
        raise BadInput(f"the step {op!r} has no wording of its own")
    text = texts[lang][0]
    slots = sorted({*_SLOT.findall(text)} - {"m"}) if op != "exists_coloured" else ["t", "h"]
    given = [argument for argument in arguments if argument != "$0"]
    if len(given) != len(slots):
        raise BadInput(f"the wording of {op} names {len(slots)} things, but {len(given)} were given")
    filled: dict[str, str] = {}
    for slot, said in zip(slots, given, strict=True):
        if slot == "h":
            filled["h"] = f"{said}的" if lang == "zh" else f"{article(said)} {said}"
        else:
            filled |= {slot: things[said].in_slot(slot, lang), "m": things[said].kind.measure}
    if "k" in slots:
        filled["m"] = things[given[slots.index("k")]].kind.measure
    return cap(_SLOT.sub(lambda match: filled[match[1]], text))
