"""Questions as small programs over the graph, so that every answer is computed and none is written down.

A program is a list of steps `[op, args]`; an argument "$0" stands for the result of step 0. The last step's result is
the answer:

>>> count_cars = [["recognised", ["car"]], ["count", ["$0", "car"]]]

The steps are the templates' programs, and `recognised`: see `registry.steps`.
"""

from __future__ import annotations

from typing import Any

from occlusight.errors import BadData
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.questions.album import Album
from occlusight.questions.registry import album_steps, steps
from occlusight.questions.template import Answer, Program


def execute(program: Program, about: Graph | Facts | Album) -> Answer:
    """Run a program and return its structured answer, with the names of the objects in it. Raises BadData."""
    facts = Facts(about) if isinstance(about, Graph) else about
    known = steps()
    results: list[Any] = []
    for op, args in program:
        if op not in known:
            raise BadData(f"a program has the step {op!r}; the steps are {', '.join(sorted(known))}")
        if (op in album_steps()) != isinstance(facts, Album):
            several = "several pictures" if op in album_steps() else "one picture"
            raise BadData(f"the step {op} is about {several}; ask it about {several}")
        values = [results[int(a[1:])] if isinstance(a, str) and a.startswith("$") else a for a in args]
        try:
            results.append(known[op](facts, *values))
        except KeyError as error:
            raise BadData(f"the step {op} {args} names the object {error}, which is not in the graph") from error
    answer: Answer = results[-1]
    named = {id: facts.objects[id] for id in dict.fromkeys(answer["objects"])}
    return {**answer, "names": {id: {"en": o.name, "zh": o.name_zh} for id, o in named.items()}}
