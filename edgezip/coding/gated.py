"""The gated logistic mixer's arithmetic: rows of weights over the same inputs.

Weights are int32 with 16 fraction bits, inputs int32 in stretch units. A row that begins at `base`
has as many weights as there are inputs in use. What selects the rows is the caller's business:
the coder of sound. The context mixer has `rows16`.
Method: M. Mahoney, "Adaptive Weighing of Context Models for Lossless Data Compression" (2005).
"""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.jit import njit
from edgezip.coding.logistic import CLIP


@njit(inline="always", _nrt=False)
def clipped(total):  # type: ignore[no-untyped-def]
    """A sum of inputs times weights as a logit, in stretch units."""
    return min(max(total >> 16, -CLIP), CLIP)


@njit(_nrt=False, forceinline=True)
def dot(weights, base, x, used):  # type: ignore[no-untyped-def]
    """Weighted sum of the first `used` inputs, in stretch units."""
    acc = 0
    for j in range(used):
        acc += int(x[uintp(j)]) * int(weights[uintp(base + j)])
    return clipped(acc)


@njit(_nrt=False, forceinline=True)
def train(weights, base, x, step, used):  # type: ignore[no-untyped-def]
    """Move a row along the inputs by `step`, the scaled error; 32 bits suffice for every
    product."""
    rate = np.int32(step)
    for j in range(used):
        weights[uintp(base + j)] += np.int32(
            np.int32(x[uintp(j)] * rate) + np.int32(131072)
        ) >> np.int32(18)
