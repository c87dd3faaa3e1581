"""Questions to train a reader on: wordings, reworded, with x1, x2 ... for their names, and what each is to be read
as."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from occlusight.datasets.wordings import SLOT, Wording, slots_in_order
from occlusight.reasoning.labels import FOLLOWUP, TWO_IN_ONE, UNLABELLED, label_of
from occlusight.scenes.meshes.catalogue import Catalogue, Kind
from occlusight.train.rewording import reworded
from occlusight.train.wording_set import OUT_OF_SCOPE, without_names

NAMED, RENUMBERED, CUT_OUTSIDE = 0.08, 0.15, 0.5
"""Shares of the questions whose names are written out, of those whose names are numbered against their order, and of
those out of scope in which known names are cut."""
PUT_TOGETHER, POINTING = 0.6, 0.5
"""Shares of two questions in one that are put together from two wordings, and of these with an "it" where the second
could name the same thing again."""
JOINTS = {
    "en": (", and ", " and ", "? ", "? and ", ", also ", ". ", "; ", " and also ", ", then ", ", plus ", " & "),
    "zh": (",", ",还有", "?", "?还有", ",另外", "。", ";", ",再", ",顺便问下", "并且", ",然后"),
}
IT = {"en": "it", "zh": "它"}


@dataclass(frozen=True)
class Example:
    """A question as the reader is given it; `label` None: no program is to be learnt from it, `hides` (x1 hides x2)
    None: it does not say who hides whom."""

    text: str
    label: str | None
    hides: bool | None
    inside: bool
    lang: str
    kind: str


class Examples:
    """Draws questions without end, all kinds and both languages about as often; those of who hides whom twice, and
    what is out of scope four times as often."""

    def __init__(self, wordings: Sequence[Wording], catalogue: Catalogue, draw: Random) -> None:
        self.random = draw
        groups: dict[tuple[str, str], list[Wording]] = defaultdict(list)
        for wording in wordings:
            groups[wording.kind, wording.lang].append(wording)
        self._groups = [groups[key] for key in sorted(groups)]
        self._weights = [len(group) ** 0.6 * _emphasis(group[0]) for group in self._groups]
        self._whole = {
            lang: [
                g for g in self._groups if g[0].lang == lang and g[0].kind not in (*UNLABELLED, FOLLOWUP, TWO_IN_ONE)
            ]
            for lang in JOINTS
        }
        self._kinds = tuple(catalogue.kinds.values())
        self._known = _known_names(self._kinds)

    def draw(self) -> Example:
        """Return a question, reworded."""
        draw = self.random
        wording = draw.choice(draw.choices(self._groups, self._weights)[0])
        together = wording.kind == TWO_IN_ONE and self._whole[wording.lang] and draw.random() < PUT_TOGETHER
        text = self._two(wording.lang) if together else reworded(wording.text, wording.lang, draw)
        if wording.kind == OUT_OF_SCOPE:
            return self._example(wording, self._cut(text) if draw.random() < CUT_OUTSIDE else text, ())
        order = slots_in_order(text)
        if draw.random() < NAMED:
            return self._example(wording, self._named(text, wording.lang), order, named=True)
        if draw.random() < RENUMBERED:
            order = order[::-1]
        return self._example(wording, without_names(self._measured(text), order), order)

    def plain(self, wording: Wording) -> Example:
        """Return a wording as it is, its names cut."""
        order = slots_in_order(wording.text)
        text = self._cut(wording.text) if wording.kind == OUT_OF_SCOPE else without_names(wording.text)
        return self._example(wording, text, order)

    def _example(self, wording: Wording, text: str, order: Sequence[str], named: bool = False) -> Example:
        label = label_of(wording.kind, order)
        return Example(
            text=text,
            label=None if label is None else label.text,
            hides=None if label is None or named else label.direction,
            inside=wording.kind != OUT_OF_SCOPE,
            lang=wording.lang,
            kind=wording.kind,
        )

    def _two(self, lang: str) -> str:
        """Return two questions as one."""
        draw = self.random
        kinds = (draw.choice(self._whole[lang]) for _ in range(2))
        one, two = (reworded(draw.choice(group).text, lang, draw) for group in kinds)
        if "{A}" in one and two.count("{A}") == 1 and draw.random() < POINTING:
            two = two.replace("{A}", IT[lang])
        return one.rstrip("?？.。!！ ") + draw.choice(JOINTS[lang]) + two

    def _measured(self, text: str) -> str:
        """Return a Chinese wording with a kind's own measure word in the place of 个."""
        return text.replace("个{C}", self.random.choice(self._kinds).measure + "{C}")

    def _named(self, text: str, lang: str) -> str:
        """Return a wording with names in its slots."""
        kinds = dict(zip("ABC", self.random.sample(self._kinds, 3), strict=True))

        def name(match: re.Match[str]) -> str:
            slot = match[1]
            if slot == "S":
                return "red" if lang == "en" else "红色的"
            kind = kinds[slot[0]]
            if lang == "zh":
                return kind.zh
            return kind.plural if slot == "CS" else kind.en if slot == "C" else f"the {kind.en}"

        text = text.replace("个{C}", kinds["C"].measure + "{C}") if lang == "zh" else text
        return re.sub(r"\b(a|an|the) the\b", r"\1", SLOT.sub(name, text))

    def _cut(self, text: str) -> str:
        """Return a text without slots, with x1, x2 ... for the names of the catalogue in it."""
        found: list[str] = []

        def number(match: re.Match[str]) -> str:
            name = match[0].lower()
            if name not in found:
                found.append(name)
            return f"x{found.index(name) + 1}"

        return self._known.sub(number, text)


def _known_names(kinds: Sequence[Kind]) -> re.Pattern[str]:
    english = sorted({n for kind in kinds for n in (kind.en, kind.plural, *kind.aliases_en)}, key=len, reverse=True)
    chinese = sorted({n for kind in kinds for n in (kind.zh, *kind.aliases_zh)}, key=len, reverse=True)
    words = rf"\b(?:the )?(?:{'|'.join(map(re.escape, english))})\b"
    return re.compile(f"{words}|{'|'.join(map(re.escape, chinese))}", re.IGNORECASE)


def _emphasis(wording: Wording) -> int:
    if wording.kind == OUT_OF_SCOPE:
        return 4
    if wording.kind == TWO_IN_ONE:
        return 2
    label = label_of(wording.kind, slots_in_order(wording.text))
    return 2 if label is not None and label.direction is not None else 1
