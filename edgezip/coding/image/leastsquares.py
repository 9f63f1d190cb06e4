"""Adaptive least squares in exact integers: normal equations, kept up to date, solved by Cholesky.

A system has TAPS unknowns. It is stored as SYSTEM int32 numbers: the lower triangle of A row by
row, then the right side. Bounds, whatever the picture: a tap is at most 255 in size, so a product
is below 2**16; a sum that loses its 2**-s-th part at each step stays below 2**(16 + s) times the
weight of a product, 2**w, and w + s <= 14 (a box adds 17 columns with w + s = 9). Cholesky works on
A scaled to less than 2**40, so that factors are below 2**20; they are clipped to that, because
rounding may push them over. Products are below 2**40 and sums of TAPS of them below 2**45.
Solutions have 16 fraction bits and are clipped to +-2**19 (8.0): products below 2**39.

Method: X. Li and M. Orchard, "Edge-directed prediction for lossless compression of natural images"
(2001); B. Meyer and P. Tischer, "Glicbawls" (2001) for the local weighting.
"""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.jit import njit
from edgezip.coding.roots import integer_root

from .layout import SYSTEM, TAPS, TRIANGLE

_SCALE = 39
"""The largest diagonal number is scaled to 2**39 or more, below 2**40."""
_INVERSE = 40
"""Fraction bits of the inverse of a diagonal factor."""
_FACTOR_LIMIT = 20
_SOLUTION_LIMIT = 19
_SOLUTION_BITS = 16
_RIDGE = 64
"""Added to the diagonal of A before scaling, so that there always is a solution."""
_RELATIVE_RIDGE = 12
"""The diagonal also grows by its 2**-12-th part."""


@njit(_nrt=False, forceinline=True)
def _divided(t, root, inverse, limit):  # type: ignore[no-untyped-def]
    """About t / root, clipped to +-2**limit."""
    most = root << limit
    return (min(max(t, -most), most) * inverse) >> _INVERSE


@njit(_nrt=False)
def _factorise(system, shift, factors, roots):  # type: ignore[no-untyped-def]
    """Fill the lower triangle of `factors` (TAPS, TAPS) and `roots` (2, TAPS): the diagonal and its
    inverse."""
    ridge = np.int64(_RIDGE) << shift
    row = 0
    for i in range(TAPS):
        for j in range(i):
            t = np.int64(system[uintp(row + j)]) << shift
            acc = np.int64(0)
            for k in range(j):
                acc += np.int64(factors[uintp(i), uintp(k)]) * np.int64(factors[uintp(j), uintp(k)])
            factors[i, j] = np.int32(_divided(t - acc, roots[0, j], roots[1, j], _FACTOR_LIMIT))
        t = np.int64(system[uintp(row + i)]) << shift
        t += ridge + (t >> _RELATIVE_RIDGE)
        for k in range(i):
            t -= np.int64(factors[uintp(i), uintp(k)]) * np.int64(factors[uintp(i), uintp(k)])
        root = integer_root(max(t, ridge))
        roots[0, i] = root
        roots[1, i] = (np.int64(1) << _INVERSE) // root
        row += i + 1


@njit(_nrt=False)
def solve(system, factors, roots, middle, solution):  # type: ignore[no-untyped-def]
    """Fill `solution` (TAPS,) int64, 16 fraction bits; the others are room for the calculation."""
    top = np.int64(1)
    row = 0
    for i in range(TAPS):
        row += i
        top = max(top, np.int64(system[uintp(row + i)]))
    shift = 0
    while top << shift < np.int64(1) << _SCALE:
        shift += 1
    _factorise(system, shift, factors, roots)
    for i in range(TAPS):
        t = np.int64(system[uintp(TRIANGLE + i)]) << shift
        for k in range(i):
            t -= np.int64(factors[i, k]) * middle[k]
        middle[i] = _divided(t, roots[0, i], roots[1, i], _FACTOR_LIMIT)
    for i in range(TAPS - 1, -1, -1):
        t = middle[i] << _SOLUTION_BITS
        for k in range(i + 1, TAPS):
            t -= np.int64(factors[k, i]) * solution[k]
        solution[i] = _divided(t, roots[0, i], roots[1, i], _SOLUTION_LIMIT)


@njit(_nrt=False)
def products(seen, value, out):  # type: ignore[no-untyped-def]
    """Fill `out` (SYSTEM,) with what one sample adds: taps `seen` (TAPS,) were followed by
    `value`."""
    row = 0
    for i in range(TAPS):
        for j in range(i + 1):
            out[uintp(row + j)] = seen[uintp(i)] * seen[uintp(j)]
        row += i + 1
    for i in range(TAPS):
        out[uintp(TRIANGLE + i)] = seen[uintp(i)] * value


@njit(_nrt=False, forceinline=True)
def fade_and_add(system, added, weight, fading):  # type: ignore[no-untyped-def]
    """Add `added` * 2**weight - `system` / 2**fading to `system`."""
    up, down = np.int32(weight), np.int32(fading)
    for k in range(SYSTEM):
        at = uintp(k)
        system[at] += (added[at] << up) - (system[at] >> down)


@njit(_nrt=False, forceinline=True)
def slide(box, column, entering, leaving, added, weight, fading):  # type: ignore[no-untyped-def]
    """As `fade_and_add` to `column`, of which `box` is the sum with its neighbours; then the box
    moves by one column."""
    up, down = np.int32(weight), np.int32(fading)
    for k in range(SYSTEM):
        at = uintp(k)
        change = (added[at] << up) - (column[at] >> down)
        column[at] += change
        box[at] += change + entering[at] - leaving[at]
