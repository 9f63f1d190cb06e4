"""The logistic function in integers: tables of squash, its inverse stretch, and reciprocals.

All tables are made by exact integer arithmetic (Python integers), so they are the same on every
machine. Logistic values ("stretch units") are ln(p / (1 - p)) in units of 1/256; probabilities are
16 bit. docs/modelling.md, section 1, defines every entry.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

STRETCH_LIMIT = 2047
"""Largest stretch of a 12-bit probability."""
CLIP = 2840
"""Largest logit that a mixer gives: the one at which 16-bit probabilities end."""
SQUASH_ZERO = 3072
"""Index of squash(0) in its table."""
FRACTION = 128
"""Fraction bits of `exponentials`."""


def exponentials(limit: int) -> list[int]:
    """exp(i / 256) for i in 0..limit as integers with 128 fraction bits, every product rounded
    down."""
    one = 1 << FRACTION
    step = one
    term = one
    for k in range(1, 40):
        term //= 256 * k
        step += term
    values = [one]
    for _ in range(limit):
        values.append(values[-1] * step >> FRACTION)
    return values


@cache
def squash_table() -> NDArray[np.int32]:
    """Return (6144,) int32: 65536 / (1 + exp(-x / 256)) at index x + 3072, within 1..65535."""
    exps = exponentials(SQUASH_ZERO)
    one = 1 << FRACTION
    table = np.empty(2 * SQUASH_ZERO, np.int32)
    for x in range(-SQUASH_ZERO, SQUASH_ZERO):
        e = exps[abs(x)]
        p = (one << 16) // (one + e) if x < 0 else (e << 16) // (one + e)
        table[x + SQUASH_ZERO] = min(max(p, 1), 65535)
    return table


@cache
def stretch_table() -> NDArray[np.int32]:
    """Return (4096,) int32: the largest x within +-2047 with exp(x / 256) <= odds of (i + 1/2) /
    4096."""
    exps = exponentials(STRETCH_LIMIT + 1)
    one = 1 << FRACTION
    table = np.empty(4096, np.int32)
    x = -STRETCH_LIMIT
    for i in range(4096):
        yes, no = 2 * i + 1, 8191 - 2 * i
        while x < STRETCH_LIMIT:
            nxt = x + 1
            below = exps[nxt] * no <= yes * one if nxt >= 0 else one * no <= yes * exps[-nxt]
            if not below:
                break
            x = nxt
        table[i] = x
    return table


@cache
def fine_stretch_table() -> NDArray[np.int16]:
    """Return (65536,) int16: the largest x in -2840..2840 with squash(x) <= p, for the model's
    probabilities p."""
    squash = squash_table()[SQUASH_ZERO - CLIP : SQUASH_ZERO + CLIP + 1]
    found = np.searchsorted(squash, np.arange(65536), side="right") - 1
    return np.asarray(np.clip(found - CLIP, -CLIP, CLIP), np.int16)


@cache
def reciprocal_table() -> NDArray[np.int32]:
    """Return (1024,) int32: 65536 / (n + 1.5), the step of an adaptive probability seen n times."""
    return np.array([131072 // (2 * n + 3) for n in range(1024)], np.int32)
