"""The mixer's arithmetic in 32 bits, so that eight inputs are handled at a time.

Weights are int32 with 16 fraction bits, inputs and results are in stretch units.
"""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.jit import njit

LOGIT_LIMIT = 2047
"""Largest result."""
_WEIGHT_LIMIT = (1 << 19) - 1
"""A weight stays below 8.0, so that 32 bits suffice for sums."""


@njit(_nrt=False, forceinline=True)
def dot(weights, base, x, used):  # type: ignore[no-untyped-def]
    """Weighted sum of the inputs. |x| < 2**12, |weight| < 2**19, at most 127 inputs: a product
    stays below 2**31, the sum of their 2**-8-th parts below 2**30."""
    acc = np.int32(0)
    for j in range(used):
        acc += (x[uintp(j)] * weights[uintp(base + j)]) >> np.int32(8)
    return min(max(np.int64(acc) >> 8, -LOGIT_LIMIT), LOGIT_LIMIT)


@njit(_nrt=False, forceinline=True)
def train(weights, base, x, step, used):  # type: ignore[no-untyped-def]
    """Move a row along the inputs by `step` < 2**14, the scaled error."""
    for j in range(used):
        moved = weights[uintp(base + j)] + (
            (x[uintp(j)] * np.int32(step) + np.int32(1 << 13)) >> np.int32(14)
        )
        weights[uintp(base + j)] = min(
            max(moved, np.int32(-_WEIGHT_LIMIT)), np.int32(_WEIGHT_LIMIT)
        )
