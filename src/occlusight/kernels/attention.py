"""Attention, over keys and values of any number of sequences."""

# mypy: ignore-errors
# (Numba gives what is called here other types than Python would.)

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from occlusight.kernels import attention_tiles as tiles
from occlusight.kernels.attention_tiles import PAIRS
from occlusight.kernels.gemm_tiles import LANES, PANEL, TILE
from occlusight.kernels.openmp import loop, part, pointer
from occlusight.kernels.scalar import LOG2_E, exponential, from_bf16, inline, ordered, share, to_bf16

BLOCK = 256
"""Tokens whose keys and values are gone through together."""
NOTHING, HIDDEN = np.float32(-1e30), np.float32(-1e38)
"""The largest score before there is one, and that of a key that a query does not see: its weight is nothing beside any
other.
"""


@ordered
def weigh(
    pairs: bool, lanes: int, scores: int, count: int, scale: Any, most: int, sums: int, out: int, width: int
) -> None:
    """See `attention_tiles.softmax_step`, whose powers must be computed in their order; `scale` is for powers of e."""
    scale *= LOG2_E
    if pairs:
        if lanes == PANEL:
            tiles.weigh_pairs(scores, count, scale, most, sums, out, width)
        else:
            tiles.weigh_pairs_half(scores, count, scale, most, sums, out, width)
    elif lanes == PANEL:
        tiles.weigh(scores, count, scale, most, sums, out, width)
    else:
        tiles.weigh_half(scores, count, scale, most, sums, out, width)


@inline
def multiply_add(
    pairs: bool, lanes: int, rows: int, x: int, row: int, step: int, panel: int, count: int, sums: int, fresh: bool
) -> None:
    """`attention_tiles.tile_32`, or of `pairs` `tile_16`, for any number of rows; added to `sums`, or set where they
    are `fresh`.

    A `step` of 0 says that the rows of each tile lie as `lay` puts them.
    """
    pieces = (rows + TILE - 1) // TILE
    for piece in range(pieces):
        first = rows * piece // pieces
        some, into = rows * (piece + 1) // pieces - first, sums + 4 * lanes * first
        begin, apart, further = x + row * first, row, step
        if step == 0:
            begin, apart, further = x + 4 * count * first, 4, 4 * some
        before = 0 if fresh else into
        if pairs:
            if lanes == PANEL:
                tiles.multiply_16(some, begin, apart, further, panel, count, before, into)
            else:
                tiles.multiply_16_half(some, begin, apart, further, panel, count, before, into)
        elif lanes == PANEL:
            tiles.multiply_32(some, begin, apart, further, panel, count, before, into)
        else:
            tiles.multiply_32_half(some, begin, apart, further, panel, count, before, into)


