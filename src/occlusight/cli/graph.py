"""`occlusight graph`: who hides whom in a picture, as a graph."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from occlusight.backends.options import EngineOptions
from occlusight.cli.options import AnyBackendAnySize, Model, RulesFile
from occlusight.cli.outputs import output_drawing
from occlusight.cli.pictures import concerns_about, picture_files
from occlusight.cli.progress import SignOfLife
from occlusight.cli.records import with_options
from occlusight.cli.results import say
from occlusight.errors import BadInput
from occlusight.occlusion.kinds import LANGS

if TYPE_CHECKING:
    from occlusight.occlusion.kinds import Lang
    from occlusight.reasoning.relations import Described

GraphLang = Annotated[str, typer.Option(help="The language in which the model is asked and the graph is told: en, zh.")]
CalibrationFile = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        metavar="FILE.json",
        help="What `calibrate --out` wrote; without it what was fitted for this model, here or in the package.",
    ),
]
HIDES = {"en": "{a} hides part of {b}", "zh": "{a}遮挡了{b}的一部分"}
NOTHING = {"en": "Nothing hides anything.", "zh": "没有物体被遮挡。"}
NOTHING_SURE = {"en": "Of nothing is it sure that it hides anything.", "zh": "没有足够确定的遮挡关系。"}
EMPTY = {"en": "Nothing was recognised.", "zh": "没有识别出任何物体。"}
ORDER = {"en": "From front to back: {all}.", "zh": "从前到后：{all}。"}
MARKS = {"en": "; ", "zh": "；"}
RAW = {"en": " not calibrated", "zh": " 未校准"}


@with_options
def graph(
    picture: Annotated[str, typer.Argument(metavar="PICTURE", help="A picture ('-': standard input).")],
    model: Model = "default",
    engine: AnyBackendAnySize = EngineOptions(),
    lang: GraphLang = "en",
    rules: RulesFile = None,
    calibration: CalibrationFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the graph as one JSON document.")] = False,
    overlay: Annotated[
        Path | None,
        typer.Option(
            callback=output_drawing,
            metavar="FILE.svg|png",
            help="Draw the graph on the picture, or beside it where the model tells no places.",
        ),
    ] = None,
) -> None:
    """Say which object hides which in a picture, how surely, and in which order they stand from front to back.

    Every pair of objects that may meet is asked about both ways, in two wordings; the answers become probabilities, and
    rules take out what contradicts itself.

    Example: occlusight graph street.webp --json

    Example: occlusight graph street.webp --lang zh --overlay street.svg
    """
    sign = SignOfLife()
    told = language(lang)
    with picture_files([picture]) as files, sign:
        for concern in concerns_about(files, told):
            sign.tell(f"({concern})")
        found = described(files[0], model, engine, told, (calibration, rules), sign)
        if overlay is not None:
            from occlusight.cli.graph_overlay import draw

            if not draw(found.graph, files[0], overlay, told):
                say("(the model tells no places: the graph is drawn beside the picture, from near to far)")
    for note in notes(found):
        say(note)
    if as_json:
        print(json.dumps(found.to_json(), ensure_ascii=False), flush=True)
    else:
        print("\n".join(lines(found, told)), flush=True)


def described(
    picture: Path,
    model: str,
    engine: EngineOptions,
    lang: Lang,
    given: tuple[Path | None, Path | None],
    sign: SignOfLife,
) -> Described:
    """Open the model and return what it says of a picture; `given` are files of a calibration, and of rules."""
    from occlusight.backends import open_backend
    from occlusight.backends.protocol import Request
    from occlusight.reasoning.calibrations import calibration_of, load_calibration
    from occlusight.reasoning.extract import Extractor
    from occlusight.reasoning.relations import describe
    from occlusight.reasoning.rules.ruleset import load_rules

    calibration = None if given[0] is None else load_calibration(given[0])
    rules = None if given[1] is None else load_rules(given[1])
    sign.say(f"opening the model {model} ...")
    extractor = Extractor(open_backend(model, engine, tell=sign.tell))
    sign.say("looking at the picture ...")
    fitted = calibration or calibration_of(extractor.backend.info.revision)
    request = Request("?", max_pixels=engine.max_pixels, min_pixels=engine.min_pixels)
    found = describe(extractor, picture, fitted, lang=lang, request=request, rules=rules)
    sign.clear()
    return found


def language(text: str) -> Lang:
    """Read a language. Raises BadInput."""
    for lang in LANGS:
        if text == lang:
            return lang
    raise BadInput(f"--lang takes {' or '.join(LANGS)}, but {text!r} was given")


def notes(found: Described) -> Iterator[str]:
    """Yield what is to be known of the probabilities of a graph."""
    certainty = found.certainty
    if not certainty.calibrated:
        yield f"(probabilities are not calibrated: {certainty.why_not})"
    elif certainty.domain is None:
        yield (
            f"(probabilities were fitted on {certainty.on}; whether this picture is one of those is not known, and for "
            "others they do not hold)"
        )


def lines(found: Described, lang: Lang) -> Iterator[str]:
    """Yield the graph in words, a line for each relation that is sure enough to be said, and for each pair of which
    that is not told."""
    from occlusight.occlusion.kinds import listed

    things = {o.id: o for o in found.graph.objects}
    called = {id: f"the {o.name}" if lang == "en" else o.name_zh for id, o in things.items()}
    if not things:
        yield EMPTY[lang]
        return
    semicolon = MARKS[lang]
    doubted = found.graph.doubted
    told = [r for r in found.graph.relations if (r.occluder, r.occluded) not in doubted]
    for r in told:
        said = HIDES[lang].format(a=called[r.occluder], b=called[r.occluded])
        if r.evidence is not None:
            said = (r.evidence.en if lang == "en" else r.evidence.zh).rstrip(".。")
        if r.probability is not None:
            said += f" ({r.probability:.2f})"
        elif r.raw_probability is not None:
            said += f" ({r.raw_probability:.2f}{RAW[lang]})"
        if r.changed_by:
            said += f" [{', '.join(r.changed_by)}]"
        yield said
    if not told:
        yield NOTHING_SURE[lang] if doubted else NOTHING[lang]
    for change in found.changes:
        yield change.why.en if lang == "en" else change.why.zh
    if found.graph.depth_order:
        groups = (listed([called[id] for id in group], lang) for group in found.graph.depth_order)
        yield ORDER[lang].format(all=semicolon.join(groups))
    for unknown in found.graph.unknown:
        why = unknown.why.en if lang == "en" else unknown.why.zh
        yield why if unknown.probability is None else f"{why.rstrip('.。')} ({unknown.probability:.2f})"
