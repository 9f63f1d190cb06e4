"""Search for long repeats: Rabin and Karp's rolling hash over blocks, as rsync and lrzip use it."""

from __future__ import annotations

import numpy as np
from numba import types as nt
from numpy.typing import NDArray

from edgezip.coding.jit import lazy_njit

BLOCK = 32
"""Bytes hashed at once; a repeat of 2 * BLOCK - 1 bytes always contains an indexed block."""
_MULTIPLIER = 0x9E3779B97F4A7C15
_MIXER = 0xD6E8FEB86659FD93


def search(data: NDArray[np.uint8], minimum: int) -> NDArray[np.int64]:
    """Non-overlapping repeats in `data` (n,) of at least `minimum` bytes, in order.

    Returns rows (start, length, distance), int64 (m, 3).
    """
    table_bits = max(8, (data.size // BLOCK).bit_length() + 1)
    rows: NDArray[np.int64] = _search(data, minimum, table_bits)
    return rows


@lazy_njit(
    nt.int64[:, ::1](nt.Array(nt.uint8, 1, "C", readonly=True), nt.int64, nt.int64), nogil=True
)
def _search(data, minimum, table_bits):  # type: ignore[no-untyped-def]
    """Repeats as rows (start, length, distance), int64 (n, 3)."""
    size = data.size
    table = np.full(1 << table_bits, -1, np.int64)
    shift = np.uint64(64 - table_bits)
    multiplier = np.uint64(_MULTIPLIER)
    power = np.uint64(1)
    for _ in range(BLOCK):
        power *= multiplier
    rows = np.empty((size // minimum + 1, 3), np.int64)
    count = 0
    free = 0  # everything before it is already covered by a repeat
    value = np.uint64(0)
    for i in range(size):
        value = value * multiplier + np.uint64(data[i]) + np.uint64(1)
        if i >= BLOCK:
            value -= (np.uint64(data[i - BLOCK]) + np.uint64(1)) * power
        begin = i + 1 - BLOCK
        if begin < 0:
            continue
        slot = np.int64((value * np.uint64(_MIXER)) >> shift)
        source = table[slot]
        if source >= 0 and begin >= free:
            start = begin
            while start > free and source > 0 and data[start - 1] == data[source - 1]:
                start -= 1
                source -= 1
            length = 0
            while start + length < size and data[source + length] == data[start + length]:
                length += 1
            if length >= minimum:
                rows[count, 0] = start
                rows[count, 1] = length
                rows[count, 2] = start - source
                count += 1
                free = start + length
        if begin % BLOCK == 0 and begin >= free:
            table[slot] = begin
    return rows[:count].copy()