@inline
def lay(pairs: bool, source: int, size: int, token: int, rows: int, width: int, target: int) -> None:
    """Keys as tiles go through them: an input of each of a tile's rows beside one another, then the next; in pairs of
    bf16, or as fp32.
    """
    pieces = (rows + TILE - 1) // TILE
    for piece in range(pieces):
        first = rows * piece // pieces
        some = rows * (piece + 1) // pieces - first
        for t in range(some):
            place = source + token * (first + t)
            if pairs:
                words = carray(pointer(place, np.uint32), width // 2)
                into = carray(pointer(target + 2 * width * first, np.uint32), (width // 2, some))
                for k in range(width // 2):
                    into[k, t] = words[k]
            else:
                numbers = carray(pointer(target + 4 * width * first, np.float32), (width, some))
                if size == 2:
                    halves = carray(pointer(place, np.uint16), width)
                    for k in range(width):
                        numbers[k, t] = from_bf16(halves[k])
                else:
                    given = carray(pointer(place, np.float32), width)
                    for k in range(width):
                        numbers[k, t] = given[k]


@inline
def look(
    count: int, size: int, few_at: int, keys_at: int, step: int, token: int, sees: Any, scale: Any, width: int
) -> None:
    """What one or two queries find at the first `sees` keys, which are read as they lie.

    few_at: address of fp32 queries `(2, width)`, then of what is found, before it is divided by the weights' sum
    `(2, width)`, the largest scores `(2,)`, the sums of weights `(2,)`, and room for weights `(2, BLOCK)`.
    """
    found_at = few_at + 8 * width
    weights_at = found_at + 8 * width + 16
    found = carray(pointer(found_at, np.float32), (2, width))
    state = carray(pointer(found_at + 8 * width, np.float32), (2, 2))
    most, sums = state[0], state[1]
    weights = carray(pointer(weights_at, np.float32), (2, BLOCK))
    tokens = sees[0]
    for q in range(count):
        most[q], sums[q], tokens = NOTHING, np.float32(0), max(tokens, sees[q])
        found[q] = np.float32(0)
    for base in range(0, tokens, BLOCK):
        length = min(BLOCK, tokens - base)
        place = keys_at + token * base
        tiles.scores(count, size, few_at, place, token, length, width, weights_at, 4 * BLOCK)
        for q in range(count):
            visible = max(0, min(length, sees[q] - base))
            top = most[q]
            for t in range(visible):
                top = max(top, weights[q, t])
            factor = exponential((most[q] - top) * scale)
            most[q] = top
            for k in range(width):
                found[q, k] *= factor
            for t in range(visible):
                weights[q, t] = exponential((weights[q, t] - top) * scale)
            total = np.float32(0)
            for t in range(visible):
                total += weights[q, t]
            sums[q] = sums[q] * factor + total
            for t in range(visible, length):
                weights[q, t] = np.float32(0)
        tiles.found(count, size, weights_at, 4 * BLOCK, place + step, token, length, width, found_at)


@inline
def join(own: Any, own_largest: Any, own_sum: Any, scale: Any, lane: int, found: Any, largest: Any, sums: Any) -> None:
    """Put what a query has found alone, `own (d,)`, together with what its lane of a panel has, `found (d, lanes)`."""
    top = max(largest[lane], own_largest)
    kept, added = exponential((largest[lane] - top) * scale), exponential((own_largest - top) * scale)
    largest[lane], sums[lane] = top, sums[lane] * kept + own_sum * added
    for k in range(len(own)):
        found[k, lane] = found[k, lane] * kept + own[k] * added


@inline
def hand_out(found: Any, lane: int, factor: Any, address: int, size: int) -> None:
    """Write what a query has found, a lane of `(d, lanes)`, times a factor, in numbers of so many bytes."""
    width = len(found)
    if size == 2:
        halves = carray(pointer(address, np.uint16), width)
        for k in range(width):
            halves[k] = to_bf16(found[k, lane] * factor)
    else:
        whole = carray(pointer(address, np.float32), width)
        for k in range(width):
            whole[k] = found[k, lane] * factor


@inline
def pair_up(first: int, second: int, into: Any) -> None:
    """The bf16 of two tokens beside one another, `(d,)` words; of one alone, where the second's address is 0."""
    low = carray(pointer(first, np.uint16), len(into))
    if second == 0:
        for k in range(len(into)):
            into[k] = np.uint32(low[k])
        return
    high = carray(pointer(second, np.uint16), len(into))
    for k in range(len(into)):
        into[k] = np.uint32(low[k]) | np.uint32(np.uint32(high[k]) << np.uint32(16))


@inline
def widen(address: int, into: Any, size: int) -> None:
    """Read numbers of so many bytes, bf16 or fp32, as fp32."""
    if size == 2:
        halves = carray(pointer(address, np.uint16), len(into))
        for k in range(len(into)):
            into[k] = from_bf16(halves[k])
    else:
        whole = carray(pointer(address, np.float32), len(into))
        for k in range(len(into)):
            into[k] = whole[k]


@inline
def copy(source: int, target: int, count: int) -> None:
    """Copy so many bytes, an even number."""
    given, taken = carray(pointer(source, np.uint16), count // 2), carray(pointer(target, np.uint16), count // 2)
    for k in range(count // 2):
        taken[k] = given[k]


@loop
def attend(p: Any) -> None:
    """Write the keys and values of rows of several sequences, and give what their queries find, `out (R, H, d)`.

    Arguments: queries, keys, values (the heads of a row beside one another), the elements from one row of each to the
    next, out, table, scratch, then: R, H, G, d, layer, key ranges, scratch elements of a thread, bytes of an element
    (2: bf16, 4: fp32). The table `(key_ranges, 10)` int64 has for each range of keys: address of the first layer's
    first key; elements from a layer to the next, from keys to values, from a head to the next and from a token to the
    next; tokens; address of the int64 numbers of the rows that look at it; how many; how many tokens the first of these
    sees, the next one more (0: all see all); whether they are themselves its last tokens.
    Each thread takes some heads of keys. Where one or two queries look at a range, it is read as it lies. Else a panel
    of queries, those of a row's heads that share keys beside one another, is looked up together, in `lanes`: scores
    `(keys, lanes)` and what is found `(d, lanes)` are products of tiles (FlashAttention-2's order, arXiv:2307.08691).
    Where the CPU multiplies `pairs` of bf16, keys are taken as they are, values and weights in pairs of tokens; else
    they become fp32.

    It is one long function since its steps share some twenty sizes, addresses and views of the scratch.
    """
    rows, heads, groups, width, layer, key_ranges = p[9], p[10], p[11], p[12], p[13], p[14]
    room, size = p[15], p[16]
    table = carray(pointer(p[7], np.int64), (key_ranges, 10))
    each = heads // groups
    count = rows * each
    lanes = PANEL // 2 if 2 * count <= PANEL else PANEL
    panels = (count + lanes - 1) // lanes
    pairs = PAIRS and size == 2 and width % 2 == 0
    line = 4 * lanes
    numbers = width // 2 if pairs else width
    scale = np.float32(1) / np.sqrt(np.float32(width))
    queries_at = p[8] + 4 * room * part()
    found_at = queries_at + line * panels * width
    keys_at = found_at + line * panels * width
    values_at = keys_at + 4 * BLOCK * width
    scores_at = values_at + 4 * BLOCK * width
    largest_at = scores_at + line * BLOCK
    sums_at = largest_at + line * panels
    sees_at = sums_at + line * panels
    queries = carray(pointer(queries_at, np.float32), (panels, width, lanes))
    query_words = carray(pointer(queries_at, np.uint32), (panels, numbers, lanes))
    found = carray(pointer(found_at, np.float32), (panels, width, lanes))
    keys = carray(pointer(keys_at, np.float32), (BLOCK, width))
    values = carray(pointer(values_at, np.float32), (BLOCK, width))
    value_words = carray(pointer(values_at, np.uint32), (BLOCK // 2, width))
    scores = carray(pointer(scores_at, np.float32), (BLOCK, lanes))
    largest = carray(pointer(largest_at, np.float32), (panels, lanes))
    sums = carray(pointer(sums_at, np.float32), (panels, lanes))
    sees = carray(pointer(sees_at, np.int32), (panels, lanes))
    few_at = keys_at  # these are not needed for one or two queries
    few_queries = carray(pointer(few_at, np.float32), (2, width))
    few_found = carray(pointer(few_at + 8 * width, np.float32), (2, width))
    few_state = carray(pointer(few_at + 16 * width, np.float32), (2, 2))
    few_sees = carray(pointer(values_at, np.int32), 2)
    first, end = share(groups)
    for group in range(first, end):
        queries[:] = np.float32(0)
        found[:] = np.float32(0)
        largest[:] = NOTHING
        sums[:] = np.float32(0)
        for i in range(count):
            place = p[0] + size * (i // each * p[3] + (group * each + i % each) * width)
            if pairs:
                words = carray(pointer(place, np.uint32), numbers)
                for k in range(numbers):
                    query_words[i // lanes, k, i % lanes] = words[k]
                continue
            widen(place, keys[0], size)
            for k in range(width):
                queries[i // lanes, k, i % lanes] = keys[0, k]
        for s in range(key_ranges):
            begin = table[s, 0] + size * (layer * table[s, 1] + group * table[s, 3])
            step, token, tokens = size * table[s, 2], size * table[s, 4], table[s, 5]
            members, seen = table[s, 7], table[s, 8]
            which = carray(pointer(table[s, 6], np.int64), members)
            if table[s, 9]:
                for i in range(members):
                    place = begin + token * (tokens - members + i)
                    copy(p[1] + size * (which[i] * p[4] + group * width), place, size * width)
                    copy(p[2] + size * (which[i] * p[5] + group * width), place + step, size * width)
            if members * each <= 2 and width % LANES == 0:
                for i in range(members * each):
                    head = group * each + i % each
                    widen(p[0] + size * (which[i // each] * p[3] + head * width), few_queries[i], size)
                    few_sees[i] = np.int32(tokens if seen == 0 else min(tokens, seen + i // each))
                look(members * each, size, few_at, begin, step, token, few_sees, scale, width)
                for i in range(members * each):
                    number = which[i // each] * each + i % each
                    panel, lane = number // lanes, number % lanes
                    own_found, own_largest, own_sum = few_found[i], few_state[0, i], few_state[1, i]
                    join(own_found, own_largest, own_sum, scale, lane, found[panel], largest[panel], sums[panel])
                continue
            sees[:] = np.int32(0)
            for member in range(members):
                for i in range(which[member] * each, (which[member] + 1) * each):
                    sees[i // lanes, i % lanes] = np.int32(tokens if seen == 0 else min(tokens, seen + member))
            for base in range(0, tokens, BLOCK):
                length = min(BLOCK, tokens - base)
                fresh = True
                for panel in range(panels):
                    most, least = sees[panel, 0], sees[panel, 0]
                    for lane in range(lanes):
                        most, least = max(most, sees[panel, lane]), min(least, sees[panel, lane])
                    if most <= base:
                        continue
                    keys_begin, again = begin + token * base, panels > 1 or not pairs
                    if fresh:
                        if again:
                            lay(pairs, keys_begin, size, token, length, width, keys_at)
                        if pairs:
                            for t in range(0, length, 2):
                                place = keys_begin + step + token * t
                                pair_up(place, place + token if t + 1 < length else 0, value_words[t // 2])
                        else:
                            for t in range(length):
                                widen(keys_begin + step + token * t, values[t], size)
                    fresh = False
                    own = line * width * panel
                    given = queries_at + line * numbers * panel
                    if again:
                        multiply_add(pairs, lanes, length, keys_at, 0, 0, given, numbers, scores_at, True)
                    else:
                        multiply_add(pairs, lanes, length, keys_begin, token, 4, given, numbers, scores_at, True)
                    if least < base + length:
                        for lane in range(lanes):
                            for t in range(max(0, sees[panel, lane] - base), length):
                                scores[t, lane] = HIDDEN
                    even = length
                    if pairs and length % 2:
                        scores[length] = HIDDEN
                        even += 1
                    state = line * panel
                    weigh(
                        pairs, lanes, scores_at, even, scale, largest_at + state, sums_at + state, found_at + own, width
                    )
                    steps = even // 2 if pairs else even
                    multiply_add(pairs, lanes, width, values_at, 4, 4 * width, scores_at, steps, found_at + own, False)
        for i in range(count):
            panel, lane = i // lanes, i % lanes
            factor = np.float32(0) if largest[panel, lane] == NOTHING else np.float32(1) / sums[panel, lane]
            place = p[6] + size * (i // each * heads + group * each + i % each) * width
            hand_out(found[panel], lane, factor, place, size)
