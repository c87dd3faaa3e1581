"""The loops themselves. Numba compiles them at the import of this file; `calls` hands them tensors.

`p` points to the arguments of a call: first addresses, then sizes. All arrays lie row after row unless a stride is given.
"""

# mypy: ignore-errors
# (Numba gives what is called here other types than Python would.)

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit

from occlusight.model.loops import tiles
from occlusight.model.loops.team import ORDERED, QUICK, as_bits, as_float, loop, part, parts, pointer, wait_for_all
from occlusight.model.loops.tiles import GROUP, GROUP_BYTES, NARROW_TILE, PANEL, QUAD, TILE

inline = njit(fastmath=set(QUICK), error_model="numpy")
ordered = njit(fastmath=set(ORDERED), error_model="numpy")
exact = njit(fastmath=set(ORDERED - {"contract"}), error_model="numpy")
LOG2_E, LN2_HIGH, LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
ROUNDING = np.float32(3 << 22)
"""Added to a small float it rounds this half to even; the whole number is then in the lowest bits."""
LEAST = np.float32(-87.0)
"""Its exponential is the smallest that is told from 0."""
TINY = np.float32(1e-30)
BLOCK = 64
"""Tokens whose keys and values are turned into fp32 together."""
NOTHING, HIDDEN = np.float32(-1e30), np.float32(-1e38)
"""The largest score before there is one, and that of a key that a query does not see: its weight is nothing beside any other."""


@inline
def share(count: int) -> tuple[int, int]:
    """The half-open range of so many things that this thread takes."""
    return count * part() // parts(), count * (part() + 1) // parts()


@ordered
def exponential(x: Any) -> Any:
    """exp of a float of at most 88 (Cephes' expf: a polynomial of what is left after the powers of two)."""
    x = max(x, LEAST)
    whole = x * LOG2_E + ROUNDING
    power = whole - ROUNDING
    x = x - power * LN2_HIGH - power * LN2_LOW
    y = np.float32(1.9875691500e-4) * x + np.float32(1.3981999507e-3)
    y = y * x + np.float32(8.3334519073e-3)
    y = y * x + np.float32(4.1665795894e-2)
    y = y * x + np.float32(1.6666665459e-1)
    y = y * x + np.float32(5.0000001201e-1)
    y = y * x * x + x + np.float32(1)
    return y * as_float(np.uint32(np.uint32(as_bits(whole) + np.uint32(127)) << np.uint32(23)))


