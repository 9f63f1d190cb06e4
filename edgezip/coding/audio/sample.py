"""One sample as binary decisions around its prediction.

The first decision is whether it lies at or above the value nearest to the final prediction; then a
ladder leads outwards, in steps of 1, 1, 1, 1, 2, 2, 4, 4, 8, ... units, a unit being the power of
two below the recent error; the step that holds the sample is halved three times by decisions, and
what is left is coded without a model, because it is as good as uniform.
"""

from __future__ import annotations

import numpy as np

from edgezip.coding.jit import njit
from edgezip.coding.rangecoder import decode_target, decode_update, encode

from .decisions import code_decision
from .experts import bound, expect_above, expect_beyond, expect_outer, remember, set_slopes
from .leastsquares import bit_length

_LADDER, _INSIDE = 1, 17
"""First decision of the ladder (16 of them) and of the halvings (5 groups of 3)."""
_MODELLED = 3


@njit(_nrt=False)
def nearest_index(cm, place):  # type: ignore[no-untyped-def]
    """Index of the value nearest to `place` in the domain; not the first one of all."""
    low, high = cm.low, cm.high
    if cm.n_listed:
        while low < high:
            middle = (low + high + 1) >> 1
            if cm.bounds[middle] <= place:
                low = middle
            else:
                high = middle - 1
        return max(low, 1)
    fraction = cm.fraction
    index = (place + ((1 << fraction) >> 1)) >> fraction
    return min(max(index, low + 1), high)


@njit(_nrt=False)
def value_at(cm, index):  # type: ignore[no-untyped-def]
    """The value with this index, in the domain."""
    if cm.n_listed:
        return np.int64(cm.listed[index])
    return np.int64(index) << cm.fraction


@njit(_nrt=False)
def _level_of(value, most):  # type: ignore[no-untyped-def]
    return min(bit_length(value), most)


@njit(_nrt=False)
def _signed_level(value):  # type: ignore[no-untyped-def]
    """0 to 7: size in bits, up to 3, and sign."""
    return 2 * _level_of(abs(value), 3) + (1 if value > 0 else 0)


