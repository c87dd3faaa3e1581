"""What a question means: names by vocabulary, the rest by a reader, and a grammar that lets no nonsense through."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, islice
from typing import Any, Literal, Protocol, TypeAlias

from occlusight.occlusion.kinds import Lang
from occlusight.questions.template import Program
from occlusight.reasoning.claims import claimed
from occlusight.reasoning.cues import cued
from occlusight.reasoning.labels import FOLLOWUP, TWO_IN_ONE, Label
from occlusight.reasoning.names import Name, Named, named
from occlusight.reasoning.parting import also, parts, points_back, said_about, with_name
from occlusight.reasoning.programs import meant, takes, within
from occlusight.reasoning.scope import log_odds, scope_of
from occlusight.reasoning.vocabulary import Words, shipped_words

Scope: TypeAlias = Literal["inside", "outside", "unclear"]

INSIDE = 0.5
"""Questions that pictures can tell with less than this probability are declined."""
WHICH_PART = re.compile(r"\b(?:parts?|portions?)\b|部分|哪部|哪些部", re.I)
"""What is asked of a thing alone; after whether something hides it, of that thing."""
BETWEEN = re.compile(r"\bbetween\b|之间|中间", re.I)
DIRECTION = 0.85
"""Where who hides whom is less sure than this, or label and direction differ, both directions are answered."""
CLEAR = 0.45
"""A meaning less probable than this is asked back about, with the second one beside it."""
PARTED, WHOLE = 0.9, 0.8
"""A question that is read as one with less than the latter is taken for two where both its parts have the former."""
DROPPED, DROPPED_SURE = 0.9, 0.3
"""How much less probable a reading is for every name that it takes for none: unsure ones of known kinds; sure ones."""
AS_IT_STANDS = 0.2
"""How much less probable a question with "it" is as it stands, where an answer tells what that stands for."""
KEPT_UNKNOWN = 0.8
"""How much less probable it is for every unsure name of no known kind that it takes for one."""
MOST_UNSURE = 3
"""Unsure names that are left out and put in, in every way; with more, all or none of them are names."""
LONGEST_QUESTION = 1000
"""Characters; what is longer than that is no question about a picture. The longest of those that were collected has
242."""
MOST_NAMES = 8
"""Names of a question of which each may be left out; programs have fewer."""
MOST_BEFORE = 32
"""Questions before this one that it may point back to, one to the other."""
MOST_CUTS = 16
"""Places at which a question is cut into two; one with more is none of two."""


class Reading(Protocol):
    """How a reader read a question: see `backends.reader.Reading`."""

    @property
    def labels(self) -> Mapping[str, float]:
        """The probability of each label by its text; they sum to 1."""

    @property
    def hides(self) -> float:
        """The probability that x1 hides x2, of a question about that."""

    @property
    def inside(self) -> float:
        """The probability that a picture of things can tell it."""


Reader: TypeAlias = Callable[[Sequence[str]], Sequence[Reading]]


@dataclass(frozen=True)
class Understood:
    """What a question means.

    scope: `inside`, `outside` (nothing that pictures of this kind tell) or `unclear`
    program: with names, as they were said, where ids would stand; empty where there is none
    lang: the language of the question's frame
    probability: that this is meant, 0 to 1
    names: what is named in the program
    topic: of these the first that the question says
    why: whether reasons are asked for
    both_ways: whether it is unsure who hides whom, so that both directions want an answer
    other: the second meaning, of an unclear question
    parts: both questions, of two in one; the program is then the first one's
    claim: what it wants a yes or a no to; see `claims.claimed`
    within: of what is counted, whether it is to be on or in a thing ("place"), which is not among the names then, or to
        be a part of one ("part")
    """

    scope: Scope
    program: Program
    lang: Lang
    probability: float
    names: tuple[Name, ...] = ()
    why: bool = False
    both_ways: bool = False
    other: Program = ()
    parts: tuple[Understood, ...] = ()
    claim: str = ""
    within: str = ""

    @property
    def topic(self) -> Name | None:
        """What the question is about: the thing that it names first."""
        return self.names[0] if self.names else None

    def to_json(self) -> dict[str, Any]:
        """Return scope, program, language and probability as a dict."""
        program = [[op, list(arguments)] for op, arguments in self.program]
        return {"scope": self.scope, "program": program, "lang": self.lang, "probability": round(self.probability, 4)}


@dataclass(frozen=True)
class _Meaning:
    """A way to read a question. `weight` is its probability among all that was read, `share` among what the grammar
    allows for these names."""

    program: Program
    label: Label
    names: tuple[Name, ...]
    weight: float
    share: float
    inside: float
    both_ways: bool = False
    why: bool = False
    claim: str = ""
    within: str = ""

    @property
    def key(self) -> str:
        return json.dumps(self.program, ensure_ascii=False)


@dataclass(frozen=True)
class Understanding:
    """Understands questions. `read` gives probabilities over labels; `words` are the names that are known."""

    read: Reader
    words: Words = field(default_factory=shipped_words)

    def of(self, question: str, history: Sequence[str] = (), said: str = "") -> Understood:
        """Return what a question means; `history` are the questions before it, the oldest first, and `said` is what the
        last of them was answered."""
        if len(question) > LONGEST_QUESTION:
            return Understood("unclear", (), language(Named(question[:LONGEST_QUESTION], ())), 0.0)
        history = history[-MOST_BEFORE:]
        found = named(question, self.words)
        lang = language(found)
        before = self.of(history[-1], history[:-1]) if history and self._may_point_back(found) else None
        if (twice := self._also(found.text, lang)) is not None:
            return twice
        ways = [*_ways(found)]
        if before is not None and points_back(found.text):
            it, answered = self._it(found, before, said)
            ways = [(n, prior * (AS_IT_STANDS if answered else 1.0)) for n, prior in ways]
            ways += [*_ways(named(with_name(found.text, it.text), self.words))] if it is not None else []
        meanings = self._meanings(ways, lang)
        best = meanings[0] if meanings else None
        if best is None:
            return Understood("unclear", (), lang, 0.0)
        if best.inside < INSIDE:
            return Understood("outside", (), lang, 1 - best.inside)
        if best.label.form.op == FOLLOWUP:
            return _again(best.names[0], best.share, before, lang)
        if best.label.form.op == TWO_IN_ONE:
            return self._both(found.text, lang, best)
        if best.share < WHOLE:
            both = self._both(found.text, lang, best, surely=True)
            if both.parts and min(part.probability for part in both.parts) >= PARTED:
                return both
        return _decided(meanings, lang)

    def _also(self, text: str, lang: Lang) -> Understood | None:
        """A question, and the same about another thing that is named after it: "What hides the car? And the dog?"; None
        where it is no such one."""
        cut = also(text)
        other = named(cut[1], self.words) if cut else None
        if cut is None or other is None or not re.fullmatch(r"(?:an? )?x1", other.without().strip(), re.I):
            return None
        first = self._part(cut[0], lang)
        if first is None or first.topic is None or first.probability < (CLEAR if cut[2] else PARTED):
            return None
        if not cut[2] and (len(first.names) > 1 or BETWEEN.search(text)):
            return None  # what is between the car and the dog is one question
        second = _again(other.names[0], 1.0, first, lang)
        if second.program == first.program:
            return None
        return Understood(
            "inside", first.program, lang, first.probability, (*first.names, other.names[0]), parts=(first, second)
        )

    def _it(self, found: Named, before: Understood, said: str) -> tuple[Name | None, bool]:
        """What "it" stands for, and whether that comes from the answer: the topic of the question before, unless that
        is named beside it, or else the one other thing that its answer named."""
        beside = {kind for name in found.names for kind in name.kinds}
        if before.topic is not None and not beside & {*before.topic.kinds}:
            return before.topic, False
        others = [n for n in named(said, self.words).names if n.kinds and n.sure and not beside & {*n.kinds}]
        return (others[0], True) if len(others) == 1 else (before.topic, False)

    def _may_point_back(self, found: Named) -> bool:
        """Whether a question may need the one before it: short ones, and those with "it"."""
        return points_back(found.text) or len(found.names) <= 1

    def _meanings(self, ways: Sequence[tuple[Named, float]], lang: Lang) -> list[_Meaning]:
        """Read a question in every way that its names leave open; the likeliest meaning is the first."""
        whole = ways[0][0]
        known = whole.only([name for name in whole.names if name.kinds])
        texts = list(dict.fromkeys(one.without() for one in (*(way for way, _ in ways), known)))
        readings = dict(zip(texts, self.read(texts), strict=True))
        plainest = readings[known.without()].inside  # words that were taken for names may tell that it is outside
        best: dict[str, _Meaning] = {}
        for way, prior in ways:
            text = way.without()
            inside = _together(readings[text].inside, plainest)
            for meaning in _read(way.names, text, readings[text], lang, prior, inside):
                if meaning.key not in best or best[meaning.key].weight < meaning.weight:
                    best[meaning.key] = meaning
        return sorted(best.values(), key=lambda m: -m.weight)

    def _both(self, text: str, lang: Lang, whole: _Meaning, *, surely: bool = False) -> Understood:
        """Cut two questions in one where both parts are read best; with `surely`, only where two sentences seem to
        meet."""
        found: list[tuple[float, tuple[Understood, ...]]] = []
        cuts = list(islice(parts(text, surely=surely), MOST_CUTS + 1))
        for one, two in cuts if len(cuts) <= MOST_CUTS else ():
            first = self._part(one, lang)
            if first is None:
                continue
            if first.program[-1][0] == "hides" and WHICH_PART.search(two) and not named(two, self.words).names:
                return replace(first, why=True)  # the reason says which part is hidden, and which can still be seen
            second = self._about(two, first, lang)
            if second is not None and second.topic is not None:
                first = self._about(one, second, lang) or first
            if surely and second is not None and second.program[-1][0] == "list_all":
                continue  # "which parts can still be seen?" belongs to the question before it
            if second is not None and second.program != first.program:
                found.append((first.probability * second.probability, (first, second)))
        if not found:
            return Understood("unclear", (), lang, whole.weight)
        chance, both = max(found, key=lambda pair: pair[0])
        names = tuple({name.same: name for part in both for name in part.names}.values())
        return Understood("inside", both[0].program, lang, chance, names, parts=both)

    def _about(self, text: str, other: Understood, lang: Lang) -> Understood | None:
        """One of two questions: where it says "it", or names nothing, about what the other one names."""
        if other.topic is None:
            return self._part(text, lang)
        if points_back(text):
            return self._part(with_name(text, other.topic.text), lang)
        ways = [self._part(text, lang)]
        if not named(text, self.words).names:
            ways += [self._part(way, lang) for way in said_about(text, [name.text for name in other.names], lang)]
        return max((way for way in ways if way), key=lambda way: way.probability, default=None)

    def _part(self, text: str, lang: Lang) -> Understood | None:
        meanings = self._meanings([*_ways(named(text, self.words))], lang)
        meanings = [m for m in meanings if m.label.form.op not in (FOLLOWUP, TWO_IN_ONE)]
        return None if not meanings or meanings[0].inside < INSIDE else _one(meanings[0], lang)


def language(found: Named) -> Lang:
    """Return the language of a question's frame, names left out: of the names where nothing else is said.

    >>> language(named("红色的车 hides the dog 吗, 是不是"))
    'zh'
    """
    frame = re.sub(r"x\d", " ", found.without())
    for text in (frame, found.text):
        chinese = len(re.findall(r"[\u4e00-\u9fff]", text))
        english = len(re.findall(r"[a-z]+", text, re.I))
        if chinese or english:
            return "zh" if chinese >= english else "en"
    return "en"


def _ways(found: Named) -> Iterator[tuple[Named, float]]:
    """Yield the ways to take the names of a question for names or not, with how likely each is beforehand."""
    names = found.names
    unsure = [name for name in names if not name.sure]
    sizes = range(len(unsure) + 1) if len(unsure) <= MOST_UNSURE else (0, len(unsure))
    for size in sizes:
        for dropped in combinations(unsure, size):
            kept = [n for n in names if n not in dropped]
            unknown = sum(not n.kinds and not n.sure for n in kept)
            yield found.only(kept), DROPPED ** sum(bool(n.kinds) for n in dropped) * KEPT_UNKNOWN**unknown
    for name in names if len(names) <= MOST_NAMES else ():
        if name.sure:
            yield found.only([n for n in names if n is not name]), DROPPED_SURE


def _read(
    names: tuple[Name, ...], text: str, reading: Reading, lang: Lang, prior: float, inside: float
) -> Iterator[_Meaning]:
    """Yield the meanings that one reading leaves open; why and not why are one meaning, and so are both directions
    where they cannot be told apart."""
    labels = cued(reading.labels, text)
    allowed = [(label, p) for one, p in labels.items() if takes(label := Label.parse(one), names)]
    total = sum(p for _, p in allowed) or 1.0
    hiding = [(label, p) for label, p in allowed if label.form.op == "hides"]
    rest = [(label, p) for label, p in allowed if label.form.op != "hides"]
    if hiding:
        mass = sum(p for _, p in hiding)
        first = sum(p for label, p in hiding if label.direction) / mass if mass else 0.5
        sure = _together(first, reading.hides)
        why = sum(p for label, p in hiding if label.why) > mass / 2
        both = max(sure, 1 - sure) < DIRECTION or (first > 0.5) != (reading.hides > 0.5)
        for forward, chance in ((True, sure), (False, 1 - sure)):
            label = Label.parse("hides:12" if forward else "hides:21")
            p = mass * (1.0 if both else chance)
            if not both or forward == (sure >= 0.5):
                program = label.program([n.text for n in names])
                scope = scope_of(inside, p / total, names, text)
                yield _Meaning(program, label, names, prior * p, p / total, scope, both, why)
    for label, p in rest:
        scope = scope_of(inside, p / total, names, text)
        if label.form.op in (FOLLOWUP, TWO_IN_ONE):
            yield _Meaning([[label.form.op, []]], label, names, prior * p, p / total, scope)
            continue
        turned = tuple(reversed(names)) if label.form.op == "part_hidden" and reading.hides < 0.5 else names
        program = meant(label, turned, text, lang)
        claim = claimed(program[-1][0], text)
        place = within(label, names, text)
        yield _Meaning(program, label, names, prior * p, p / total, scope, claim=claim, within=place)


def _together(*chances: float) -> float:
    """The mean of probabilities, taken of their log odds."""
    return 1 / (1 + math.exp(-sum(map(log_odds, chances)) / len(chances)))


def _one(meaning: _Meaning, lang: Lang) -> Understood:
    chance = min(meaning.share, 1.0)
    one = Understood("inside", meaning.program, lang, chance, meaning.names, meaning.why, meaning.both_ways)
    counted = tuple(name for name in meaning.names if name.text in meaning.program[-1][1])
    return replace(one, claim=meaning.claim, within=meaning.within, names=counted if meaning.within else meaning.names)


def _decided(meanings: Sequence[_Meaning], lang: Lang) -> Understood:
    """The likeliest meaning, or both where it is not likely enough."""
    best = _one(meanings[0], lang)
    others = [m for m in meanings[1:] if m.label.form.op not in (FOLLOWUP, TWO_IN_ONE)]
    if best.probability >= CLEAR or not others:
        return best
    return replace(best, scope="unclear", other=others[0].program)


def _again(new: Name, share: float, before: Understood | None, lang: Lang) -> Understood:
    """The question before, of two in one the last, about another thing; `share` is how likely that is meant."""
    if before is not None and before.parts:
        before = next((part for part in reversed(before.parts) if part.topic is not None), before)
    if before is None or before.topic is None or before.scope != "inside":
        return Understood("unclear", (), lang, share, (new,))
    old = {before.topic.noun: new.noun or new.text, before.topic.text: new.text}
    program = [[op, [old.get(a, a) for a in arguments]] for op, arguments in before.program]
    names = (new, *(name for name in before.names if name.text != before.topic.text))
    return replace(before, program=program, lang=lang, names=names, probability=before.probability * share)
