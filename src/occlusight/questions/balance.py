"""Asking so that the question does not give its answer away.

A lamp post is oftener before a car than behind one, so "does the lamp post hide the car?" is oftener a yes than a no:
who has read many questions need not look. So the questions of a whole data set are balanced. Those of a template whose
texts name the same kinds are a cell. In every cell the template's main answers (yes and no; left and right, in front
and behind) are equally many, and none of its other answers is more frequent than they: who knows the kinds does no
better than who says the template's commonest answer to everything. A question that finds no partner is not asked.

Within a cell the partners are chosen so that colours, and what a glance at the picture would add (which of two is
larger, lower, farther left, listed first), tell as little as can be.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.questions.candidates import Candidates
from occlusight.questions.offers import Offer, offers
from occlusight.questions.registry import of_kind
from occlusight.questions.template import Template

Trait = tuple[str, str]
Cell = dict[str, list["Chosen"]]  # what could be asked with the same kinds in its text, by the answer

COLOUR, GLANCE = 1.0, 0.8  # weights of the traits
CALM = 4.0  # questions with a trait before its counts weigh as much as they can
EASY = 0.25  # of the noes to decisions who hides whom are, if possible, about boxes that are apart
TRIED = 12  # offers among which a partner is chosen
TWO = (("yes", "no"), ("first", "second"))


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """A question that could be asked, or is: about picture number `scene`, by a template."""

    scene: int
    template: str
    offer: Offer


def match(
    pictures: Sequence[Candidates],
    kinds: Mapping[str, int],
    always: Sequence[str],
    rng: np.random.Generator,
) -> list[list[Chosen]]:
    """Return what is asked about each picture: at most `kinds[kind]` questions of a kind, of its templates in turn.

    Kinds of `always` are asked about every picture that offers them, without partners where none are found.
    """
    asked: list[list[Chosen]] = [[] for _ in pictures]
    for kind, limit in kinds.items():
        found = _Kind(pictures, limit, of_kind(kind), rng)
        found.match()
        if kind in always:
            found.fill()
        for one in found.chosen:
            asked[one.scene].append(one)
    return asked


class _Kind:
    """The questions of one kind about all pictures: those that could be asked, by template and cell, and those
    chosen."""

    def __init__(
        self, pictures: Sequence[Candidates], limit: int, templates: Sequence[Template], rng: np.random.Generator
    ) -> None:
        self.pictures, self.rng = pictures, rng
        self.left = [limit] * len(pictures)  # questions that a picture may still be asked
        self.chosen: list[Chosen] = []
        self.noes = Counter[bool]()  # by whether they are easy
        self.counts: defaultdict[tuple[str, Trait], Counter[str]] = defaultdict(Counter)
        self.cells: dict[str, dict[tuple[str, ...], Cell]] = {}
        self.main: dict[str, tuple[str, ...]] = {}
        for template in templates:
            offered = [Chosen(i, template.name, o) for i, c in enumerate(pictures) for o in offers(c, template, rng)]
            cells: defaultdict[tuple[str, ...], Cell] = defaultdict(lambda: defaultdict(list))
            for at in rng.permutation(len(offered)):
                offer = offered[at].offer
                cells[offer.says][offer.answer].append(offered[at])
            self.cells[template.name] = dict(cells)
            self.main[template.name] = main_answers(template, [c.offer for c in offered])

    def match(self) -> None:
        """Choose groups of partners, the templates and their cells in turn, until no more are found."""
        turns = {template: deque(cells) for template, cells in self.cells.items()}
        while any(turns.values()):
            for template, cells in turns.items():
                if cells:
                    says = cells.popleft()
                    matched = bool(says) or self.main[template] in TWO
                    if self._group(template, self.cells[template][says], matched):
                        cells.append(says)

    def _group(self, template: str, cell: Cell, matched: bool) -> bool:
        """Choose one offer for each main answer and at most as many for others; none where a main answer has none left.

        Where a text names nothing, and no yes or no is asked for, there is nothing to match: any one is chosen.
        """
        main = self.main[template] if matched else ()
        group: list[Chosen] = []
        for answer in sorted(main, key=lambda answer: len(cell.get(answer, ()))):
            one = self._partner(cell, answer)
            if one is None:
                for other in group:
                    self._note(other, -1)
                return False
            self._note(one, 1)
            group.append(one)
        others = [answer for answer in cell if answer not in main]
        for answer in (others[i] for i in self.rng.permutation(len(others))):
            if main in TWO or len(group) == max(2 * len(main), len(main) + 2) or (group and not matched):
                break
            one = self._partner(cell, answer)
            if one is not None:
                self._note(one, 1)
                group.append(one)
        if matched and len(group) < 2:
            for one in group:
                self._note(one, -1)
            return False
        for one in group:
            cell[one.offer.answer].remove(one)
        self.chosen += group
        return bool(group)

    def _partner(self, cell: Cell, answer: str) -> Chosen | None:
        """Return, of the offers with an answer, one of those that make colours and glances tell least; no more easy
        noes than others."""
        if answer not in cell:
            return None
        cell[answer] = waiting = [c for c in cell[answer] if self.left[c.scene] > 0]
        hard = [c for c in waiting if not c.offer.easy]
        easy = [c for c in waiting if c.offer.easy] if self.noes[True] < self.noes[False] else []
        return self._best(easy if easy and (not hard or self.rng.random() < EASY) else hard)

    def _best(self, found: Sequence[Chosen]) -> Chosen | None:
        """Return the one with the least excess."""
        return min(found[-TRIED:], key=self._excess, default=None)

    def _excess(self, one: Chosen) -> float:
        """How much oftener than the other answers this one was right for questions with its traits."""
        total = 0.0
        for trait in self._traits(one):
            counts = self.counts[one.template, trait]
            n = counts.total()
            share = counts[one.offer.answer] - n / max(2, len(counts))
            total += (COLOUR if trait[0].startswith("colour") else GLANCE) * share / (n + CALM)
        return total

    def _note(self, one: Chosen, times: int) -> None:
        """Count a question as asked, or with -1 take it back."""
        self.left[one.scene] -= times
        if one.offer.answer == "no":
            self.noes[one.offer.easy] += times
        for trait in self._traits(one):
            self.counts[one.template, trait][one.offer.answer] += times

    def _traits(self, one: Chosen) -> Iterable[Trait]:
        return traits(self.pictures[one.scene].facts, one.offer.program[-1][1])

    def fill(self) -> None:
        """Ask pictures that are asked nothing yet something without partners: a yes and a no, or one of many
        answers."""
        asked = {c.scene for c in self.chosen}
        waiting: defaultdict[int, defaultdict[str, list[Chosen]]] = defaultdict(lambda: defaultdict(list))
        for template, cells in self.cells.items():
            for c in (c for cell in cells.values() for found in cell.values() for c in found):
                if c.scene not in asked:
                    waiting[c.scene][template].append(c)
        for turn, scene in enumerate(sorted(waiting)):
            template = list(waiting[scene])[turn % len(waiting[scene])]
            found, main = waiting[scene][template], self.main[template]
            kept = [[c for c in found if c.offer.answer == answer] for answer in main] if main in TWO else [found]
            if all(kept):
                for same in kept:
                    one = self._best([c for c in same if not c.offer.easy] or same)
                    if one is not None:
                        self._note(one, 1)
                        self.chosen.append(one)


def main_answers(template: Template, offered: Sequence[Offer]) -> tuple[str, ...]:
    """Return the answers of a template that are to be equally frequent in each cell."""
    if not offered:
        return ()
    answers = Counter(o.answer for o in offered)
    two = next((pair for pair in TWO if set(answers) <= set(pair)), None)
    return two or template.main_answers or (answers.most_common(1)[0][0],)


def traits(facts: Facts, arguments: Sequence[Any]) -> Iterator[Trait]:
    """Yield the colours of the objects that a question is about, and what a glance at the picture would add."""
    ids = [a for a in arguments if a in facts.objects][:2]
    for slot, id in zip("ab", ids, strict=False):
        yield f"colour_{slot}", facts.objects[id].colour or "none"
    if len(ids) < 2:
        return
    one, two = (facts.objects[id] for id in ids)
    order = [o.id for o in facts.graph.objects]
    yield "first", str(order.index(one.id) < order.index(two.id))
    yield "larger", str(one.area > two.area)
    yield "left", str(one.box[0] + one.box[2] < two.box[0] + two.box[2])
    yield "lower", str(one.box[1] + one.box[3] > two.box[1] + two.box[3])
