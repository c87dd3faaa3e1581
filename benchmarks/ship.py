"""`python -m benchmarks ship RUN`: make what `occlusight train` left in RUN the model of the package, with all that
hangs on its weights.

What it declares as learnt (`occlusight.json`), what shows a picture to be of its world (`domain.json`), its
probabilities (`reasoning/calibrations`), its figures (`docs/shipped.json`), the tables made of them, and the answers
that documents show. Each step is left out where its result is there already for these weights, so that the same command
goes on after an interruption.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from occlusight.bench.metrics import GROUNDED
from occlusight.bench.record import Finished
from occlusight.errors import BadInput, OcclusightError
from occlusight.files.text import read_json
from occlusight.files.whole import write_json, write_whole
from occlusight.model.domain import FILE as DOMAIN
from occlusight.model.revision import revision_of
from occlusight.model.traits import Traits
from occlusight.questions.registry import album_steps, templates

ROOT = Path(__file__).parents[1]
CHECKPOINT = ROOT / "src" / "occlusight" / "checkpoints" / "default"
BASELINE = CHECKPOINT.parent / "blind"
CALIBRATIONS = ROOT / "src" / "occlusight" / "reasoning" / "calibrations"
FIGURES = ROOT / "docs" / "shipped.json"
EXAMPLES = ROOT / "docs" / "what-it-can-answer.md"
STREET = ROOT / "examples" / "street.webp"
CARD = "README.md"
TABLES = {
    ROOT / "README.md": ("summary",),
    ROOT / "docs" / "experiments.md": ("figures", "kinds"),
    CHECKPOINT / CARD: ("figures",),
}
"""Documents, and which tables they hold between `<!-- shipped: NAME -->` and `<!-- /shipped -->`."""

SETS: Mapping[str, tuple[str, ...]] = {
    "eval200": ("--recipe", "all", "--seed", "20261", "--count", "200"),
    "heldout60": ("--recipe", "all", "--seed", "20262", "--heldout", "--count", "60"),
    "free": ("--recipe", "all", "--seed", "31001", "--count", "60"),
    "staged": ("--recipe", "staged", "--seed", "41001", "--count", "40"),
    "eyes60": ("--recipe", "all", "--seed", "20263", "--count", "60", "--questions", "eyes"),
    "eyes-staged60": ("--recipe", "staged", "--seed", "20264", "--count", "60", "--questions", "eyes"),
}
"""What `occlusight scenes make --size 256 --samples 24` is told; no figures are of `free` and `staged`, which
probabilities are fitted to."""
DRAWN = ("--size", "256", "--samples", "24")
KINDS: Mapping[str, tuple[str, ...]] = {
    "kinds-free": ("--recipe", "all", "--seed", "31003", "--count", "40"),
    "kinds-staged": ("--recipe", "staged", "--seed", "41003", "--count", "24"),
    "kinds-clips": ("--recipe", "clip", "--frames", "8", "--seed", "51003", "--count", "6"),
}
"""Sets with questions of all later kinds (`--questions eyes`), by which, and by `free` and `staged`, is decided what
the model declares as learnt."""
LEARNT, BOXED, ASKED = 0.65, 0.5, 20
"""A step is declared as learnt where so many of its answers are right (boxes: of such an overlap, IoU), of at least so
many: what is not is answered from the relation graph, or declined. One that is never asked stays as training has it."""
LANGS = {"zh": "Chinese", "en": "English"}
COLUMNS = (
    ("recognition F1", "recognition_f1"),
    ("occlusion, balanced accuracy", "occlusion_balanced_accuracy"),
    ("relative position", "position_accuracy"),
    ("explanation plausible", "explanation_plausible"),
)
EXAMPLE = re.compile(r"^(\| [^|]+ \| )([^|]+)( \| )([^|]*[.。?])( \|)$", re.MULTILINE)
SHIPPED = ("occlusion-50", "occlusion-50-v2")
"""The sets of the package."""


@dataclass(frozen=True)
class Measured:
    """A run of the benchmark whose figures ship."""

    data: str
    lang: str
    model: str = "default"

    @property
    def name(self) -> str:
        """What it is called in `docs/shipped.json`."""
        return f"{self.data}.{self.lang}" + ("" if self.model == "default" else f".{self.model}")


RUNS = (
    *(Measured(data, lang) for data in ("eval200", "heldout60", *SHIPPED) for lang in LANGS),
    *(Measured(data, lang, "blind") for data in ("eval200", "occlusion-50") for lang in LANGS),
)
TITLES = {
    "eval200": "200 scenes",
    "heldout60": "unseen meshes, 60 scenes",
    "occlusion-50": "`occlusion-50`",
    "occlusion-50-v2": "`occlusion-50-v2`",
}
EYES = tuple(Measured(data, lang) for data in ("eyes60", "eyes-staged60") for lang in LANGS)
"""Runs over questions of every kind; their figures are shown by step."""
SUMMARY = tuple(run for run in RUNS if run.data == "eval200")
KEPT = ("n", "n_scenes", *(key + end for _, key in COLUMNS for end in ("", "_ci95")), "by_template")


def ship(
    run: Annotated[
        Path | None,
        typer.Argument(help="The folder of `occlusight train`; without it the package's model is measured again."),
    ] = None,
    sets: Annotated[Path, typer.Option(help="Where rendered scenes are, or go (an hour on two cores).")] = Path("sets"),
    others: Annotated[
        list[Path] | None,
        typer.Option(help="Photographs or drawings for `occlusight train-domain`, a folder a source (repeat it)."),
    ] = None,
    work: Annotated[Path, typer.Option(help="Where runs of the benchmark go.")] = ROOT / "build" / "ship",
) -> None:
    """Ship a trained model: fit, measure and write down all that hangs on its weights."""
    if run is not None:
        take(run / "checkpoint")
    revision = revision_of(CHECKPOINT)
    out = work / revision
    for name, how in SETS.items():
        occlusight("scenes", "make", *how, *DRAWN, "--out", str(sets / name))
    fitted = {
        "learnt": kinds(sets, out),
        "domain": domain(revision, sets, others or [], out / "domain.json"),
        "calibration": calibration(revision, sets, out / "calibration.json"),
    }
    runs = kept_runs(FIGURES, revision_of(BASELINE))
    for one in (*RUNS, *EYES):
        if one.name in runs:
            continue
        data = one.data if one.data in SHIPPED else str(sets / one.data)
        folder = out / one.name
        where = ("--data", data, "--out", str(folder), "--langs", one.lang)
        occlusight("bench", "run", *where, "--model", one.model, "--no-certainty")
        scores = Finished.read(folder).scores
        runs[one.name] = {key: scores.get(key) for key in KEPT}
    write_json(FIGURES, {"revision": revision, "baseline": revision_of(BASELINE), **fitted, "runs": runs})
    for path, tables in TABLES.items():
        write_whole(path, with_tables(path.read_text("utf-8"), tables, runs))
    write_whole(EXAMPLES, with_answers(EXAMPLES.read_text("utf-8")))
    print(f"{revision} ships; read what the documents say about it, then run the tests (with -m slow, too)")


def kept_runs(figures: Path, baseline: str) -> dict[str, Any]:
    """Return the figures of the baseline that are there already, where they are of these weights."""
    known = read_json(figures) if figures.is_file() else {}
    if known.get("baseline") != baseline:
        return {}
    return {run.name: known["runs"][run.name] for run in RUNS if run.model == "blind" and run.name in known["runs"]}


def take(checkpoint: Path) -> None:
    """Put a checkpoint into the package; its model card stays. Raises BadInput where there is none."""
    if not (checkpoint / "config.json").is_file():
        raise BadInput(f"{checkpoint} is no checkpoint; `occlusight train` writes one when its last stage is done")
    if revision_of(checkpoint) == revision_of(CHECKPOINT):
        return
    for old in CHECKPOINT.iterdir():
        if old.name != CARD:
            old.unlink()
    for new in checkpoint.iterdir():
        if new.name != CARD:
            shutil.copy(new, CHECKPOINT / new.name)


def kinds(sets: Path, out: Path) -> Any:
    """Take from what the model declares as learnt the steps that it is too often wrong about; return what it reaches,
    by step: `right`, of `n` answers in both languages."""
    kept = out / "learnt.json"
    if not kept.is_file():
        write_json(kept, asked_of_kinds(sets, out))
    found = read_json(kept)
    learnt_from(Traits.load(CHECKPOINT), found).save(CHECKPOINT)
    return found


def asked_of_kinds(sets: Path, out: Path) -> dict[str, dict[str, float]]:
    """Ask the model about the sets that decide what it declares; return what it reaches, by step."""
    groups = []
    for name, how in KINDS.items():
        occlusight("scenes", "make", *how, *DRAWN, "--questions", "eyes", "--out", str(sets / name))
    for name in ("free", "staged", *KINDS):
        occlusight("bench", "run", "--data", str(sets / name), "--out", str(out / name), "--no-certainty")
        groups.append(Finished.read(out / name).scores["by_template"])
    return by_step(groups)


def by_step(groups: Iterable[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, float]]:
    """The answers and the share of right ones of each step, from scores by template."""
    right: Counter[str] = Counter()
    n: Counter[str] = Counter()
    for group in groups:
        for template, scores in group.items():
            step = templates()[template].program.__name__
            n[step] += scores["n"]
            right[step] += scores["n"] * next(scores[key] for key in ("f1", "iou", "accuracy") if key in scores)
    return {step: {"n": n[step], "right": round(right[step] / n[step], 3)} for step in sorted(n)}


def learnt_from(declared: Traits, found: Mapping[str, Mapping[str, float]]) -> Traits:
    """What may be declared; a model that is left no step about several pictures takes one at a time."""
    enough = {step: BOXED if step in GROUNDED else LEARNT for step in declared.learnt}
    learnt = tuple(
        step
        for step, right in enough.items()
        if step not in found or (found[step]["n"] >= ASKED and found[step]["right"] >= right)
    )
    return Traits(declared.pictures if album_steps() & set(learnt) else 1, learnt)


def domain(revision: str, sets: Path, others: list[Path], kept: Path) -> Any:
    """Fit what tells the model's world; return what it reaches. Raises BadInput where there is nothing to tell it
    from."""
    held = CHECKPOINT / DOMAIN
    if kept.is_file() and held.is_file() and read_json(held)["revision"] == revision:
        return read_json(kept)
    if not others:
        raise BadInput("the model's world is told from other pictures: give their folders with --others, two at least")
    renders = [part for name in ("free", "staged") for part in ("--renders", str(sets / name))]
    given = [part for folder in others for part in ("--others", str(folder))]
    found = occlusight("train-domain", str(CHECKPOINT), *renders, *given)
    write_json(kept, found)
    return found


def calibration(revision: str, sets: Path, kept: Path) -> Any:
    """Fit the model's probabilities, in place of those of the model before; return how well they hold out of fold."""
    held = CALIBRATIONS / f"{revision}.json"
    if not (kept.is_file() and held.is_file()):
        found = occlusight("calibrate", "--data", str(sets / "free"), "--model", "default", "--out", str(held))
        write_json(kept, found["out_of_fold"])
    for old in CALIBRATIONS.glob("*.json"):
        if old != held:
            old.unlink()
    return read_json(kept)


