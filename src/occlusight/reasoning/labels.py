"""What a question can mean: programs with slots x1, x2 ... for the names in it, in the order in which it says them.

A reader of questions gives probabilities over `LABELS`; the label and the names that were found make the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from occlusight.errors import BadInput
from occlusight.questions.template import Program

FOLLOWUP, TWO_IN_ONE = "followup", "two_in_one"


@dataclass(frozen=True, slots=True)
class Form:
    """A step that questions mean, whichever names they have.

    slots: what its arguments are, in their order: A and B objects, C a kind (as in the wordings; a colour belongs to
        the name before which it stands)
    of: what is recognised before the step: everything, things of the kind C, or nothing needs to be
    symmetric: whether it means the same with its names exchanged
    """

    op: str
    slots: str = ""
    of: str = ""
    symmetric: bool = False


EVERYTHING, OF_KIND = "everything", "kind"
FORMS: tuple[Form, ...] = (
    Form("hides", "AB"),
    Form("who_hides", "A"),
    Form("hides_what", "A"),
    Form("hides_anything", "A"),
    Form("anything_hidden"),
    Form("part_hidden", "A"),
    Form("amount_hidden", "A"),
    Form("remove", "A"),
    Form("remove", "AB"),
    Form("position", "AB"),
    Form("left_of", "A"),
    Form("right_of", "A"),
    Form("behind", "A"),
    Form("in_front", "A"),
    Form("between", "AB", symmetric=True),
    Form("nearer", "AB", symmetric=True),
    Form("nearest", of=EVERYTHING),
    Form("farthest", of=EVERYTHING),
    Form("in_order", of=EVERYTHING),
    Form("list_all", of=EVERYTHING),
    Form("count", "C", of=OF_KIND),
    Form("count_position", "CA", of=OF_KIND),
    Form("exists", "C"),
    Form("colour", "A"),
    Form("characters", "A"),
    Form("through", "A"),
    Form("shown_in", "A"),
    Form("mirrored", "A"),
    Form("told_behind", "A"),
    Form("detect", of=EVERYTHING),
    Form("detect_kind", "C", of=OF_KIND),
    Form("locate", "A"),
    Form("which_pictures", "C"),
    Form("count_pictures", "C"),
    Form("still_there", "A"),
    Form("hidden_now", "A"),
    Form("moved", "A"),
    Form(FOLLOWUP, "A"),
    Form(TWO_IN_ONE),
)
"""`remove` of one thing, `through` of a pane alone, and `mirrored` of what a mirror may show are about everything else,
or any mirror; `followup` takes the program of the question before it; `two_in_one` is parted, and each part is read."""

OTHER_WORDS = {  # steps that a label stands for, too: what is asked is the same, only the answer is put in other words
    "list_all": ("describe",),
    "nearer": ("farther",),
    "part_hidden": ("hidden_part",),
    "exists": ("exists_coloured",),
    "who_hides": ("anything_hides",),
    "characters": ("character", "whole_text", "covers_text"),
}
UNREAD = ("recognised", "stated", "hides_from")
"""Steps that no label means: of lists, of people's own questions, and of cameras that stand elsewhere."""

SAID_AS: Mapping[str, tuple[str, str]] = {  # kind of a wording -> (step, its slots in the order of the arguments)
    "occl": ("hides", "AB"),
    "occl_why": ("hides", "AB"),
    "occl_passive": ("hides", "BA"),
    "hidden_part": ("part_hidden", "A"),
    "visible_all": ("anything_hidden", ""),
    "depth_pair": ("nearer", "AB"),
    "order": ("in_order", ""),
    "recognize": ("list_all", ""),
    "describe": ("list_all", ""),
    "seed_like": ("count_position", "CA"),
    "exists_coloured": ("exists", "C"),
    "read_text": ("characters", "A"),
    "through_glass": ("through", "A"),
    "in_mirror": ("shown_in", "A"),
    "unknown": ("told_behind", "A"),
    TWO_IN_ONE: (TWO_IN_ONE, ""),
}
"""Kinds of wordings that are not called like their step."""
UNLABELLED = ("out_of_scope", "false_premise")
"""Kinds of wordings that mean no program, or any."""


