"""Constant integer tables of the image model, made by exact arithmetic in Python integers."""

from __future__ import annotations

from functools import cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.logistic import FRACTION, exponentials

from .layout import HISTOGRAM, HISTOGRAM_ROWS, STEPS

LOGS = 4096
LOG_16 = 710
"""256 ln 16, rounded."""
SIZES = 7200
"""Entries of the table of steps: sums of seven errors of at most 2040, halved."""
_STEP = 96
"""256 ln of the ratio of two steps."""


@cache
def log_table() -> NDArray[np.int32]:
    """Return (4096,) int32: the largest integer x with exp(x / 256) <= i, 0 for i = 0."""
    one, powers = 1 << FRACTION, exponentials(2200)
    table, x = np.zeros(LOGS, np.int32), 0
    for i in range(1, LOGS):
        while powers[x + 1] <= i * one:
            x += 1
        table[i] = x
    return table


@cache
def step_table() -> NDArray[np.uint8]:
    """Return (7200,) uint8: the step 0..15 of a sum of errors of 2 i: (256 ln((2i + 8) / 8)) /
    96."""
    logs = log_table()
    table = np.zeros(SIZES, np.uint8)
    for i in range(SIZES):
        size = 2 * i + 8
        log = int(logs[size]) if size < LOGS else int(logs[size >> 4]) + LOG_16
        table[i] = min((log - int(logs[8])) // _STEP, STEPS - 1)
    return table


_SCALES = (11, 11, 12, 17, 25, 36, 52, 76, 111, 161, 234, 341, 496, 722, 1051, 1529)
"""Of the first histograms, by error step, in sixteenths of a value."""
_FIRST_TOTAL = 3000


@cache
def first_histograms() -> NDArray[np.uint16]:
    """Return (64, 520) uint16: cumulative counts to start from, by error step and fraction.

    The weight of a difference d is 2**56 / (16 |d| + scale of the step)**4.
    """
    table = np.zeros((HISTOGRAM_ROWS, HISTOGRAM), np.uint16)
    for step, scale in enumerate(_SCALES):
        weights = [(1 << 56) // (16 * abs(i - 256) + scale) ** 4 for i in range(HISTOGRAM - 1)]
        sums = list(accumulate(weights, initial=0))
        rows = slice(4 * step, 4 * step + 4)
        table[rows] = [_FIRST_TOTAL * part // sums[-1] for part in sums]
    return table
