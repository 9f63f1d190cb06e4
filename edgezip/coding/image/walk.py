"""Samples coded decision by decision: the kernel of both sides."""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.adaptive import (
    CERTAIN,
    COUNT_MASK,
    MAP_BINS,
    TO_12_BITS,
    adapted,
    between,
    moved_map,
)
from edgezip.coding.jit import njit
from edgezip.coding.logistic import SQUASH_ZERO
from edgezip.coding.rangecoder import ERROR, decode_bit, encode_bit

from .contexts import find_lines, set_contexts
from .layout import (
    BLENDS,
    FINAL_ROWS,
    FIRST_ROWS,
    HISTOGRAM,
    HISTOGRAM_ROWS,
    INPUTS,
    NEAR_STEPS,
    PREDICTIONS,
    SETS,
)
from .mixer import LOGIT_LIMIT, dot, train
from .predict import begin_row, end_row, learn_sample, predict_sample
from .state import (
    BEST,
    COUNT,
    FITS,
    GUESS,
    MAP_ROWS,
    PLANES,
    STEP,
    USED_CONTEXTS,
    USED_SETS,
    WIDTH,
)
from .tables import LOG_16, LOGS

_SURE = 96
"""Decisions with less than this in 65536 against them are left to the first map."""
_SURE_LIMIT = 1023
_CONTEXT_LIMIT = 60
_MAP_RATE = 6
_RATE, _FIRST_RATE, _RATE_TIME = 36, 1 << 14, 256
"""How fast weights move: _RATE + _FIRST_RATE / (samples so far + _RATE_TIME)."""
_FINAL_RATE = 19
_COUNT = 48
"""What a sample adds to a histogram; an eighth of it to each of the next differences, nearly."""
_COUNT_LIMIT = 60000
_NEAR_STEP = 90
_BIAS = 256


@njit(_nrt=False, forceinline=True)
def _log(logs, v):  # type: ignore[no-untyped-def]
    """256 ln v, about, of 1 <= v < 65536."""
    small = v < LOGS
    return logs[uintp(v if small else v >> 4)] + (0 if small else LOG_16)


@njit(_nrt=False)
def _choose_histograms(m, plane):  # type: ignore[no-untyped-def]
    """Two histograms for every prediction: by its own recent error, and by that of the blend."""
    fitted = m.now[COUNT] - BLENDS - m.now[FITS]
    shared = m.now[STEP]
    for i in range(m.now[COUNT]):
        rounded = m.predictions[uintp(i)] + 4
        fraction = (rounded & 7) >> 1 if i >= fitted else 0
        step = m.step_of[uintp(m.recent[uintp(i)] >> 1)]
        first = (plane * PREDICTIONS + i) * 2 * HISTOGRAM_ROWS
        start = 256 - (rounded >> 3)
        m.bases[uintp(2 * i)] = (first + 4 * step + fraction) * HISTOGRAM + start
        m.bases[uintp(2 * i + 1)] = (
            first + HISTOGRAM_ROWS + 4 * shared + fraction
        ) * HISTOGRAM + start


@njit(_nrt=False, forceinline=True)
def _set_ends(histograms, bases, low, high, count, lowest, width):  # type: ignore[no-untyped-def]
    """Counts below the values that are left, `lowest` to `lowest` + `width` - 1, and below those
    behind."""
    for i in range(count):
        at = bases[uintp(i)] + lowest
        low[uintp(i)] = histograms[uintp(at)]
        high[uintp(i)] = histograms[uintp(at + width)]


@njit(_nrt=False, forceinline=True)
def _histogram_inputs(histograms, bases, low, middle, high, logs, x, count, centre, half):  # type: ignore[no-untyped-def]
    """Logits of the upper half: of the counts in both halves and a uniform share."""
    share = 2 * half + 1
    for i in range(count):
        at = np.int32(histograms[uintp(bases[uintp(i)] + centre)])
        middle[uintp(i)] = at
        above = _log(logs, high[uintp(i)] - at + share)
        x[uintp(i)] = above - _log(logs, at - low[uintp(i)] + share)


