"""The gated logistic mixer: several selected weight rows over the same inputs, then one more over
their outputs."""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.jit import njit

from .layout import CLIP, INPUTS, SET_SIZE, SETS


@njit(_nrt=False, forceinline=True)
def dot(weights, x, row, used):  # type: ignore[no-untyped-def]
    """Weighted sum of the inputs, in stretch units."""
    base = row * INPUTS
    acc = 0
    for j in range(used):
        acc += int(x[uintp(j)]) * int(weights[uintp(base + j)])
    return min(max(acc >> 16, -CLIP), CLIP)


@njit(_nrt=False, forceinline=True)
def train(weights, x, row, step, used):  # type: ignore[no-untyped-def]
    """Move a row along the inputs by `step`, the scaled error; 32 bits suffice for every
    product."""
    base = row * INPUTS
    rate = np.int32(step)
    for j in range(used):
        weights[uintp(base + j)] += np.int32(
            np.int32(x[uintp(j)] * rate) + np.int32(131072)
        ) >> np.int32(18)


@njit(_nrt=False, forceinline=True)
def mix(weights, final, squash, x, selected, outputs, row, used):  # type: ignore[no-untyped-def]
    """Fill `outputs` (stretch units) of all sets from the first `used` inputs; returns their
    mixture."""
    acc = 0
    for k in range(SETS):
        d = dot(weights, x, k * SET_SIZE + selected[uintp(k)], used)
        outputs[k] = d
        acc += d * final[row * 8 + k]
    return min(max(acc >> 16, -CLIP), CLIP)


@njit(_nrt=False, forceinline=True)
def learn(weights, final, squash, x, selected, outputs, row, used, mixed, bit, rate, final_rate):  # type: ignore[no-untyped-def]
    """Train each set on its own error and the final row on the error of the mixture."""
    full = bit << 16
    step = (full - squash[mixed + 3072]) * final_rate >> 8
    for k in range(SETS):
        d = outputs[k]
        final[row * 8 + k] += (d * step + 32768) >> 16
        e = (full - squash[d + 3072]) * rate >> 12
        train(weights, x, k * SET_SIZE + selected[uintp(k)], e, used)
