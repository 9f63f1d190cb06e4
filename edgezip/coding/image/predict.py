"""Predictions of a sample from its neighbours, in eighths of a value."""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.jit import njit

from . import leastsquares
from .layout import (
    BLENDS,
    C1,
    CURVES,
    FORM_BITS,
    NE,
    NEAR,
    NN,
    NNE,
    NNN,
    NW,
    OTHER,
    OWN,
    OWN_FORMS_OF_LATER_PLANES,
    PAD,
    PREDICTIONS,
    RING,
    TAPS,
    WW,
    N,
    W,
)
from .state import (
    BEST,
    COUNT,
    CROSS_FORMS,
    FITS,
    FORMS,
    GUESS,
    KIND,
    PHASE,
    RADIUS,
    STEP,
    WIDTH,
)

MOST = 2040
"""255 in eighths."""
_CARRY_LOW, _CARRY_HIGH = -128, 383
"""Range of a low byte seen from a sample with another high byte."""
_SHARP, _HARD, _SOFT = 80, 32, 8
"""Differences of gradients at which the gradient-adjusted prediction follows an edge."""
_CALM = 6
"""Added to errors before they are compared: eighths."""
_WEIGHT_OF_BOX, _FADING_OF_BOX = 7, 2
_WEIGHT_BY_PHASE, _FADING_BY_PHASE = 5, 8
_WEIGHT_OF_LAST, _FADING_OF_LAST = 7, 5
"""Binary logarithms of the weight of a sample in a system and of the part it loses by each further
one: rows of a column of the box; samples of the same phase; samples of the row."""


@njit(_nrt=False)
def begin_row(m, plane, y):  # type: ignore[no-untyped-def]
    """Prepare everything for row `y` of `plane`."""
    width = m.now[WIDTH]
    padded = width + 2 * PAD
    for i in range(NEAR):
        source = plane
        if i >= OWN:
            source = m.references[plane, 0 if i < OWN + OTHER else 1]
        row = (max(source, 0) * RING + ((y + m.offsets[i, 1]) & (RING - 1))) * padded
        m.near_at[i] = row + PAD + m.offsets[i, 0]
    kind = 0
    while kind < 2 and m.references[plane, kind] >= 0:
        kind += 1
    m.now[KIND] = kind
    forms = m.now[FORMS]
    if kind > 0:
        forms = min(forms, OWN_FORMS_OF_LATER_PLANES) + m.now[CROSS_FORMS]
    m.now[COUNT] = forms + CURVES + m.now[FITS] + BLENDS
    here = (plane * RING + (y & (RING - 1))) * padded
    above = (plane * RING + ((y - 1) & (RING - 1))) * padded
    for i in range(PAD):
        m.rows[here + i] = m.rows[above + PAD]
    m.boxes[plane] = 0
    for x in range(RADIUS + 1):
        for k in range(m.boxes.shape[1]):
            m.boxes[plane, k] += m.columns[plane, RADIUS + x, k]


@njit(_nrt=False)
def end_row(m, plane, y):  # type: ignore[no-untyped-def]
    """Repeat what is at the ends of row `y` of `plane` beyond them."""
    width = m.now[WIDTH]
    here = (plane * RING + (y & (RING - 1))) * (width + 2 * PAD) + PAD
    for i in range(PAD):
        m.rows[here + width + i] = m.rows[here + width - 1]
    first = (plane * (width + 2 * PAD) + PAD) * PREDICTIONS
    last = first + (width - 1) * PREDICTIONS
    for i in range(1, 4):
        for k in range(PREDICTIONS):
            m.errors[first - i * PREDICTIONS + k] = m.errors[first + k]
            m.errors[last + i * PREDICTIONS + k] = m.errors[last + k]