@njit(_nrt=False, error_model="numpy")
def set_contexts(ch, cm, other, alone, nearest):  # type: ignore[no-untyped-def]
    """Set the ladder's unit, the direct contexts and the rows of the mixer and of the maps."""
    fast, middle, slow = ch.spread[0], ch.spread[1], ch.spread[2]
    step = cm.step
    relative = ((3 * (middle >> 8) + (fast >> 8)) >> 2) // step  # 1/16 steps
    width = max(bit_length(relative >> 4) - 1, 0)
    ch.width = width
    part = min((relative >> 2) >> width, 7)
    rising = min(max(bit_length((fast << 4) // (slow + 1)) - 2, 0), 5)
    lately = min(max(bit_length((fast << 5) // (middle + 1)) - 3, 0), 5)
    first, second = _level_of(abs(ch.last[0]), 7), _level_of(abs(ch.last[1]), 7)
    if alone:
        beside = _level_of(abs(ch.last[2]), 7)
    else:
        beside = _level_of(abs(other.last[0]), 7) * 2 + (1 if other.last[0] > 0 else 0)
    squares = ch.n_squares
    final = ch.center[squares + 1]
    offset = (final - value_at(cm, nearest)) * 8 // step + 4
    unit = step << width
    filtered = _signed_level((ch.center[squares] - ch.center[0]) * 4 // unit)
    short = _signed_level((ch.center[squares - 1] - final) * 4 // unit)
    ch.context[0] = part * 8 + rising
    ch.context[1] = first * 8 + second
    ch.context[2] = min(max(offset, 0), 7) * 8 + min(width, 7)
    ch.context[3] = beside * 8 + part
    ch.context[4] = nearest & 1023
    ch.context[5] = filtered * 8 + short
    ch.context[6] = (rising * 8 + lately) * 8 + first
    ch.context[7] = min(width, 15) * 8 + part
    ch.row[0] = part
    ch.row[1] = rising * 6 + lately
    ch.row[2] = beside
    ch.map_row[0] = part * 8 + rising
    ch.map_row[1] = beside


@njit(_nrt=False)
def code_flat(value, bits, coder, payload, encoding):  # type: ignore[no-untyped-def]
    """Code `bits` bits without a model."""
    if encoding:
        encode(coder, payload, value, 1, bits)
        return np.int64(value)
    target = decode_target(coder, bits)
    decode_update(coder, payload, target, 1)
    return np.int64(target)


@njit(_nrt=False)
def _outer_bound(cm, nearest, distance, sign):  # type: ignore[no-untyped-def]
    """Where values at `distance` or more outwards begin: upwards from `nearest`, downwards from
    the value below it."""
    return bound(cm, nearest + distance) if sign > 0 else bound(cm, nearest - distance)


@njit(_nrt=False)
def _climb(ch, cm, nearest, sign, distance, coder, payload, encoding):  # type: ignore[no-untyped-def]
    """Climb the ladder to the step that holds `distance`; returns (its start, log2 of its width,
    its number)."""
    room = cm.high - nearest if sign > 0 else nearest - 1 - cm.low
    start = np.int64(0)
    step = 0
    while True:
        width = ch.width + (max(step - 2, 0) >> 1)
        end = start + (np.int64(1) << width)
        if end > room:
            return start, bit_length(room - start), step
        place = _outer_bound(cm, nearest, end, sign)
        expect_beyond(ch, cm, place, sign)
        bit = 1 if distance >= end else 0
        bit = code_decision(ch, cm, _LADDER + min(step, 15), bit, coder, payload, encoding)
        if not bit:
            return start, width, step
        remember(ch, place)
        start = end
        step += 1


@njit(_nrt=False)
def code_distance(ch, cm, nearest, sign, distance, coder, payload, encoding):  # type: ignore[no-untyped-def]
    """Code how far outwards the sample lies, at least 0."""
    start, width, step = _climb(ch, cm, nearest, sign, distance, coder, payload, encoding)
    for depth in range(min(width, _MODELLED)):
        half = np.int64(1) << (width - 1)
        middle = _outer_bound(cm, nearest, start + half, sign)
        end = _outer_bound(cm, nearest, start + 2 * half, sign)
        expect_outer(ch, cm, middle, end, sign)
        bit = 1 if distance - start >= half else 0
        decision = _INSIDE + min(step, 4) * _MODELLED + depth
        if code_decision(ch, cm, decision, bit, coder, payload, encoding):
            remember(ch, middle)
            start += half
        width -= 1
    if width > 0:
        start += code_flat(distance - start, width, coder, payload, encoding)
    return start


@njit(_nrt=False)
def code_index(ch, cm, other, alone, index, coder, payload, encoding):  # type: ignore[no-untyped-def]
    """Code the index of the next sample or return the one decoded; needs `ch.center`.
    `other` is the channel beside it, if it is not `alone`."""
    final = ch.center[ch.n_squares + 1]
    nearest = nearest_index(cm, final)
    set_slopes(ch, cm)
    set_contexts(ch, cm, other, alone, nearest)
    expect_above(ch, bound(cm, nearest))
    above = 1 if index >= nearest else 0
    above = code_decision(ch, cm, 0, above, coder, payload, encoding)
    sign = 1 if above else -1
    distance = index - nearest if above else nearest - 1 - index
    distance = code_distance(ch, cm, nearest, sign, distance, coder, payload, encoding)
    index = nearest + distance if above else nearest - 1 - distance
    index = min(max(index, cm.low), cm.high)
    ch.last[2] = ch.last[1]
    ch.last[1] = ch.last[0]
    ch.last[0] = (index - nearest) * 4 >> ch.width
    return index
