"""Where a sound repeats itself: music made of samples, drums above all, and looped noise.

The encoder looks, for each block of frames, for the lag at which the past is most like the block,
and states it; a least-squares predictor then sees the samples around that place, also those that
follow it. Correlations are those of small integers, found by a Fourier transform whose float error
is far below a half, so that rounding gives the exact integers on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_LAG = 9
"""Frames; the newest sample that the predictor sees at a lag is AHEAD frames younger."""
AHEAD = 8
LAG_BITS = 17
WINDOW = 1 << 16
"""Frames of the past that the encoder looks through."""
_LEVELS = 127
_WORTH = 20
"""A lag must explain one part in so many of a block's energy."""


def whitened(samples: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return int64 (n,), at most _LEVELS: the second difference of the sum of the channels."""
    mono = samples.astype(np.int64).sum(axis=1)
    bend = np.zeros(len(mono), np.int64)
    bend[2:] = mono[2:] - 2 * mono[1:-1] + mono[:-2]
    mean = int(np.abs(bend).sum()) // max(len(bend), 1) + 1
    return np.clip(bend * 32 // mean, -_LEVELS, _LEVELS)


def _correlate(past: NDArray[np.int64], block: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of past[k + i] * block[i] for each k; there are zeros behind the past.

    Values are at most 127 and blocks at most 4096 long: sums stay below 2**26, the transform's
    error below 2**-20.
    """
    size = 1 << (len(past) + len(block) - 1).bit_length()
    spectrum = np.fft.rfft(past, size) * np.conj(np.fft.rfft(block, size))
    return np.rint(np.fft.irfft(spectrum, size)).astype(np.int64)[: len(past)]


def find_lag(samples: NDArray[np.int32], start: int, end: int) -> int:
    """Return the lag, in frames, at which the past is most like frames `start` to `end` of
    `samples`, (frames, channels); 0 for none."""
    first = max(0, start - WINDOW)
    usable = start - first - 2 * LEAST_LAG
    if usable <= 0:
        return 0
    white = whitened(samples[first:end])
    past, block = white[: start - first], white[start - first :]
    correlation = np.maximum(_correlate(past, block)[:usable], 0)
    energy = np.concatenate(([0], np.cumsum(past * past), np.zeros(len(block), np.int64)))
    energy[len(past) + 1 :] = energy[len(past)]
    beside = energy[len(block) : len(block) + usable] - energy[:usable]
    explained = correlation * correlation // (beside + 1)
    place = int(explained.argmax())
    if int(explained[place]) * _WORTH <= int((block * block).sum()):
        return 0
    return len(past) - place
