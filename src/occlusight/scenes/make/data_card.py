"""The data card of a set: what it holds, how it was made, what it is good for and what not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from occlusight.scenes.make.family import CardText
from occlusight.scenes.make.plan import DatasetPlan
from occlusight.scenes.surroundings import EVALUATION, PLAIN, looks, maps_of
from occlusight.scenes.truth.distractors import SORTS, Census

CARD = "README.md"

TEXT = """# {title}

{count} rendered pictures of {subject}, each with its exact truth and {questions} questions in {langs}.

| type | pictures |
|---|---|
{types}

- **Settings**: {settings}.{around}
- **Pictures**: {size} x {size} pixels, lossless WEBP, path-traced with {renderer} at {samples} samples a pixel and \
denoised with {denoiser}.
- **Truth** comes from geometry alone: rays are cast at every object; through panes they go on, mirrors turn them \
back. A second method (one
  body of triangles walked from surface to surface; mirrored objects instead of turned rays) agrees on every scene: \
`occlusight scenes check`.
- **Questions** are templates with programs over the scene's graph: the answer is computed. Yes and no are equally \
many in every template.{matched}
{about}

| kind of question | how many |
|---|---|
{kinds}

**What misleads**: pairs of things that a question may name and about which a shortcut is wrong.

| | pairs | in pictures |
|---|---|---|
{misleading}

## Made by

    occlusight scenes make {command} --out DIR

The same command gives the same bytes on one machine type. Seed {seed}; the recipes' digest and the versions are in \
`manifest.json`.

## What it is not

Rendered scenes are not photographs: few kinds of things, clean surfaces, no crowds, no weather. A model that does \
well here may still fail on
photographs. Fixtures (panes, mirrors, boards) are plain; mirrors are flat. Every picture was drawn until it shows \
what its recipe is about,
so nothing can be learnt from it about how often such things occur.

## Licence

{licence}. The authors of the meshes{and_face} are in `manifest.json` and in NOTICE.
"""
VARIED = """
- **Surroundings** vary: light and background from {maps} HDR maps{kept}, {finishes} finishes of grounds and walls, \
façades and rooms drawn anew,
  cameras of other heights and lenses. None of it is asked about: the truth is that of plain surroundings, and what \
begins behind the objects is
  no object."""
KEPT = " that no training sees"
MATCHED = """
  They are matched: of those whose texts name the same kinds, yes and no (left and right, in front and behind) are \
equally many, so that who
  has only read questions knows hardly more than who guesses. Decisions with a reason and places are asked about \
every picture that offers
  them: where they found no partner, a yes and a no of one template all the same, or one place."""

MATCHED_EYES = """
  They are matched: of those whose texts name the same kinds, yes and no are equally many. Every picture is asked \
one of each kind that it
  offers, where none found a partner, too. Questions about several pictures name them in `scenes`."""


def data_card(
    plan: DatasetPlan,
    text: CardText,
    lines: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int],
    manifest: Mapping[str, Any],
    misleading: Mapping[str, Census],
    name: str | None,
) -> str:
    """Return the card of a finished set in Markdown: `text` is what its family says, `name` the set's where it has
    one."""
    types = Counter(line["family"] for line in lines)
    renderer = manifest["renderer"]
    command = f"--set {name}"
    if name is None:
        command = f"--recipe {','.join(plan.recipes)} --seed {plan.seed} --count {plan.count // (plan.frames or 1)}"
        command += (
            (f" --frames {plan.frames}" if plan.frames else "")
            + f" --size {plan.size} --samples {plan.samples}"
            + (" --variants" if plan.variants else "")
            + (" --balanced" if plan.balanced else "")
            + (f" --questions {plan.questions}" if plan.questions != "standard" else "")
            + (f" --surroundings {plan.surroundings}" if plan.surroundings != PLAIN else "")
        )
    return TEXT.format(
        title=name or text.title,
        subject=text.subject,
        about=text.about,
        and_face=text.thanks,
        count=len(lines),
        questions=sum(counts.values()),
        langs=" and ".join({"zh": "Chinese", "en": "English"}[lang] for lang in plan.langs),
        types="\n".join(f"| {type} | {types[type]} |" for type in plan.family.named if types[type]),
        settings=", ".join(dict.fromkeys(r.partition("-")[2] for r in plan.recipes)),
        around=_around(plan),
        size=plan.size,
        samples=plan.samples,
        renderer=f"Mitsuba {renderer['version']}",
        denoiser=f"Intel Open Image Denoise ({renderer['denoiser']})",
        kinds="\n".join(f"| {k} | {n} |" for k, n in counts.items()),
        misleading="\n".join(f"| {SORTS[sort]} | {n.pairs} | {n.scenes} |" for sort, n in misleading.items()),
        matched=MATCHED if plan.balanced else MATCHED_EYES if plan.questions == "eyes" else "",
        command=command,
        seed=plan.seed,
        licence=manifest["licence"],
    )


def _around(plan: DatasetPlan) -> str:
    """What the card says of surroundings that vary."""
    if plan.surroundings == PLAIN:
        return ""
    places = {recipe.partition("-")[2] for recipe in plan.recipes}
    maps = {m.key for place in places for m in maps_of(place, plan.surroundings)}
    finishes = {name for place in places for name in (*looks().places[place].grounds, *looks().places[place].covers)}
    kept = KEPT if plan.surroundings == EVALUATION else ""
    return VARIED.format(maps=len(maps), finishes=len(finishes), kept=kept)
