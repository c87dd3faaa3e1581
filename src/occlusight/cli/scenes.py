"""`occlusight scenes`: scenes with exact occlusion truth."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from occlusight.cli.options import QuestionLangs
from occlusight.cli.outputs import output_folder, output_picture
from occlusight.cli.progress import progress
from occlusight.cli.results import for_people, for_programs
from occlusight.durations import duration
from occlusight.errors import BadInput
from occlusight.files.whole import replacing
from occlusight.occlusion.kinds import LANGS, Lang

if TYPE_CHECKING:
    from occlusight.files.json_lines import Line

RECIPE = typer.Option(
    help="street, desk, room, or all; street-wide and so on, with more kinds, or wide; or staged ones such as "
    "transparent-room, a type (partial, complete, chain, transparent, reflective), or staged; or signs with text such "
    "as signs-street, or signs; or clips such as clip-room, or clip; or further clips such as clip-row-desk, clip-row "
    "(or -glass, -mirror, -exchange, -container), or films. Several with commas take turns."
)
QUESTIONS = typer.Option(
    help="standard: who hides whom, where, how many; eyes: colours, boxes, amounts, lists, orders, several pictures, "
    "always matched."
)
AROUND = typer.Option(
    help="Of staged scenes. plain: the recipe's walls and ground; varied: HDR maps for light and background, finishes, "
    "façades, cameras of other heights and lenses; evaluation: the same with six maps that training never sees."
)
SET = typer.Argument(metavar="SET", help="The folder of a data set, or the name of a shipped one.", show_default=False)

HELP = """Make scenes with exact occlusion truth, and check them.

From nothing to a data set that is checked and looked at:

    occlusight scenes assets

    occlusight scenes make --recipe street --seed 7 --count 20 --out street20

    occlusight scenes check street20

    occlusight scenes show street20 --index 3 --out scene3.png

