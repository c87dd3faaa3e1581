"""`occlusight bench video`: how well clips are tracked, against their truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from occlusight.backends import open_backend
from occlusight.backends.options import EngineOptions
from occlusight.bench.clip_sets import read_clip_set
from occlusight.bench.compare import percent
from occlusight.bench.video import measure, watched
from occlusight.cli.graph import GraphLang, language
from occlusight.cli.options import AnyBackendAnySize, Model
from occlusight.cli.outputs import output_file
from occlusight.cli.progress import progress
from occlusight.cli.records import with_options
from occlusight.cli.results import for_people, for_programs, say
from occlusight.files.whole import write_json
from occlusight.reasoning.calibrations import calibration_of
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.tracking.watch import Watcher

ROWS = (
    ("events, F1", "event_f1"),
    ("events, precision", "event_precision"),
    ("events, recall", "event_recall"),
    ("what is seen, F1", "visibility_f1"),
    ("the same after hiding", "identity_after_hiding"),
    ("questions about time", "question_accuracy"),
)
BASELINES = {"last_seen": "seen last", "no_rules": "frame by frame", "blind": "blind"}


@with_options
def video_command(
    data: Annotated[
        Path, typer.Option(help="A data set of clips, as `scenes make --recipe clip` or `films` makes it.")
    ],
    model: Model = "default",
    engine: AnyBackendAnySize = EngineOptions(),
    lang: GraphLang = "en",
    form: Annotated[
        str,
        typer.Option(
            "--format", help="What the data set is: clips, or your own copy of tao-amodal, or of la-cater (CATER)."
        ),
    ] = "clips",
    clips: Annotated[int | None, typer.Option(min=1, help="Watch only the first clips of the set.")] = None,
    out: Annotated[
        Path | None, typer.Option(callback=output_file, metavar="FILE.json", help="Write the numbers here, too.")
    ] = None,
) -> None:
    """Judge how a model tracks the clips of a data set: who was hidden behind what, and when.

    Beside the story over the whole clip stand baselines without one: each frame's own word, with what hid a part of a
    thing when it was seen last (`last_seen`), or with what that frame says hides it (`no_rules`), and no look at all
    (`blind`). Every number has its interval over clips. The last line is JSON.

    Example: occlusight bench video --data clips60 --model default
    """
    told = language(lang)
    shown = read_clip_set(form, data)[:clips]
    extractor = Extractor(open_backend(model, engine, tell=say))
    watcher = Watcher(extractor, calibration_of(extractor.backend.info.revision), lang=told)
    with progress("watching", "clips") as show:
        judged = watched(watcher, shown, show)
    info = extractor.backend.info
    head = {"data": str(data), "model": info.name, "revision": info.revision, "lang": told}
    document: dict[str, Any] = {**head, **measure(judged)}
    if out is not None:
        write_json(out, document)
    for_people(table(document))
    for_programs(document)


def table(document: dict[str, Any]) -> Table:
    """The numbers for a terminal, the baselines beside them."""
    columns = (document, *(document[name] for name in BASELINES))
    shown = Table(title=f"clips tracked by {document['model']}: {document['n_clips']}")
    for name in ("", "the story", *BASELINES.values()):
        shown.add_column(name, overflow="fold")
    for label, key in ROWS:
        cells = (percent(column[key], column[f"{key}_ci95"]) if column[key] is not None else "-" for column in columns)
        shown.add_row(label, *cells)
    late = (column["time_error_s"] for column in columns)
    shown.add_row("late, seconds", *("-" if one is None else f"{one:.2f}" for one in late))
    for label, key in (("boxes, IDF1", "idf1"), ("boxes, HOTA", "hota")):
        if document[key] is not None:
            shown.add_row(label, percent(document[key], document[f"{key}_ci95"]))
    return shown
