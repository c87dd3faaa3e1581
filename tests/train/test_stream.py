"""The stream of batches: made from (seed, number) alone, pictures shown a few times, several of them as an album."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.train.conftest import few_things, tiny_config
from tokenizers import Tokenizer

from occlusight.errors import BadInput
from occlusight.randomness import stream as random_stream
from occlusight.scenes.description import Scene, VariedSurroundings
from occlusight.scenes.meshes.catalogue import wide_catalogue
from occlusight.scenes.render.rasterizer import Rasterizer
from occlusight.train import stream
from occlusight.train.examples import IGNORE
from occlusight.train.pool import Pool
from occlusight.train.recipe import Stage, TrainRecipe, default_shares
from occlusight.train.scenes import draw, draw_clip_frames, measure
from occlusight.train.stream import Batch, batches, probes

pytestmark = pytest.mark.usefixtures("rasterizer", "quick_scenes")


Made = Callable[..., Iterator[Batch]]


@pytest.fixture
def made(tokenizer: Tokenizer, tmp_path: Path) -> Made:
    """Batches of a stage, each time from a pool that was empty unless one is named."""
    folders = (tmp_path / f"pool-{i}" for i in count())

    def make(stage: Stage, start: int = 0, pool: str | None = None) -> Iterator[Batch]:
        folder = tmp_path / pool if pool else next(folders)
        recipe = TrainRecipe((stage,))
        return batches((), tokenizer, tiny_config(tokenizer), recipe, stage, start, folder, workers=0)

    return make


@pytest.fixture
def in_one_light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "relit", lambda picture, rng: picture)


def small(**settings: object) -> Stage:
    return Stage("one", 100, **{"shares": {"desk": 1.0}, "sizes": (64,), "batch": 2, **settings})  # type: ignore[arg-type]


def pictures(batch: Batch) -> list[bytes]:
    return [row.numpy().tobytes() for row in batch.rgb]


def test_the_same_seed_and_number_give_the_same_batch(made: Made) -> None:
    one, other = (next(made(small())) for _ in range(2))
    assert torch.equal(one.rgb, other.rgb)
    for tensors, same in ((one.packed, other.packed), (one.dense, other.dense)):
        assert all(torch.equal(tensors[name].nan_to_num(), same[name].nan_to_num()) for name in tensors)
    assert not torch.equal(one.rgb, next(made(small(), start=100)).rgb)


@pytest.mark.usefixtures("in_one_light")
def test_a_picture_is_shown_about_as_often_as_the_stage_says_and_once_in_a_batch(made: Made, tmp_path: Path) -> None:
    shown: Counter[bytes] = Counter()
    for batch in islice(made(small(replay=3, learns="tower"), pool="same"), 60):
        assert len(set(pictures(batch))) == len(batch.rgb)
        shown.update(pictures(batch))
    of_all = len(list((tmp_path / "same").rglob("*.example")))
    assert 120 / 3 <= of_all <= 120 / 3 + 4  # the first ones among them, before any was shown
    assert len(shown) > 0.8 * of_all
    assert max(shown.values()) > 3 > min(shown.values())


@pytest.mark.usefixtures("in_one_light")
def test_a_run_that_goes_on_shows_what_it_made_before(made: Made, tmp_path: Path) -> None:
    before = {one for batch in islice(made(small(), pool="same"), 12) for one in pictures(batch)}
    files = len(list((tmp_path / "same").rglob("*.example")))
    (tmp_path / "same" / "0-of-1" / "half.123.draft.example").write_bytes(b"half of one")  # left by a killed process
    after = {one for batch in islice(made(small(), start=24, pool="same"), 12) for one in pictures(batch)}
    assert before & after
    assert after - before
    assert files < len(list((tmp_path / "same").rglob("*.example"))) <= 2 * files + 1


def test_workers_never_make_the_same_picture_also_when_they_go_on(made: Made, tmp_path: Path) -> None:
    for start, drawn in ((0, 7), (21, 4)):  # the second time one worker's pool is further than the other's
        for worker in (0, 1):
            info = SimpleNamespace(id=worker, num_workers=2)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(stream, "get_worker_info", lambda info=info: info)
                list(islice(made(small(replay=1), start=start, pool="same"), drawn + 3 * worker))
    numbers = [int(path.stem.split("_")[-1]) for path in (tmp_path / "same").rglob("*.example")]
    assert len(set(numbers)) == len(numbers)
    for worker in (0, 1):
        own = {int(p.stem.split("_")[-1]) % 2 for p in (tmp_path / "same" / f"{worker}-of-2").glob("*.example")}
        assert own == {worker}


def test_the_oldest_make_room(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "Pool", partial(Pool, most=6))
    last = list(islice(made(small(replay=1), pool="same"), 20))[-1]
    kept = sorted(int(path.stem.split("_")[-1]) for path in (tmp_path / "same").rglob("*.example"))
    assert len(kept) == 6
    assert kept[0] > 20
    assert len(last.rgb) == 2


@pytest.mark.usefixtures("in_one_light")
def test_each_source_has_its_share_whatever_the_pool_has_most_of(made: Made, tmp_path: Path) -> None:
    list(islice(made(small(learns="tower", replay=1), pool="same"), 20))  # 40 of one source
    of_desk = set().union(*(pictures(b) for b in islice(made(small(replay=100), start=50, pool="same"), 40)))
    mixed = small(shares={"desk": 0.25, "room": 0.75}, replay=2)
    shown = [one for batch in islice(made(mixed, start=60, pool="same"), 40) for one in pictures(batch)]
    share = len([one for one in shown if one in of_desk]) / len(shown)
    assert 0.1 < share < 0.35  # a few of the desk are made anew; by the pool's contents it would be above 0.5


@pytest.mark.usefixtures("in_one_light")
def test_probes_are_always_the_same_and_never_shown(tokenizer: Tokenizer, made: Made, tmp_path: Path) -> None:
    def fresh() -> list[Batch]:
        stage = small(learns="tower")
        return probes((), tiny_config(tokenizer), TrainRecipe((stage,)), stage, tmp_path / "same")

    shown = list(islice(made(small(learns="tower", replay=1), pool="same"), 6))
    one, again = fresh(), fresh()
    assert [len(batch.rgb) for batch in one] == [2] * stream.PROBES
    assert all(torch.equal(a.rgb, b.rgb) for a, b in zip(one, again, strict=True))
    seen, probed = ({one for batch in batches for one in pictures(batch)} for batches in (shown, one))
    assert not seen & probed


def test_what_is_shown_again_is_asked_other_questions_in_another_light(made: Made) -> None:
    asked = [(row.numpy().tobytes(), ids.tolist()) for b in islice(made(small(replay=3)), 4)
             for row, ids in zip(b.rgb, b.packed["ids"], strict=True)]  # fmt: skip
    assert len({picture for picture, _ in asked}) == len(asked)
    assert len({tuple(ids) for _, ids in asked}) == len(asked)


def test_stills_and_clips_are_several_pictures_together(made: Made) -> None:
    for shares, counts in (({"stills": 9.0, "desk": 1e-9}, {2}), ({"clips": 1.0}, {3})):
        batch = next(made(small(shares=shares, batch=2)))
        rows, together = batch.rgb.shape[:2]
        assert together in counts
        assert rows == max(1, 2 // together)
        assert batch.dense["kind"].shape[:2] == (rows, together)
        assert (batch.packed["labels"] != IGNORE).any(1).all()
        assert torch.isnan(batch.packed["places"]).all()  # of several pictures nobody says where things are
        assert not torch.equal(batch.rgb[:, 0], batch.rgb[:, 1])


def test_a_batch_moves_whole(made: Made) -> None:
    batch = next(made(small())).to(torch.device("meta"))
    assert {t.device.type for t in (batch.rgb, *batch.packed.values(), *batch.dense.values())} == {"meta"}


@pytest.mark.parametrize("size", [64, 320])
@pytest.mark.usefixtures("assets")
def test_sides_of_pictures_are_whole_blocks_of_patches(size: int) -> None:
    catalogue = wide_catalogue()
    scenes = [draw(one, 3, 1, catalogue, random_stream("training examples", 1, 3), size) for one in default_shares()]
    scenes += draw_clip_frames(3, 1, catalogue, random_stream("training examples", 1, 3), size)
    sides = np.array([(scene.camera.width, scene.camera.height) for scene in scenes])
    assert (sides % 32 == 0).all()
    assert (np.abs(sides.prod(1) / size**2 - 1) < 0.3).all()


@pytest.mark.usefixtures("assets")
def test_what_is_around_a_scene_varies_as_often_as_is_said() -> None:
    catalogue = wide_catalogue()

    def drawn(source: str, index: int, varied: float) -> Scene:
        return draw(source, index, 1, catalogue, random_stream("training examples", 1, index), 64, varied)

    for source in ("street", "desk-wide", "room", "partial"):
        varies = [isinstance(drawn(source, i, 0.5).surroundings, VariedSurroundings) for i in range(8)]
        assert 0 < sum(varies) < 8
        assert not isinstance(drawn(source, 0, 0.0).surroundings, VariedSurroundings)
    plain, varied = (drawn("street", 3, share) for share in (0.0, 1.0))
    assert varied.objects == plain.objects
    masks = [measure(scene, "street", catalogue, 2).visible for scene in (plain, varied)]
    assert (masks[0] == masks[1]).all()


def test_workers_are_not_forked(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """One that is forked after its parent drew waits for the driver's locks for ever."""
    stage = small(shares={"partial": 1.0})
    Rasterizer().render(few_things("desk", 0, 1, wide_catalogue(), random_stream("training examples", 1, 0), 64))
    drawn = batches((), tokenizer, tiny_config(tokenizer), TrainRecipe((stage,)), stage, 0, tmp_path, workers=1)
    assert len(pictures(next(drawn))) == 2


def test_sources_that_are_not_there_are_said(made: Made) -> None:
    with pytest.raises(BadInput, match="'sea' is no source of scenes; they are street"):
        draw("sea", 0, 1, wide_catalogue(), random_stream("training examples", 1, 0), 64)
    with pytest.raises(BadInput, match="'one' shows renders alone; give data sets"):
        next(made(small(shares={"renders": 1.0})))


def test_a_process_draws_with_one_context() -> None:
    one, other = Rasterizer(), Rasterizer()
    assert one.context is other.context
