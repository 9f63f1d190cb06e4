"""Blocks as zlib writes them: which kind, which codes, and their bits."""

from __future__ import annotations

import numpy as np
from numba import types as nt

from edgezip.coding.deflate.tables import (
    DISTANCE_BASE,
    DISTANCE_CODE,
    DISTANCE_EXTRA,
    DISTANCES,
    END_OF_BLOCK,
    LENGTH_BASE,
    LENGTH_CODE,
    LENGTH_EXTRA,
    MAX_BITS,
    MAX_ORDER_BITS,
    ORDER,
    ORDER_EXTRA,
    ORDERS,
    STATIC_DISTANCE,
    STATIC_LENGTHS,
    SYMBOLS,
)
from edgezip.coding.jit import lazy_njit, njit

STORED, STATIC, DYNAMIC, CHOOSE, CHOOSE_CODED = range(5)
"""Kinds of blocks, the first three as in the format; what zlib chooses, and that if its window does
not have the content any more."""
BITS, COUNT, WRITTEN = range(3)
"""Places of the writer's state: bits that make no byte yet, their number, bytes written."""
_NODES = 2 * SYMBOLS + 1


@njit(_nrt=False, nogil=True)
def _smaller(frequencies, depth, first, second):  # type: ignore[no-untyped-def]
    a, b = frequencies[first], frequencies[second]
    return a < b or (a == b and depth[first] <= depth[second])


@njit(_nrt=False, nogil=True)
def _sift(heap, size, place, frequencies, depth):  # type: ignore[no-untyped-def]
    moved = heap[place]
    below = 2 * place
    while below <= size:
        if below < size and _smaller(frequencies, depth, heap[below + 1], heap[below]):
            below += 1
        if _smaller(frequencies, depth, moved, heap[below]):
            break
        heap[place] = heap[below]
        place, below = below, 2 * below
    heap[place] = moved


