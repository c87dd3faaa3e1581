"""What a model is asked instead of a step that it has not learnt, or that is about more pictures than there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from occlusight.reasoning.understanding import Understood

OF_ONE: Mapping[str, str] = {"hidden_now": "who_hides", "still_there": "exists"}
"""Steps about the last of several pictures, and what they are of one."""
OF_SEVERAL = frozenset(("which_pictures", "count_pictures", "still_there", "hidden_now", "moved"))
"""Steps about several pictures."""
INSTEAD: Mapping[str, str] = {
    "amount_hidden": "anything_hides",
    "part_hidden": "anything_hides",
    "who_hides": "anything_hides",
    "hidden_part": "hides",
    "describe": "list_all",
}
"""Steps whose answer another one's holds, too."""
PRESUPPOSING = frozenset(("hidden_part", "part_hidden"))
"""Steps that are learnt where they hold alone: a model names the part that is hidden, though nothing hides any."""
ALONE: Mapping[tuple[str, int], str] = {("remove", 1): "hides_what", ("through", 1): ""}
"""Steps about one thing whose wordings name two, and what is asked instead, if anything."""


def instead_of(op: str, learnt: Collection[str]) -> str:
    """Return the step that a model which has learnt some is asked for another one."""
    instead = INSTEAD.get(op, op)
    better = (op not in learnt or op in PRESUPPOSING) and instead in learnt
    return instead if better else op


def possible(asked: Understood, pictures: int) -> Understood:
    """Return what a question about so many pictures means: of two meanings not one that needs several, and what such a
    one means of a single picture, where it does."""
    if pictures > 1 or not asked.program:
        return asked
    best, second = (bool(program) and program[-1][0] in OF_SEVERAL for program in (asked.program, asked.other))
    known = {text for name in asked.names for text in (name.text, name.noun)}
    if asked.other and best != second and (second or known.issuperset(asked.other[-1][1])):
        asked = replace(asked, scope="inside", program=asked.other if best else asked.program, other=[])
    op, arguments = asked.program[-1]
    return replace(asked, program=[[OF_ONE[op], arguments]]) if op in OF_ONE else asked
