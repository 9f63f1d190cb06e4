"""The mixer of a decision: several selected weight rows over the same inputs, then one more over
their outputs."""

from __future__ import annotations

from numpy import uintp

from edgezip.coding.gated import clipped, dot, train
from edgezip.coding.jit import njit
from edgezip.coding.logistic import SQUASH_ZERO

from .layout import (
    R_FINAL,
    R_FINAL_RATE,
    R_FINAL_WIDTH,
    R_INPUTS,
    R_MIXED,
    R_RATE,
    R_SETS,
    SET_SIZE,
)


@njit(_nrt=False, forceinline=True)
def mix(r, weights, final, x, selected, outputs, used):  # type: ignore[no-untyped-def]
    """Fill `outputs` (stretch units) of all sets from the first `used` inputs; returns their
    mixture."""
    width = r[R_INPUTS]
    row = r[R_FINAL] * r[R_FINAL_WIDTH]
    acc = 0
    for k in range(r[R_SETS]):
        d = dot(weights, (k * SET_SIZE + selected[uintp(k)]) * width, x, used)
        outputs[uintp(k)] = d
        acc += d * final[uintp(row + k)]
    mixed = clipped(acc)
    r[R_MIXED] = mixed
    return mixed


@njit(_nrt=False, forceinline=True)
def learn(r, weights, final, squash, x, selected, outputs, used, bit):  # type: ignore[no-untyped-def]
    """Train each set on its own error and the final row on the error of the mixture."""
    width = r[R_INPUTS]
    row = r[R_FINAL] * r[R_FINAL_WIDTH]
    rate = r[R_RATE]
    full = bit << 16
    step = (full - squash[r[R_MIXED] + SQUASH_ZERO]) * r[R_FINAL_RATE] >> 8
    for k in range(r[R_SETS]):
        d = outputs[uintp(k)]
        final[uintp(row + k)] += (d * step + 32768) >> 16
        e = (full - squash[d + SQUASH_ZERO]) * rate >> 12
        train(weights, (k * SET_SIZE + selected[uintp(k)]) * width, x, e, used)