@dataclass(frozen=True, slots=True)
class Label:
    """A form with the numbers of the names that fill it: `Label(hides, (2, 1))` is that x2 hides x1.

    why: the reasons are asked for, too.

    >>> label = Label.parse("hides+why:21")
    >>> label.text, label.program(["the car", "the post"])
    ('hides+why:21', [['hides', ['the post', 'the car']]])
    """

    form: Form
    order: tuple[int, ...] = ()
    why: bool = False

    @property
    def text(self) -> str:
        """The label as a reader's checkpoint writes it."""
        return f"{self.form.op}{'+why' if self.why else ''}:{''.join(map(str, self.order))}"

    @classmethod
    def parse(cls, text: str) -> Label:
        """Read a label. Raises BadInput for one that is none of `LABELS`."""
        try:
            return LABELS[text]
        except KeyError:
            raise BadInput(f"a reader's label must be one of {', '.join(LABELS)}, but {text!r} was given") from None

    @property
    def direction(self) -> bool | None:
        """Whether it says that x1 hides x2, or that x2 does; None where it says neither."""
        return self.order == (1, 2) if self.form.op == "hides" else None

    @property
    def reversed(self) -> Label:
        """The same with its names exchanged."""
        return Label(self.form, self.order[::-1], self.why)

    def fits(self, names: int) -> bool:
        """Whether a question in which so many things are named can mean it: the grammar of programs."""
        return len(self.form.slots) == names

    def program(self, names: Sequence[str]) -> Program:
        """Return the program, with names where objects' ids would stand. Raises BadInput where the number of names is
        another one than that of the slots, and for `followup` and `two_in_one`, which are no programs by themselves."""
        form = self.form
        if form.op in (FOLLOWUP, TWO_IN_ONE):
            raise BadInput(f"{form.op} is a question about another question, and no program")
        if not self.fits(len(names)):
            raise BadInput(f"{self.text} needs {len(form.slots)} names, but {len(names)} were given")
        arguments = [names[number - 1] for number in self.order]
        if not form.of:
            return [[form.op, arguments]]
        listed = arguments[:1] if form.of == OF_KIND else []
        return [["recognised", listed], [form.op, ["$0", *arguments]]]


def _labels() -> dict[str, Label]:
    found = []
    for form in FORMS:
        numbers = tuple(range(1, len(form.slots) + 1))
        for order in (numbers,) if form.symmetric else permutations(numbers):
            found += [Label(form, order, why) for why in ((False, True) if form.op == "hides" else (False,))]
    return {label.text: label for label in found}


LABELS: Mapping[str, Label] = _labels()
"""Every label by its text, in the order of `FORMS`."""


def label_of(kind: str, slots: Sequence[str]) -> Label | None:
    """Return the label of a wording, whose names stand for x1, x2 ... in the order of `slots`; None for one that means
    no program, or any.

    >>> label_of("occl_passive", ["A", "B"]).text, label_of("seed_like", ["A", "C"]).text
    ('hides:21', 'count_position:21')

    Raises BadInput where no such kind takes those slots.
    """
    if kind in UNLABELLED:
        return None
    op, wanted = SAID_AS.get(kind, (kind, ""))
    for form in FORMS:
        named = (wanted or form.slots) if form.slots else ""
        if form.op == op and (kind == TWO_IN_ONE or sorted(named) == sorted(slots)):
            order = tuple(slots.index(slot) + 1 for slot in named)
            return Label(form, tuple(sorted(order)) if form.symmetric else order, why=kind == "occl_why")
    raise BadInput(f"no wordings of the kind {kind!r} name {', '.join(slots) or 'nothing'}")
