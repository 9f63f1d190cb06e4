"""The mixer of a decision: several selected weight rows over the same inputs, then one more over
their outputs."""

from __future__ import annotations

from numpy import uintp

from edgezip.coding.gated import clipped, dot, train
from edgezip.coding.jit import njit
from edgezip.coding.logistic import SQUASH_ZERO

from .layout import INPUTS, SET_SIZE, SETS


@njit(_nrt=False, forceinline=True)
def mix(weights, final, squash, x, selected, outputs, row, used):  # type: ignore[no-untyped-def]
    """Fill `outputs` (stretch units) of all sets from the first `used` inputs; returns their
    mixture."""
    acc = 0
    for k in range(SETS):
        d = dot(weights, (k * SET_SIZE + selected[uintp(k)]) * INPUTS, x, used)
        outputs[k] = d
        acc += d * final[row * 8 + k]
    return clipped(acc)


@njit(_nrt=False, forceinline=True)
def learn(weights, final, squash, x, selected, outputs, row, used, mixed, bit, rate, final_rate):  # type: ignore[no-untyped-def]
    """Train each set on its own error and the final row on the error of the mixture."""
    full = bit << 16
    step = (full - squash[mixed + SQUASH_ZERO]) * final_rate >> 8
    for k in range(SETS):
        d = outputs[k]
        final[row * 8 + k] += (d * step + 32768) >> 16
        e = (full - squash[d + SQUASH_ZERO]) * rate >> 12
        train(weights, (k * SET_SIZE + selected[uintp(k)]) * INPUTS, x, e, used)
