"""Answers from a relation graph: what a question means is executed on it, exactly, and said in the question's language.

An answer cannot contradict another one on the same graph, and says which relations it rests on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from occlusight.backends.events import Grounds
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Object, Relation, Text
from occlusight.occlusion.kinds import Lang, Names, listed
from occlusight.questions.phrases import Wording, cap
from occlusight.questions.programs import execute
from occlusight.questions.question import reply
from occlusight.questions.registry import first_of_step
from occlusight.questions.template import Program
from occlusight.reasoning.claims import decided
from occlusight.reasoning.names import Name
from occlusight.reasoning.relations import Described, names_of
from occlusight.reasoning.sentences import SPACE
from occlusight.reasoning.understanding import Scope, Understanding, Understood
from occlusight.reasoning.vocabulary import Words

Pair = tuple[str, str]

OF_RELATIONS = frozenset(
    (
        *("hides", "who_hides", "anything_hides", "hides_what", "hides_anything", "anything_hidden"),
        *("hidden_part", "part_hidden", "amount_hidden", "remove", "nearer", "farther", "nearest", "farthest"),
        *("in_order", "behind", "in_front", "list_all", "describe", "exists", "exists_coloured"),
    )
)
"""Steps that a graph answers of objects without boxes."""
OF_PLACES = frozenset(("position", "left_of", "right_of", "between", "count", "count_position"))
"""Steps that need boxes: for places, and since two of one name are told apart by them alone."""
WHETHER = frozenset(("anything_hides", "hides_anything", "anything_hidden"))
"""Steps that are answered by yes where one pair of several is so."""
ON_KINDS = frozenset(("exists", "exists_coloured", "count"))
"""Steps that nothing needs to be there for."""
SAY: Mapping[str, Mapping[Lang, str]] = {
    "absent": {
        "en": "There is no {it} in the graph of this picture; it has {told}.",
        "zh": "这张图的关系图里没有{it}，有的是{told}。",
    },
    "empty": {"en": "Nothing was recognised in this picture.", "zh": "这张图里没有识别出任何物体。"},
    "which": {"en": "There are several: {told}. Say which one.", "zh": "有好几个：{told}。请说明是哪一个。"},
    "free": {"en": "No. {a} does not hide {b}.", "zh": "没有。{a}没有遮挡{b}。"},
    "nearer": {"en": "No. {a} does not hide {b}, which is nearer.", "zh": "没有。{a}没有遮挡{b}，{b}离我们更近。"},
    "apart": {
        "en": "No. {a} is nearer, but they do not overlap in the picture.",
        "zh": "没有。{a}更近，但两者在图中没有重叠。",
    },
    "untold": {"en": "That is not in the graph of a picture.", "zh": "关系图里没有这方面的信息。"},
    "unclear": {"en": "It is not clear what is asked.", "zh": "没有看懂这个问题。"},
    "doubtful": {"en": "{said} That is not sure: {p}.", "zh": "{said}这并不确定：把握{p}。"},
}


@dataclass(frozen=True)
class GraphAnswer:
    """What a graph answers.

    text: in the language of the question
    probability: that it is right, by the probabilities of all that it rests on, taken as independent; None where those
        are not calibrated, or where it rests on none
    evidence: of the relations that it rests on, one sentence a language; None without any
    program: what was asked, with the graph's ids where names were
    scope: see `Understood`
    relations: those that it rests on
    from_graph: whether the graph can answer such a question at all
    """

    text: str
    probability: float | None = None
    evidence: Text | None = None
    program: Program = ()
    scope: Scope = "inside"
    relations: tuple[Relation, ...] = ()
    from_graph: bool = True

    @property
    def grounds(self) -> Grounds:
        """What it rests on, as backends say it."""
        return Grounds(self.probability, self.evidence, self.relations)

    def to_json(self) -> dict[str, Any]:
        """Return it as a dict."""
        evidence = None if self.evidence is None else {"en": self.evidence.en, "zh": self.evidence.zh}
        used = [{"occluder": r.occluder, "occluded": r.occluded, "probability": r.probability} for r in self.relations]
        program = [[op, list(arguments)] for op, arguments in self.program]
        head = {"answer": self.text, "scope": self.scope, "program": program}
        return {**head, "probability": self.probability, "evidence": evidence, "relations": used}


class Recognised(Facts):
    """The facts of a graph whose objects a model named: all of them count, however much of them is seen."""

    def __post_init__(self) -> None:
        super().__post_init__()
        last = len(self.rank)
        ids = tuple(sorted(self.objects, key=lambda id: (self.rank.get(id, last), id)))
        for name in ("recognised", "nameable", "noticeable"):
            object.__setattr__(self, name, ids)


@dataclass(frozen=True)
class GraphAnswers:
    """Answers questions about one described picture."""

    described: Described
    understanding: Understanding
    facts: Recognised = field(init=False, repr=False)
    names: Names = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", Recognised(self.described.graph))
        object.__setattr__(self, "names", names_of(self.described.graph, self.words))

    @property
    def words(self) -> Words:
        """The names that are known."""
        return self.understanding.words

    def answer(self, question: str, lang: Lang | None = None, history: Sequence[str] = ()) -> GraphAnswer:
        """Answer a question in its language, or in another one; `history` are the questions before it."""
        asked = self.understanding.of(question, history)
        return self.of(asked, lang or asked.lang)

    def of(self, asked: Understood, lang: Lang) -> GraphAnswer:
        """Answer what was understood; of two questions in one, one after the other."""
        if asked.scope == "outside":
            return GraphAnswer(SAY["untold"][lang], scope="outside", from_graph=False)
        if asked.scope == "unclear":
            return GraphAnswer(SAY["unclear"][lang], scope="unclear", from_graph=False)
        if asked.parts:
            return _joined([self.of(part, lang) for part in asked.parts], lang)
        if asked.within:
            return GraphAnswer(SAY["untold"][lang], program=asked.program, from_graph=False)
        op, arguments = asked.program[-1]
        if op == "remove" and len(arguments) == 1:  # what would be seen without a thing is what it hides
            op = "hides_what"
        placed = all(o.located for o in self.facts.objects.values())
        if op not in OF_RELATIONS and not (placed and op in OF_PLACES):
            return GraphAnswer(SAY["untold"][lang], program=asked.program, from_graph=False)
        bound: dict[str, str] = {}
        for name in asked.names:
            found = self.bound(name)
            if op in ON_KINDS and self._kind(name) not in self.names:
                return GraphAnswer(self._not_one(name, (), lang), program=asked.program)
            if op in ON_KINDS:
                bound |= dict.fromkeys((name.text, name.noun), self._kind(name))
            elif len(found) == 1:
                bound |= dict.fromkeys((name.text, name.noun), found[0].id)
            else:
                return GraphAnswer(self._not_one(name, found, lang), program=asked.program)
        steps = [*asked.program[:-1], [op, arguments]]
        program = [[step, [bound.get(a, a) for a in given]] for step, given in steps]
        if op == "exists_coloured":
            program = [["exists_coloured", [self._kind(asked.names[0]), asked.names[0].colour]]]
        answer = self.executed(program, lang, why=asked.why)
        about = next((name for name in asked.names if name.text == arguments[0]), None) if asked.claim else None
        if about is None:
            return answer
        return replace(answer, text=decided(answer.text, asked.claim, about, lang, self.words))

    def bound(self, name: Name) -> list[Object]:
        """Return what a name can mean here: things of its kinds; of its colour where it says one and one has it, since
        a colour is more easily mistaken than a thing."""
        of_kind = [o for o in self.facts.objects.values() if o.kind in name.kinds or self._called(o, name)]
        coloured = [o for o in of_kind if name.colour is None or o.colour in (None, name.colour)]
        return coloured or of_kind

    def executed(self, program: Program, lang: Lang, *, why: bool = False) -> GraphAnswer:
        """Return the answer to a program over ids, in words; with the reasons where `why`."""
        op, arguments = program[-1]
        wording = Wording(self.facts, self.names, lang)
        rests_on = self._consulted(op, [a for a in arguments if a in self.facts.objects])
        relations = tuple(r for pair in rests_on if (r := self.facts.relations.get(pair)) is not None)
        if op in WHETHER and relations:
            named = execute(program, self.facts)["hidden"][:1] if op == "anything_hidden" else self.facts.objects
            probability = self._any(pair for pair in rests_on if pair[1] in named)
        else:
            probability = self._chance(rests_on)
        text = self._said(program, wording, why)
        if len(rests_on) == 1 and probability is not None and rests_on[0] in self.described.graph.doubted:
            text = SAY["doubtful"][lang].format(p=f"{probability:.0%}", said=text)
        return GraphAnswer(text, probability, _evidence(relations), program, "inside", relations)

    def _said(self, program: Program, wording: Wording, why: bool) -> str:
        op, arguments = program[-1]
        lang, facts = wording.lang, self.facts
        none_hides = (
            op in ("hides", "hidden_part") and not facts.hides(*arguments) and not facts.hides(*arguments[::-1])
        )
        if none_hides or (op == "hidden_part" and not facts.hides(*arguments)):
            a, b = (wording.the(id) for id in arguments)
            return SAY[self._why_free(*arguments) if why else "free"][lang].format(a=cap(a), b=b)
        if op == "part_hidden" and not facts.occluders(arguments[0]):
            program = [["anything_hides", list(arguments)]]
        if op == "remove" and not facts.occluders(arguments[1]):
            program = [["anything_hides", [arguments[1]]]]
        if op in ("nearest", "farthest", "in_order", "list_all") and not facts.recognised:
            return SAY["empty"][lang]
        name = "explanation.active" if why and op == "hides" else first_of_step()[program[-1][0]].name
        return reply(name, execute(program, facts), wording)

    def _why_free(self, a: str, b: str) -> str:
        """Which sentence says why `a` hides nothing of `b`: what is nearer and hides nothing does not overlap."""
        order = self.facts.depth(a, b)
        return {"front": "apart", "behind": "nearer"}.get(order, "free")

    def _consulted(self, op: str, ids: Sequence[str]) -> list[Pair]:
        """The pairs of which an answer depends on whether one hides the other."""
        asked = self.described.asked
        match op:
            case "hides" | "hidden_part":
                return [(ids[0], ids[1])]
            case "who_hides" | "anything_hides" | "part_hidden" | "amount_hidden":
                return [pair for pair in asked if pair[1] == ids[0]]
            case "remove":
                return [pair for pair in asked if pair[1] == ids[1]]
            case "hides_what" | "hides_anything":
                return [pair for pair in asked if pair[0] == ids[0]]
            case "anything_hidden":
                return list(asked)
        return []

    def _chance(self, pairs: Iterable[Pair]) -> float | None:
        """The probability that all of these pairs are as the graph has them."""
        chances = self._chances(pairs)
        held = [p if pair in self.facts.relations else 1 - p for pair, p in chances.items()]
        return round(math.prod(held), 4) if held else None

    def _any(self, pairs: Iterable[Pair]) -> float | None:
        """The probability that of any of these pairs the first hides the second."""
        free = [1 - p for p in self._chances(pairs).values()]
        return round(1 - math.prod(free), 4) if free else None

    def _chances(self, pairs: Iterable[Pair]) -> dict[Pair, float]:
        """The probability of each of these pairs that the first hides the second; without those that do not meet, about
        which nobody was asked. Nothing where probabilities are not calibrated."""
        if not self.described.certainty.calibrated:
            return {}
        asked, relations = self.described.asked, self.facts.relations
        held = {pair: relations[pair].probability if pair in relations else None for pair in pairs if pair in asked}
        return {pair: asked[pair] if p is None else p for pair, p in held.items()}

    def _kind(self, name: Name) -> str:
        """The kind that a name means: of those that it can mean one that is there, where one is."""
        there = [o.kind for o in self.bound(name)]
        return there[0] if there else (name.kinds[0] if name.kinds else name.noun)

    def _called(self, o: Object, name: Name) -> bool:
        """Whether an object of no known kind is called so."""
        return o.kind not in self.words.kinds and name.noun.casefold() in (o.name.casefold(), o.name_zh)

    def _not_one(self, name: Name, found: Sequence[Object], lang: Lang) -> str:
        wording = Wording(self.facts, self.names, lang)
        if not self.facts.objects:
            return SAY["empty"][lang]
        told = listed([wording.the(o.id) for o in (found or self.facts.objects.values())], lang)
        return SAY["which" if found else "absent"][lang].format(it=name.text, told=told)


def _evidence(relations: Sequence[Relation]) -> Text | None:
    told = [r.evidence for r in relations if r.evidence is not None]
    return Text(" ".join(t.en for t in told), "".join(t.zh for t in told)) if told else None


def _joined(answers: Sequence[GraphAnswer], lang: Lang) -> GraphAnswer:
    chances = [a.probability for a in answers if a.probability is not None]
    chance = None
    for one in chances:
        chance = one if chance is None else round(chance * one, 4)
    relations = tuple(dict.fromkeys(r for a in answers for r in a.relations))
    program = [step for a in answers for step in a.program]
    text = SPACE[lang].join(a.text for a in answers)
    known = all(a.from_graph for a in answers)
    return GraphAnswer(text, chance, _evidence(relations), program, answers[0].scope, relations, known)


@dataclass(frozen=True)
class SeenGraph(Graph):
    """A relation graph that a model saw, and that answers questions; see `occlusight.relations`.

    described: how it came about
    open_understanding: opens what understands questions, once the first is asked
    """

    described: Described | None = field(default=None, compare=False, repr=False)
    open_understanding: Callable[[], Understanding] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, described: Described, open_understanding: Callable[[], Understanding]) -> SeenGraph:
        """Return the graph of a described picture."""
        return cls(**_fields(described.graph), described=described, open_understanding=open_understanding)

    def answer(self, question: str, lang: Lang | None = None) -> GraphAnswer:
        """Answer a question from this graph, in its language or in another one.

        >>> occlusight.relations("street.webp").answer("What hides the bicycle?").text  # doctest: +SKIP
        'The bush hides part of the bicycle.'
        """
        assert self.described is not None
        assert self.open_understanding is not None
        return GraphAnswers(self.described, self.open_understanding()).answer(question, lang)

    def to_json(self) -> dict[str, Any]:
        """Return the document of the contract, with how its probabilities came about."""
        assert self.described is not None
        return self.described.to_json()


def _fields(graph: Graph) -> dict[str, Any]:
    return {one.name: getattr(graph, one.name) for one in fields(Graph)}
