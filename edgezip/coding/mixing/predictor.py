"""Bit prediction: bit histories, direct maps, match, run and residual models, mixer and probability
maps, one bit at a time. Knows no profile: what differs is in the registers and behind
`profiles.select`."""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.adaptive import (
    CERTAIN,
    MAP_BINS,
    TO_12_BITS,
    adapted,
    between,
    moved_evenly,
    moved_map,
)
from edgezip.coding.hashing import END_SALT, MASK32, NIBBLE_SALT, SPREAD, find_slot, slot_line
from edgezip.coding.histories import state_table
from edgezip.coding.jit import njit
from edgezip.coding.logistic import SQUASH_ZERO, STRETCH_LIMIT
from edgezip.coding.memory import LINE
from edgezip.coding.prefetch import prefetch

from .layout import (
    APM_RATE,
    APM_SIZE,
    BIAS_INPUT,
    CONTEXT_INPUT,
    DIRECT,
    DIRECT_INPUT,
    DIRECT_LIMIT,
    HITS_SET,
    MAP_LIMIT,
    MODEL_INPUT,
    OF_CONTEXT,
    ORDERS_SEEN,
    R_APM,
    R_BITS,
    R_C0,
    R_CONTEXTS,
    R_EVEN,
    R_FINAL_ROWS,
    R_FINAL_SETS,
    R_FINALS,
    R_INPUTS,
    R_MAP_ROWS,
    R_MAPS,
    R_MASK,
    R_NODE,
    R_P,
    R_RESIDUALS,
    R_RUNS,
    R_SETS,
    R_STREAM,
    S_C4,
    SET_SIZE,
)
from .match import match_inputs, update_matches
from .mixer import SHARES, learn, mix
from .profiles import select
from .residuals import residual_inputs
from .runs import read_runs, run_inputs, update_runs

_HALF_12 = np.int32(2048)
_FROM_A_LINE = LINE // 2
"""Weights in a line of the cache."""
_ZEROS, _ONES = state_table()[1].T
_ONE_SIDED = np.where((_ZEROS == 0) != (_ONES == 0), -1, 0).astype(np.int32)
"""By state: all bits set if only zeros or only ones came, else none."""


@njit(_nrt=False, forceinline=True)
def _fetch_slots(slots, hashes, salt, mask, used):  # type: ignore[no-untyped-def]
    """Ask for the slots of a nibble."""
    for i in range(used):
        prefetch(slots, slot_line((hashes[uintp(i)] ^ salt) * SPREAD, mask))


@njit(_nrt=False, forceinline=True)
def _look_up(slots, direct, hashes, direct_hashes, bases, direct_bases, c0, bits, mask, used):  # type: ignore[no-untyped-def]
    known = bits & 3
    salt = ((c0 >> known) * NIBBLE_SALT) & MASK32
    if bits == 8:
        tail = (mask + 1) << 6
        for i in range(used):
            z = (hashes[uintp(i)] ^ END_SALT) * SPREAD
            at = tail + ((z >> 24) & ((mask << 3) | 7))
            bases[uintp(i)] = at
            prefetch(slots, at)
    else:
        _fetch_slots(slots, hashes, salt, mask, used)
    direct_mask = (direct.shape[0] >> 4) - 1
    for i in range(DIRECT):
        z = (direct_hashes[uintp(i)] ^ salt) * SPREAD
        at = ((z >> 24) & direct_mask) << 4
        direct_bases[uintp(i)] = at
        prefetch(direct, at)
    if bits != 8:
        for i in range(used):
            bases[uintp(i)] = find_slot(slots, (hashes[uintp(i)] ^ salt) * SPREAD, mask)


@njit(inline="always", _nrt=False)
def begin_nibble(m):  # type: ignore[no-untyped-def]
    """Look up the slots of all contexts for the nibble, or end of token, of the present partial
    byte."""
    r = m.scratch
    _look_up(
        m.slots, m.direct, m.hashes, m.direct_hashes, m.bases, m.direct_bases, r[R_C0], r[R_BITS],
        r[R_MASK], r[R_CONTEXTS],
    )  # fmt: skip
    read_runs(r, m.runs, m.run_places, m.run_last, m.run_before)


@njit(inline="always", _nrt=False)
def announce_nibble(m, c0):  # type: ignore[no-untyped-def]
    """Ask for the slots of a nibble of the byte whose contexts are set before `begin_nibble` needs
    them; `c0` is the partial byte in front of the nibble: 1, or 16 to 31."""
    r = m.scratch
    salt = (c0 * NIBBLE_SALT) & MASK32
    _fetch_slots(m.slots, m.hashes, salt, r[R_MASK], r[R_CONTEXTS])


