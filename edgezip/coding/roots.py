"""Square roots of integers, for the least-squares predictors."""

from __future__ import annotations

import math

import numpy as np

from .jit import njit


@njit(_nrt=False)
def integer_root(value):  # type: ignore[no-untyped-def]
    """The largest integer whose square is at most `value`, in [0, 2**61).

    The float gives a first guess only: the result is exact, whatever the guess.
    """
    root = np.int64(math.sqrt(np.float64(value)))
    while root * root > value:
        root -= 1
    while (root + 1) * (root + 1) <= value:
        root += 1
    return root
