"""Training resumes, learns, and exports a checkpoint that our engine and transformers read alike."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.files.full_disk import full_disk
from tests.train.conftest import tiny_config
from tokenizers import Tokenizer
from torch import Tensor

from occlusight.backends.hub import shipped
from occlusight.errors import BadData, BadInput, BadModel, OcclusightError
from occlusight.files.whole import Unwritable
from occlusight.model.config import ModelConfig
from occlusight.model.traits import Traits
from occlusight.model.vision import VisionFeatures
from occlusight.model.weights import load_model
from occlusight.scenes.meshes.catalogue import wide_catalogue
from occlusight.scenes.render.rasterizer import Rasterizer
from occlusight.train.export import export
from occlusight.train.loop import CURVE, STATE, Trainer, end_of
from occlusight.train.pipeline import TrainPlan, saved_when_stopped
from occlusight.train.recipe import Stage, TrainRecipe, small_config
from occlusight.train.renders import Renders
from occlusight.train.stream import Batch, batches

STAGE = Stage("answers", pictures=12, shares={"desk": 1.0}, sizes=(64,), batch=2, warmup=2)
TOWER = replace(STAGE, name="tower", learns="tower")
RECIPE = TrainRecipe((STAGE,))


@pytest.fixture(scope="module")
def stream(
    rasterizer: Rasterizer, quick_scenes: None, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> list[Batch]:
    folder = tmp_path_factory.mktemp("pool")
    config = tiny_config(tokenizer)
    return list(itertools.islice(batches((), tokenizer, config, RECIPE, STAGE, 0, folder, workers=0), 6))


def trainer(folder: Path, tokenizer: Tokenizer, recipe: TrainRecipe = RECIPE, start: Path | None = None) -> Trainer:
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    sizes = len(wide_catalogue().kinds), len(wide_catalogue().colours)
    return Trainer(folder, tokenizer, tiny_config(tokenizer), recipe, *sizes, start=start)


def never(stage: Stage) -> list[Batch]:
    return []


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(
    tmp_path: Path, tokenizer: Tokenizer, stream: list[Batch]
) -> None:
    """Also in the middle of a later stage."""
    recipe = TrainRecipe((TOWER, STAGE))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    def shown(stage: Stage, start: int) -> Iterator[Batch]:
        return iter((stream * 2)[start // 2 :])

    whole = trainer(tmp_path / "a", tokenizer, recipe)
    whole.run(shown, never, lambda *_: None)
    first = trainer(tmp_path / "b", tokenizer, recipe)

    def stopped(stage: Stage, start: int) -> Iterator[Batch]:
        yield from itertools.islice(shown(stage, start), 6 if stage.name == "tower" else 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first.run(stopped, never, lambda *_: None)
    first.save()
    second = trainer(tmp_path / "b", tokenizer, recipe)
    assert (second.stage, second.step, second.pictures) == (1, 2, 16)
    second.run(shown, never, lambda *_: None)
    for one, two in zip(whole.optimizer.masters, second.optimizer.masters, strict=True):
        assert torch.allclose(one, two, atol=1e-6)
    lines = [json.loads(line) for line in (tmp_path / "a" / CURVE).read_text().splitlines()]
    assert [(line["stage"], line["pictures"]) for line in lines] == [("tower", 12), ("answers", 24)]


def test_the_stage_of_the_tower_trains_the_tower_alone(
    tmp_path: Path, tokenizer: Tokenizer, stream: list[Batch]
) -> None:
    run = trainer(tmp_path, tokenizer, TrainRecipe((TOWER, STAGE)))
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    for batch in stream[:3]:
        run.train_step(replace(batch, packed={}))
    changed = {name for name, value in run.model.state_dict().items() if not torch.equal(value, before[name])}
    assert {name for name in changed if not name.startswith("vision.")} == set()
    assert len(changed) > 0.5 * sum(name.startswith("vision.") for name in before)


def test_the_curve_tells_how_pictures_fare_that_are_never_trained_on(
    tmp_path: Path, tokenizer: Tokenizer, stream: list[Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tmp_path, tokenizer, TrainRecipe((TOWER,)))
    assert run.probe([]) == {}
    kinds = [batch.dense["kind"] for batch in stream]
    told = iter((0.25, 0.5))
    right = run.heads.accuracy

    def accuracy(features: VisionFeatures, kind: Tensor) -> float:
        if torch.is_grad_enabled():
            return right(features, kind)
        assert any(torch.equal(kind, one) for one in kinds[4:])
        return next(told)

    monkeypatch.setattr(run.heads, "accuracy", accuracy)
    run.run(lambda stage, start: iter(stream[:4] * 2), lambda stage: stream[4:], lambda *_: None)
    last = [json.loads(line) for line in (tmp_path / CURVE).read_text().splitlines()][-1]
    assert last["kind_fresh"] == 0.375


def test_a_later_stage_may_be_appended_and_an_earlier_one_not_changed(
    tmp_path: Path, tokenizer: Tokenizer, stream: list[Batch]
) -> None:
    trainer(tmp_path, tokenizer).run(lambda stage, start: iter(stream), never, lambda *_: None)
    longer = trainer(tmp_path, tokenizer, TrainRecipe((STAGE, TOWER)))
    assert (longer.stage, longer.step, longer.pictures) == (1, 0, 12)
    for recipe in (TrainRecipe((replace(STAGE, pictures=14),)), TrainRecipe((TOWER, STAGE))):
        with pytest.raises(BadInput, match=r"another stage number 1 than .*stages may be appended.*another --out"):
            trainer(tmp_path, tokenizer, recipe)
    longer.run(lambda stage, start: iter(stream), never, lambda *_: None)
    with pytest.raises(BadInput, match="another stage number 2"):
        trainer(tmp_path, tokenizer, RECIPE)


def test_a_run_begins_from_a_checkpoint_and_remembers_which(
    tmp_path: Path, tokenizer: Tokenizer, stream: list[Batch]
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    trainer(tmp_path / "first", tokenizer).run(lambda stage, start: iter(stream), never, lambda *_: None)
    made = tmp_path / "first" / "checkpoint"
    export(tmp_path / "first", made, Traits(1, ("hides",)))

    def begun(start: Path | None, config: ModelConfig | None = None) -> Trainer:
        folder = tmp_path / "second"
        return Trainer(folder, tokenizer, config or tiny_config(tokenizer), RECIPE, 3, 3, start=start)

    with pytest.raises(BadModel, match="another shape"):
        begun(made, small_config(tokenizer))
    run = begun(made)
    for mine, theirs in zip(run.model.parameters(), load_model(made, torch.bfloat16).parameters(), strict=True):
        assert torch.equal(mine, theirs)
    run.save()
    assert begun(None).start == run.start is not None  # goes on without being told again
    with pytest.raises(BadInput, match=rf"began from {run.start}, not from"):
        begun(shipped("default"))
    with pytest.raises(BadInput, match="one that sees nothing"):
        TrainPlan(tmp_path / "third", replace(RECIPE, blind=True), start=made)
    with pytest.raises(BadInput, match="second is none"):
        TrainPlan(tmp_path / "third", RECIPE, start=tmp_path / "second")


def test_a_device_that_is_not_there_is_said(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(BadInput, match="'tpu' was given"):
        Trainer(tmp_path, tokenizer, tiny_config(tokenizer), RECIPE, 3, 3, device="tpu")


def test_it_learns_one_batch_by_heart(tmp_path: Path, tokenizer: Tokenizer, stream: list[Batch]) -> None:
    learner = trainer(tmp_path, tokenizer, TrainRecipe((replace(STAGE, pictures=10_000),)))
    before = learner.train_step(stream[0])["text"]
    for _ in range(40):
        after = learner.train_step(stream[0])["text"]
    assert after < 0.75 * before


def test_the_blind_baseline_never_sees_a_picture(tmp_path: Path, tokenizer: Tokenizer, stream: list[Batch]) -> None:
    blind = trainer(tmp_path, tokenizer, replace(RECIPE, blind=True))
    seen = stream[0]
    other = Batch(255 - seen.rgb, seen.packed, seen.dense)
    with torch.no_grad():
        assert torch.equal(blind.forward(seen)[0], blind.forward(other)[0])


def test_the_export_is_read_by_our_model_and_by_transformers_with_the_same_logits(
    tmp_path: Path, tokenizer: Tokenizer, stream: list[Batch]
) -> None:
    transformers = pytest.importorskip("transformers")
    (tmp_path / "run").mkdir()
    run = trainer(tmp_path / "run", tokenizer)
    run.train_step(stream[0])
    run.save()
    export(tmp_path / "run", tmp_path / "checkpoint", Traits(2, ("hides",)))
    assert Traits.load(tmp_path / "checkpoint") == Traits(2, ("hides",))
    ours = load_model(tmp_path / "checkpoint")
    theirs = transformers.Qwen3VLForConditionalGeneration.from_pretrained(tmp_path / "checkpoint", dtype=torch.float32)
    ids = torch.tensor([tokenizer.encode("Is the bicycle hidden by the bush?").ids])
    with torch.no_grad():
        hidden = ours(ids, torch.arange(ids.shape[1]).expand(3, 1, -1))
        assert torch.allclose(ours.logits(hidden), theirs(input_ids=ids).logits, atol=1e-4)
    fast = transformers.AutoTokenizer.from_pretrained(tmp_path / "checkpoint")
    assert fast("自行车是否被灌木丛遮挡?")["input_ids"] == tokenizer.encode("自行车是否被灌木丛遮挡?").ids


def test_weights_at_the_ends_of_stages_are_averaged(tmp_path: Path, tokenizer: Tokenizer, stream: list[Batch]) -> None:
    first, last = (replace(STAGE, name=name, pictures=STAGE.batch) for name in ("first", "last"))
    run = trainer(tmp_path, tokenizer, TrainRecipe((first, last), averaged=2))
    run.run(lambda stage, start: iter(stream[start // 2 :]), never, lambda *_: None)
    one, two = (torch.load(tmp_path / end_of(name), weights_only=True) for name in ("first", "last"))
    assert all(map(torch.equal, two, run.optimizer.state_dict()["masters"]))
    export(tmp_path, tmp_path / "mean", Traits(), run.recipe.ends)
    export(tmp_path, tmp_path / "alone", Traits())
    mean, alone = (list(load_model(tmp_path / name).parameters()) for name in ("mean", "alone"))
    for got, first_end, last_end in zip(mean, one, two, strict=False):
        assert torch.equal(got, ((first_end.double() + last_end.double()) / 2).bfloat16().float())
    assert not all(map(torch.equal, mean, alone))
    with pytest.raises(BadData, match=r"no end-other\.pt"):
        export(tmp_path, tmp_path / "none", Traits(), ("first", "other"))


def test_the_weights_that_a_run_begins_with_are_averaged_too(
    tmp_path: Path, tokenizer: Tokenizer, stream: list[Batch]
) -> None:
    before = trainer(tmp_path / "before", tokenizer)
    before.save()
    export(tmp_path / "before", tmp_path / "start", Traits())
    recipe = TrainRecipe((replace(STAGE, pictures=STAGE.batch),), averaged=2)
    with pytest.raises(BadInput, match=r"give their checkpoint \(--start\)"):
        trainer(tmp_path / "run", tokenizer, recipe)
    run = trainer(tmp_path / "run", tokenizer, recipe, tmp_path / "start")
    run.run(lambda stage, start: iter(stream[start // 2 :]), never, lambda *_: None)
    assert trainer(tmp_path / "run", tokenizer, recipe).stage == 1  # begun already: no --start is needed
    export(tmp_path / "run", tmp_path / "mean", Traits(), recipe.ends)
    export(tmp_path / "run", tmp_path / "end", Traits())
    start, mean, end = (list(load_model(tmp_path / name).parameters()) for name in ("start", "mean", "end"))
    assert not all(map(torch.equal, start, end))
    for one, between, other in zip(start, mean, end, strict=True):
        assert torch.allclose(between, (one + other) / 2, atol=2e-3)


def test_exporting_nothing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="occlusight train --out"):
        export(tmp_path, tmp_path / "out", Traits())


def test_scenes_reserved_for_evaluation_are_refused(tmp_path: Path) -> None:
    (tmp_path / "scenes.jsonl").write_text(json.dumps({"seed": 1_000_000_000}) + "\n")
    with pytest.raises(BadData, match="reserved for evaluation"):
        Renders.open([tmp_path])
    with pytest.raises(BadData, match="not a complete data set"):
        Renders.open([tmp_path / "none"])


def test_an_interrupted_run_is_saved_where_it_stopped(
    tmp_path: Path, tokenizer: Tokenizer, stream: list[Batch]
) -> None:
    run = trainer(tmp_path, tokenizer)

    def stopped_after_two() -> Iterator[Batch]:
        yield from stream[:2]
        os.kill(os.getpid(), signal.SIGTERM)
        yield from stream

    with pytest.raises(KeyboardInterrupt), saved_when_stopped(run):
        run.run(lambda stage, start: stopped_after_two(), never, lambda *_: None)
    again = trainer(tmp_path, tokenizer)
    assert again.step == 2
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_full_disk_is_said_and_keeps_the_last_state(tmp_path: Path, tokenizer: Tokenizer) -> None:
    run = trainer(tmp_path, tokenizer)
    run.save()
    before = (tmp_path / STATE).read_bytes()
    with full_disk(1000), pytest.raises(Unwritable, match=r"state\.pt cannot be written \(File too large\)"):
        run.save()
    assert (tmp_path / STATE).read_bytes() == before
    assert list(tmp_path.glob("*.draft*")) == []


def test_gradients_that_are_not_finite_change_nothing_and_are_said(
    tmp_path: Path, tokenizer: Tokenizer, stream: list[Batch]
) -> None:
    run = trainer(tmp_path, tokenizer)
    before = [master.detach().clone() for master in run.optimizer.masters]
    run.heads.depth.bias.data.fill_(float("nan"))
    with pytest.raises(OcclusightError, match="not finite; the run is as it was saved last"):
        run.train_step(stream[0])
    assert all(torch.equal(one, two) for one, two in zip(before, run.optimizer.masters, strict=True))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # inductor warns of its own doings
def test_compiled_blocks_have_the_gradients_of_plain_ones(
    tmp_path: Path, tokenizer: Tokenizer, rasterizer: Rasterizer, quick_scenes: None
) -> None:
    """At the shipped tower's shape: smaller ones do not show what inductor once did wrong."""
    config, stage = small_config(tokenizer), replace(TOWER, sizes=(256,), batch=8)
    batch = next(iter(batches((), tokenizer, config, RECIPE, stage, 0, workers=0)))
    found = []
    for compiled in (False, True):
        folder = tmp_path / str(compiled)
        folder.mkdir()
        tokenizer.save(str(folder / "tokenizer.json"))
        catalogue = wide_catalogue()
        sizes = len(catalogue.kinds), len(catalogue.colours)
        run = Trainer(folder, tokenizer, config, TrainRecipe((stage,)), *sizes)
        if compiled:
            run.compile()
        losses, _ = run._tower(batch)
        sum(losses.values()).backward()
        found.append(torch.cat([p.grad.float().flatten() for p in run.model.vision.parameters() if p.grad is not None]))
    plain, fused = found
    assert torch.isfinite(fused).all()
    assert torch.nn.functional.cosine_similarity(plain, fused, dim=0) > 0.99