@njit(_nrt=False)
def _gather(m, plane, x):  # type: ignore[no-untyped-def]
    """Fetch the neighbours; those in planes that there are not are 0."""
    kind = m.now[KIND]
    known = OWN + OTHER * kind
    for i in range(known):
        m.near[i] = m.rows[uintp(m.near_at[i] + x)]
    for i in range(known, NEAR):
        m.near[i] = 0
    if m.carries[plane]:
        high = m.near[C1]
        for i in range(OWN):
            seen = m.near[i] + ((m.near[OWN + i] - high) << 8)
            m.near[i] = min(max(seen, _CARRY_LOW), _CARRY_HIGH)
    if kind > 0:
        for i in range(OWN):
            m.differences[i] = m.near[i] - m.near[OWN + i]


@njit(_nrt=False, forceinline=True)
def _linear(table, values, added, count, out, at):  # type: ignore[no-untyped-def]
    """Predictions of the first `count` forms of `table` plus `added`."""
    for k in range(count):
        acc = np.int32(1 << (FORM_BITS - 4)) + np.int32(added << FORM_BITS)
        for i in range(OWN):
            acc += table[uintp(k), uintp(i)] * values[uintp(i)]
        out[uintp(at + k)] = min(max(acc >> (FORM_BITS - 3), 0), MOST)


@njit(_nrt=False)
def _curves(near, out, at):  # type: ignore[no-untyped-def]
    """The predictions that are not linear: cubic above, kept among the nearest; median (JPEG-LS);
    gradient-adjusted (CALIC)."""
    west, north, north_west, north_east = near[W], near[N], near[NW], near[NE]
    low, high = min(west, north), max(west, north)
    lowest, highest = min(low, north_west, north_east), max(high, north_west, north_east)
    cubic = 3 * north - 3 * near[NN] + near[NNN]
    out[at] = min(max(min(max(cubic, lowest), highest) << 3, 0), MOST)
    median = min(max(west + north - north_west, low), high)
    out[at + 1] = min(max(median << 3, 0), MOST)
    across = abs(west - near[WW]) + abs(north - north_west) + abs(north - north_east)
    down = abs(west - north_west) + abs(north - near[NN]) + abs(north_east - near[NNE])
    steep = down - across
    guess = 4 * (west + north) + 2 * (north_east - north_west)
    edge = west << 3 if steep > 0 else north << 3
    if abs(steep) > _SHARP:
        guess = edge
    elif abs(steep) > _HARD:
        guess = (guess + edge) >> 1
    elif abs(steep) > _SOFT:
        guess = (3 * guess + edge) >> 2
    out[at + 2] = min(max(guess, 0), MOST)


@njit(_nrt=False, forceinline=True)
def _means(near):  # type: ignore[no-untyped-def]
    """What is subtracted from the taps of the own plane, plane 1 and plane 2."""
    first, second = OWN, OWN + OTHER
    return (
        (near[W] + near[N] + 1) >> 1,
        (near[first + W] + near[first + N] + 1) >> 1,
        (near[second + W] + near[second + N] + 1) >> 1,
    )


@njit(_nrt=False)
def _fits(m, plane, at):  # type: ignore[no-untyped-def]
    """The least-squares predictions: of the samples around, and of all samples with the same parity
    of row and column."""
    near, seen, solution = m.near, m.seen, m.solution
    own, first, second = _means(near)
    for i in range(TAPS):
        tap = m.taps[m.now[KIND], i]
        mean = own if tap < OWN else (first if tap < OWN + OTHER else second)
        seen[i] = min(max(near[tap] - mean, -255), 255)
    for k in range(m.now[FITS]):
        if k == 0:
            leastsquares.solve(m.boxes[plane], m.factors, m.roots, m.middle, solution)
        elif k == 1:
            leastsquares.solve(
                m.systems[plane, m.now[PHASE]], m.factors, m.roots, m.middle, solution
            )
        else:
            leastsquares.solve(m.systems[plane, 4], m.factors, m.roots, m.middle, solution)
        acc = np.int64(1 << 12)
        for i in range(TAPS):
            acc += solution[i] * seen[i]
        m.predictions[at + k] = min(max((own << 3) + (acc >> 13), 0), MOST)


