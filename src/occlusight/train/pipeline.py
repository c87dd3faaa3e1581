"""From nothing to a checkpoint, stage by stage; each stage is skipped where its result is there already."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from occlusight.errors import BadInput
from occlusight.model.allocator import keep_freed_memory
from occlusight.model.traits import Traits
from occlusight.scenes.meshes.assets import import_assets
from occlusight.scenes.meshes.catalogue import wide_catalogue
from occlusight.scenes.meshes.map_assets import import_maps
from occlusight.train.examples import traits_of
from occlusight.train.export import export
from occlusight.train.loop import Trainer
from occlusight.train.recipe import Stage, TrainRecipe, blind_config, small_config
from occlusight.train.stream import Batch, batches, corpus, probes
from occlusight.train.tokenizer import load_tokenizer, train_tokenizer

Report = Callable[[str, int, int], None]
"""`(what is being done, done, total)`."""

CORPUS_SCENES = 3000
SHOWN = ("text", "kind_right", "kind_fresh", "decisions_right", "tokens_right")


@dataclass(frozen=True)
class TrainPlan:
    """Folders and processes of a run. Rendered data sets can be shared by runs.

    start: a checkpoint that such a run made, from whose weights this one begins; None: from nothing
    """

    run: Path
    recipe: TrainRecipe
    start: Path | None = None
    renders: tuple[Path, ...] = ()
    workers: int = 1
    compile: bool = True
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise BadInput(f"workers must be 0 or more, but {self.workers} was given")
        if self.start is not None and (self.recipe.blind or not Traits.load(self.start).learnt):
            what = "the recipe is of one that sees nothing" if self.recipe.blind else f"{self.start} is none"
            raise BadInput(f"start takes a checkpoint of the small model that `occlusight train` made, but {what}")


def train(plan: TrainPlan, report: Report) -> None:
    """Run every stage that is missing; a run that was stopped resumes where it was saved."""
    keep_freed_memory()
    import_assets(progress=lambda done, total, what: report(f"meshes: {what}", done, total))
    if any(stage.varied for stage in plan.recipe.stages):
        import_maps(progress=lambda done, total, what: report(f"HDR maps: {what}", done, total))
    catalogue = wide_catalogue()
    plan.run.mkdir(parents=True, exist_ok=True)
    if not (plan.run / "tokenizer.json").exists():
        report("tokenizer", 0, 1)
        if plan.start is not None:
            shutil.copyfile(plan.start / "tokenizer.json", plan.run / "tokenizer.json")
        else:
            train_tokenizer(corpus(CORPUS_SCENES), catalogue).save(str(plan.run / "tokenizer.json"))
    tokenizer = load_tokenizer(plan.run)
    config = blind_config(tokenizer) if plan.recipe.blind else small_config(tokenizer)
    sizes = len(catalogue.kinds), len(catalogue.colours)
    trainer = Trainer(plan.run, tokenizer, config, plan.recipe, *sizes, device=plan.device, start=plan.start)
    if plan.compile:
        trainer.compile()

    def stream(stage: Stage, start: int) -> Iterator[Batch]:
        pinned = trainer.device.type == "cuda"
        return batches(
            plan.renders, tokenizer, config, plan.recipe, stage, start, plan.run / "pool", plan.workers, pinned
        )

    def never_trained_on(stage: Stage) -> list[Batch]:
        return probes(plan.renders, config, plan.recipe, stage, plan.run / "pool")

    def progress(done: int, total: int, means: dict[str, float]) -> None:
        words = (f"{name} {means[name]:.3f}" for name in SHOWN if name in means)
        report(" · ".join((plan.recipe.stages[trainer.stage].name, *words)), done, total)

    with saved_when_stopped(trainer):
        trainer.run(stream, never_trained_on, progress)
    export(plan.run, plan.run / "checkpoint", traits_of(plan.recipe), plan.recipe.ends)


@contextmanager
def saved_when_stopped(trainer: Trainer) -> Iterator[None]:
    """Save the run when it is interrupted (Ctrl-C) or terminated, so that the same command resumes from there."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        trainer.save()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
