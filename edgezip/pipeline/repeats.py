"""Long repeats inside a frame, found before anything slower looks at the bytes.

A frame's content is cut into new content and copies of earlier content; copies may overlap
themselves, as in LZ77. Only the encoder searches, so the search may change without a change of
the format. The search is Rabin and Karp's rolling hash over blocks, as rsync and lrzip use it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edgezip.errors import FormatError

BLOCK = 32
"""Bytes hashed at once; a repeat of 2 * BLOCK - 1 bytes always contains an indexed block."""
MIN_REPEAT = 384
"""Shorter repeats are left to the match model, which learns where they end."""
_MULTIPLIER = 0x9E3779B97F4A7C15 | 1


@dataclass(frozen=True, slots=True)
class Repeat:
    """`length` bytes at `start` equal those `distance` bytes before them."""

    start: int
    length: int
    distance: int


def find_repeats(data: bytes, minimum: int = MIN_REPEAT) -> list[Repeat]:
    """Non-overlapping repeats of at least `minimum` bytes (2 * BLOCK or more), in order."""
    if len(data) < minimum + BLOCK:
        return []
    found = _search(np.frombuffer(data, np.uint8), minimum, _table_bits(len(data)))
    return [Repeat(int(start), int(length), int(distance)) for start, length, distance in found]


def _table_bits(size: int) -> int:
    return max(8, (size // BLOCK).bit_length() + 1)


@njit("int64[:,::1](Array(uint8, 1, 'C', readonly=True), int64, int64)", cache=True, nogil=True)
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
        slot = np.int64((value * np.uint64(0xD6E8FEB86659FD93)) >> shift)
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


def remove_repeats(data: bytes, repeats: list[Repeat]) -> bytes:
    """The content of `data` that no repeat covers."""
    parts, position = [], 0
    for repeat in repeats:
        parts.append(data[position : repeat.start])
        position = repeat.start + repeat.length
    return b"".join([*parts, data[position:]])


def copy_repeat(out: bytearray, distance: int, length: int) -> None:
    """Append `length` bytes that stand `distance` bytes before the end of `out`.

    Raises:
        FormatError: the distance reaches before the frame.
    """
    if not 1 <= distance <= len(out):
        raise FormatError("damaged: a repeat reaches before the start of the frame")
    start = len(out) - distance
    while length > 0:
        piece = out[start : start + length]
        out += piece
        length -= len(piece)
        start += len(piece)


def as_array(repeats: list[Repeat]) -> NDArray[np.int64]:
    """Rows (start, length, distance), int64 (n, 3)."""
    rows = [(repeat.start, repeat.length, repeat.distance) for repeat in repeats]
    return np.array(rows, np.int64).reshape(-1, 3)
