"""`occlusight bench graph`: how good a model's relation graphs are, with rules and without."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from occlusight.backends import open_backend
from occlusight.backends.options import EngineOptions
from occlusight.bench.compare import percent
from occlusight.bench.graph import extracted, measure
from occlusight.bench.plots import truth_by_probability
from occlusight.cli.graph import CalibrationFile, GraphLang, language
from occlusight.cli.options import AnyBackendAnySize, Data, Model, Scenes
from occlusight.cli.outputs import output_file
from occlusight.cli.progress import progress
from occlusight.cli.records import with_options
from occlusight.cli.results import for_people, for_programs, say
from occlusight.datasets.dataset import open_set
from occlusight.files.whole import write_json, write_whole
from occlusight.reasoning.calibrations import calibration_of, load_calibration
from occlusight.reasoning.extract import Extractor

ROWS = (
    ("pairs, F1", "pair_f1"),
    ("pairs, precision", "pair_precision"),
    ("pairs, recall", "pair_recall"),
    ("pairs of named objects, F1", "named_pair_f1"),
    ("order in depth, WHDR", "whdr"),
    ("objects, F1", "object_f1"),
    ("boxes, IoU", "box_iou"),
    ("calibration error", "ece"),
    ("calibration error, objects too", "ece_with_objects"),
    ("said", "coverage_at_95"),
    ("right when said", "right_when_said"),
    ("right when yes is said", "yes_right_when_said"),
    ("graphs that contradict themselves", "contradiction_rate"),
)


@with_options
def graph_command(
    data: Data,
    model: Model = "default",
    engine: AnyBackendAnySize = EngineOptions(),
    lang: GraphLang = "en",
    rules: Annotated[bool, typer.Option(help="Check the graphs by rules, and compare with the same without.")] = True,
    calibration: CalibrationFile = None,
    scenes: Scenes = None,
    out: Annotated[
        Path | None, typer.Option(callback=output_file, metavar="FILE.json", help="Write the numbers here, too.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(callback=output_file, metavar="FILE.svg", help="Draw how often relations hold, by probability."),
    ] = None,
) -> None:
    """Judge the relation graphs that a model sees in the pictures of a data set.

    Each picture is asked about once, and the graph made of that twice: with rules and without, so that the difference
    is the rules' own. Every number has its interval over scenes. The last line is JSON.

    Example: occlusight bench graph --data occlusion-50 --model default
    """
    told = language(lang)
    given = None if calibration is None else load_calibration(calibration)
    shown = list(open_set(data).scenes.values())[:scenes]
    extractor = Extractor(open_backend(model, engine, tell=say))
    fitted = given or calibration_of(extractor.backend.info.revision)
    if fitted is None:
        say("(nobody fitted this model: its own probabilities are judged; see `occlusight calibrate`)")
    with progress("looking", "scenes") as show:
        judged = list(extracted(extractor, shown, told, show))
    document: dict[str, Any] = {
        "data": data,
        "model": extractor.backend.info.name,
        "revision": extractor.backend.info.revision,
        "lang": told,
        "calibrated": fitted is not None,
        **measure(judged, extractor, fitted, rules=rules),
    }
    if out is not None:
        write_json(out, document)
    if plot is not None:
        write_whole(plot, reliability(document))
    for_people(table(document))
    for_programs(document)


def reliability(document: dict[str, Any]) -> str:
    """The plot of a document, as a file: fitted probabilities and the model's own, as far as there are any."""
    series = [("fitted" if document["calibrated"] else "the model's own word", document["reliability"])]
    if "own_word" in document:
        series.append(("the model's own word", document["own_word"]["reliability"]))
    return truth_by_probability(series).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def table(document: dict[str, Any]) -> Table:
    """The numbers for a terminal: without rules and, where there are some, with them."""
    shown = Table(title=f"relation graphs of {document['model']}: {document['n_scenes']} scenes")
    shown.add_column("", overflow="fold")
    columns = {"its own word": document["own_word"]} if "own_word" in document else {}
    columns |= {"without rules": document["without_rules"], "with rules": document} if document["rules"] else {}
    columns = columns if document["rules"] else {**columns, "without rules": document}
    for name in columns:
        shown.add_column(name, overflow="fold")
    for label, key in ROWS:
        if document[key] is not None:
            shown.add_row(label, *(percent(column[key], column[f"{key}_ci95"]) for column in columns.values()))
    return shown
