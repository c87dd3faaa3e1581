"""`occlusight calibrate`: from what a model says of scenes to probabilities that mean what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from occlusight.backends import open_backend
from occlusight.backends.options import EngineOptions
from occlusight.bench.graph import RENDERS, calibrated, extracted, measure
from occlusight.bench.there import Looked, figures, fit_denied, looked
from occlusight.cli.bench_inputs import languages
from occlusight.cli.options import AnyBackendAnySize, Data, Langs, Model, Scenes
from occlusight.cli.outputs import output_file
from occlusight.cli.progress import progress
from occlusight.cli.records import with_options
from occlusight.cli.results import for_people, for_programs, say
from occlusight.datasets.dataset import open_set
from occlusight.errors import BadInput
from occlusight.occlusion.kinds import LANGS
from occlusight.reasoning.calibrations import keep
from occlusight.reasoning.extract import Extractor

OUT_OF_FOLD = ("n_scenes", "named_pair_f1", "ece", "ece_with_objects", "coverage_at_95", "right_when_said")


@with_options
def calibrate(
    data: Data,
    model: Model = "default",
    engine: AnyBackendAnySize = EngineOptions(),
    langs: Langs = "en,zh",
    scenes: Scenes = None,
    on: Annotated[
        str, typer.Option(help="What the pictures are, in a word; a fit is for such pictures alone.")
    ] = RENDERS,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=output_file,
            metavar="FILE.json",
            help="Where the fit goes; without it into the cache, where every command finds it by the model's revision.",
        ),
    ] = None,
) -> None:
    """Fit probabilities of who hides whom on scenes with known truth, for the graphs of one model.

    Scenes must be none that the model was trained on. Sixty or more are worth it; the last line of the output tells
    what was fitted, and how well it holds out of fold: half of the scenes judged by a fit on the others.

    Example: occlusight scenes make --recipe all --seed 5 --count 100 --size 256 --out scenes100

    Example: occlusight calibrate --data scenes100 --model default
    """
    asked = [lang for lang in LANGS if lang in languages(langs)]
    shown = list(open_set(data).scenes.values())[:scenes]
    if len(shown) < 2:
        raise BadInput(f"{data} has {len(shown)} scene, and a fit needs two halves; give a set with more")
    extractor = Extractor(open_backend(model, engine, tell=say))
    revision = extractor.backend.info.revision
    judged = []
    for lang in asked:
        with progress(f"asking in {lang}", "scenes") as show:
            judged += list(extracted(extractor, shown, lang, show))
    fitted = calibrated(judged, revision, on)
    seen: list[Looked] = []
    if "count" in extractor.backend.info.learnt:
        with progress("looking for things", "scenes") as show:
            seen = list(looked(extractor.backend, shown, extractor.words, show))
        fitted = replace(fitted, denied=fit_denied(seen))
    where = keep(fitted, out)
    document = {"calibration": str(where), "n_scenes": len(shown), **fitted.to_json(), "out_of_fold": {}}
    for lang in asked:
        mine = [j for j in judged if j.extraction.lang == lang]
        halves = mine[0::2], mine[1::2]
        document["out_of_fold"][lang] = [
            {key: found[key] for key in OUT_OF_FOLD}
            for one, other in (halves, halves[::-1])
            if (found := measure(other, extractor, calibrated(one, revision, on), rules=False))
        ]
    for key, fit in fitted.fits.items():
        for_people(
            f"{key}: {fit.n} pairs of {fit.scenes} scenes; yes said from {fit.sure[0]:.2f} on, no from "
            f"{fit.sure[1]:.2f}"
        )
    if seen:
        sides = [[one for one in seen if one.scene in ids] for ids in _halves([scene.id for scene in shown])]
        document["there"] = [figures(other, fit_denied(one)) for one, other in (sides, sides[::-1])]
        for_people(f"what a question names is denied from {fitted.denied:.2f} on")
    for_programs(document)


def _halves(ids: list[str]) -> tuple[set[str], set[str]]:
    return {*ids[0::2]}, {*ids[1::2]}