@njit(_nrt=False, forceinline=True)
def _used_inputs(r):  # type: ignore[no-untyped-def]
    """The first input of the run models, that of the residual models, and how many inputs there
    are."""
    runs = CONTEXT_INPUT + OF_CONTEXT * r[R_CONTEXTS]
    residuals = runs + r[R_RUNS]
    return runs, residuals, residuals + r[R_RESIDUALS]


@njit(_nrt=False, forceinline=True)
def _orders_seen(slots, bases, node):  # type: ignore[no-untyped-def]
    """How many of the orders 1 to 6 have been seen."""
    hits = 0
    for i in range(ORDERS_SEEN[0], ORDERS_SEEN[1]):
        hits += slots[uintp(bases[uintp(i)] + node)] != 0
    return hits


@njit(_nrt=False, forceinline=True)
def _context_inputs(slots, maps, direct, stretch, bases, direct_bases, x, node, used):  # type: ignore[no-untyped-def]
    """Inputs of bit histories and direct maps."""
    for i in range(used):
        s = int(slots[uintp(bases[uintp(i)] + node)])
        p = maps[uintp((i << 8) + s)] >> TO_12_BITS
        logit = stretch[uintp(p)]
        j = CONTEXT_INPUT + OF_CONTEXT * i
        x[uintp(j)] = logit
        x[uintp(j + 1)] = np.int32(p) - _HALF_12
        x[uintp(j + 2)] = logit & _ONE_SIDED[uintp(s)]
    for i in range(DIRECT):
        x[uintp(DIRECT_INPUT + i)] = stretch[
            uintp(direct[uintp(direct_bases[uintp(i)] + node)] >> TO_12_BITS)
        ]


@njit(_nrt=False, forceinline=True)
def _fetch(r, weights, apms, selected, used):  # type: ignore[no-untyped-def]
    """Ask for the weights of a decision and for the rows of the profile's own probability maps,
    before its inputs are made."""
    width = r[R_INPUTS]
    for k in range(r[R_SETS]):
        row = (k * SET_SIZE + selected[uintp(k)]) * width
        for j in range(0, used, _FROM_A_LINE):
            prefetch(weights, row + j)
    for k in range(1, r[R_MAPS], 2):
        _fetch_row(apms, k, r[R_MAP_ROWS + k])


@njit(_nrt=False, forceinline=True)
def _fetch_row(apms, k, row):  # type: ignore[no-untyped-def]
    """Ask for a row of probability map `k`, which lies in two lines."""
    first = (APM_SIZE * k + row) * MAP_BINS
    prefetch(apms, first)
    prefetch(apms, first + MAP_BINS - 1)


@njit(_nrt=False, forceinline=True)
def _last_row(c4, c0):  # type: ignore[no-untyped-def]
    """Row of the first map that every profile has: of the last byte."""
    return c0 | (c4 & 255) << 8


@njit(_nrt=False, forceinline=True)
def _last_two_row(c4, c0):  # type: ignore[no-untyped-def]
    """Row of the second one: of the last two bytes."""
    return ((c4 & 0xFFFF) * 0x3D4D51CB + c0 * 0x2F0B4C47 >> 13) & 65535


@njit(_nrt=False, forceinline=True)
def _map_rows(r, c4):  # type: ignore[no-untyped-def]
    """Rows of the maps that every profile has."""
    r[R_MAP_ROWS] = _last_row(c4, r[R_C0])
    r[R_MAP_ROWS + 2] = _last_two_row(c4, r[R_C0])


@njit(_nrt=False, forceinline=True)
def _announce_rows(r, apms, c4, bit):  # type: ignore[no-untyped-def]
    """Ask for these rows of the decision behind `bit` while that one is still learned from: they
    come from far away, and little stands between knowing and using them."""
    c0 = r[R_C0] << 1 | bit
    if c0 > 255:
        c4 = c4 << 8 | c0 & 255
        c0 = 1
    _fetch_row(apms, 0, _last_row(c4, c0))
    if r[R_MAPS] > 2:
        _fetch_row(apms, 2, _last_two_row(c4, c0))