Pictures and annotations of your own: `occlusight scenes import --help`.
"""

scenes_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=HELP,
)


@scenes_app.command("make")
def make_command(
    out: Annotated[
        Path, typer.Option(callback=output_folder, help="The folder; a run that was stopped there goes on.")
    ],
    named: Annotated[
        str | None,
        typer.Option(
            "--set",
            help="A set that is named: occlusion-50, occlusion-50-v2 or occlusion-1k. Instead of recipe, seed, count.",
        ),
    ] = None,
    recipe: Annotated[str | None, RECIPE] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="A scene depends on this and its index. 1000000000 and above are for evaluation."),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="How many scenes, or clips.")] = None,
    frames: Annotated[
        int | None, typer.Option(help="Frames of a clip, 8 to 64.", show_default="16, of clips alone")
    ] = None,
    size: Annotated[int, typer.Option(help="Side in pixels of a square picture; others have its area.")] = 512,
    samples: Annotated[int, typer.Option(min=1, help="Rays per pixel: more time, less noise.")] = 64,
    variants: Annotated[
        bool,
        typer.Option(
            "--variants", help="After each staged scene, three others of it: occluder gone, moved, another camera."
        ),
    ] = False,
    balanced: Annotated[
        bool,
        typer.Option(
            "--balanced",
            help="Match the questions of the whole set so that their texts do not give the answers away: fewer are "
            "asked. Named sets always do.",
        ),
    ] = False,
    questions: Annotated[str, QUESTIONS] = "standard",
    surroundings: Annotated[str, AROUND] = "plain",
    heldout: Annotated[bool, typer.Option("--heldout", help="Show meshes that training never sees.")] = False,
    langs: QuestionLangs = "zh,en",
    workers: Annotated[int, typer.Option(min=1, help="Processes, which share the cores.")] = 1,
) -> None:
    """Write a data set: pictures, who hides whom, masks, and questions with computed answers.

    Example: `occlusight scenes make --recipe street --seed 7 --count 20 --out street20`

    Example: `occlusight scenes make --set occlusion-50 --out occlusion-50`

    Example: `occlusight scenes make --recipe staged --surroundings varied --seed 7 --count 25 --out varied25`

    Example: `occlusight scenes make --recipe signs --seed 7 --count 10 --out signs10`

    Example: `occlusight scenes make --recipe all --seed 7 --count 20 --questions eyes --out eyes20`

    Example: `occlusight scenes make --recipe clip --frames 16 --seed 7 --count 2 --out clips2`

    A stopped run goes on when the same command is given again, and a finished set grows with a larger `--count`; the
    same seed gives the same bytes. The last line is JSON: how many scenes were made and skipped, and the seconds.
    """
    from occlusight.scenes.make.dataset import make_set
    from occlusight.scenes.make.families import frames_named, recipes_named
    from occlusight.scenes.make.plan import DatasetPlan, named_set

    if named is not None:
        if (recipe, seed, count, surroundings) != (None, None, None, "plain"):
            raise BadInput(f"--set {named} says recipe, seed, count and surroundings; leave those out")
        plan = replace(named_set(named), balanced=questions == "standard", questions=questions)
    elif recipe is None or seed is None or count is None:
        raise BadInput("a data set needs --recipe, --seed and --count, or --set occlusion-50")
    else:
        recipes = recipes_named(recipe)
        of_clip = frames_named(recipes, frames)
        total = count * (of_clip or 1)
        spoken = _languages(langs)
        plan = DatasetPlan(
            recipes, seed, total, size, samples, heldout, spoken, variants, balanced, of_clip, questions, surroundings
        )
    start = time.monotonic()
    with progress("making", "scenes") as show:
        made = make_set(plan, out, workers=workers, progress=show)
    seconds = round(time.monotonic() - start, 1)
    for_people(f"{out}: {made.made} scenes made in {duration(seconds)}, {made.skipped} were there")
    for_programs({"made": made.made, "skipped": made.skipped, "seconds": seconds})


@scenes_app.command("assets")
def assets_command(
    package: Annotated[
        Path | None, typer.Option(help="A copy of the Debian package that you downloaded yourself.")
    ] = None,
    maps: Annotated[
        bool, typer.Option("--maps", help="The HDR maps of varied surroundings, too (45 MB from npm and Debian).")
    ] = False,
) -> None:
    """Import the meshes that scenes are made of (once; fetches 120 MB from Debian).

    Example: `occlusight scenes assets`

    Example: `occlusight scenes assets --maps`

    Their authors and licences are in NOTICE. `$OCCLUSIGHT_ASSETS` names another folder than the cache.
    """
    from occlusight.scenes.meshes.assets import import_assets
    from occlusight.scenes.meshes.map_assets import import_maps
    from occlusight.scenes.meshes.mesh import assets_dir

    with progress("importing", "meshes") as show:
        imported = import_assets(progress=show, package=package)
        lit = import_maps(progress=show) if maps else 0
    for_people(f"{assets_dir()}: {imported} meshes and {lit} HDR maps imported")
    for_programs({"imported": imported, "maps": lit, "folder": str(assets_dir())})


@scenes_app.command("import", no_args_is_help=True)
def import_command(
    format: Annotated[str, typer.Argument(help="cocoa, instaorder, kins, middlebury or jsonl.", show_default=False)],
    file: Annotated[
        Path, typer.Argument(help="The file of annotations or questions; for middlebury a folder.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option(callback=output_folder, help="The folder of the data set; it must not hold anything yet.")
    ],
    images: Annotated[
        Path | None, typer.Option(help="The folder of the pictures; without it that of the file.")
    ] = None,
    instances: Annotated[
        Path | None, typer.Option(help="instaorder: COCO's instances of the same split; without it the file beside.")
    ] = None,
    langs: QuestionLangs = "en",
    names: Annotated[
        Path | None, typer.Option(help="A TOML file with Chinese names and measure words of your kinds of things.")
    ] = None,
    ask: Annotated[
        str | None,
        typer.Option(help="Kinds of questions, separated by commas; without it those the format is made for."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides which of the possible questions are asked.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Take the first pictures that offer questions.")] = None,
    licence: Annotated[str | None, typer.Option(help="What the manifest says about the licence.")] = None,
) -> None:
    """Make a data set of pictures, annotations or questions of your own, for `bench run --data`.

    Example: `occlusight scenes import cocoa COCO_amodal_val2014.json --images val2014 --out cocoa`

    Example: `occlusight scenes import instaorder InstaOrder_val2017.json --images val2017 --langs zh,en --out insta`

    Example: `occlusight scenes import kins update_test_2020.json --images testing/image_2 --out kins`

    Example: `occlusight scenes import middlebury MiddEval3/trainingH --out stereo`

    Example: `occlusight scenes import jsonl questions.jsonl --images photographs --out mine`

    A line of a jsonl file:
    `{"image": "a.jpg", "question": "Does the cup hide the book?", "answer": "yes", "kind": "occlusion"}`.
    The last line is JSON: how many pictures and questions there are, and how many pictures offered none.
    """
    from occlusight.scenes.imports.formats import import_from
    from occlusight.scenes.imports.imported_set import Source

    kinds = None if ask is None else tuple(part.strip() for part in ask.split(",") if part.strip())
    source = Source(format, file.name, seed, _languages(langs), licence)
    with progress("importing", "pictures") as show:
        found = import_from(
            source,
            file,
            out,
            pictures=images,
            instances=instances,
            names=names,
            ask_for=kinds,
            limit=limit,
            progress=show,
        )
    numbers = {"pictures": found.pictures, "skipped": found.skipped, "questions": sum(found.questions.values())}
    for_people(
        f"{out}: {numbers['pictures']} pictures with {numbers['questions']} questions, {found.skipped} pictures offer "
        "none"
    )
    for_programs({**numbers, "by_kind": dict(sorted(found.questions.items()))})


@scenes_app.command("show")
def show_command(
    folder: Annotated[Path, SET],
    out: Annotated[Path, typer.Option(callback=output_picture, help="Where the drawing goes: .png, .jpg or .webp.")],
    index: Annotated[int, typer.Option(min=0, help="Which scene.")] = 0,
    lang: Annotated[str, typer.Option(help="Language of the names: en or zh.")] = "en",
) -> None:
    """Draw the truth of a scene on its picture: masks, boxes, names, arrows to what is hidden; beside it a list and the
    graph.

    Example: `occlusight scenes show street20 --index 3 --out scene3.png`
    """
    from occlusight.drawing.overlay import overlay

    folder, lines = _scenes_of(folder)
    line = next((line for line in lines if line.get("index") == index), None)
    if line is None:
        raise BadInput(f"{folder} has no scene {index}; it has 0 to {len(lines) - 1}")
    (language,) = _languages(lang, most=1)
    with replacing(out) as draft:
        overlay(folder, line, language).save(draft)
    print(f"{line['id']} -> {out}")


@scenes_app.command("sheet")
def sheet_command(
    folder: Annotated[Path, SET],
    out: Annotated[Path, typer.Option(callback=output_picture, help="Where the sheet goes: .png, .jpg or .webp.")],
    columns: Annotated[int, typer.Option(min=1, help="Pictures in a row.")] = 10,
    side: Annotated[int, typer.Option(min=16, help="Pixels of a picture's side.")] = 190,
) -> None:
    """Put all pictures of a set on one sheet.

    Example: `occlusight scenes sheet occlusion-50 --out sheet.webp`
    """
    from occlusight.drawing.contact_sheet import contact_sheet

    folder, lines = _scenes_of(folder)
    with replacing(out) as draft:
        contact_sheet(folder, lines, columns, side).save(draft)
    print(f"{folder.name} -> {out}")


@scenes_app.command("check")
def check_command(
    folder: Annotated[Path, SET],
    remeasure: Annotated[int, typer.Option(min=0, help="Of so many scenes the truth is measured again.")] = 10,
) -> None:
    """Prove that a data set is whole and right; exit code 1, and a line for each failure, where it is not.

    Example: `occlusight scenes check street20`

    Files against the manifest; masks, boxes and relations against each other; every question's program against its
    answer; yes and no in balance; no question about slivers; the truth of some scenes measured again from their
    descriptions (needs the meshes; `--remeasure 0` does without). It counts too what misleads: pairs that prove
    shortcuts wrong.
    """
    from occlusight.datasets.shipped import set_folder
    from occlusight.scenes.check.dataset import check_set
    from occlusight.scenes.truth.distractors import SORTS

    folder = set_folder(folder)
    start = time.monotonic()
    with progress("checking", "scenes") as show:
        report = check_set(folder, remeasure, show)
    for failure in report.failures:
        print(f"FAILED: {failure}")
    print(
        f"checked {report.scenes} scenes ({report.remeasured} measured again), {report.pairs} pairs and "
        f"{report.questions} questions: {len(report.failures)} failures"
    )
    for sort, found in report.distractors.items():
        print(f"{found.pairs:5} pairs in {found.scenes} scenes: {SORTS[sort]}")
    numbers: dict[str, Any] = {"scenes": report.scenes, "pairs": report.pairs, "questions": report.questions}
    numbers |= {"remeasured": report.remeasured, "failures": len(report.failures)}
    numbers["distractors"] = {sort: asdict(found) for sort, found in report.distractors.items()}
    for_programs({**numbers, "seconds": round(time.monotonic() - start, 1)})
    if report.failures:
        raise typer.Exit(1)


def _scenes_of(folder: Path) -> tuple[Path, list[Line]]:
    """Return the folder of a finished set, shipped or not, and its scenes' lines. Raises BadData."""
    from occlusight.datasets.shipped import set_folder
    from occlusight.files.json_lines import all_lines
    from occlusight.scenes.check.dataset import read_manifest
    from occlusight.scenes.make.dataset import LINES

    found = set_folder(folder)
    read_manifest(found)
    return found, all_lines(found / LINES[0])


def _languages(text: str, most: int = len(LANGS)) -> tuple[Lang, ...]:
    """Read "zh,en". Raises BadInput."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not found or len(found) > most or any(lang not in LANGS for lang in found):
        what = f"one of {', '.join(LANGS)}" if most == 1 else f"{', '.join(LANGS)}, separated by commas"
        raise BadInput(f"the language must be {what}, but {text!r} was given")
    return cast("tuple[Lang, ...]", found)
