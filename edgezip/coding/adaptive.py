"""Adaptive probabilities, and probability maps over logits: what learns by counting.

An adaptive probability is a 32-bit word `p << 10 | n`: P(1) with 22 bits and how often it was seen.
"""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.jit import njit

COUNT_BITS = 10
COUNT_MASK = (1 << COUNT_BITS) - 1
CERTAIN = (1 << 22) - 1
"""Target of an adaptive probability after a 1; 0 after a 0."""
HALF = 0x80000000
"""An adaptive probability of 1/2 that has seen nothing."""
TO_12_BITS = np.uint32(20)
"""Shift from an adaptive probability to its first 12 bits, the index of `stretch_table`."""

MAP_BINS = 33
"""Columns of a probability map: logits from -2048 in steps of 128."""


@njit(inline="always", _nrt=False)
def adapted(v, target, limit, reciprocal):  # type: ignore[no-untyped-def]
    """Entry `v`, a 22-bit probability and its count n, moved towards `target` by 1 / (n + 1.5);
    the count stops at the limit. `reciprocal` is `reciprocal_table()`."""
    n = v & COUNT_MASK
    p = v >> COUNT_BITS
    p += ((target - p) >> 3) * int(reciprocal[uintp(n)]) >> 13
    return np.uint32(p << COUNT_BITS | min(n + 1, limit))


@njit(inline="always", _nrt=False)
def between(maps, a, w):  # type: ignore[no-untyped-def]
    """The probability map between columns `a` and a + 1, `w` 4096ths of the way, 16 bits."""
    return (int(maps[uintp(a)]) * (4096 - w) + int(maps[uintp(a + 1)]) * w) >> 12


@njit(inline="always", _nrt=False)
def moved_map(v, bit, rate):  # type: ignore[no-untyped-def]
    """Entry `v`, 16 bits, of a probability map after `bit`, moved by 2**-rate of the distance."""
    return np.uint16(v + ((((bit << 16) - bit) - v) >> rate))


@njit(inline="always", _nrt=False)
def moved_evenly(v, bit, rate):  # type: ignore[no-untyped-def]
    """As `moved_map`, but rounded so that the entry comes as near to 1 as to 0, which matters where
    nearly everything is foreseen."""
    up = (1 << rate) - 1
    return np.uint16(v + (65535 - v + up >> rate) if bit else v - (v + up >> rate))