@njit(_nrt=False, forceinline=True)
def _refine(r, apms, mixed, p):  # type: ignore[no-untyped-def]
    """Average `p` with what the probability maps make of the mixture in their contexts."""
    t = (min(max(mixed, -STRETCH_LIMIT), STRETCH_LIMIT) + STRETCH_LIMIT + 1) * (MAP_BINS - 1)
    w = t & 4095
    maps = r[R_MAPS]
    total = 0
    for k in range(maps):
        a = (APM_SIZE * k + r[R_MAP_ROWS + k]) * MAP_BINS + (t >> 12)
        r[R_APM + k] = a + (w >> 11)
        total += between(apms, a, w)
    # Two maps: half of it is the mixture. More: each counts as much as the mixture.
    mean = total + 2 * p + 2 >> 2 if maps == 2 else (total + p) * SHARES[maps + 1] + 32768 >> 16
    return min(max(mean, 1), 65535)


@njit(inline="always", _nrt=False)
def predict(m, logit):  # type: ignore[no-untyped-def]
    """P(next bit = 1) in 1..65535; `logit` is the language model's stretch(P(1)), 0 without one."""
    r = m.scratch
    x = m.inputs
    st = m.streams[r[R_STREAM]]
    match_inputs(r, m.matchmaps, m.stretch, x)
    _map_rows(r, st[S_C4])
    select(r, m.streams, m.history, m.fields, m.selected, logit)
    m.selected[HITS_SET] += 9 * _orders_seen(m.slots, m.bases, r[R_NODE])
    first_run, first_residual, used = _used_inputs(r)
    _fetch(r, m.weights, m.apms, m.selected, used)
    _context_inputs(
        m.slots, m.maps, m.direct, m.stretch, m.bases, m.direct_bases, x, r[R_NODE],
        r[R_CONTEXTS],
    )  # fmt: skip
    run_inputs(
        r, m.runmaps, m.stretch, m.run_last, m.run_before, m.run_expected, x, first_run
    )  # fmt: skip
    residual_inputs(r, m.histograms, m.stretch, m.guesses, m.guess_rows, x, first_residual)
    for j in range(1, r[R_FINALS]):
        r[R_FINAL_ROWS + j] = m.selected[r[R_FINAL_SETS + j]]
    x[MODEL_INPUT] = logit
    x[MODEL_INPUT + 1] = (int(m.squash[uintp(logit + SQUASH_ZERO)]) - 32768) >> 4
    x[BIAS_INPUT] = 256
    for j in range(m.silent.size):
        x[m.silent[j]] = 0
    mixed = mix(r, m.weights, m.final, x, m.selected, m.outputs, used)
    p = _refine(r, m.apms, mixed, int(m.squash[uintp(mixed + SQUASH_ZERO)]))
    r[R_P] = p
    return p


@njit(_nrt=False, forceinline=True)
def _update_maps(r, slots, maps, direct, follow, reciprocal, bases, direct_bases, bit):  # type: ignore[no-untyped-def]
    target = CERTAIN * bit
    node = r[R_NODE]
    for i in range(r[R_CONTEXTS]):
        a = uintp(bases[uintp(i)] + node)
        s = int(slots[a])
        j = uintp((i << 8) + s)
        # State 0, never seen, keeps its probability; no branch, as nobody can foresee it.
        v = maps[j]
        moved = adapted(int(v), target, MAP_LIMIT, reciprocal)
        maps[j] = moved if s else v
        slots[a] = follow[uintp(2 * s + bit)]
    for i in range(DIRECT):
        j = uintp(direct_bases[uintp(i)] + node)
        direct[j] = adapted(int(direct[j]), target, DIRECT_LIMIT, reciprocal)


@njit(inline="always", _nrt=False)
def update(m, bit):  # type: ignore[no-untyped-def]
    """Adapt everything that took part in the last prediction to `bit` and move on to the next
    one."""
    r = m.scratch
    _announce_rows(r, m.apms, m.streams[r[R_STREAM]][S_C4], bit)
    _, _, used = _used_inputs(r)
    learn(r, m.weights, m.final, m.squash, m.inputs, m.selected, m.outputs, used, bit)
    _update_maps(r, m.slots, m.maps, m.direct, m.follow, m.reciprocal, m.bases, m.direct_bases, bit)
    update_matches(r, m.matchmaps, m.reciprocal, bit)
    update_runs(r, m.runmaps, m.reciprocal, m.run_expected, bit)
    for k in range(r[R_MAPS]):
        a = uintp(r[R_APM + k])
        v = int(m.apms[a])
        even = r[R_EVEN]
        m.apms[a] = moved_evenly(v, bit, APM_RATE) if even else moved_map(v, bit, APM_RATE)
    r[R_C0] = r[R_C0] << 1 | bit
    r[R_NODE] = r[R_NODE] << 1 | bit
