"""The mixer of a decision: several selected weight rows over the same inputs, then more rows over
their outputs, which are averaged."""

from __future__ import annotations

from numpy import uintp

from edgezip.coding.gated import clipped, dot, train
from edgezip.coding.jit import njit
from edgezip.coding.logistic import SQUASH_ZERO

from .layout import (
    R_FINAL_RATE,
    R_FINAL_ROWS,
    R_FINAL_WIDTH,
    R_FINALS,
    R_INPUTS,
    R_MIXEDS,
    R_RATE,
    R_SETS,
    SET_SIZE,
)

SHARES = (0, 65536, 32768, 21845, 16384, 13107, 10923)
"""Reciprocals of 1 to 6, 16 fraction bits."""


@njit(_nrt=False, forceinline=True)
def mix(r, weights, final, x, selected, outputs, used):  # type: ignore[no-untyped-def]
    """Fill `outputs` (stretch units) of all sets from the first `used` inputs; returns their
    mixture."""
    width = r[R_INPUTS]
    for k in range(r[R_SETS]):
        outputs[uintp(k)] = dot(weights, (k * SET_SIZE + selected[uintp(k)]) * width, x, used)
    total = 0
    finals = r[R_FINALS]
    for j in range(finals):
        row = (j * SET_SIZE + r[R_FINAL_ROWS + j]) * r[R_FINAL_WIDTH]
        acc = 0
        for k in range(r[R_SETS]):
            acc += int(outputs[uintp(k)]) * int(final[uintp(row + k)])
        mixed = clipped(acc)
        r[R_MIXEDS + j] = mixed
        total += mixed
    return total * SHARES[finals] >> 16


@njit(_nrt=False, forceinline=True)
def learn(r, weights, final, squash, x, selected, outputs, used, bit):  # type: ignore[no-untyped-def]
    """Train each set on its own error and the final rows on the error of theirs."""
    width = r[R_INPUTS]
    rate = r[R_RATE]
    full = bit << 16
    for j in range(r[R_FINALS]):
        row = (j * SET_SIZE + r[R_FINAL_ROWS + j]) * r[R_FINAL_WIDTH]
        step = (full - squash[r[R_MIXEDS + j] + SQUASH_ZERO]) * r[R_FINAL_RATE] >> 8
        for k in range(r[R_SETS]):
            final[uintp(row + k)] += (int(outputs[uintp(k)]) * step + 32768) >> 16
    for k in range(r[R_SETS]):
        e = (full - squash[outputs[uintp(k)] + SQUASH_ZERO]) * rate >> 12
        train(weights, (k * SET_SIZE + selected[uintp(k)]) * width, x, e, used)
