"""What the caches keep, for how long, and under which key."""

from collections.abc import Hashable, Iterable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from occlusight.engine.feature_cache import FeatureCache, bytes_of
from occlusight.engine.kv_segments import SegmentSlice, SequenceKV
from occlusight.engine.prefix_cache import SHORTEST, PrefixCache, shared
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
    one = Prompt.build(ids, [visual(0.0)], pads={9}, merge=2)
    other = Prompt.build(ids, [visual(1.0)], pads={9}, merge=2)
    assert one.ids == other.ids
    assert shared(one.token_keys(), other.token_keys()) == 2
    assert one.spans == ((2, 6),)
    assert [one.whole(n) for n in range(8)] == [0, 1, 2, 2, 2, 2, 6, 7]


@pytest.mark.parametrize("ids", [[1, 9, 9, 9], [1, 9, 9, 2, 9, 9], [9] * 5, [1, 2]])
def test_pads_must_match_the_pictures(ids: list[int]) -> None:
    with pytest.raises(ValueError, match="pad"):
        Prompt.build(ids, [visual()], pads={9}, merge=2)


def kept_cache(tokens: int) -> KVCache:
    cache = KVCache(TEXT, capacity=tokens)
    cache.append(0, torch.zeros(1, 1, tokens, 4), torch.zeros(1, 1, tokens, 4))
    cache.advance(tokens)
    return cache


def keep(
    prefixes: PrefixCache, token_keys: Iterable[Hashable], parts: tuple[SegmentSlice, ...] = ()
) -> tuple[SegmentSlice, ...]:
    """Read `token_keys` after the parts, as a sequence would, and leave them."""
    token_keys = tuple(token_keys)
    kv = SequenceKV(parts, kept_cache(len(token_keys)))
    prefixes.hold(parts)
    prefixes.add(kv.freeze(token_keys, KVCache(TEXT)))
    prefixes.hold(kv.parts[-1:])
    prefixes.let_go(kv.parts)
    return kv.parts


def lengths(parts: tuple[SegmentSlice, ...]) -> list[int]:
    return [part.length for part in parts]


def test_the_longest_shared_beginning_is_found() -> None:
    prefixes = PrefixCache(1 << 20)
    keep(prefixes, [*range(20), 100])
    keep(prefixes, [*range(30), 200])
    assert lengths(prefixes.find([*range(40)])) == [30]
    assert prefixes.find([7, 8, 9]) == ()
    assert prefixes.find([*range(5)]) == ()  # too short to be worth a part


def test_segments_leave_others_anywhere_without_a_copy() -> None:
    prefixes = PrefixCache(1 << 20)
    first = keep(prefixes, [*range(30), 100, 101])
    begun = (SegmentSlice(first[0].segment, 30),)
    second = keep(prefixes, [200, 201, 202], begun)
    third = keep(prefixes, [300], (*begun, SegmentSlice(second[1].segment, 2)))
    assert lengths(prefixes.find([*range(30), 100, 7])) == [31]
    assert lengths(prefixes.find([*range(30), 200, 201, 202, 9])) == [30, 3]
    assert lengths(prefixes.find([*range(30), 200, 201, 300, 9])) == [30, 2, 1]
    assert lengths(prefixes.find([*range(30), 200, 9])) == [30, 1]
    assert [part.segment for part in prefixes.find([*range(30), 200, 201, 300])] == [part.segment for part in third]
    assert prefixes.nbytes == sum(kept_cache(n).nbytes for n in (32, 3, 1))


def test_what_was_unused_for_longest_goes_first_but_never_what_is_in_use() -> None:
    size = kept_cache(30).nbytes
    prefixes = PrefixCache(2 * size)
    held = keep(prefixes, [50, *range(29)])
    prefixes.hold(held)
    keep(prefixes, [60, *range(29)])
    keep(prefixes, [70, *range(29)])
    assert [len(prefixes.find([first, *range(29)])) for first in (50, 60, 70)] == [1, 0, 1]
    child = keep(prefixes, [1, 2, 3], held)
    assert len(prefixes.find([50, *range(29), 1, 2, 3])) == 2  # 70 went for it
    assert prefixes.held_bytes == size
    prefixes.let_go(held)
    prefixes.clear()
    assert (len(prefixes), prefixes.nbytes, child[0].segment.users) == (0, 0, 0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_finding_agrees_with_comparing_every_sequence(data: st.DataObject) -> None:
    """The tree against its plain twin: a list of whole sequences. Random sequences, uses and evictions."""
    prefixes = PrefixCache(1 << 30)
    plain: list[tuple[int, ...]] = []
    held: list[tuple[SegmentSlice, ...]] = []
    for _ in range(data.draw(st.integers(1, 12))):
        head = tuple(range(16))
        token_keys = (*head, *data.draw(st.lists(st.integers(0, 2), max_size=8)))
        best = max((shared(token_keys, one) for one in plain), default=0)
        parts = prefixes.find(token_keys)
        assert sum(lengths(parts)) == (best if best >= SHORTEST else 0)
        assert [cell for part in parts for cell in part.segment.token_keys[: part.length]] == list(
            token_keys[: sum(lengths(parts))]
        )
        if data.draw(st.booleans()):
            prefixes.hold(parts)
            held.append(parts)
        rest = token_keys[sum(lengths(parts)) :]
        if rest:
            keep(prefixes, rest, parts)
            plain.append(token_keys)
    while held:
        prefixes.let_go(held.pop(data.draw(st.integers(0, len(held) - 1))))
        prefixes.shrink(data.draw(st.integers(0, prefixes.nbytes)))
        for parts in held:
            assert all(part.segment in prefixes._kept for part in parts)
    prefixes.clear()
    assert (len(prefixes), prefixes.nbytes, prefixes._roots) == (0, 0, [])
