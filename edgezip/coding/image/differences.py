"""16-bit samples as differences to what their neighbours predict, and back.

Smooth pictures of 16 bits (heights, renderings, averages of many exposures) change by hundreds from
sample to sample, and are known to a few. In planes of bytes that is not to be seen, so they are
coded as differences where that is smaller. The prediction is a blend of extrapolations, weighted by
the inverse fourth power of their recent errors. Bounds: a prediction is clipped to 18 bits, so
errors are below 2**18 and sums of seven below 2**21; weights are at most 2**36 + 1, and sums of
FORMS products of weight and prediction stay below 2**59.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy import uintp
from numpy.typing import NDArray

from edgezip.coding.jit import njit

from . import layout
from .layout import OWN, PAD, RING

FORMS: Final = (
    "W", "N", "W+N-NW", "W+NE-N", "N+NW-NNW", "N+NE-NNE", "2N-NN", "2W-WW", "3W-3WW+WWW",
    "3N-3NN+NNN", "2W-WW+N-2NW+NWW", "2N-NN+W-2NW+NNW", "(8W+8N+2NE-6NW-2NN-2WW)/8",
)  # fmt: skip
_MIDDLE: Final = 128
"""What a difference of 0 becomes: small ones of either sign have the same high byte."""
_CALM: Final = 16
_LEAST, _MOST = -65536, 131071


@njit(_nrt=False, nogil=True)
def _run(values, width, forms, near_at, rows, errors, made, undo):  # type: ignore[no-untyped-def]
    """Replace the rows of uint16 `values` by differences, or `undo` that. forms (k, OWN) int32;
    near_at (OWN, 2); rows int32 and errors int32 (width + 2 PAD, k) are 0; made (k,) is room."""
    padded = width + 2 * PAD
    count = forms.shape[0]
    for y in range(values.size // width):
        here = (y & (RING - 1)) * padded + PAD
        above = ((y - 1) & (RING - 1)) * padded + PAD
        for i in range(1, PAD + 1):
            rows[here - i] = rows[above]
        for x in range(width):
            total = weighted = np.int64(0)
            for k in range(count):
                acc = np.int64(1 << (layout.FORM_BITS - 1))
                for i in range(OWN):
                    row = ((y + near_at[i, 1]) & (RING - 1)) * padded + PAD
                    acc += np.int64(forms[k, i]) * rows[uintp(row + x + near_at[i, 0])]
                made[k] = min(max(acc >> layout.FORM_BITS, _LEAST), _MOST)
                at = PAD + x
                size = 2 * (errors[at, k] + errors[at - 1, k]) + errors[at + 1, k]
                size += errors[at - 2, k] + errors[at + 2, k] + _CALM
                weight = (np.int64(1) << 38) // (np.int64(size) * size)
                weight = (weight * weight >> 24) + 1
                total += weight
                weighted += weight * made[k]
            guess = weighted // total
            guess = np.int64(0) if guess < 0 else (np.int64(65535) if guess > 65535 else guess)
            at = y * width + x
            value = np.int64(values[at])
            if undo:
                value = (value - _MIDDLE + guess) & 65535
                values[at] = value
            else:
                values[at] = (value + _MIDDLE - guess) & 65535
            rows[here + x] = value
            for k in range(count):
                errors[PAD + x, k] = abs(value - made[k])
        for i in range(PAD):
            rows[here + width + i] = rows[here + width - 1]
        for i in range(1, 4):
            for k in range(count):
                errors[PAD - i, k] = errors[PAD, k]
                errors[PAD + width - 1 + i, k] = errors[PAD + width - 1, k]


def change(samples: NDArray[np.uint16], undo: bool = False) -> NDArray[np.uint16]:
    """Return (rows, width, channels): each channel as differences, or with `undo` from those."""
    out = np.empty_like(samples)
    width = samples.shape[1]
    forms = np.stack([layout.factors(form) for form in FORMS])
    for channel in range(samples.shape[2] if samples.size else 0):
        values = samples[..., channel].flatten()
        rows = np.zeros(RING * (width + 2 * PAD), np.int32)
        errors = np.zeros((width + 2 * PAD, len(FORMS)), np.int32)
        made = np.zeros(len(FORMS), np.int64)
        _run(values, width, forms, layout.offsets()[:OWN], rows, errors, made, undo)
        out[..., channel] = values.reshape(samples.shape[:2])
    return out
