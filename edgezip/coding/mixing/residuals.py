"""Residual models: how far bytes are from what a neighbour lets expect.

Each has a guess at the byte, and a histogram of what is left of it, byte - guess mod 256, chosen by
how good guesses are of late. A bit's probability is the share of the residuals with which it would
be 1. So what was learned of one number holds for all numbers. Method: the residual maps of paq8px
v216.
"""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.jit import njit

from .layout import R_BITS, R_C0, R_RESIDUALS, RESIDUAL_KINDS, RESIDUAL_ROW

_MOST = 255
"""Residuals of a histogram; then each count of them is halved."""
_INVERSE = np.array([65536 // (n + 2) for n in range(_MOST + 1)], np.int64)
_HALF, _ALL = 128, 256
_ABOVE = np.repeat(np.arange(3, dtype=np.uint8), _ALL)
"""From place 255 - d on: of each entry whether d is below its place, and d + 256, too."""


@njit(_nrt=False, forceinline=True)
def guess(guesses, rows, j, value, kind):  # type: ignore[no-untyped-def]
    """Let residual model `j` guess the byte `value` mod 256, in histogram `kind`."""
    guesses[uintp(j)] = value & 255
    rows[uintp(j)] = (j * RESIDUAL_KINDS + kind) * RESIDUAL_ROW


@njit(_nrt=False, forceinline=True)
def residual_inputs(r, histograms, stretch, guesses, rows, x, first):  # type: ignore[no-untyped-def]
    """Inputs from number `first` on: the logit of each residual model.

    Entry k of a histogram is how many residuals are below k, where all of them come again behind
    255; mod 256, because differences of entries are what counts, and at most 255.
    """
    bits = r[R_BITS]
    half = _HALF >> bits
    low = r[R_C0] << 8 - bits
    for j in range(r[R_RESIDUALS]):
        begin = rows[uintp(j)] + ((low - guesses[uintp(j)]) & 255)
        middle = int(histograms[uintp(begin + half)])
        zeros = (middle - int(histograms[uintp(begin)])) & 255
        ones = (int(histograms[uintp(begin + 2 * half)]) - middle) & 255
        x[uintp(first + j)] = stretch[uintp((ones + 1) * _INVERSE[uintp(zeros + ones)] >> 4)]


@njit(_nrt=False, forceinline=True)
def _learn(r, histograms, guesses, rows, c):  # type: ignore[no-untyped-def]
    for j in range(r[R_RESIDUALS]):
        row = rows[uintp(j)]
        above = 255 - (c - guesses[uintp(j)] & 255)
        for k in range(2 * _ALL):
            counted = int(histograms[uintp(row + k)]) + int(_ABOVE[uintp(above + k)])
            histograms[uintp(row + k)] = counted & 255
        count = int(histograms[uintp(row + _ALL)])
        if count == _MOST:
            for k in range(_ALL):
                below = int(histograms[uintp(row + k)]) >> 1
                histograms[uintp(row + k)] = below
                histograms[uintp(row + _ALL + k)] = below + (count >> 1) & 255


@njit(inline="always", _nrt=False)
def learn_residuals(m, c):  # type: ignore[no-untyped-def]
    """Byte `c` came, for which the guesses were made."""
    _learn(m.scratch, m.histograms, m.guesses, m.guess_rows, c)
