"""Pictures of black and white: one decision per pixel."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy import uintp
from numpy.typing import NDArray

from edgezip.coding.adaptive import (
    CERTAIN,
    COUNT_MASK,
    HALF,
    MAP_BINS,
    TO_12_BITS,
    adapted,
    between,
    moved_map,
)
from edgezip.coding.jit import njit
from edgezip.coding.logistic import SQUASH_ZERO, reciprocal_table, squash_table, stretch_table
from edgezip.coding.rangecoder import ERROR, decode_bit, encode_bit

from .mixer import LOGIT_LIMIT, dot, train
from .state import confidence_table, first_map

MARGIN: Final = 8
"""White pixels around the picture: above, left and right."""
_TEMPLATES: Final = (6, 10, 14, 18, 22, 27, 33, 40)
"""Contexts: so many of the nearest pixels."""
CONTEXTS: Final = len(_TEMPLATES)
_TABLE_BITS: Final = 18
_INPUTS: Final = 24
_ROWS: Final = (1 << 6, 1 << 10)
"""Rows of weights in both sets: by the 6 and by the 10 nearest pixels."""
_LIMIT, _RATE, _MAP_RATE = 250, 12, 6
_SPREAD = 0x2545F4914F6CDD1D


def nearest() -> NDArray[np.int64]:
    """Return (40, 2) int64: x and y of the pixels before a pixel, nearest first; of equally near
    ones the higher row first, then from the left."""
    known = [(x, y) for y in range(-MARGIN, 1) for x in range(-MARGIN, MARGIN + 1)]
    known = [(x, y) for x, y in known if y < 0 or x < 0]
    known.sort(key=lambda at: (at[0] ** 2 + at[1] ** 2, at[1], at[0]))
    return np.array(known[: _TEMPLATES[-1]], np.int64)


class Bilevel(NamedTuple):
    """State of the model; the picture is in `pixels`, uint8 (H + MARGIN, W + 2 MARGIN)."""

    pixels: NDArray[np.uint8]
    offsets: NDArray[np.int64]  # (40,): from a pixel in `pixels`, flat
    sizes: NDArray[np.int64]  # (CONTEXTS,)
    table: NDArray[np.uint32]
    places: NDArray[np.int64]
    inputs: NDArray[np.int32]
    weights: NDArray[np.int32]
    maps: NDArray[np.uint16]
    stretch: NDArray[np.int32]
    squash: NDArray[np.int32]
    reciprocal: NDArray[np.int32]
    confidence: NDArray[np.int32]


def new_bilevel(width: int, height: int) -> Bilevel:
    """Return the state before the first pixel."""
    step = width + 2 * MARGIN
    near = nearest()
    weights = np.zeros((sum(_ROWS), _INPUTS), np.int32)
    weights[:, : 2 * CONTEXTS : 2] = (1 << 16) * 3 // 10
    return Bilevel(
        np.zeros((height + MARGIN) * step, np.uint8), near[:, 1] * step + near[:, 0],
        np.array(_TEMPLATES, np.int64), np.full(CONTEXTS << _TABLE_BITS, HALF, np.uint32),
        np.zeros(CONTEXTS, np.int64), np.zeros(_INPUTS, np.int32), weights.ravel(),
        np.tile(first_map(), _ROWS[1]), stretch_table(), squash_table(), reciprocal_table(),
        confidence_table(),
    )  # fmt: skip


@njit(_nrt=False, forceinline=True)
def _look(m, at):  # type: ignore[no-untyped-def]
    """Set places and inputs for the pixel at `at`; returns the 10 nearest pixels."""
    seen = np.int64(1)
    done = 0
    ten = np.int64(0)
    for k in range(CONTEXTS):
        while done < m.sizes[k]:
            seen = seen << 1 | m.pixels[at + m.offsets[done]]
            done += 1
            if done == 10:
                ten = seen & 1023
        z = seen * _SPREAD
        z = (z ^ (z >> 31)) * _SPREAD
        place = k << _TABLE_BITS | ((z >> 24) & ((1 << _TABLE_BITS) - 1))
        m.places[k] = place
        entry = m.table[uintp(place)]
        p = np.int32(entry >> TO_12_BITS)
        trust = m.confidence[min(np.int32(entry & np.uint32(COUNT_MASK)), np.int32(15))]
        m.inputs[2 * k] = m.stretch[uintp(p)] * trust >> 8
        m.inputs[2 * k + 1] = (p - np.int32(2048)) * trust >> 8
    m.inputs[2 * CONTEXTS] = 256
    return ten


@njit(_nrt=False, nogil=True)
def run_bilevel(m, width, begin, end, coder, payload, decode):  # type: ignore[no-untyped-def]
    """Code pixels `begin` to `end`, or with `decode` fill them in; returns as `walk.run`."""
    step = width + 2 * MARGIN
    for i in range(begin, end):
        at = (i // width + MARGIN) * step + MARGIN + i % width
        ten = _look(m, at)
        rows = (ten >> 4) * _INPUTS, (_ROWS[0] + ten) * _INPUTS
        first = dot(m.weights, rows[0], m.inputs, _INPUTS)
        second = dot(m.weights, rows[1], m.inputs, _INPUTS)
        mixed = min(max((first + second) >> 1, -LOGIT_LIMIT), LOGIT_LIMIT)
        t = (mixed + 2048) * (MAP_BINS - 1)
        w = t & 4095
        a = ten * MAP_BINS + (t >> 12)
        p = int(m.squash[uintp(mixed + SQUASH_ZERO)])
        p = min(max((p + between(m.maps, a, w) + 1) >> 1, 1), 65535)
        if decode:
            bit = decode_bit(coder, payload, p, 16)
            if coder[ERROR] != 0:
                return i - begin
            m.pixels[at] = bit
        else:
            bit = np.int64(m.pixels[at])
            encode_bit(coder, payload, p, 16, bit)
        a += w >> 11
        m.maps[uintp(a)] = moved_map(int(m.maps[uintp(a)]), bit, _MAP_RATE)
        full = bit << 16
        missed = (full - int(m.squash[uintp(first + SQUASH_ZERO)])) * _RATE >> 10
        train(m.weights, rows[0], m.inputs, missed, _INPUTS)
        missed = (full - int(m.squash[uintp(second + SQUASH_ZERO)])) * _RATE >> 10
        train(m.weights, rows[1], m.inputs, missed, _INPUTS)
        for k in range(CONTEXTS):
            place = uintp(m.places[k])
            m.table[place] = adapted(np.int64(m.table[place]), CERTAIN * bit, _LIMIT, m.reciprocal)
    return end - begin