@njit(_nrt=False)
def _blend(m, plane, x, count):  # type: ignore[no-untyped-def]
    """Recent errors of all predictions, and the averages of the first `count`: weighted by the
    inverse square of their recent errors, and by its square."""
    here = (plane * (m.now[WIDTH] + 2 * PAD) + PAD + x) * PREDICTIONS
    errors, recent, predictions = m.errors, m.recent, m.predictions
    north, west = here, here - PREDICTIONS
    north_east, west_west, further = here + PREDICTIONS, west - PREDICTIONS, here + 2 * PREDICTIONS
    for k in range(count + BLENDS):
        near = errors[uintp(north + k)] + errors[uintp(west + k)]
        far = errors[uintp(north_east + k)] + errors[uintp(west_west + k)]
        recent[uintp(k)] = 2 * near + far + errors[uintp(further + k)]
    total = total_sharp = acc = acc_sharp = 0
    best = 0
    for k in range(count):
        size = int(recent[uintp(k)]) + _CALM
        weight = (1 << 36) // (size * size)
        sharp = weight * weight >> 24
        total += weight
        acc += weight * int(predictions[uintp(k)])
        total_sharp += sharp
        acc_sharp += sharp * int(predictions[uintp(k)])
        if recent[uintp(k)] < recent[uintp(best)]:
            best = k
    predictions[count] = acc // max(total, 1)
    predictions[count + 1] = acc_sharp // total_sharp if total_sharp > 0 else predictions[count]
    m.now[BEST] = best
    m.now[GUESS] = predictions[count + 1]
    m.now[STEP] = m.step_of[uintp(recent[uintp(count + 1)] >> 1)]


@njit(_nrt=False)
def predict_sample(m, plane, x, y):  # type: ignore[no-untyped-def]
    """Make all predictions of sample `x` of row `y`."""
    _gather(m, plane, x)
    m.now[PHASE] = (y & 1) << 1 | (x & 1)
    forms = m.now[FORMS]
    if m.now[KIND] > 0:
        forms = min(forms, OWN_FORMS_OF_LATER_PLANES)
    _linear(m.forms, m.near, 0, forms, m.predictions, 0)
    if m.now[KIND] > 0:
        crossing = m.now[CROSS_FORMS]
        _linear(m.cross_forms, m.differences, m.near[C1], crossing, m.predictions, forms)
        forms += crossing
    _curves(m.near, m.predictions, forms)
    _fits(m, plane, forms + CURVES)
    _blend(m, plane, x, m.now[COUNT] - BLENDS)


@njit(_nrt=False)
def learn_sample(m, plane, x, y, value):  # type: ignore[no-untyped-def]
    """Adapt the predictions to the `value` of sample `x`."""
    width = m.now[WIDTH]
    here = (plane * (width + 2 * PAD) + PAD + x) * PREDICTIONS
    for k in range(m.now[COUNT]):
        m.errors[uintp(here + k)] = abs((value << 3) - m.predictions[uintp(k)])
    m.rows[(plane * RING + (y & (RING - 1))) * (width + 2 * PAD) + PAD + x] = value
    fits = m.now[FITS]
    if fits == 0:
        return
    target = min(max(value - _means(m.near)[0], -255), 255)
    leastsquares.products(m.seen, np.int32(target), m.added)
    columns = m.columns[plane]
    leastsquares.slide(
        m.boxes[plane], columns[x + RADIUS], columns[x + 2 * RADIUS + 1], columns[x], m.added,
        _WEIGHT_OF_BOX, _FADING_OF_BOX,
    )  # fmt: skip
    if fits > 1:
        leastsquares.fade_and_add(
            m.systems[plane, m.now[PHASE]], m.added, _WEIGHT_BY_PHASE, _FADING_BY_PHASE
        )
    if fits > 2:
        leastsquares.fade_and_add(m.systems[plane, 4], m.added, _WEIGHT_OF_LAST, _FADING_OF_LAST)
