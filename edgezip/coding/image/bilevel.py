"""Pictures of black and white: one decision per pixel.

Where the nearest pixels are of one colour, as on most of a page, one probability is all there is.
Else contexts of the nearest pixels, of runs, columns and rows are mixed; each has an adaptive
probability and a bit history.
"""

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
    moved_evenly,
)
from edgezip.coding.histories import state_table
from edgezip.coding.jit import njit
from edgezip.coding.logistic import SQUASH_ZERO, reciprocal_table, squash_table, stretch_table
from edgezip.coding.rangecoder import ERROR, decode_bit, encode_bit

from .mixer import LOGIT_LIMIT, dot, train
from .state import confidence_table, first_map

MARGIN: Final = 16
"""White pixels above the picture and left of each row; those right of it are left of the next."""
_REACH: Final = 8
"""Rows and columns that the nearest pixels are looked for in."""
_TEMPLATES: Final = (6, 10, 22, 38, 60)
"""Contexts: so many of the nearest pixels."""
_NEAREST: Final = len(_TEMPLATES)
CONTEXTS: Final = _NEAREST + 6
_LONGEST_RUN: Final = 15
_TABLE_BITS: Final = 18
_PER_CONTEXT: Final = 4
_INPUTS: Final = 48
_SETS: Final = 4
_ROWS: Final = (1 << 6, 1 << 10, 1 << 11, 1 << 11)
"""Rows of weights in each set: by the 6, the 10 and the 11 nearest pixels, the last by runs."""
_BASES: Final = (0, _ROWS[0], sum(_ROWS[:2]), sum(_ROWS[:3]))
_FINALS: Final = (1, 3)
"""Sets by whose rows the final weights are chosen, and the rows of the maps."""
_FINAL_ROWS: Final = 1 << 11
_LIMIT, _HISTORY_LIMIT, _PLAIN_LIMIT = 250, 255, 1023
_RATE, _FINAL_RATE, _MAP_RATE = 26, 128, 6
_FIRST_WEIGHT: Final = 7149
_SPREAD = 0x2545F4914F6CDD1D


def nearest() -> NDArray[np.int64]:
    """Return (60, 2) int64: x and y of the pixels before a pixel, nearest first; of equally near
    ones the higher row first, then from the left."""
    known = [(x, y) for y in range(-_REACH, 1) for x in range(-_REACH, _REACH + 1)]
    known = [(x, y) for x, y in known if y < 0 or x < 0]
    known.sort(key=lambda at: (at[0] ** 2 + at[1] ** 2, at[1], at[0]))
    return np.array(known[: _TEMPLATES[-1]], np.int64)


class Bilevel(NamedTuple):
    """State of the model; `rows_of` says where the picture is in `pixels`."""

    pixels: NDArray[np.uint8]
    offsets: NDArray[np.int64]  # (60,): from a pixel in `pixels`, flat
    sizes: NDArray[np.int64]  # (_NEAREST,)
    plains: NDArray[np.uint32]  # (128,): where the nearest pixels are of one colour
    table: NDArray[np.uint32]
    histories: NDArray[np.uint8]
    history_maps: NDArray[np.uint32]
    follow: NDArray[np.uint8]
    values: NDArray[np.int64]  # (CONTEXTS,)
    places: NDArray[np.int64]
    inputs: NDArray[np.int32]
    rows: NDArray[np.int64]  # (_SETS,)
    outputs: NDArray[np.int64]
    weights: NDArray[np.int32]
    final: NDArray[np.int64]
    mixed: NDArray[np.int64]  # (2,): of both final rows
    maps: NDArray[np.uint16]
    stretch: NDArray[np.int32]
    squash: NDArray[np.int32]
    reciprocal: NDArray[np.int32]
    confidence: NDArray[np.int32]


