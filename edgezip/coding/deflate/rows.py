"""The filters of PNG: rows of bytes as differences from what was predicted, and back."""

from __future__ import annotations

import numpy as np
from numba import types as nt
from numpy.typing import NDArray

from edgezip.coding.jit import lazy_njit

FILTERS = 5


def unfilter(
    rows: NDArray[np.uint8], pixel: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """Filters (height,) and samples (height, stride) of `rows` (height, 1 + stride); None where a
    filter is none. pixel: bytes of a pixel, at least 1."""
    filters = rows[:, 0].copy()
    if len(filters) and filters.max() >= FILTERS:
        return None
    samples = rows[:, 1:].copy()
    _go(filters, samples, samples.copy(), pixel, False)
    return filters, samples


def refilter(
    filters: NDArray[np.uint8], samples: NDArray[np.uint8], pixel: int
) -> NDArray[np.uint8]:
    """The rows that `unfilter` was given; filters are below `FILTERS`."""
    rows = np.empty((samples.shape[0], samples.shape[1] + 1), np.uint8)
    rows[:, 0] = filters
    made = samples.copy()
    _go(filters, samples.copy(), made, pixel, True)
    rows[:, 1:] = made
    return rows


@lazy_njit(
    nt.void(nt.uint8[::1], nt.uint8[:, ::1], nt.uint8[:, ::1], nt.int64, nt.boolean), nogil=True
)
def _go(filters, samples, differences, pixel, forward):  # type: ignore[no-untyped-def]
    """Samples to differences (`forward`), or back."""
    height, stride = samples.shape
    for y in range(height):
        kind = filters[y]
        for x in range(stride):
            left = up = corner = np.int64(0)
            if x >= pixel:
                left = np.int64(samples[y, x - pixel])
            if y:
                up = np.int64(samples[y - 1, x])
                if x >= pixel:
                    corner = np.int64(samples[y - 1, x - pixel])
            guess = np.int64(0)
            if kind == 1:
                guess = left
            elif kind == 2:
                guess = up
            elif kind == 3:
                guess = (left + up) >> 1
            elif kind == 4:
                a, b, c = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
                guess = left if a <= b and a <= c else up if b <= c else corner
            if forward:
                differences[y, x] = (np.int64(samples[y, x]) - guess) & 255
            else:
                samples[y, x] = (np.int64(differences[y, x]) + guess) & 255
