"""Search for long repeats: Rabin and Karp's rolling hash over blocks, as rsync and lrzip use it.

Every 32nd block of 32 bytes is put into a table by its hash, and every position looks its block up.
A hit is extended in both directions, byte by byte, and most hits turn out to be too short: where
runs or lines repeat for less than the minimum, every position has one, and each would be compared
over the whole length again. Two things keep that linear. What is too short is remembered by its
distance: until its end, a hit at the same distance is the same. And comparing in vain has a budget,
which grows with the position; without it a hit is left alone. A repeat that is long enough offers a
hit every few bytes, and one of them is enough, because it is extended backwards as well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import types as nt
from numpy.typing import NDArray

from edgezip.coding.jit import lazy_njit, njit
from edgezip.coding.portions import portions

BLOCK = 32
"""Bytes hashed at once; a repeat of 2 * BLOCK - 1 bytes always contains an indexed block."""
_MULTIPLIER = 0x9E3779B97F4A7C15
_MIXER = 0xD6E8FEB86659FD93

_ALLOWANCE = 32
"""Bytes that may be compared in vain for each byte of the data."""
_SAVINGS = 1 << 18
"""How much of that can be saved up."""
_REMEMBERED = 1 << 10
"""Distances that are remembered as too short, a power of two."""
_COUNT, _FREE, _BUDGET = range(3)


def search(
    data: NDArray[np.uint8], minimum: int, progress: Callable[[int], None] | None = None
) -> NDArray[np.int64]:
    """Non-overlapping repeats in `data` (n,) of at least `minimum` bytes, in order.

    Returns rows (start, length, distance), int64 (m, 3). `progress` is told several times a second
    how many bytes of `data` are done.
    """
    table_bits = max(8, (data.size // BLOCK).bit_length() + 1)
    table = np.full(1 << table_bits, -1, np.int64)
    short = np.full((_REMEMBERED, 2), -1, np.int64)
    rows = np.empty((data.size // minimum + 1, 3), np.int64)
    state = np.zeros(3, np.int64)
    weight = pow(_MULTIPLIER, BLOCK, 1 << 64)
    rolling = np.array([0, weight, 64 - table_bits], np.uint64)
    for begin, end in portions(data.size, progress):
        _search(data, minimum, begin, end, table, short, rows, state, rolling)
    return rows[: state[_COUNT]].copy()


@njit(_nrt=False, nogil=True)
def _extend(data, first, distance, free):  # type: ignore[no-untyped-def]
    """From `free` on, start and end of what equals the bytes `distance` before it, around a hit at
    `first`."""
    start = stop = first
    while start > free and start > distance and data[start - 1] == data[start - 1 - distance]:
        start -= 1
    while stop < data.size and data[stop] == data[stop - distance]:
        stop += 1
    return start, stop


_Rows = nt.int64[:, ::1]


@lazy_njit(
    nt.void(
        nt.Array(nt.uint8, 1, "C", readonly=True), nt.int64, nt.int64, nt.int64, nt.int64[::1],
        _Rows, _Rows, nt.int64[::1], nt.uint64[::1],
    ),
    nogil=True,
)  # fmt: skip
def _search(data, minimum, begin, end, table, short, rows, state, rolling):  # type: ignore[no-untyped-def]
    """Look at the blocks whose last byte is one of `begin` to `end` of `data`.

    table: position of the last indexed block for each hash, -1 for none. short, (n, 2): by distance
    modulo n, a distance and the end of a repeat that was too short at it. rows: the repeats so far.
    state: their number; where what they cover ends; the bytes that may still be compared in vain.
    rolling: hash of the block before; what a byte weighs when it leaves the block; bits to drop.
    """
    count, free, budget = state[_COUNT], state[_FREE], state[_BUDGET]
    value, weight, drop = rolling
    for i in range(begin, end):
        value = value * np.uint64(_MULTIPLIER) + np.uint64(data[i]) + np.uint64(1)
        if i >= BLOCK:
            value -= (np.uint64(data[i - BLOCK]) + np.uint64(1)) * weight
        first = i + 1 - BLOCK
        budget = min(budget + _ALLOWANCE, _SAVINGS)
        if first < free or first < 0:
            continue
        slot = np.int64((value * np.uint64(_MIXER)) >> drop)
        source = table[slot]
        # Most hits of new content are other blocks, which one byte tells.
        if source >= 0 and data[source] == data[first] and budget > 0:
            distance = first - source
            memory = distance & (_REMEMBERED - 1)
            if short[memory, 0] != distance or first >= short[memory, 1]:
                start, stop = _extend(data, first, distance, free)
                if stop - start >= minimum:
                    rows[count, 0], rows[count, 1], rows[count, 2] = start, stop - start, distance
                    count += 1
                    free = stop
                else:
                    budget -= stop - start
                    short[memory, 0], short[memory, 1] = distance, stop
        if first % BLOCK == 0 and first >= free:
            table[slot] = first
    state[_COUNT], state[_FREE], state[_BUDGET] = count, free, budget
    rolling[0] = value
