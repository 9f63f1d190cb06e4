"""Constants of deflate (RFC 1951) as arrays."""

from __future__ import annotations

import numpy as np

LITERALS, LENGTHS, DISTANCES, ORDERS = 256, 29, 30, 19
SYMBOLS = LITERALS + 1 + LENGTHS
"""Literals, the end of a block, lengths."""
END_OF_BLOCK = 256
MIN_MATCH, MAX_MATCH = 3, 258
MAX_DISTANCE = 32768
MAX_BITS, MAX_ORDER_BITS = 15, 7

LENGTH_EXTRA = np.array([0] * 8 + [i // 4 - 1 for i in range(8, 28)] + [0], np.int64)
DISTANCE_EXTRA = np.array([max(i // 2 - 1, 0) for i in range(30)], np.int64)
ORDER_EXTRA = np.array([0] * 16 + [2, 3, 7], np.int64)
ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15], np.int64)


def _bases(extra: np.ndarray, first: int) -> np.ndarray:
    return np.concatenate([[first], first + np.cumsum(1 << extra[:-1])]).astype(np.int64)


LENGTH_BASE = _bases(LENGTH_EXTRA, MIN_MATCH)
LENGTH_BASE[-1] = MAX_MATCH  # the longest has a code of its own, within the range of the one before
DISTANCE_BASE = _bases(DISTANCE_EXTRA, 1)

LENGTH_CODE = np.searchsorted(LENGTH_BASE[:-1], np.arange(MAX_MATCH + 1), "right") - 1
LENGTH_CODE[MAX_MATCH] = LENGTHS - 1
LENGTH_CODE = LENGTH_CODE.astype(np.int64)
"""By length."""
DISTANCE_CODE = np.searchsorted(DISTANCE_BASE, np.arange(MAX_DISTANCE + 1), "right") - 1
DISTANCE_CODE = DISTANCE_CODE.astype(np.int64)
"""By distance."""
STATIC_LENGTHS = np.array([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8, np.int64)
STATIC_DISTANCE = 5
