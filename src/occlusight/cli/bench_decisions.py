"""`occlusight bench decisions`: how far the probabilities of /v1/decisions can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from occlusight.api import in_any_words, open_model, reasoning
from occlusight.api.model import Model as Opened
from occlusight.backends.options import EngineOptions
from occlusight.bench.compare import percent
from occlusight.bench.decisions import decided, measure
from occlusight.cli.bench_inputs import languages
from occlusight.cli.options import AnyBackendAnySize, Data, Langs, Model, Scenes
from occlusight.cli.outputs import output_file
from occlusight.cli.progress import progress
from occlusight.cli.records import with_options
from occlusight.cli.results import for_people, for_programs, say
from occlusight.datasets.dataset import open_set
from occlusight.files.whole import write_json
from occlusight.occlusion.kinds import LANGS

ROWS = (("right", "accuracy"), ("calibration error", "ece"))


@with_options
def decisions_command(
    data: Data,
    model: Model = "default",
    engine: AnyBackendAnySize = EngineOptions(),
    langs: Langs = "en,zh",
    scenes: Scenes = None,
    out: Annotated[
        Path | None, typer.Option(callback=output_file, metavar="FILE.json", help="Write the numbers here, too.")
    ] = None,
) -> None:
    """Judge the probabilities that a model gives programs, as /v1/decisions and `Model.decide` do.

    Of every scene each clearly named thing is asked of every other one, whether it hides that. Fitted probabilities are
    judged apart from the model's own word, which is given where nothing was fitted. The last line is JSON.

    Example: occlusight bench decisions --data scenes100 --model default
    """
    asked = [lang for lang in LANGS if lang in languages(langs)]
    shown = list(open_set(data).scenes.values())[:scenes]
    own = open_model(model, engine, plain=True, tell=say)
    opened = Opened(in_any_words(own), own, lambda: reasoning(own))
    document: dict[str, Any] = {"data": data, "model": own.info.name, "revision": own.info.revision, "by_lang": {}}
    for lang in asked:
        found = []
        with progress(f"asking in {lang}", "scenes") as show:
            for at, scene in enumerate(shown, 1):
                found += list(decided(opened, scene, lang))
                show(at, len(shown))
        document["by_lang"][lang] = measure(found)
    if out is not None:
        write_json(out, document)
    for_people(table(document, len(shown)))
    for_programs(document)


def table(document: dict[str, Any], scenes: int) -> Table:
    """The numbers for a terminal."""
    shown = Table(title=f"decisions of {document['model']}: {scenes} scenes")
    columns = {
        f"{lang}, {name}": judged[key]
        for lang, judged in document["by_lang"].items()
        for name, key in (("fitted", "calibrated"), ("its own word", "own_word"))
        if judged[key]["n"]
    }
    for column in ("", *columns):
        shown.add_column(column, overflow="fold")
    shown.add_row("decisions", *(str(one["n"]) for one in columns.values()))
    for label, key in ROWS:
        shown.add_row(label, *(percent(one[key], one[f"{key}_ci95"]) for one in columns.values()))
    return shown
