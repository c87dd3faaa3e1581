"""A form of question as one object: how it is asked, answered, worded, read and counted.

The templates of a family stand together in one file (`hiding.py`, `depth.py`, ...), and `registry.py` lists the
families. Everything else looks up what it needs here: programs their steps, sets what they can ask, the benchmark how
an answer is scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import Lang
from occlusight.questions.album import AlbumDraw, Sort
from occlusight.questions.candidates import Candidates, Pair
from occlusight.questions.draw import Draw
from occlusight.questions.phrases import Wording

Answer = dict[str, Any]
Program = Sequence[Sequence[Any]]
Asked = tuple[Program, dict[str, str]]  # a program, and what fills the slots of its text


def class_of_value(facts: Facts, arguments: Sequence[Any], answer: Mapping[str, Any]) -> str:
    """Return the answer's value in words; objects count by their kinds."""
    value = answer["value"]
    if isinstance(value, list):
        return ", ".join(facts.objects[id].kind for id in value) or "nothing"
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A form of question.

    name: what stored questions are called by, "occlusion.passive"; before the dot stands the kind under which they are
        reported
    kind: what `ask` is asked for; templates of one kind take turns
    program: computes the answer from the facts and its arguments: the last step of the questions' programs, stored by
        its `__name__`
    reply: words an answer
    read: how a text that answers it is read: a key of `bench.scorers.SCORERS`
    draw: draws what to ask about one picture, `group` questions at once or none; by default one of the offers
    group: questions that are asked together, 2 for a yes and a no
    offers: all that could be asked about one picture, for sets whose questions are balanced
    answer_class: what counts as the same answer in such a set, from the facts, the program's arguments and the answer
    main_answers: the classes that are to be equally frequent there; by default yes and no, first and second, or the
        commonest
    easy: pairs of which a no needs no looking
    paraphrase: true answers in other words, which must be read as right too; by default the reply alone
    texts: how it is asked in each language; by default those of `wordings.toml`. Slots: {a} {b} {r} objects, {k} a kind
        with its measure word {m}, {e} {n} {t} one, the one, and a kind ("a car", "the car", "car"), {h} a
        colour, {s} a side, {d} an angle, {c} a character
    about_text: whether it is about inscriptions
    album: whether it is about several pictures, "stills" or stills of one "clip": then the program gets an `Album`,
        `draw` an `AlbumDraw`
    verbatim: whether replies stand as they are, with no punctuation of the language's own (JSON)
    """

    name: str
    kind: str
    program: Callable[..., Answer]
    reply: Callable[[Answer, Wording], str]
    read: str
    draw: Callable[[Any], Sequence[Asked]] | None = None
    group: int = 1
    offers: Callable[[Candidates, np.random.Generator], Iterable[Asked]] | None = None
    answer_class: Callable[[Facts, Sequence[Any], Mapping[str, Any]], str] = class_of_value
    main_answers: tuple[str, ...] = ()
    easy: Callable[[Candidates], Iterable[Pair]] | None = None
    paraphrase: Callable[[Answer, Wording], list[str]] | None = None
    texts: Mapping[Lang, Sequence[str]] | None = None
    about_text: bool = False
    verbatim: bool = False
    album: Sort = ""

    @property
    def reported_as(self) -> str:
        """The kind of its questions in data sets and reports."""
        return self.name.partition(".")[0]

    @property
    def is_brought(self) -> bool:
        """Whether people bring such questions, so that none is drawn."""
        return self.draw is None and self.offers is None

    def asked_about(self, draw: Draw | AlbumDraw) -> Sequence[Asked]:
        """Draw what to ask about a picture: `group` questions, or none where the picture does not offer them."""
        if self.draw is not None:
            return self.draw(draw)
        if self.offers is None or isinstance(draw, AlbumDraw):
            return ()
        found = draw.pick(list(self.offers(draw.candidates, draw.rng)))
        return () if found is None else (found,)


def about(op: str, ids: tuple[str, ...], slots: str = "ab") -> Asked:
    """Return a question whose program is one step about some objects."""
    return [[op, list(ids)]], dict(zip(slots, ids, strict=True))


def of_all(op: str) -> Asked:
    """Return a question about all that is recognised."""
    return [["recognised", []], [op, ["$0"]]], {}


def one(asked: Asked | None) -> Sequence[Asked]:
    """Return one question, or none."""
    return () if asked is None else (asked,)
