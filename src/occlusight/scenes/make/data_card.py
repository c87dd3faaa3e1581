"""The data card of a staged set: what it holds, how it was made, what it is good for and what not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from occlusight.occlusion.facts import COVERED, LEGIBLE, READ
from occlusight.scenes.make.plan import Plan
from occlusight.scenes.recipes.clips import FAMILY as CLIPS
from occlusight.scenes.recipes.signs import FAMILY as SIGNS
from occlusight.scenes.recipes.targeted import FAMILIES
from occlusight.scenes.truth.distractors import SORTS, Census

CARD = "README.md"

TEXT = """# {title}

{count} rendered pictures of {subject}, each with its exact truth and {questions} questions in {langs}.

| type | pictures |
|---|---|
{types}

- **Settings**: {settings}.
- **Pictures**: {size} x {size} pixels, lossless WEBP, path-traced with {renderer} at {samples} samples a pixel and denoised with {denoiser}.
- **Truth** comes from geometry alone: rays are cast at every object; through panes they go on, mirrors turn them back. A second method (one
  body of triangles walked from surface to surface; mirrored objects instead of turned rays) agrees on every scene: `occlusight scenes check`.
- **Questions** are templates with programs over the scene's graph: the answer is computed. Yes and no are equally many in every template.{matched}
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

The same command gives the same bytes on one machine type. Seed {seed}; the recipes' digest and the versions are in `manifest.json`.

## What it is not

Rendered scenes are not photographs: few kinds of things, clean surfaces, no crowds, no weather. A model that does well here may still fail on
photographs. Fixtures (panes, mirrors, boards) are plain; mirrors are flat. Every picture was drawn until it shows what its recipe is about,
so nothing can be learnt from it about how often such things occur.

## Licence

{licence}. The authors of the meshes{and_face} are in `manifest.json` and in NOTICE.
"""
MATCHED = """
  They are matched: of those whose texts name the same kinds, yes and no (left and right, in front and behind) are equally many, so that who
  has only read questions knows hardly more than who guesses. Decisions with a reason and places are asked about every picture that offers
  them: where they found no partner, a yes and a no of one template all the same, or one place."""
STAGED = {
    "subject": "five types of occlusion",
    "about": """- **A complete occlusion** is shown with what tells of it (a shadow on the ground, a reflection) beside a board of which nothing tells:
  there the right answer is that it cannot be told.""",
    "and_face": "",
}
OF_CLIPS = {
    "subject": "clips in which a thing moves behind a board and comes back",
    "about": """- **Clips**: every frame is a scene of its own, with its truth and its questions; `clips.jsonl` has a line a clip: its frames and their times,
  and for each thing what of it is visible in every frame, from which frame to which it is hidden wholly, and by what. Ids keep their thing.
- **Motion**: one thing moves along a line at a steady speed, people and animals without moving their limbs; the camera stands still.""",
    "and_face": "",
}
OF_SIGNS = {
    "subject": "signs and plates with Chinese and Latin text, partly hidden",
    "about": f"""- **Which characters can be read**: one counts as read when at least {READ:.0%} of its ink is seen and it is {LEGIBLE} pixels high, as hidden when
  at most {COVERED:.0%} is; what lies between is doubtful and not asked about. The ink is that of the face which the picture shows, carried along
  each line of sight to the plane of the sign; the second method reads it off the meshes' own texture coordinates.
- **Each scene** has a sign of which some characters can be read and the others not, and one of which all can. Every picture shows text,
  so nothing can be learnt from it about pictures without.""",
    "and_face": ", and of the face of the texts (under the SIL Open Font License 1.1),",
}


def card(
    plan: Plan,
    lines: Sequence[Mapping[str, Any]],
    counts: Mapping[str, int],
    manifest: Mapping[str, Any],
    misleading: Mapping[str, Census],
    name: str | None,
) -> str:
    """Return the card of a finished set in Markdown; `name` is the set's where it has one."""
    families = {f: sum(line["family"] == f for line in lines) for f in (*FAMILIES, SIGNS, CLIPS)}
    renderer = manifest["renderer"]
    command = f"--set {name}"
    if name is None:
        command = f"--recipe {','.join(plan.recipes)} --seed {plan.seed} --count {plan.count}"
        if plan.clips:
            command = f"--recipe {','.join(plan.recipes)} --seed {plan.seed} --count {plan.count // plan.frames} --frames {plan.frames}"
        command += (
            f" --size {plan.size} --samples {plan.samples}"
            + (" --variants" if plan.variants else "")
            + (" --balanced" if plan.balanced else "")
        )
    return TEXT.format(
        **(OF_SIGNS if plan.signs else OF_CLIPS if plan.clips else STAGED),
        title=name or f"A set of {'signs' if plan.signs else 'clips' if plan.clips else 'staged scenes'}",
        count=len(lines),
        questions=sum(counts.values()),
        langs=" and ".join({"zh": "Chinese", "en": "English"}[lang] for lang in plan.langs),
        types="\n".join(f"| {f} | {n} |" for f, n in families.items() if n),
        settings=", ".join(dict.fromkeys(r.partition("-")[2] for r in plan.recipes)),
        size=plan.size,
        samples=plan.samples,
        renderer=f"Mitsuba {renderer['version']}",
        denoiser=f"Intel Open Image Denoise ({renderer['denoiser']})",
        kinds="\n".join(f"| {k} | {n} |" for k, n in counts.items()),
        misleading="\n".join(f"| {SORTS[sort]} | {n.pairs} | {n.scenes} |" for sort, n in misleading.items()),
        matched=MATCHED if plan.balanced else "",
        command=command,
        seed=plan.seed,
        licence=manifest["licence"],
    )
