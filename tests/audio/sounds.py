"""Sounds made by integer arithmetic, the same on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int64]


def noise(count: int, seed: int) -> Samples:
    """Return int64 (count,) in -2**15..2**15 - 1, uniform, of a linear congruential generator."""
    state = seed
    out = np.empty(count, np.int64)
    for i in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        out[i] = (state >> 48) - 32768
    return out


def resonant(count: int, seed: int = 1, gain: int = 8) -> Samples:
    """Return int64 (count,): noise through a damped resonator, about 16 bits loud for `gain` 8."""
    excitation = noise(count, seed)
    out = np.zeros(count, np.int64)
    first = second = 0
    for i in range(count):
        value = (245 * first - 125 * second) // 128 + excitation[i] * gain // 512
        second, first = first, int(min(max(value, -32768), 32767))
        out[i] = first
    return out


def pack(samples: Samples, bits: int, *, big_endian: bool = False, signed: bool = True) -> bytes:
    """Return `samples` (n,) or (n, channels), in two's complement of `bits`, as PCM."""
    width = bits // 8
    offset = 0 if signed else 1 << (bits - 1)
    cells = [
        ((int(v) + offset) % (1 << bits)).to_bytes(width, "big" if big_endian else "little")
        for v in samples.reshape(-1)
    ]
    return b"".join(cells)
