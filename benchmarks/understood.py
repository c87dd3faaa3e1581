"""`python -m benchmarks understood`: how well questions in other people's wordings are understood, by kind and
language.

Without a folder these are the wordings that nothing was trained or tuned on (`tests/reasoning/wordings`); with
`--tune`, what the reader's own split holds out of training (`occlusight.train.wordings`), on which rules and
thresholds may be set. Names are filled in, the same ones at every run.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from occlusight.backends.open import open_reader
from occlusight.datasets.wordings import SLOT, Wording, read_wordings, slots_in_order
from occlusight.files.whole import write_json
from occlusight.reasoning.labels import OTHER_WORDS, TWO_IN_ONE, Label, label_of
from occlusight.reasoning.programs import GLASSY, MIRRORS
from occlusight.reasoning.understanding import Understanding, Understood
from occlusight.scenes.meshes.catalogue import Kind, load_catalogue, whole_catalogue
from occlusight.train.wording_set import OUT_OF_SCOPE, split, wordings_folder

HELD_OUT = Path(__file__).parents[1] / "tests" / "reasoning" / "wordings"
LANGS = ("en", "zh")
BEFORE = {"en": "What is hiding the teapot?", "zh": "茶壶被什么挡住了？"}
"""The question before a follow-up."""
OF = {other: op for op, others in OTHER_WORDS.items() for other in others}
COLOURED = 0.2
"""The share of names with a colour before them, of what can be painted."""
FALSE_PREMISE = "false_premise"
LEAST = 0.7
"""No kind may be under this."""


@dataclass(frozen=True)
class Asked:
    """A wording with names in its slots: `names` by slot, as a program has them."""

    wording: Wording
    text: str
    names: dict[str, str]


def understood(
    folder: Annotated[Path | None, typer.Argument(help="Files *.jsonl of wordings instead.")] = None,
    tune: Annotated[bool, typer.Option("--tune", help="What the reader's own split holds out, for tuning.")] = False,
    reader: Annotated[Path | None, typer.Option(help="A reader instead of the shipped one.")] = None,
    out: Annotated[Path | None, typer.Option(help="A JSON file for the figures and for what was missed.")] = None,
    seed: Annotated[int, typer.Option(help="Draws the names.")] = 0,
) -> None:
    """Measure how well questions are understood, by kind and language."""
    if tune:
        parts = split(read_wordings([wordings_folder()]), 1)
        wordings: Sequence[Wording] = (*parts.held_out, *parts.calibration)
    else:
        places = [folder] if folder else [HELD_OUT / f"{lang}.jsonl" for lang in LANGS]
        wordings = read_wordings(places)
    understanding = Understanding(open_reader(reader))
    asked = list(filled(wordings, Random(seed)))
    began = perf_counter()
    found = [understanding.of(one.text, _history(one.wording)) for one in asked]
    figures = report(asked, found)
    figures["ms_a_question"] = round(1000 * (perf_counter() - began) / len(asked), 1)
    if out is not None:
        write_json(out, figures)
    _show(figures)


def filled(wordings: Sequence[Wording], draw: Random) -> Iterator[Asked]:
    """Yield wordings with names of plain kinds, and of mirrors and panes where a kind asks for them."""
    plain = [k for k in load_catalogue().kinds.values() if k.key not in MIRRORS | GLASSY]
    special = {key: [whole_catalogue().kinds[k] for k in sorted(keys)] for key, keys in _SPECIAL.items()}
    for wording in wordings:
        kinds = dict(zip("ABC", draw.sample(plain, 3), strict=True))
        for kind in (wording.kind, *wording.kinds):
            if kind in special and "A" in slots_in_order(wording.text):
                kinds["A"] = draw.choice(special[kind])
        yield _with_names(wording, kinds, draw)


_SPECIAL = {"in_mirror": ("mirror", "traffic_mirror"), "through_glass": ("jar", "shop_window", "window")}


def _with_names(wording: Wording, kinds: dict[str, Kind], draw: Random) -> Asked:
    colour = {"en": "red", "zh": "红色的"}
    said: dict[str, str] = {}
    for slot in ("A", "B"):
        kind = kinds[slot]
        painted = kind.paintable and wording.kind not in ("colour", TWO_IN_ONE) and draw.random() < COLOURED
        noun = kind.zh if wording.lang == "zh" else kind.en
        said[slot] = noun if not painted else f"{colour['zh']}{noun}" if wording.lang == "zh" else f"red {noun}"
    said["C"], said["CS"] = (kinds["C"].zh,) * 2 if wording.lang == "zh" else (kinds["C"].en, kinds["C"].plural)

    def name(match: re.Match[str]) -> str:
        slot = match[1]
        if slot == "S":
            return colour[wording.lang]
        return f"the {said[slot]}" if wording.lang == "en" and slot in "AB" else said[slot]

    text = wording.text.replace("{S}的", "红色的").replace("个{C}", f"{kinds['C'].measure}{{C}}")
    text = re.sub(r"\b(an?|the) the\b", r"\1", SLOT.sub(name, text), flags=re.IGNORECASE)
    return Asked(wording, text, said)


def _history(wording: Wording) -> tuple[str, ...]:
    return (BEFORE[wording.lang],) if wording.kind == "followup" else ()


def report(asked: Sequence[Asked], found: Sequence[Understood]) -> dict[str, Any]:
    """Return the figures: of good questions, of directions, of what is out of scope, and by kind and language."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    counts: Counter[str] = Counter()
    missed = []
    for one, meaning in zip(asked, found, strict=True):
        wording = one.wording
        outside = meaning.scope == "outside" or (meaning.scope == "unclear" and not meaning.other)
        if wording.kind == OUT_OF_SCOPE:
            counts["outside"] += 1
            counts["outside_declined"] += outside
            continue
        counts["good"] += 1
        counts["good_declined"] += outside
        if wording.kind == FALSE_PREMISE:
            continue
        right = not outside and meaning.scope == "inside" and is_right(one, meaning)
        asks_back = meaning.scope == "unclear" and not outside
        counts["read"] += 1
        counts["right"] += right
        counts["asked_back"] += asks_back
        table[wording.kind][wording.lang] += 1
        table[wording.kind][f"{wording.lang} right"] += right
        label = _label(wording)
        if label is not None and label.direction is not None:
            counts["directions"] += 1
            counts["both_ways"] += meaning.both_ways
            counts["reversed"] += not meaning.both_ways and meaning.scope == "inside" and _reversed(one, label, meaning)
        if not right:
            said = "asked back" if asks_back else "declined" if outside else _said(meaning)
            missed.append({"id": wording.id, "kind": wording.kind, "text": one.text, "understood": said})
    rates = {
        "understood": counts["right"] / max(1, counts["read"]),
        "asked_back": counts["asked_back"] / max(1, counts["read"]),
        "reversed": counts["reversed"] / max(1, counts["directions"]),
        "both_ways": counts["both_ways"] / max(1, counts["directions"]),
        "outside_declined": counts["outside_declined"] / max(1, counts["outside"]),
        "good_declined": counts["good_declined"] / max(1, counts["good"]),
    }
    kinds = {kind: dict(table[kind]) for kind in sorted(table)}
    return {
        **{key: round(value, 4) for key, value in rates.items()},
        "n": dict(counts),
        "kinds": kinds,
        "missed": missed,
    }


