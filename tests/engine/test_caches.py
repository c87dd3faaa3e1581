"""What the caches keep, for how long, and under which key."""

import pytest
import torch

from occlusight.engine.feature_cache import FeatureCache, bytes_of
from occlusight.engine.prefix_cache import PrefixCache, shared
from occlusight.engine.prompt import Prompt, Visual
from occlusight.model.config import TextConfig
from occlusight.model.kv_cache import KVCache
from occlusight.model.vision import VisionFeatures

TEXT = TextConfig(
    vocab_size=10,
    hidden_size=8,
    intermediate_size=8,
    layers=1,
    heads=1,
    kv_heads=1,
    head_dim=4,
    mrope_section=(2, 0, 0),
)


def features(value: float, tokens: int = 4) -> VisionFeatures:
    return VisionFeatures(torch.full((tokens, 8), value), (torch.full((tokens, 8), value),), torch.zeros(4 * tokens, 2))


def visual(value: float = 0.0, grid: tuple[int, int, int] = (1, 4, 4)) -> Visual:
    return Visual.of(torch.full((grid[1] * grid[2], 12), value), grid)


def test_features_are_kept_with_their_taps_but_without_patches() -> None:
    cache = FeatureCache(10_000)
    cache.put("a", features(1.0))
    kept = cache.get("a")
    assert kept is not None
    assert torch.equal(kept.embeds, features(1.0).embeds)
    assert torch.equal(kept.taps[0], features(1.0).taps[0])
    assert kept.patches.shape[0] == 0
    assert cache.nbytes == bytes_of(kept) == 2 * 4 * 8 * 4


def test_the_features_unused_for_longest_go_first() -> None:
    size = bytes_of(features(0.0).without_patches())
    cache = FeatureCache(2 * size)
    for name in "ab":
        cache.put(name, features(0.0))
    cache.get("a")
    cache.put("c", features(0.0))
    assert [cache.get(name) is not None for name in "abc"] == [True, False, True]
    assert cache.nbytes == 2 * size
    cache.put("huge", features(0.0, tokens=100))
    assert cache.get("huge") is None
    assert len(cache) == 2


def test_a_digest_follows_pixels_and_grid() -> None:
    assert visual(1.0).digest == visual(1.0).digest
    assert visual(1.0).digest != visual(1.1).digest
    assert visual(1.0, (1, 2, 8)).digest != visual(1.0, (1, 8, 2)).digest


def test_cells_tell_equal_ids_with_other_pictures_apart() -> None:
    ids = [1, 2, 9, 9, 9, 9, 3]
    one = Prompt.build(ids, [visual(0.0)], pad=9, merge=2)
    other = Prompt.build(ids, [visual(1.0)], pad=9, merge=2)
    assert one.ids == other.ids
    assert shared(one.cells(), other.cells()) == 2
    assert one.spans == ((2, 6),)
    assert [one.whole(n) for n in range(8)] == [0, 1, 2, 2, 2, 2, 6, 7]


@pytest.mark.parametrize("ids", [[1, 9, 9, 9], [1, 9, 9, 2, 9, 9], [9] * 5, [1, 2]])
def test_pads_must_match_the_pictures(ids: list[int]) -> None:
    with pytest.raises(ValueError, match="pad"):
        Prompt.build(ids, [visual()], pad=9, merge=2)


def kept_cache(tokens: int) -> KVCache:
    cache = KVCache(TEXT)
    cache.append(0, torch.zeros(1, 1, tokens, 4), torch.zeros(1, 1, tokens, 4))
    cache.advance(tokens)
    return cache


def test_the_longest_shared_beginning_is_found() -> None:
    prefixes = PrefixCache(1 << 20)
    prefixes.put([*range(20), 100], kept_cache(21))
    prefixes.put([*range(30), 200], kept_cache(31))
    length, cache = prefixes.find([*range(40)])
    assert length == 30
    assert cache is not None
    assert cache.length == 31
    assert prefixes.find([7, 8, 9]) == (0, None)
    assert prefixes.find([*range(5)]) == (0, None)  # too short to be worth a copy


def test_a_sequence_replaces_those_that_it_continues_and_old_ones_go_first() -> None:
    size = kept_cache(1).nbytes
    prefixes = PrefixCache(2 * size)
    prefixes.put([*range(20)], kept_cache(20))
    prefixes.put([*range(30)], kept_cache(30))
    assert len(prefixes) == 1
    prefixes.put([50, *range(30)], kept_cache(31))
    prefixes.find([*range(30)])
    prefixes.put([60, *range(30)], kept_cache(31))
    assert prefixes.nbytes <= 2 * size
    assert prefixes.find([*range(30)])[0] == 30
    assert prefixes.find([50, *range(30)])[0] == 0
    small = PrefixCache(size - 1)
    small.put([*range(20)], kept_cache(20))
    assert len(small) == 0
