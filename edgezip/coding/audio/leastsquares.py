"""Recursive least squares in exact integers: covariances that fade, solved by Cholesky.

The normal equations sum w v v' beta = sum w v x, over a window that fades exponentially, are kept
as one lower triangle of a matrix whose last row and column are the target. A solution is the
Cholesky factorisation of that matrix, whose last row is then the forward substitution, and a back
substitution. Weighting by the inverse of the recent error makes loud and quiet parts count alike
(as in S. Lehmann's Sac); the fixed point follows from the bounds below.

Bounds, whatever the input (an order is at most MAX_ORDER = 128):

- features and target as they enter the sums are clipped to 16 bits, weights are 1 to 2**15 - 1: one
  product is below 2**45. At least 2/4096 of a sum fade for every sample (`levels.py` checks it):
  sums stay below 2**57.
- each row is scaled by a power of two so that its diagonal is below 2**60, with the ridge below
  2**60 + 2**37; other elements are clipped to 2**60, which exact sums would not need (Cauchy and
  Schwarz), but faded ones are rounded.
- a factor's square is at most what is left of its row's diagonal. So the squares of a row add up to
  no more than the diagonal, and a sum of products of two rows is below 2**61, whatever the order;
  what it is taken from stays below 2**62. Factors are below 2**31.
- a solution has 20 fraction bits and is clipped to 2**25; the back substitution stays below
  2**51 + 128 * 2**55 < 2**63. Coefficients proper are clipped likewise.
- a prediction is a sum of at most 128 products of 25 and 24 bits.
"""

from __future__ import annotations

import numpy as np

from edgezip.coding.jit import njit
from edgezip.coding.roots import integer_root

MAX_ORDER = 128
COEFFICIENT_BITS = 20
"""Fraction bits of coefficients."""
LIMIT = 1 << 25
"""Coefficients are within +-LIMIT, that is +-32."""
DECAY_BITS = 12
"""Decays are in units of 2**-12."""
MAX_WEIGHT = (1 << 15) - 1
_SCALED_BITS = 60
_TOP = 1 << _SCALED_BITS
_FACTOR = 1 << 30
_FLOOR = 1 << 30
"""Least squared pivot: nothing is divided by less than its root."""
_RIDGE = 1 << 30
_CLIP = (1 << 15) - 1


@njit(_nrt=False)
def bit_length(value):  # type: ignore[no-untyped-def]
    """Bits of a number in [0, 2**62)."""
    n = 0
    v = np.int64(value)
    for step in (32, 16, 8, 4, 2, 1):
        if v >> step:
            v >>= step
            n += step
    return n + v


@njit(_nrt=False)
def predict(beta, v, n):  # type: ignore[no-untyped-def]
    """Prediction from coefficients `beta` and features `v`, int32 (n,), in units of `v`."""
    total = np.int64(1 << (COEFFICIENT_BITS - 1))
    for i in range(n):
        total += np.int64(beta[i]) * np.int64(v[i])
    return total >> COEFFICIENT_BITS


@njit(_nrt=False)
def accumulate(sums, v, scaled, n, shift, weight):  # type: ignore[no-untyped-def]
    """Add features `v[:n]` and target `v[n]` to `sums`, shifted right by `shift` and clipped."""
    for i in range(n + 1):
        scaled[i] = min(max(v[i] >> shift, -_CLIP), _CLIP)
    for i in range(n + 1):
        weighted = np.int32(scaled[i] * weight)
        row = sums[i]
        for j in range(i + 1):
            row[j] += np.int64(weighted) * np.int64(scaled[j])


@njit(_nrt=False)
def fade(sums, n, decay):  # type: ignore[no-untyped-def]
    """Let `decay` / 4096 of the sums fade."""
    for i in range(n + 1):
        row = sums[i]
        for j in range(i + 1):
            row[j] -= (row[j] >> DECAY_BITS) * decay


@njit(_nrt=False, error_model="numpy")
def _factorise(sums, factor, scale, n, ridge):  # type: ignore[no-untyped-def]
    """Cholesky factor of the scaled sums, plus 2**-ridge on the diagonal; row n is the target's."""
    for i in range(n + 1):
        scale[i] = max((_SCALED_BITS - bit_length(sums[i, i])) >> 1, 0)
    for i in range(n + 1):
        row = factor[i]
        pivot = sums[i, i] << (2 * scale[i])
        pivot += (pivot >> ridge) + _RIDGE
        for j in range(i):
            other = factor[j]
            up = scale[i] + scale[j]
            rest = min(max(sums[i, j], -(_TOP >> up)), _TOP >> up) << up
            for k in range(j):
                rest -= np.int64(row[k]) * np.int64(other[k])
            element = min(max(rest // np.int64(other[j]), -_FACTOR), _FACTOR)
            if element * element > pivot:
                element = integer_root(pivot) * (1 if element > 0 else -1)
            pivot -= element * element
            row[j] = element
        row[i] = integer_root(max(pivot, _FLOOR))


@njit(_nrt=False, error_model="numpy")
def solve(sums, factor, rest, scale, beta, n, ridge):  # type: ignore[no-untyped-def]
    """Fill `beta`, int32 (n,), with the solution; `factor`, `rest` and `scale` are scratch."""
    _factorise(sums, factor, scale, n, ridge)
    for i in range(n):
        rest[i] = np.int64(factor[n, i]) << COEFFICIENT_BITS
    for i in range(n - 1, -1, -1):
        row = factor[i]
        solution = min(max(rest[i] // np.int64(row[i]), -LIMIT), LIMIT)
        for k in range(i):
            rest[k] -= np.int64(row[k]) * solution
        up = scale[i] - scale[n]
        proper = solution << min(up, 30) if up >= 0 else solution >> -up
        beta[i] = min(max(proper, -LIMIT), LIMIT)
