"""From a label and names to the program that is meant, where the words or the names decide between neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence

from occlusight.occlusion.kinds import Lang
from occlusight.questions.template import Program
from occlusight.reading.colours import colours
from occlusight.reasoning.cues import FAR, NEAR
from occlusight.reasoning.labels import TWO_IN_ONE, Label
from occlusight.reasoning.names import Name

_DESCRIBE = re.compile(
    r"\b(?:describe|description|caption|summar\w+|story|paragraph|alt text|scene report|going on|happening)\b|"
    r"描述|形容|介绍|讲讲|概括|概述|说明一下|怎么回事|场景说明",
    re.I,
)
_ASKS_WHICH = re.compile(r"\b(?:what|whats|which|or|how|name|tell)\b|什么|啥|哪|还是|何|多少", re.I)
"""What asks which colour a thing has, though it names one."""
_ASKS_WHETHER = re.compile(
    r"^\W*(?:is|are|was|were|does|do|has|can|could)\b(?!.*\b(?:what|which|who)\b)|^(?!.*(?:谁|什么(?!东西|物体)|啥|哪)).*(?:吗|是否|有没有|没[?？。]?$)",
    re.I,
)
"""What is answered by a yes or a no before anything else."""
_ASKS_WHERE = re.compile(
    r"\b(?:where|positions?|locations?|located|placed|relative|relation\w*|sides?|directions?|left|right|front|behind)\b|"
    r"哪|位置|方位|方向|关系|相对|怎么[放摆]|[左右前后]",
    re.I,
)
"""What asks where things are."""
_IN_OR_ON = re.compile(r"\b(?:on|in|at|inside|upon|atop) x\d|x\d(?:的)?(?:上|里|内|中)", re.I)
_HAS = re.compile(
    r"\bx\d (?:have|has|got|own)\b|\b(?:does|do) x\d have\b|\bx\d (?:of|belong to) x\d|"
    r"^[^a-z]*x\d\s*(?:一共|总共|共)?[有长带]了?(?:几|多少)[^x]{0,2}x\d",
    re.I,
)
"""What a thing has: parts of it, where it holds no others."""
HOLDERS = frozenset(("table", "bookcase", "basket", "box", "drawers", "wardrobe", "refrigerator", "shop_window", "bed"))
GLASSY = frozenset(("window", "shop_window", "shelter", "guard", "jar", "sunglasses", "glass", "screen"))
MIRRORS = frozenset(("mirror", "traffic_mirror", "glass_facade"))
ANY_MIRROR = {"en": "mirror", "zh": "镜子"}
WITH_ANOTHER = frozenset(("part_hidden", "through", "mirrored"))
"""Steps about one thing that may name another one: what hides it, what is seen through it, or the mirror."""


def takes(label: Label, names: Sequence[Name]) -> bool:
    """Whether a question with these names can have a label: the grammar of programs."""
    if label.form.op == TWO_IN_ONE:
        return True
    if label.fits(len(names)):
        return not (label.form.op == "mirrored" and MIRRORS & {*names[0].kinds})
    if label.form.op not in WITH_ANOTHER or len(names) != 2:
        return False
    return label.form.op == "part_hidden" or _part_of(label.form.op, names) is not None


def meant(label: Label, names: Sequence[Name], text: str, lang: Lang) -> Program:
    """Return the program of a question that `takes` the label; `text` is the question without its names.

    With two names, `part_hidden` asks for the part that x1 hides of x2: its caller turns it by who hides whom.
    """
    said = [name.text for name in names]
    op = label.form.op
    match op:
        case "part_hidden" if len(names) == 2:
            return [["hidden_part", said]]
        case "through" | "mirrored" if len(names) == 2:
            part = _part_of(op, names) or 0
            return [[op, [said[part], said[1 - part]]]]
        case "mirrored":
            return [[op, [ANY_MIRROR[lang], said[0]]]]
        case "exists" if colour := names[0].look or next(iter(colours(text)), ""):
            return [["exists_coloured", [names[0].noun, colour]]]
        case "colour" if (said_colours := colours(text)) and len(said_colours) == 1 and not _ASKS_WHICH.search(text):
            return [["exists_coloured", [names[0].noun, said_colours[0]]]]
        case "count_position" if within(label, names, text):
            counted = said[label.order[0] - 1]
            return [["recognised", [counted]], ["count", ["$0", counted]]]
        case "nearer" if FAR.search(text) and not NEAR.search(text):
            return [["farther", said]]
        case "who_hides" if _ASKS_WHETHER.search(text):
            return [["anything_hides", said]]
        case "list_all" if _DESCRIBE.search(text):
            return [["recognised", []], ["describe", ["$0"]]]
    return label.program(said)


def within(label: Label, names: Sequence[Name], text: str) -> str:
    """Return, of a question how many there are, whether they are to be on or in a thing ("place") or parts of one
    ("part"); empty where it asks for neither, or for where they are."""
    if label.form.op != "count_position" or _ASKS_WHERE.search(text):
        return ""
    of = names[label.order[1] - 1]
    if _HAS.search(text) and not HOLDERS & {*of.kinds}:
        return "part"
    return "place" if _IN_OR_ON.search(text) or _HAS.search(text) else ""


def _part_of(op: str, names: Sequence[Name]) -> int | None:
    """Which of two names is the pane, or the mirror."""
    sort = MIRRORS if op == "mirrored" else GLASSY
    found = [i for i, name in enumerate(names) if sort & {*name.kinds}]
    return found[0] if len(found) == 1 else None
