"""Normalised LMS filters: long, cheap linear predictors that follow what least squares leaves.

The step is the error over the power of the filter's input (B. Widrow, M. Hoff, 1960; normalised by
J. Nagumo, A. Noda, 1967). Bounds: inputs are 16 bits, weights have 16 fraction bits beyond them and
are clipped to 2**27; 2048 products of 15 and 27 bits stay below 2**53.
"""

from __future__ import annotations

import numpy as np

from edgezip.coding.jit import njit

MAX_TAPS = 2048
WEIGHT_BITS = 16
_LIMIT = 1 << 27
_STEP = (1 << 31) - 1
_STEP_BITS = 20


@njit(_nrt=False)
def respond(weights, past, taps):  # type: ignore[no-untyped-def]
    """Output of the filter for `past`, int32 (taps,), newest first; 8 bits finer than its input."""
    total = np.int64(0)
    for i in range(taps):
        total += np.int64(weights[i]) * np.int64(past[i])
    return total >> WEIGHT_BITS


@njit(_nrt=False, error_model="numpy")
def adapt(weights, past, taps, error, rate, power):  # type: ignore[no-untyped-def]
    """Move the weights against `error` (target - output); `power` is the sum of past**2."""
    step = ((error * rate) << _STEP_BITS) // (power + 16 * taps + 1)
    gain = np.int32(min(max(step, -_STEP), _STEP))
    for i in range(taps):
        moved = weights[i] + ((np.int64(gain) * np.int64(past[i]) + 32768) >> 16)
        weights[i] = min(max(moved, -_LIMIT), _LIMIT)
