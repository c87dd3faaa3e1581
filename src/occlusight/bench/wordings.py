"""The questions of a set in other people's wordings: what a model loses where nobody asks in its own.

A wording of a question's kind says the same with the same names in its slots, so the answer stays the set's, and each
answer has its twin: the one to the set's own words. Kinds whose wordings mean sometimes the one and sometimes the
opposite (whether all is seen, or something hidden) have no such twin, and are left out.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from occlusight.bench.scorers import ERROR
from occlusight.bench.statistics import rate, ratio
from occlusight.datasets.dataset import DataSet
from occlusight.datasets.wordings import SLOT, Wording, slots_in_order
from occlusight.errors import BadData
from occlusight.occlusion.kinds import Lang, Names, kind_names
from occlusight.questions import phrases
from occlusight.questions.question import Question
from occlusight.questions.wording import ask_about, ask_kind, ask_kinds
from occlusight.randomness import stream
from occlusight.reasoning.labels import TWO_IN_ONE, UNLABELLED, Label, label_of
from occlusight.reasoning.names import Name
from occlusight.reasoning.programs import meant

NO_TWIN = (*UNLABELLED, TWO_IN_ONE, "followup", "visible_all", "exists_coloured")
"""Kinds of wordings that mean no question of a set, or not always the same one; a colour that somebody asks for is a
name's here."""
SURE = {"recognize": "list_all", "describe": "describe"}
"""Steps of kinds of wordings, where their words need not be looked at to tell it from a neighbour."""


@dataclass(frozen=True)
class Reworded(DataSet):
    """A set of which every question that there is a wording for stands in that; its files are the other set's."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the other set and of what is asked."""
        own = DataSet(self.folder, self.manifest, self.scenes, self.questions).digest
        return hashlib.sha256("\n".join((own, *(q.text for q in self.questions))).encode()).hexdigest()

    @classmethod
    def of(cls, data: DataSet, questions: Iterable[Question], wordings: Iterable[Wording], names: Names) -> Reworded:
        """Put questions of a set into wordings, which take turns in an order of their own.

        Raises BadData where there is no wording of any of them.
        """
        turns = _by_meaning(wordings)
        times: dict[tuple[str, ...], int] = defaultdict(int)
        found: list[Question] = []
        for question in questions:
            key = meaning(question)
            if key not in turns:
                continue
            wording, label = turns[key][times[key] % len(turns[key])]
            times[key] += 1
            found.append(replace(question, text=filled(wording, label, question, data, names)))
        if not found:
            raise BadData("none of the set's questions is of a kind, and in a language, that there are wordings of")
        return cls(data.folder, data.manifest, data.scenes, tuple(found))


def meaning(question: Question) -> tuple[str, ...]:
    """Return what makes a wording one of a question's: language, step, number of names, and whether reasons are
    asked for."""
    op, arguments = question.program[-1]
    given = [argument for argument in arguments if argument != "$0"]
    why = "why" if question.kind == "explanation" else ""
    return (question.lang, op, str(1 if op == "mirrored" else len(given)), why)


def _by_meaning(wordings: Iterable[Wording]) -> dict[tuple[str, ...], list[tuple[Wording, Label]]]:
    found: dict[tuple[str, ...], list[tuple[Wording, Label]]] = defaultdict(list)
    for wording in wordings:
        slots = slots_in_order(wording.text)
        label = None if wording.kind in NO_TWIN else label_of(wording.kind, slots)
        if label is not None:
            lang: Lang = "zh" if wording.lang == "zh" else "en"
            names = [Name(0, 0, slot, slot, (slot,)) for slot in slots]
            op = SURE.get(wording.kind) or meant(label, names, SLOT.sub(" ", wording.text), lang)[-1][0]
            found[lang, op, str(len(slots)), "why" if label.why else ""].append((wording, label))
    rng = stream("wordings", 0)
    return {key: [some[i] for i in rng.permutation(len(some))] for key, some in sorted(found.items())}


def filled(wording: Wording, label: Label, question: Question, data: DataSet, names: Names) -> str:
    """Return a wording about what a question is about, called as the set's own questions call it."""
    facts, lang = data.naming(question), question.lang
    op, arguments = question.program[-1]
    given = [argument for argument in arguments if argument != "$0"][-len(label.order) or None :]
    rng = stream("wordings", zlib.crc32(question.id.encode()))
    order = slots_in_order(wording.text)
    called: dict[str, str] = {}
    for number, argument in zip(label.order, given, strict=True):
        slot, (one, two) = order[number - 1], rng.random(2)
        if slot == "C":
            kind = kind_names(names, argument)
            called["CS"] = ask_kinds(kind, facts, names, lang, two)
            called["C"] = called["CS"] if lang == "zh" else ask_kind(kind, facts, names, lang, two)
            called["measure"] = kind.measure
        elif op == "colour":  # a name with its colour would tell it
            noun = ask_kind(kind_names(names, facts.objects[argument].kind), facts, names, lang, two)
            called[slot] = noun if lang == "zh" else f"the {noun}"
        else:
            called[slot] = ask_about(argument, facts, names, lang, (one, two))
    text = wording.text.replace("个{C}", f"{called.get('measure', '个')}{{C}}")
    text = SLOT.sub(lambda match: called[match[1]], text)
    return phrases.cap(re.sub(r"\b(an?|the) the\b", r"\1", text, flags=re.IGNORECASE))


def paired(
    own: Mapping[str, Mapping[str, Any]], reworded: Mapping[str, Mapping[str, Any]], asked: int
) -> dict[str, Any]:
    """Compare the scored answers to the same questions in the set's own words and in others.

    own, reworded: lines of `scored.jsonl` by the question's id
    asked: how many questions were asked in the set's own words

    Returns the number of pairs, both shares of right answers (of lists their F1), and how much of the own one is left
    (`ratio`), each with its interval by scene; then the same by kind and by language, and how many questions were left
    out.
    """
    pairs = [(own[id], line) for id, line in reworded.items() if id in own]
    pairs = [pair for pair in pairs if all(line["outcome"] != ERROR for line in pair)]
    document: dict[str, Any] = {**_compared(pairs), "left_out": asked - len(pairs)}
    for field in ("kind", "lang"):
        groups: dict[str, list[Pair]] = defaultdict(list)
        for pair in pairs:
            groups[pair[0][field]].append(pair)
        document[f"by_{field}"] = {key: _compared(group) for key, group in sorted(groups.items())}
    return document


Pair = tuple[Mapping[str, Any], Mapping[str, Any]]


def _compared(pairs: Iterable[Pair]) -> dict[str, Any]:
    rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one, other in pairs:
        rows[one["scene"]].append((one["value"], other["value"]))
    of_own = rate({scene: [(before, 1.0) for before, _ in found] for scene, found in rows.items()})
    of_other = rate({scene: [(after, 1.0) for _, after in found] for scene, found in rows.items()})
    left = rate({scene: [(after, before) for before, after in found] for scene, found in rows.items()}, ratio)
    return {
        "n": of_own.n,
        "n_scenes": of_own.scenes,
        **of_own.to_json("own"),
        **of_other.to_json("reworded"),
        **left.to_json("ratio"),
    }
