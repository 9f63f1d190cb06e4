"""Logistic distributions around the predictions, as logits of binary decisions.

An expert is a prediction with one of its running errors as scale; its distribution is logistic,
F(b) = 1 / (1 + exp(-z)) with z = (b - center) / scale for a bound b between two values. In units of
1/256, with softplus(z) = ln(1 + exp(z)) and E(d) = ln(exp(d) - 1), the logits are exact:

- above b at all: -z(b);
- beyond b2 when known to be beyond b1, outwards: softplus(-z1) - E(z2 - z1);
- in the outer part of [a, b), cut at m: E(zb - zm) - E(zm - za) + softplus(za) - softplus(zb),

where downwards every z has the other sign.
"""

from __future__ import annotations

import numpy as np

from edgezip.coding.jit import njit
from edgezip.coding.logistic import STRETCH_LIMIT

from .state import SCALES, SPEEDS
from .tables import LIMIT

ERROR_BITS = 12
"""Fraction bits of running errors."""
_FIRST, _SECOND, _THIRD = SPEEDS
_SLOPE_BITS = 36


@njit(_nrt=False)
def _clipped(z):  # type: ignore[no-untyped-def]
    return min(max(z, -LIMIT), LIMIT)


@njit(_nrt=False)
def _logit(value):  # type: ignore[no-untyped-def]
    return np.int32(min(max(value, -STRETCH_LIMIT), STRETCH_LIMIT))


@njit(_nrt=False)
def bound(cm, index):  # type: ignore[no-untyped-def]
    """The place in the domain between the values with indices `index` - 1 and `index`."""
    if cm.n_listed:
        return np.int64(cm.bounds[min(max(index, 0), cm.n_listed)])
    unit = np.int64(1) << cm.fraction
    return index * unit - (unit >> 1)


@njit(_nrt=False, error_model="numpy")
def set_slopes(ch, cm):  # type: ignore[no-untyped-def]
    """Set the scales of all experts: 7/16 of the running error, and some of a value's width."""
    least = 5 * cm.step
    for k in range(ch.n_centers):
        for j in range(SCALES):
            scale = ((ch.error[k, j] >> 8) * 7 >> 4) + least
            ch.slope[k * SCALES + j] = (np.int64(1) << _SLOPE_BITS) // max(scale, 1)


@njit(_nrt=False)
def _z(ch, k, e, place):  # type: ignore[no-untyped-def]
    return _clipped((place - ch.center[k]) * ch.slope[e] >> 24)


@njit(_nrt=False)
def expect_above(ch, place):  # type: ignore[no-untyped-def]
    """Logits of the sample lying above `place`, into `ch.x`; remembers z of it."""
    for k in range(ch.n_centers):
        for j in range(SCALES):
            e = k * SCALES + j
            z = _z(ch, k, e, place)
            ch.z[e] = z
            ch.x[e] = _logit(-z)


@njit(_nrt=False)
def expect_beyond(ch, cm, place, sign):  # type: ignore[no-untyped-def]
    """Logits of lying beyond `place`, going up (sign 1) or down (-1) from the bound remembered."""
    for k in range(ch.n_centers):
        for j in range(SCALES):
            e = k * SCALES + j
            inner = ch.z[e] * sign
            width = min(max(_z(ch, k, e, place) * sign - inner, 0), LIMIT)
            ch.x[e] = _logit(cm.softplus[LIMIT - inner] - cm.log_expm1[width])


@njit(_nrt=False)
def expect_outer(ch, cm, middle, end, sign):  # type: ignore[no-untyped-def]
    """Logits of lying beyond `middle`, known to lie between the bound remembered and `end`."""
    for k in range(ch.n_centers):
        for j in range(SCALES):
            e = k * SCALES + j
            inner = ch.z[e] * sign
            cut = _z(ch, k, e, middle) * sign
            outer = _z(ch, k, e, end) * sign
            near = cm.log_expm1[min(max(cut - inner, 0), LIMIT)]
            far = cm.log_expm1[min(max(outer - cut, 0), LIMIT)]
            bend = cm.softplus[LIMIT + inner] - cm.softplus[LIMIT + outer]
            ch.x[e] = _logit(far - near + bend)


@njit(_nrt=False)
def remember(ch, place):  # type: ignore[no-untyped-def]
    """The sample lies beyond `place`."""
    for k in range(ch.n_centers):
        for j in range(SCALES):
            e = k * SCALES + j
            ch.z[e] = _z(ch, k, e, place)


@njit(_nrt=False)
def learn_errors(ch, value):  # type: ignore[no-untyped-def]
    """Every prediction's running errors move towards the error it made."""
    for k in range(ch.n_centers):
        error = abs(value - ch.center[k]) << ERROR_BITS
        running = ch.error[k]
        running[0] += (error - running[0]) >> _FIRST
        running[1] += (error - running[1]) >> _SECOND
        running[2] += (error - running[2]) >> _THIRD