@njit(_nrt=False, forceinline=True)
def _context_inputs(lines, line_at, stretch, confidence, x, first, used, node):  # type: ignore[no-untyped-def]
    """Logit and linear value of every exact context, damped while it has been seen a few times."""
    for i in range(used):
        entry = lines[uintp(line_at[uintp(i)] + node)]
        p = np.int32(entry >> TO_12_BITS)
        seen = min(np.int32(entry & np.uint32(COUNT_MASK)), np.int32(15))
        trust = confidence[uintp(seen)]
        x[uintp(first + 2 * i)] = stretch[uintp(p)] * trust >> 8
        x[uintp(first + 2 * i + 1)] = (p - np.int32(2048)) * trust >> 8


@njit(_nrt=False, forceinline=True)
def _select(m, plane, bit, node, centre):  # type: ignore[no-untyped-def]
    """Choose the row of every set and of the final mixer; returns the latter."""
    distance = ((m.now[GUESS] + 4) >> 3) - centre
    size = min(_log(m.logs, 2 * abs(distance) + 1) // _NEAR_STEP, NEAR_STEPS)
    place = NEAR_STEPS + (size if distance > 0 else -size)
    step = m.now[STEP]
    rows = m.selected
    rows[0] = node
    rows[1] = bit << 4 | step
    rows[2] = place << 3 | bit
    rows[3] = m.now[BEST] << 3 | bit
    first = plane * FIRST_ROWS[SETS]
    for k in range(SETS):
        rows[k] = (first + FIRST_ROWS[k] + rows[k]) * INPUTS
    return (plane * FINAL_ROWS + (place << 3 | bit)) * 8


@njit(_nrt=False, forceinline=True)
def _update_contexts(lines, line_at, reciprocal, used, node, bit):  # type: ignore[no-untyped-def]
    target = CERTAIN * bit
    for i in range(used):
        at = uintp(line_at[uintp(i)] + node)
        lines[at] = adapted(np.int64(lines[at]), target, _CONTEXT_LIMIT, reciprocal)


@njit(_nrt=False, forceinline=True)
def _narrow(low, middle, high, count, bit):  # type: ignore[no-untyped-def]
    """Keep the half that `bit` names."""
    if bit:
        for i in range(count):
            low[uintp(i)] = middle[uintp(i)]
    else:
        for i in range(count):
            high[uintp(i)] = middle[uintp(i)]


@njit(_nrt=False)
def _learn_histograms(histograms, bases, count, value):  # type: ignore[no-untyped-def]
    """Count `value` in the chosen histograms; halve the full ones."""
    for i in range(count):
        at = bases[uintp(i)] + value
        first = at - at % HISTOGRAM
        histograms[uintp(at)] += np.uint16(_COUNT // 8)
        histograms[uintp(at + 1)] += np.uint16(_COUNT - _COUNT // 8)
        end = first + HISTOGRAM
        for j in range(at + 2, end):
            histograms[uintp(j)] += np.uint16(_COUNT)
        if histograms[uintp(end - 1)] > _COUNT_LIMIT:
            for j in range(first, end):
                histograms[uintp(j)] >>= np.uint16(1)


@njit(_nrt=False)
def _code_value(m, plane, coder, payload, value, decode):  # type: ignore[no-untyped-def]
    """Code `value`, or with `decode` return it: eight decisions, the highest bit first."""
    squash, now, x, maps, outputs = m.squash, m.now, m.inputs, m.maps, m.outputs
    count = 2 * now[COUNT]
    contexts, sets, step = now[USED_CONTEXTS], now[USED_SETS], now[STEP]
    used = (count + 2 * contexts + 1 + 7) & ~7
    rate = _RATE + _FIRST_RATE // (m.coded[plane] + _RATE_TIME)
    for j in range(count + 2 * contexts, used):
        x[j] = 0
    x[count + 2 * contexts] = _BIAS
    first_map = plane * (MAP_ROWS[0] + MAP_ROWS[1]) * MAP_BINS
    second_map = first_map + MAP_ROWS[0] * MAP_BINS
    lowest = 0
    node = 1
    ends_known = lines_known = -1
    for bit_number in range(8):
        half = 128 >> bit_number
        centre = lowest + half
        quarter = min(max((now[GUESS] >> 1) - 4 * centre, -127), 127) + 128
        place = (bit_number * 256 + quarter) * 16 + step
        at = uintp(plane * MAP_ROWS[1] + place)
        entry = int(m.sure[at])
        p = entry >> 16
        mixing = _SURE <= p <= 65536 - _SURE
        final = 0
        mixed = a0 = a1 = w = 0
        if mixing:
            if ends_known != bit_number:
                _set_ends(m.histograms, m.bases, m.low, m.high, count, lowest, 2 * half)
            if lines_known != bit_number >> 2:
                lines_known = bit_number >> 2
                find_lines(m, node >> (bit_number & 3))
            _histogram_inputs(
                m.histograms, m.bases, m.low, m.middle_count, m.high, m.logs, x, count, centre, half
            )
            part = 1 << (bit_number & 3) | node & ((1 << (bit_number & 3)) - 1)
            _context_inputs(m.lines, m.line_at, m.stretch, m.confidence, x, count, contexts, part)
            final = _select(m, plane, bit_number, node, centre)
            for k in range(sets):
                o = dot(m.weights, m.selected[uintp(k)], x, used)
                outputs[uintp(k)] = o
                mixed += o * int(m.final[uintp(final + k)])
            mixed = min(max(mixed >> 16, -LOGIT_LIMIT), LOGIT_LIMIT)
            t = (mixed + 2048) * (MAP_BINS - 1)
            w = t & 4095
            a0 = first_map + (step << 8 | node) * MAP_BINS + (t >> 12)
            a1 = second_map + place * MAP_BINS + (t >> 12)
            p = 2 * int(squash[uintp(mixed + SQUASH_ZERO)])
            p = (p + between(maps, a0, w) + between(maps, a1, w) + 2) >> 2
        p = min(max(p, 1), 65535)
        if decode:
            bit = decode_bit(coder, payload, p, 16)
        else:
            bit = (value >> (7 - bit_number)) & 1
            encode_bit(coder, payload, p, 16, bit)
        m.sure[at] = adapted(entry, CERTAIN * bit, _SURE_LIMIT, m.reciprocal)
        if mixing:
            a0 += w >> 11
            a1 += w >> 11
            maps[uintp(a0)] = moved_map(int(maps[uintp(a0)]), bit, _MAP_RATE)
            maps[uintp(a1)] = moved_map(int(maps[uintp(a1)]), bit, _MAP_RATE)
            full = bit << 16
            error = full - int(squash[uintp(mixed + SQUASH_ZERO)])
            for k in range(sets):
                o = outputs[uintp(k)]
                m.final[uintp(final + k)] += (o * error + (1 << (_FINAL_RATE - 1))) >> _FINAL_RATE
                error_of_set = full - int(squash[uintp(o + SQUASH_ZERO)])
                train(m.weights, m.selected[uintp(k)], x, error_of_set * rate >> 10, used)
            part = 1 << (bit_number & 3) | node & ((1 << (bit_number & 3)) - 1)
            _update_contexts(m.lines, m.line_at, m.reciprocal, contexts, part, bit)
            _narrow(m.low, m.middle_count, m.high, count, bit)
            ends_known = bit_number + 1
        node = node << 1 | bit
        lowest += half * bit
    return lowest


@njit(_nrt=False, nogil=True)
def run(m, samples, begin, end, coder, payload, decode):  # type: ignore[no-untyped-def]
    """Code samples `begin` to `end` of `samples`, uint8: rows of all planes in turn, or with
    `decode` fill them in. Returns how many are done; decoding ends behind the payload's end."""
    width, planes = m.now[WIDTH], m.now[PLANES]
    for i in range(begin, end):
        x = i % width
        row = i // width
        plane, y = row % planes, row // planes
        if x == 0:
            begin_row(m, plane, y)
        predict_sample(m, plane, x, y)
        set_contexts(m, plane, m.predictions[m.now[COUNT] - BLENDS - m.now[FITS]])
        _choose_histograms(m, plane)
        value = _code_value(m, plane, coder, payload, np.int64(samples[i]), decode)
        if decode:
            if coder[ERROR] != 0:
                return i - begin
            samples[i] = value
        _learn_histograms(m.histograms, m.bases, 2 * m.now[COUNT], value)
        learn_sample(m, plane, x, y, value)
        m.coded[plane] += 1
        if x == width - 1:
            end_row(m, plane, y)
    return end - begin