def _label(wording: Wording) -> Label | None:
    return None if wording.kind == TWO_IN_ONE else label_of(wording.kind, slots_in_order(wording.text))


def is_right(one: Asked, meaning: Understood) -> bool:
    """Whether a question was understood: the step, and what is named in it, in their order; of two questions in one,
    both steps."""
    label = _label(one.wording)
    if label is None:
        wanted = Counter(_step(kind) for kind in one.wording.kinds)
        if meaning.why and wanted == Counter(("hides", "part_hidden")):
            return True  # the reason tells the part
        return Counter(OF.get(op, op) for op in map(_op, meaning.parts)) == wanted
    op = "who_hides" if one.wording.kind == "followup" else label.form.op
    arguments = _arguments(one, label)
    if op == "hides" and meaning.both_ways:
        arguments = tuple(sorted(arguments))
        return not meaning.parts and op == _op(meaning) and tuple(sorted(_given(meaning))) == arguments
    given = _given(meaning)
    if op == "exists" and _op(meaning) == "exists_coloured":
        given = given[:1]
    if label.form.symmetric:
        given, arguments = tuple(sorted(given)), tuple(sorted(arguments))
    if op == "mirrored":
        given = given[-1:]
    return not meaning.parts and OF.get(_op(meaning), _op(meaning)) == op and given == arguments


def _step(kind: str) -> str:
    for slots in ((), ("A",), ("C",), ("A", "B"), ("A", "C")):
        try:
            label = label_of(kind, slots)
        except ValueError:
            continue
        if label is not None:
            return label.form.op
    raise AssertionError(kind)


def _op(meaning: Understood) -> str:
    return meaning.program[-1][0] if meaning.program else ""


def _given(meaning: Understood) -> tuple[str, ...]:
    return tuple(a.casefold() for a in meaning.program[-1][1] if a != "$0") if meaning.program else ()


def _arguments(one: Asked, label: Label) -> tuple[str, ...]:
    order = slots_in_order(one.wording.text)
    slots = [order[number - 1] for number in label.order]
    spelled = {"C": "CS"} if "{CS}" in one.wording.text and "{C}" not in one.wording.text else {}
    return tuple(one.names[spelled.get(slot, slot)].casefold() for slot in slots)


def _reversed(one: Asked, label: Label, meaning: Understood) -> bool:
    return _op(meaning) == "hides" and _given(meaning) == _arguments(one, label)[::-1]


def _said(meaning: Understood) -> str:
    said = " + ".join(f"{_op(part)} {', '.join(_given(part))}" for part in meaning.parts or (meaning,))
    return f"{said} ({meaning.probability:.2f})"


def _show(figures: dict[str, Any]) -> None:
    console = Console()
    for key, value in figures.items():
        if isinstance(value, float):
            console.print(f"{key.replace('_', ' ')}: {value:.3f}")
    table = Table("kind", *LANGS, "right")
    for kind, counts in figures["kinds"].items():
        right, n = (sum(counts.get(f"{lang}{of}", 0) for lang in LANGS) for of in (" right", ""))
        cells = (f"{counts.get(f'{lang} right', 0)}/{counts.get(lang, 0)}" for lang in LANGS)
        table.add_row(kind, *cells, f"{right / n:.2f}" + (" under" if right / n < LEAST else ""))
    console.print(table)