@inline
def to_bf16(x: Any) -> Any:
    """The upper half of a float, rounded half to even."""
    bits = as_bits(x)
    return np.uint16(np.uint32(bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


@inline
def from_bf16(half: Any) -> Any:
    """The float whose upper half is given."""
    return as_float(np.uint32(np.uint32(half) << np.uint32(16)))


@exact
def steps_of(x: Any) -> tuple[Any, Any]:
    """A row's factor to whole steps from -127 to 127, and its scale back."""
    largest = TINY
    for k in range(len(x)):
        largest = max(largest, abs(x[k]))
    return np.float32(127) / largest, largest / np.float32(127)


@exact
def step(x: Any, factor: Any) -> Any:
    """The whole number nearest to `x * factor`, half to even, in the lowest bits of what is given."""
    return as_bits(x * factor + ROUNDING)


@exact
def lay_pairs(x: Any, address: int, scale: Any) -> None:
    """Round rows to 8 bits and write them as `tiles.tile_8` takes them: two neighbours of each row in a word, then the next two."""
    count, width = x.shape
    into = carray(pointer(address, np.uint32), ((width + 1) // 2, count))
    for row in range(count):
        given = x[row]
        factor, scale[row] = steps_of(given)
        for k in range(width // 2):
            low, high = step(given[2 * k], factor), step(given[2 * k + 1], factor)
            into[k, row] = np.uint32(low & np.uint32(0xFFFF)) | np.uint32(high << np.uint32(16))
        if width % 2:
            into[width // 2, row] = step(given[width - 1], factor) & np.uint32(0xFFFF)


@exact
def lay_quads(x: Any, address: int, scale: Any) -> None:
    """Round rows to 8 bits and write them as `tiles.tile_4` takes them: four neighbours of each row in a word, and each group's sum."""
    count, width = x.shape
    for row in range(count):
        factor, scale[row] = steps_of(x[row])
        for group in range(width // GROUP):
            place = address + group * (GROUP + 4) * count
            into = carray(pointer(place, np.int8), (GROUP // QUAD, count, QUAD))
            total = np.int32(0)
            for k in range(GROUP):
                level = np.int8(step(x[row, group * GROUP + k], factor) & np.uint32(0xFF))
                into[k // QUAD, row, k % QUAD] = level
                total = np.int32(total + np.int32(level))
            carray(pointer(place + GROUP * count, np.float32), count)[row] = np.float32(total)


@exact
def round_row(x: Any, levels: Any, scale: Any) -> None:
    """Round a row to levels around 128."""
    factor, scale[0] = steps_of(x)
    for k in range(len(x)):
        levels[k] = np.uint8(np.uint32(step(x[k], factor) + np.uint32(128)) & np.uint32(0xFF))


@loop
def quantize(p: Any) -> None:
    """`x (M, K)` fp32 to `levels (M, K)` uint8 around 128 and `scale (M,)` fp32. Sizes: M, K."""
    rows, width = p[3], p[4]
    x = carray(pointer(p[0], np.float32), (rows, width))
    levels = carray(pointer(p[1], np.uint8), (rows, width))
    scale = carray(pointer(p[2], np.float32), rows)
    first, end = share(rows)
    for row in range(first, end):
        round_row(x[row], levels[row], scale[row : row + 1])


@loop
def multiply(p: Any) -> None:
    """`x (M, K)` fp32, each row rounded to 8 bits by its largest value, times a weight `(N, K)`; times `scale (N,)`, plus `bias (N,)` if any.

    Arguments: x, panels, scale (0: the weight has 4 bits, and scales of its own), bias or 0, out `(M, N)` fp32, scratch, M, N, K, the rows that
    are laid out together. Panels are `(N / PANEL, K / 2, PANEL, 2)` int8, or in 4 bits `(N / PANEL, K / GROUP, GROUP_BYTES)`. Each thread takes
    some; a panel is read once for all rows that are together.
    """
    rows, outputs, width, together = p[6], p[7], p[8], p[9]
    x = carray(pointer(p[0], np.float32), (rows, width))
    scale = carray(pointer(p[2], np.float32), outputs)
    bias = carray(pointer(p[3], np.float32), outputs)
    out = carray(pointer(p[4], np.float32), (rows, outputs))
    narrow = p[2] == 0
    tile = NARROW_TILE if narrow else TILE
    steps = width // GROUP if narrow else (width + 1) // 2
    line = steps * (GROUP + 4 if narrow else 4)
    panel_bytes = steps * (GROUP_BYTES if narrow else 2 * PANEL)
    own = p[5] + 4 * TILE * PANEL * part()
    sums = carray(pointer(own, np.float32), (TILE, PANEL))
    factors_at = p[5] + 4 * TILE * PANEL * parts()
    factors = carray(pointer(factors_at, np.float32), together)
    laid = factors_at + 4 * together
    first, end = share((outputs + PANEL - 1) // PANEL)
    for base in range(0, rows, together):
        count = min(together, rows - base)
        pieces = (count + tile - 1) // tile
        if base:
            wait_for_all()
        begin, behind = share(pieces)
        for t in range(begin, behind):
            row, stop = count * t // pieces, count * (t + 1) // pieces
            if narrow:
                lay_quads(x[base + row : base + stop], laid + line * row, factors[row:stop])
            else:
                lay_pairs(x[base + row : base + stop], laid + line * row, factors[row:stop])
        wait_for_all()
        for panel in range(first, end):
            weights, n = p[1] + panel_bytes * panel, panel * PANEL
            some = min(PANEL, outputs - n)
            for t in range(pieces):
                row, stop = count * t // pieces, count * (t + 1) // pieces
                if narrow:
                    tiles.multiply_4(stop - row, laid + line * row, weights, steps, own)
                else:
                    tiles.multiply_8(stop - row, laid + line * row, weights, steps, own)
                for m in range(stop - row):
                    if not narrow:
                        for i in range(some):
                            sums[m, i] *= scale[n + i]
                    for i in range(some):
                        out[base + row + m, n + i] = sums[m, i] * factors[row + m]
                    if p[3] != 0:
                        for i in range(some):
                            out[base + row + m, n + i] += bias[n + i]


@loop
def rms_norm(p: Any) -> None:
    """`x (M, K)` and `weight (K,)` to `out (M, K)`, all fp32. Sizes: M, K, the bits of eps."""
    rows, width, eps = p[3], p[4], as_float(np.uint32(p[5]))
    x = carray(pointer(p[0], np.float32), (rows, width))
    weight = carray(pointer(p[1], np.float32), width)
    out = carray(pointer(p[2], np.float32), (rows, width))
    first, end = share(rows)
    for row in range(first, end):
        square = np.float32(0)
        for k in range(width):
            square += x[row, k] * x[row, k]
        factor = np.float32(1) / np.sqrt(square / np.float32(width) + eps)
        for k in range(width):
            out[row, k] = x[row, k] * factor * weight[k]


@loop
def turn(p: Any) -> None:
    """Heads `x (M, T, d)` fp32 to bf16 `(M, T, d)`: the first `turned` of them normalised if there are `norms (turned, d)`, and turned.

    Arguments: x, norms or 0, cos and sin `(M, d / 2)`, out, M, T, turned, d, the bits of eps. Channels are in `pair_order`.
    """
    rows, heads, turned, width, eps = p[5], p[6], p[7], p[8], as_float(np.uint32(p[9]))
    x = carray(pointer(p[0], np.float32), (rows, heads, width))
    norms = carray(pointer(p[1], np.float32), (turned, width))
    cos = carray(pointer(p[2], np.float32), (rows, width // 2))
    sin = carray(pointer(p[3], np.float32), (rows, width // 2))
    out = carray(pointer(p[4], np.uint16), (rows, heads, width))
    first, end = share(rows)
    for row in range(first, end):
        for head in range(turned):
            factor = np.float32(1)
            if p[1] != 0:
                square = np.float32(0)
                for k in range(width):
                    square += x[row, head, k] * x[row, head, k]
                factor = np.float32(1) / np.sqrt(square / np.float32(width) + eps)
            for k in range(width // 2):
                low, high = x[row, head, 2 * k] * factor, x[row, head, 2 * k + 1] * factor
                if p[1] != 0:
                    low, high = low * norms[head, 2 * k], high * norms[head, 2 * k + 1]
                out[row, head, 2 * k] = to_bf16(low * cos[row, k] - high * sin[row, k])
                out[row, head, 2 * k + 1] = to_bf16(low * sin[row, k] + high * cos[row, k])
        for head in range(turned, heads):
            for k in range(width):
                out[row, head, k] = to_bf16(x[row, head, k])


@loop
def swiglu(p: Any) -> None:
    """`gates and ups (M, 2 F)` to silu(gate) x up, `(M, F)`, fp32. Arguments: x, out, M, F."""
    rows, width = p[2], p[3]
    x = carray(pointer(p[0], np.float32), (rows, 2 * width))
    out = carray(pointer(p[1], np.float32), (rows, width))
    first, end = share(rows)
    for row in range(first, end):
        for k in range(width):
            gate = x[row, k]
            out[row, k] = gate * x[row, width + k] / (np.float32(1) + exponential(min(-gate, np.float32(88))))


@loop
def gelu(p: Any) -> None:
    """GELU with tanh, in place, of so many fp32 numbers. Arguments: x, their number."""
    first, end = share(p[1])
    x = carray(pointer(p[0] + 4 * first, np.float32), end - first)
    for i in range(len(x)):
        inner = x[i] * (np.float32(1.5957691216) + np.float32(0.0713548163) * x[i] * x[i])
        x[i] = x[i] / (np.float32(1) + exponential(min(-inner, np.float32(88))))


@ordered
def weigh(lanes: int, scores: int, count: int, most: int, sums: int, out: int, width: int) -> None:
    """See `tiles.softmax_step`, whose exponentials must be computed in their order."""
    if lanes == PANEL:
        tiles.weigh(scores, count, most, sums, out, width)
    else:
        tiles.weigh_half(scores, count, most, sums, out, width)


@inline
def multiply_add(lanes: int, rows: int, x: int, row: int, step: int, panel: int, count: int, sums: int) -> None:
    """`tiles.tile_32` for any number of rows."""
    for first in range(0, rows, TILE):
        some, begin, into = min(TILE, rows - first), x + row * first, sums + 4 * lanes * first
        if lanes == PANEL:
            tiles.multiply_32(some, begin, row, step, panel, count, into)
        else:
            tiles.multiply_32_half(some, begin, row, step, panel, count, into)


@inline
def look(
    query: Any, keys: Any, values: Any, visible: int, scores: Any, found: Any, most: Any, total: Any
) -> tuple[Any, Any]:
    """Add to what a query has found what it finds at the first `visible` keys; return the largest score yet and the sum of weights."""
    width, before = len(query), most
    for t in range(visible):
        score = np.float32(0)
        for k in range(width):
            score += query[k] * keys[t, k]
        scores[t] = score
        most = max(most, score)
    if most > before:
        factor = exponential(before - most)
        total = total * factor
        for k in range(width):
            found[k] *= factor
    for t in range(visible):
        scores[t] = exponential(scores[t] - most)
    for t in range(visible):
        total += scores[t]
        for k in range(width):
            found[k] += scores[t] * values[t, k]
    return most, total


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

    Arguments: queries, keys, values (the heads of a row beside one another), the elements from one row of each to the next, out, table,
    scratch, then: R, H, G, d, layer, stretches, scratch elements of a thread, bytes of an element (2: bf16, 4: fp32).
    The table `(stretches, 10)` int64 has for each stretch of keys: address of the first layer's first key; elements from a layer to the next,
    from keys to values, from a head to the next and from a token to the next; tokens; address of the int64 numbers of the rows
    that look at it; how many; how many tokens the first of these sees, the next one more (0: all see all); whether they are
    themselves its last tokens.
    Each thread takes some heads of keys. A panel of queries, those of a row's heads that share keys beside one another, is looked up
    together, in `lanes`, two queries one by one: scores `(keys, lanes)` and what is found `(d, lanes)` are products of tiles (FlashAttention-2's order, arXiv:2307.08691).
    """
    rows, heads, groups, width, layer, stretches = p[9], p[10], p[11], p[12], p[13], p[14]
    room, size = p[15], p[16]
    table = carray(pointer(p[7], np.int64), (stretches, 10))
    each = heads // groups
    count = rows * each
    lanes = 1 if count <= 2 else PANEL // 2 if 2 * count <= PANEL else PANEL
    panels = (count + lanes - 1) // lanes
    line = 4 * lanes
    queries_at = p[8] + 4 * room * part()
    found_at = queries_at + line * panels * width
    keys_at = found_at + line * panels * width
    values_at = keys_at + 4 * BLOCK * width
    scores_at = values_at + 4 * BLOCK * width
    largest_at = scores_at + line * BLOCK
    sums_at = largest_at + line * panels
    sees_at = sums_at + line * panels
    queries = carray(pointer(queries_at, np.float32), (panels, width, lanes))
    found = carray(pointer(found_at, np.float32), (panels, width, lanes))
    keys = carray(pointer(keys_at, np.float32), (BLOCK, width))
    values = carray(pointer(values_at, np.float32), (BLOCK, width))
    scores = carray(pointer(scores_at, np.float32), (BLOCK, lanes))
    largest = carray(pointer(largest_at, np.float32), (panels, lanes))
    sums = carray(pointer(sums_at, np.float32), (panels, lanes))
    sees = carray(pointer(sees_at, np.int32), (panels, lanes))
    shrink = np.float32(1) / np.sqrt(np.float32(width))
    first, end = share(groups)
    for group in range(first, end):
        queries[:] = np.float32(0)
        found[:] = np.float32(0)
        largest[:] = NOTHING
        sums[:] = np.float32(0)
        for i in range(count):
            widen(p[0] + size * (i // each * p[3] + (group * each + i % each) * width), keys[0], size)
            for k in range(width):
                queries[i // lanes, k, i % lanes] = keys[0, k] * shrink
        for s in range(stretches):
            begin = table[s, 0] + size * (layer * table[s, 1] + group * table[s, 3])
            step, token, tokens = size * table[s, 2], size * table[s, 4], table[s, 5]
            members, seen = table[s, 7], table[s, 8]
            which = carray(pointer(table[s, 6], np.int64), members)
            if table[s, 9]:
                for i in range(members):
                    place = begin + token * (tokens - members + i)
                    copy(p[1] + size * (which[i] * p[4] + group * width), place, size * width)
                    copy(p[2] + size * (which[i] * p[5] + group * width), place + step, size * width)
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
                    if fresh:
                        for t in range(length):
                            widen(begin + token * (base + t), keys[t], size)
                            widen(begin + step + token * (base + t), values[t], size)
                        fresh = False
                    own = line * width * panel
                    if lanes == 1:
                        largest[panel, 0], sums[panel, 0] = look(
                            carray(pointer(queries_at + own, np.float32), width),
                            keys,
                            values,
                            min(length, most - base),
                            carray(pointer(scores_at, np.float32), BLOCK),
                            carray(pointer(found_at + own, np.float32), width),
                            largest[panel, 0],
                            sums[panel, 0],
                        )
                        continue
                    scores[:length] = np.float32(0)
                    multiply_add(lanes, length, keys_at, 4 * width, 4, queries_at + own, width, scores_at)
                    if least < base + length:
                        for lane in range(lanes):
                            for t in range(max(0, sees[panel, lane] - base), length):
                                scores[t, lane] = HIDDEN
                    state = line * panel
                    weigh(lanes, scores_at, length, largest_at + state, sums_at + state, found_at + own, width)
                    multiply_add(lanes, width, values_at, 4, 4 * width, scores_at, length, found_at + own)
        for i in range(count):
            panel, lane = i // lanes, i % lanes
            factor = np.float32(0) if largest[panel, lane] == NOTHING else np.float32(1) / sums[panel, lane]
            place = p[6] + size * (i // each * heads + group * each + i % each) * width
            if size == 2:
                halves = carray(pointer(place, np.uint16), width)
                for k in range(width):
                    halves[k] = to_bf16(found[panel, k, lane] * factor)
            else:
                whole = carray(pointer(place, np.float32), width)
                for k in range(width):
                    whole[k] = found[panel, k, lane] * factor
