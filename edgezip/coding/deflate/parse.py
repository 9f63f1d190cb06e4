"""Reads deflate streams as tokens. For the packer only: nothing here is needed to restore one."""

from __future__ import annotations

import numpy as np
from numba import types as nt

from edgezip.coding.deflate.tables import (
    DISTANCE_BASE,
    DISTANCE_EXTRA,
    DISTANCES,
    END_OF_BLOCK,
    LENGTH_BASE,
    LENGTH_EXTRA,
    LENGTHS,
    ORDER,
    ORDERS,
    STATIC_DISTANCE,
    STATIC_LENGTHS,
)
from edgezip.coding.jit import lazy_njit, njit

BIT, TOKENS, BYTES, KIND, LAST = range(5)
"""Places of the state: bits read; tokens so far; bytes they stand for; of the block just read, its
kind (-1: damaged) and whether it is the last."""


@njit(_nrt=False, nogil=True)
def _take(stream, state, bits):  # type: ignore[no-untyped-def]
    """The next bits as a number; -1 behind the end."""
    value = 0
    at = state[BIT]
    if at + bits > 8 * stream.size:
        state[KIND] = -1
        state[BIT] = 8 * stream.size
        return -1
    for i in range(bits):
        value |= (np.int64(stream[(at + i) >> 3]) >> ((at + i) & 7) & 1) << i
    state[BIT] = at + bits
    return value


@njit(_nrt=False, nogil=True)
def _prepare(lengths, count, counts, symbols):  # type: ignore[no-untyped-def]
    """Symbols in the order of their codes, and how many codes have each length."""
    counts[:] = 0
    for symbol in range(count):
        counts[lengths[symbol]] += 1
    counts[0] = 0
    place = 0
    for bits in range(1, 16):
        for symbol in range(count):
            if lengths[symbol] == bits:
                symbols[place] = symbol
                place += 1


@njit(_nrt=False, nogil=True)
def _symbol(stream, state, counts, symbols):  # type: ignore[no-untyped-def]
    """The next symbol, -1 if there is none."""
    code = first = index = 0
    at, end = state[BIT], 8 * stream.size
    for bits in range(1, 16):
        if at >= end:
            break
        code |= np.int64(stream[at >> 3]) >> (at & 7) & 1
        at += 1
        count = counts[bits]
        if code - count < first:
            state[BIT] = at
            return symbols[index + code - first]
        index += count
        first = (first + count) << 1
        code <<= 1
    state[KIND] = -1
    return -1


@njit(nogil=True)
def _codes(stream, state, counts, symbols):  # type: ignore[no-untyped-def]
    """Read the codes of a dynamic block."""
    literals = _take(stream, state, 5) + 257
    distances = _take(stream, state, 5) + 1
    orders = _take(stream, state, 4) + 4
    lengths = np.zeros(320 + 140, np.int64)
    for i in range(max(orders, 0)):
        lengths[ORDER[i]] = max(_take(stream, state, 3), 0)
    _prepare(lengths, ORDERS, counts[0], symbols[0])
    lengths[:ORDERS] = 0
    done = 0
    while done < literals + distances and state[KIND] >= 0:
        symbol = _symbol(stream, state, counts[0], symbols[0])
        if symbol < 16:
            lengths[done] = max(symbol, 0)
            done += 1
            continue
        repeated, value = 0, 0
        if symbol == 16:
            repeated = 3 + _take(stream, state, 2)
            value = lengths[done - 1] if done else 0
        elif symbol == 17:
            repeated = 3 + _take(stream, state, 3)
        else:
            repeated = 11 + _take(stream, state, 7)
        lengths[done : done + repeated] = value
        done += repeated
    if done != literals + distances or literals > 286:
        state[KIND] = -1
        return
    _prepare(lengths[literals:], distances, counts[1], symbols[1])
    _prepare(lengths, literals, counts[0], symbols[0])


@lazy_njit(
    nt.void(nt.Array(nt.uint8, 1, "C", readonly=True), nt.int64[::1], nt.int32[::1]),
    nogil=True,
)
def read_block(stream, state, tokens):  # type: ignore[no-untyped-def]
    """Read one block; of a stored one only the state tells, of others `tokens` gets what it has."""
    state[KIND] = 0
    last, kind = _take(stream, state, 1), _take(stream, state, 2)
    state[LAST] = last
    counts, symbols = np.zeros((2, 16), np.int64), np.zeros((2, 320), np.int64)
    if kind == 0:
        state[BIT] = (state[BIT] + 7) // 8 * 8
        size, turned = _take(stream, state, 16), _take(stream, state, 16)
        if size < 0 or size ^ 0xFFFF != turned or state[BIT] + 8 * size > 8 * stream.size:
            state[KIND] = -1
            return
        state[BIT] += 8 * size
        state[BYTES] += size
        return
    if kind == 1:
        _prepare(STATIC_LENGTHS, STATIC_LENGTHS.size, counts[0], symbols[0])
        five = np.full(DISTANCES, STATIC_DISTANCE, np.int64)
        _prepare(five, DISTANCES, counts[1], symbols[1])
    elif kind == 2:
        _codes(stream, state, counts, symbols)
    else:
        state[KIND] = -1
    while state[KIND] >= 0:
        symbol = _symbol(stream, state, counts[0], symbols[0])
        if symbol == END_OF_BLOCK:
            state[KIND] = kind
            return
        length, token = 1, symbol
        if symbol > END_OF_BLOCK:
            code = symbol - END_OF_BLOCK - 1
            if code >= LENGTHS:
                break
            length = LENGTH_BASE[code] + _take(stream, state, LENGTH_EXTRA[code])
            code = _symbol(stream, state, counts[1], symbols[1])
            if code < 0 or code >= DISTANCES:
                break
            distance = DISTANCE_BASE[code] + _take(stream, state, DISTANCE_EXTRA[code])
            token = distance << 9 | length
            if distance > state[BYTES]:
                break
        if symbol < 0 or state[TOKENS] >= tokens.size:
            break
        tokens[state[TOKENS]] = token
        state[TOKENS] += 1
        state[BYTES] += length
    state[KIND] = -1