@njit(nogil=True)
def _build(frequencies, count, most, lengths, codes, work):  # type: ignore[no-untyped-def]
    """Lengths and codes of `count` symbols; the highest symbol used.

    frequencies: of symbols, with room for the inner nodes. work (3, n): heap, depths, parents.
    """
    heap, depth, parent = work[0], work[1], work[2]
    size, top, last = 0, _NODES, -1
    for symbol in range(count):
        lengths[symbol] = 0
        if frequencies[symbol]:
            size += 1
            heap[size] = last = symbol
            depth[symbol] = 0
    while size < 2:
        symbol = 0
        if last < 2:
            last += 1
            symbol = last
        size += 1
        heap[size] = symbol
        frequencies[symbol] = 1
        depth[symbol] = 0
    for place in range(size // 2, 0, -1):
        _sift(heap, size, place, frequencies, depth)
    node = count
    while size >= 2:
        first = heap[1]
        heap[1] = heap[size]
        size -= 1
        _sift(heap, size, 1, frequencies, depth)
        second = heap[1]
        heap[top - 1], heap[top - 2] = first, second
        top -= 2
        frequencies[node] = frequencies[first] + frequencies[second]
        depth[node] = max(depth[first], depth[second]) + 1
        parent[first] = parent[second] = node
        heap[1] = node
        _sift(heap, size, 1, frequencies, depth)
        node += 1
    top -= 1
    heap[top] = heap[1]
    _lengths(heap, top, last, most, frequencies, parent, lengths)
    _codes(lengths, last, codes)
    return last


@njit(nogil=True)
def _lengths(heap, top, last, most, frequencies, parent, lengths):  # type: ignore[no-untyped-def]
    """Lengths from the tree, none above `most`."""
    counts = np.zeros(16, np.int64)
    lengths[heap[top]] = 0
    over = 0
    for place in range(top + 1, _NODES):
        symbol = heap[place]
        bits = lengths[parent[symbol]] + 1
        if bits > most:
            bits = most
            over += 1
        lengths[symbol] = bits
        if symbol <= last:
            counts[bits] += 1
    if not over:
        return
    while over > 0:
        bits = most - 1
        while counts[bits] == 0:
            bits -= 1
        counts[bits] -= 1
        counts[bits + 1] += 2
        counts[most] -= 1
        over -= 2
    place = _NODES
    for bits in range(most, 0, -1):
        left = counts[bits]
        while left:
            place -= 1
            if heap[place] <= last:
                lengths[heap[place]] = bits
                left -= 1


@njit(nogil=True)
def _codes(lengths, last, codes):  # type: ignore[no-untyped-def]
    """Canonical codes with their bits turned round, as they are written from the lowest bit."""
    following = np.zeros(17, np.int64)
    for symbol in range(last + 1):
        if lengths[symbol]:
            following[lengths[symbol] + 1] += 1
    for bits in range(1, 17):
        following[bits] = (following[bits - 1] + following[bits]) << 1 if bits > 1 else 0
    # following[b] is now the first code of b bits.
    for symbol in range(last + 1):
        bits = lengths[symbol]
        if bits:
            value, turned = following[bits], 0
            following[bits] += 1
            for _ in range(bits):
                turned = turned << 1 | (value & 1)
                value >>= 1
            codes[symbol] = turned


@njit(_nrt=False, nogil=True)
def _put(out, writer, value, bits):  # type: ignore[no-untyped-def]
    """Write `bits` bits."""
    writer[BITS] |= value << writer[COUNT]
    writer[COUNT] += bits
    while writer[COUNT] >= 8:
        out[writer[WRITTEN]] = writer[BITS] & 255
        writer[WRITTEN] += 1
        writer[BITS] >>= 8
        writer[COUNT] -= 8


@njit(_nrt=False, nogil=True)
def _lists(lengths, last, runs, count):  # type: ignore[no-untyped-def]
    """Append how the lengths are written to `runs` (n, 2): symbol and extra bits; the new count."""
    before, following, repeated = -1, lengths[0], 0
    most, least = (138, 3) if following == 0 else (7, 4)
    for symbol in range(last + 1):
        current = following
        following = lengths[symbol + 1] if symbol < last else -1
        repeated += 1
        if repeated < most and current == following:
            continue
        if repeated < least:
            for _ in range(repeated):
                runs[count, 0] = current
                count += 1
        elif current:
            if current != before:
                runs[count, 0] = current
                count += 1
                repeated -= 1
            runs[count, 0], runs[count, 1] = 16, repeated - 3
            count += 1
        elif repeated <= 10:
            runs[count, 0], runs[count, 1] = 17, repeated - 3
            count += 1
        else:
            runs[count, 0], runs[count, 1] = 18, repeated - 11
            count += 1
        repeated, before = 0, current
        if following == 0:
            most, least = 138, 3
        elif current == following:
            most, least = 6, 3
        else:
            most, least = 7, 4
    return count


@lazy_njit(
    nt.int64(
        nt.Array(nt.uint8, 1, "C", readonly=True), nt.int32[::1], nt.int64, nt.boolean,
        nt.int64[::1], nt.uint8[::1],
    ),
    nogil=True,
)  # fmt: skip
def write_block(content, tokens, kind, last, writer, out):  # type: ignore[no-untyped-def]
    """Write a block of `tokens`, which stand for the bytes `content`; the kind it got.

    kind: STORED, STATIC, DYNAMIC, or CHOOSE and CHOOSE_CODED. out: has room.
    """
    literals, distances = np.zeros(_NODES, np.int64), np.zeros(_NODES, np.int64)
    literals[END_OF_BLOCK] = 1
    for token in tokens:
        if token < 256:
            literals[token] += 1
        else:
            literals[END_OF_BLOCK + 1 + LENGTH_CODE[token & 511]] += 1
            distances[DISTANCE_CODE[token >> 9]] += 1
    counts = np.zeros((2, SYMBOLS), np.int64)
    counts[0], counts[1, :DISTANCES] = literals[:SYMBOLS], distances[:DISTANCES]
    work = np.zeros((3, _NODES), np.int64)
    lengths, codes = np.zeros((3, _NODES), np.int64), np.zeros((3, _NODES), np.int64)
    last_literal = _build(literals, SYMBOLS, MAX_BITS, lengths[0], codes[0], work)
    last_distance = _build(distances, DISTANCES, MAX_BITS, lengths[1], codes[1], work)
    runs = np.zeros((SYMBOLS + DISTANCES + 2, 2), np.int64)
    listed = _lists(lengths[0], last_literal, runs, 0)
    listed = _lists(lengths[1], last_distance, runs, listed)
    orders = np.zeros(_NODES, np.int64)
    for i in range(listed):
        orders[runs[i, 0]] += 1
    order_counts = orders[:ORDERS].copy()
    _build(orders, ORDERS, MAX_ORDER_BITS, lengths[2], codes[2], work)
    listed_orders = ORDERS
    while listed_orders > 4 and lengths[2, ORDER[listed_orders - 1]] == 0:
        listed_orders -= 1

    dynamic = 3 * listed_orders + 14
    static = 0
    for symbol in range(SYMBOLS):
        extra = LENGTH_EXTRA[symbol - END_OF_BLOCK - 1] if symbol > END_OF_BLOCK else 0
        dynamic += counts[0, symbol] * (lengths[0, symbol] + extra)
        static += counts[0, symbol] * (STATIC_LENGTHS[symbol] + extra)
    for symbol in range(DISTANCES):
        dynamic += counts[1, symbol] * (lengths[1, symbol] + DISTANCE_EXTRA[symbol])
        static += counts[1, symbol] * (STATIC_DISTANCE + DISTANCE_EXTRA[symbol])
    for symbol in range(ORDERS):
        dynamic += order_counts[symbol] * (lengths[2, symbol] + ORDER_EXTRA[symbol])
    if kind >= CHOOSE:
        best, fixed = (dynamic + 10) >> 3, (static + 10) >> 3
        storable = kind == CHOOSE and content.size < 65536
        kind = DYNAMIC if best < fixed else STATIC
        if storable and content.size + 4 <= min(best, fixed):
            kind = STORED

    _put(out, writer, kind << 1 | np.int64(last), 3)
    if kind == STORED:
        _put(out, writer, 0, -writer[COUNT] & 7)
        _put(out, writer, content.size, 16)
        _put(out, writer, content.size ^ 0xFFFF, 16)
        for byte in content:
            _put(out, writer, np.int64(byte), 8)
        return kind
    if kind == STATIC:
        lengths[0, : STATIC_LENGTHS.size] = STATIC_LENGTHS
        _codes(lengths[0], STATIC_LENGTHS.size - 1, codes[0])
        lengths[1, :32] = STATIC_DISTANCE
        _codes(lengths[1], 31, codes[1])
    else:
        _put(out, writer, last_literal - 256, 5)
        _put(out, writer, last_distance, 5)
        _put(out, writer, listed_orders - 4, 4)
        for i in range(listed_orders):
            _put(out, writer, lengths[2, ORDER[i]], 3)
        for i in range(listed):
            _put(out, writer, codes[2, runs[i, 0]], lengths[2, runs[i, 0]])
            if runs[i, 0] >= 16:
                _put(out, writer, runs[i, 1], ORDER_EXTRA[runs[i, 0]])
    for token in tokens:
        if token < 256:
            _put(out, writer, codes[0, token], lengths[0, token])
            continue
        length, distance = np.int64(token & 511), np.int64(token >> 9)
        code = LENGTH_CODE[length]
        _put(out, writer, codes[0, END_OF_BLOCK + 1 + code], lengths[0, END_OF_BLOCK + 1 + code])
        _put(out, writer, length - LENGTH_BASE[code], LENGTH_EXTRA[code])
        code = DISTANCE_CODE[distance]
        _put(out, writer, codes[1, code], lengths[1, code])
        _put(out, writer, distance - DISTANCE_BASE[code], DISTANCE_EXTRA[code])
    _put(out, writer, codes[0, END_OF_BLOCK], lengths[0, END_OF_BLOCK])
    return kind