def new_bilevel(width: int, height: int) -> Bilevel:
    """Return the state before the first pixel."""
    step = width + MARGIN
    near = nearest()
    follow, counts = state_table()
    p = (counts[:, 1].astype(np.int64) * 2 + 1) * (1 << 22) // (2 * counts.sum(1) + 2)
    weights = np.zeros((sum(_ROWS), _INPUTS), np.int32)
    weights[:, : _PER_CONTEXT * CONTEXTS : 2] = _FIRST_WEIGHT
    return Bilevel(
        pixels=np.zeros((height + MARGIN) * step + MARGIN, np.uint8),
        offsets=near[:, 1] * step + near[:, 0],
        sizes=np.array(_TEMPLATES, np.int64),
        plains=np.full(128, HALF, np.uint32),
        table=np.full(CONTEXTS << _TABLE_BITS, HALF, np.uint32),
        histories=np.zeros(CONTEXTS << _TABLE_BITS, np.uint8),
        history_maps=np.tile((p << 10).astype(np.uint32), CONTEXTS),
        follow=follow,
        values=np.zeros(CONTEXTS, np.int64),
        places=np.zeros(CONTEXTS, np.int64),
        inputs=np.zeros(_INPUTS, np.int32),
        rows=np.zeros(_SETS, np.int64),
        outputs=np.zeros(_SETS, np.int64),
        weights=weights.ravel(),
        final=np.full(len(_FINALS) * _FINAL_ROWS * _SETS, (1 << 16) // _SETS, np.int64),
        mixed=np.zeros(len(_FINALS), np.int64),
        maps=np.tile(first_map(), len(_FINALS) * _FINAL_ROWS),
        stretch=stretch_table(),
        squash=squash_table(),
        reciprocal=reciprocal_table(),
        confidence=confidence_table(),
    )


def rows_of(state: Bilevel, width: int) -> NDArray[np.uint8]:
    """The picture of `state`, uint8 (MARGIN + height, width); the first MARGIN rows are those above
    it."""
    rows = state.pixels[:-MARGIN].reshape(-1, width + MARGIN)
    return rows[:, MARGIN:]


@njit(_nrt=False, forceinline=True)
def _plain(m, at):  # type: ignore[no-untyped-def]
    """Whether the nearest pixels are all of one colour."""
    colour = m.pixels[uintp(at + m.offsets[0])]
    j = 1
    while j < m.offsets.size and m.pixels[uintp(at + m.offsets[j])] == colour:
        j += 1
    return j == m.offsets.size


@njit(_nrt=False, forceinline=True)
def _farther(m, at, step):  # type: ignore[no-untyped-def]
    """The colour of the nearest pixels and six pixels behind them."""
    x = m.pixels
    return (
        np.int64(x[at - 8]) | np.int64(x[at - 12]) << 1 | np.int64(x[at - step + 8]) << 2
        | np.int64(x[at - 8 * step]) << 3 | np.int64(x[at - step + 12]) << 4
        | np.int64(x[at - 12 * step]) << 5 | np.int64(x[at - 1]) << 6
    )  # fmt: skip


@njit(_nrt=False, forceinline=True)
def _run(pixels, at, move):  # type: ignore[no-untyped-def]
    """How many pixels behind the one at `at`, going by `move`, are as that one."""
    n = np.int64(0)
    while n < _LONGEST_RUN and pixels[uintp(at + (n + 1) * move)] == pixels[uintp(at)]:
        n += 1
    return n


@njit(_nrt=False, forceinline=True)
def _line(pixels, at, move, length):  # type: ignore[no-untyped-def]
    """The pixels from `at` on, going by `move`, as a number, the first one highest."""
    z = np.int64(0)
    for _ in range(length):
        z = z << 1 | np.int64(pixels[uintp(at)])
        at += move
    return z


@njit(_nrt=False, forceinline=True)
def _set_values(m, at, step):  # type: ignore[no-untyped-def]
    """Set the values of all contexts and the weight rows."""
    x = m.pixels
    seen = np.int64(1)
    done = 0
    for k in range(_NEAREST):
        while done < m.sizes[k]:
            seen = seen << 1 | np.int64(x[uintp(at + m.offsets[done])])
            done += 1
            if done == 11:
                m.rows[2] = seen & 2047
        m.values[k] = seen
    m.rows[1] = m.values[1] & 1023
    m.rows[0] = m.values[0] & 63
    left = np.int64(x[at - 1]) | _run(x, at - 1, -1) << 1
    above, second = at - step, at - 2 * step
    runs = left | np.int64(x[above]) << 5 | _run(x, above, 1) << 6
    m.rows[3] = runs & 2047
    runs |= _run(x, above, -1) << 10
    m.values[_NEAREST] = runs | np.int64(x[second]) << 14 | _run(x, second, 1) << 15
    m.values[_NEAREST + 1] = runs | m.rows[0] << 14
    m.values[_NEAREST + 2] = _line(x, above, -step, 12) | _line(x, at - 4, 1, 4) << 12
    m.values[_NEAREST + 3] = _line(x, at - 12, 1, 12) | _line(x, above - 4, 1, 13) << 12
    m.values[_NEAREST + 4] = (
        _line(x, above - 8, 1, 17) | _line(x, second - 2, 1, 5) << 17 | _line(x, at - 2, 1, 2) << 22
    )
    m.values[_NEAREST + 5] = (
        _line(x, above, -step, 8) | _line(x, above - 1, -step, 6) << 8
        | _line(x, above + 1, -step, 6) << 14 | _line(x, at - 6, 1, 6) << 20
    )  # fmt: skip


@njit(_nrt=False, forceinline=True)
def _look(m):  # type: ignore[no-untyped-def]
    """Set places and inputs."""
    for k in range(CONTEXTS):
        z = m.values[k] * _SPREAD
        z = (z ^ (z >> 31)) * _SPREAD
        place = k << _TABLE_BITS | ((z >> 24) & ((1 << _TABLE_BITS) - 1))
        m.places[k] = place
        entry = m.table[uintp(place)]
        p = np.int32(entry >> TO_12_BITS)
        trust = m.confidence[min(np.int32(entry & np.uint32(COUNT_MASK)), np.int32(15))]
        j = _PER_CONTEXT * k
        m.inputs[j] = m.stretch[uintp(p)] * trust >> 8
        m.inputs[j + 1] = (p - np.int32(2048)) * trust >> 8
        state = np.int64(m.histories[uintp(place)])
        p = np.int32(m.history_maps[uintp(k << 8 | state)] >> TO_12_BITS)
        m.inputs[j + 2] = m.stretch[uintp(p)]
        m.inputs[j + 3] = p - np.int32(2048)
    m.inputs[_PER_CONTEXT * CONTEXTS] = 256


@njit(_nrt=False, forceinline=True)
def _mix(m):  # type: ignore[no-untyped-def]
    """The logit of the mixture: of all sets, then of both final rows the mean."""
    for s in range(_SETS):
        m.outputs[s] = dot(m.weights, (_BASES[s] + m.rows[s]) * _INPUTS, m.inputs, _INPUTS)
    total = np.int64(0)
    for j in range(len(_FINALS)):
        row = (j * _FINAL_ROWS + m.rows[_FINALS[j]]) * _SETS
        acc = np.int64(0)
        for s in range(_SETS):
            acc += m.outputs[s] * m.final[row + s]
        m.mixed[j] = min(max(acc >> 16, -LOGIT_LIMIT), LOGIT_LIMIT)
        total += m.mixed[j]
    return total >> 1


@njit(_nrt=False, forceinline=True)
def _learn(m, bit, first_map_at, second_map_at):  # type: ignore[no-untyped-def]
    """Adapt everything that took part to `bit`."""
    for a in (first_map_at, second_map_at):
        m.maps[uintp(a)] = moved_evenly(int(m.maps[uintp(a)]), bit, _MAP_RATE)
    full = bit << 16
    for s in range(_SETS):
        missed = (full - int(m.squash[uintp(m.outputs[s] + SQUASH_ZERO)])) * _RATE >> 10
        train(m.weights, (_BASES[s] + m.rows[s]) * _INPUTS, m.inputs, missed, _INPUTS)
    for j in range(len(_FINALS)):
        row = (j * _FINAL_ROWS + m.rows[_FINALS[j]]) * _SETS
        missed = (full - int(m.squash[uintp(m.mixed[j] + SQUASH_ZERO)])) * _FINAL_RATE >> 8
        for s in range(_SETS):
            m.final[row + s] += (m.outputs[s] * missed + 32768) >> 16
    for k in range(CONTEXTS):
        place = uintp(m.places[k])
        m.table[place] = adapted(np.int64(m.table[place]), CERTAIN * bit, _LIMIT, m.reciprocal)
        state = np.int64(m.histories[place])
        at = uintp(k << 8 | state)
        m.history_maps[at] = adapted(
            np.int64(m.history_maps[at]), CERTAIN * bit, _HISTORY_LIMIT, m.reciprocal
        )
        m.histories[place] = m.follow[uintp(2 * state + bit)]


@njit(_nrt=False, nogil=True)
def run_bilevel(m, width, begin, end, coder, payload, decode):  # type: ignore[no-untyped-def]
    """Code pixels `begin` to `end`, or with `decode` fill them in; returns as `walk.run`."""
    step = width + MARGIN
    for i in range(begin, end):
        at = (i // width + MARGIN) * step + MARGIN + i % width
        plain = _plain(m, at)
        where = np.int64(0)
        first_at = second_at = np.int64(0)
        if plain:
            where = _farther(m, at, step)
            p = int(m.plains[uintp(where)]) >> 16
        else:
            _set_values(m, at, step)
            _look(m)
            mixed = _mix(m)
            t = (mixed + 2048) * (MAP_BINS - 1)
            w = t & 4095
            first_at = m.rows[_FINALS[0]] * MAP_BINS + (t >> 12)
            second_at = (_FINAL_ROWS + m.rows[_FINALS[1]]) * MAP_BINS + (t >> 12)
            p = 2 * int(m.squash[uintp(mixed + SQUASH_ZERO)])
            p = (p + between(m.maps, first_at, w) + between(m.maps, second_at, w) + 2) >> 2
            first_at += w >> 11
            second_at += w >> 11
        p = min(max(p, 1), 65535)
        if decode:
            bit = np.int64(decode_bit(coder, payload, p, 16))
            if coder[ERROR] != 0:
                return i - begin
            m.pixels[at] = bit
        else:
            bit = np.int64(m.pixels[at])
            encode_bit(coder, payload, p, 16, bit)
        if plain:
            entry = np.int64(m.plains[uintp(where)])
            m.plains[uintp(where)] = adapted(entry, CERTAIN * bit, _PLAIN_LIMIT, m.reciprocal)
        else:
            _learn(m, bit, first_at, second_at)
    return end - begin