def occlusight(*arguments: str) -> dict[str, Any]:
    """Run a command; return the document that it ends with. Raises OcclusightError where it fails."""
    print("occlusight", *arguments, file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, "-m", "occlusight", *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise OcclusightError(f"occlusight {' '.join(arguments)} ended with {done.returncode}")
    last = done.stdout.strip().rpartition("\n")[2]
    document: dict[str, Any] = json.loads(last) if last.startswith("{") else {}
    return document


def with_tables(document: str, names: tuple[str, ...], runs: Mapping[str, Any]) -> str:
    """A document with its tables made anew. Raises BadInput where one has no place in it."""
    for name in names:
        place = re.compile(f"(?<=<!-- shipped: {name} -->\n).*?(?=\n<!-- /shipped -->)", re.DOTALL)
        made = table(name, runs)
        if not place.search(document):
            raise BadInput(
                f"a document has lost the place of its table: <!-- shipped: {name} --> ... <!-- /shipped -->"
            )
        document = place.sub(made.replace("\\", r"\\"), document)
    return document


def table(name: str, runs: Mapping[str, Any]) -> str:
    """A table in Markdown: `summary` of the 200 scenes, `figures` of all that was measured, or `kinds` of questions."""
    if name == "kinds":
        return _by_kind(
            {lang: by_step(runs[run.name]["by_template"] for run in EYES if run.lang == lang) for lang in LANGS}
        )
    head = ["", *(title for title, _ in COLUMNS)]
    lines = [_row(head), _row(["---"] * len(head))]
    for run in SUMMARY if name == "summary" else RUNS:
        title = LANGS[run.lang] if name == "summary" else f"{LANGS[run.lang]}, {TITLES[run.data]}"
        title += ", a model without pictures" if run.model == "blind" else ""
        lines.append(_row([title, *(_figure(runs[run.name], key) for _, key in COLUMNS)]))
    return "\n".join(["", *lines, ""])


def _by_kind(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    head = ["kind of question", *(f"{title}{of}" for title in LANGS.values() for of in ("", ", of"))]
    rows = [
        [f"`{step}`", *(text for at in found.values() for text in (f"{at[step]['right']:.3f}", str(at[step]["n"])))]
        for step in found["en"]
    ]
    return "\n".join(["", *map(_row, [head, ["---"] * len(head), *rows]), ""])


def _figure(scores: Mapping[str, Any], key: str) -> str:
    low, high = scores[f"{key}_ci95"]
    return f"{scores[key]:.3f} [{low:.3f}, {high:.3f}]"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def with_answers(document: str) -> str:
    """The document of what the model can be asked, with the answers that it gives now."""
    from occlusight.api import generate_response

    return EXAMPLE.sub(
        lambda row: f"{row[1]}{row[2]}{row[3]}{generate_response(STREET, row[2].strip())}{row[5]}", document
    )
