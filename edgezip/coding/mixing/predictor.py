"""Bit prediction: bit histories, direct maps, match models, mixer and probability maps, one bit at
a time."""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.adaptive import CERTAIN, MAP_BINS, TO_12_BITS, adapted, between, moved_map
from edgezip.coding.hashing import END_SALT, MASK32, NIBBLE_SALT, SPREAD, find_slot, slot_line
from edgezip.coding.jit import njit
from edgezip.coding.logistic import SQUASH_ZERO
from edgezip.coding.memory import LINE
from edgezip.coding.prefetch import prefetch

from .layout import (
    APM_LAST,
    APM_RATE,
    APM_SIZE,
    BIAS_INPUT,
    CONTEXT_INPUT,
    DIRECT,
    DIRECT_INPUT,
    DIRECT_LIMIT,
    FINAL_RATE,
    INPUTS,
    MAP_LIMIT,
    MATCH_INPUT,
    MATCH_LIMIT,
    MATCHES,
    MIXER_RATE,
    MODEL_INPUT,
    N_CONTEXTS,
    R_APM,
    R_BITS,
    R_C0,
    R_CONTEXTS,
    R_DEPTH,
    R_EXPECT,
    R_FINAL,
    R_MASK,
    R_MIXED,
    R_NODE,
    R_STREAM,
    R_TOKENS,
    S_C4,
    S_LINE,
    S_POS,
    S_SHAPE,
    S_TOKEN0,
    SET_SIZE,
    SETS,
)
from .mixer import learn, mix

_LAST_MAP, _PAIR_MAP = APM_SIZE, APM_SIZE + APM_LAST
"""First rows of the second and third probability map."""


@njit(_nrt=False, forceinline=True)
def _fetch_slots(slots, hashes, salt, mask, used):  # type: ignore[no-untyped-def]
    """Ask for the slots of a nibble."""
    for i in range(used):
        prefetch(slots, slot_line((hashes[uintp(i)] ^ salt) * SPREAD, mask))


@njit(_nrt=False, forceinline=True)
def _look_up(slots, direct, hashes, bases, direct_bases, c0, bits, mask, used):  # type: ignore[no-untyped-def]
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
        z = (hashes[uintp(N_CONTEXTS + i)] ^ salt) * SPREAD
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
        m.slots, m.direct, m.hashes, m.bases, m.direct_bases, r[R_C0], r[R_BITS], r[R_MASK],
        r[R_CONTEXTS],
    )  # fmt: skip


@njit(inline="always", _nrt=False)
def announce_nibble(m, c0):  # type: ignore[no-untyped-def]
    """Ask for the slots of a nibble of the byte whose contexts are set before `begin_nibble` needs
    them; `c0` is the partial byte in front of the nibble: 1, or 16 to 31."""
    r = m.scratch
    salt = (c0 * NIBBLE_SALT) & MASK32
    _fetch_slots(m.slots, m.hashes, salt, r[R_MASK], r[R_CONTEXTS])


@njit(_nrt=False, forceinline=True)
def _context_inputs(slots, maps, direct, stretch, bases, direct_bases, x, node, used):  # type: ignore[no-untyped-def]
    """Inputs of bit histories and direct maps; returns how many of the orders 1 to 6 have been
    seen."""
    hits = 0
    for i in range(used):
        s = int(slots[uintp(bases[uintp(i)] + node)])
        p = maps[uintp((i << 8) + s)] >> TO_12_BITS
        x[uintp(CONTEXT_INPUT + 2 * i)] = stretch[uintp(p)]
        x[uintp(CONTEXT_INPUT + 2 * i + 1)] = np.int32(p) - np.int32(2048)
        if i >= 1 and i < 7:
            hits += s != 0
    for i in range(DIRECT):
        x[uintp(DIRECT_INPUT + i)] = stretch[
            uintp(direct[uintp(direct_bases[uintp(i)] + node)] >> TO_12_BITS)
        ]
    return hits


@njit(_nrt=False, forceinline=True)
def _match_inputs(r, matchmaps, stretch, x):  # type: ignore[no-untyped-def]
    """Inputs of the match models, and what bit each expects."""
    bits = r[R_BITS]
    for k in range(MATCHES):
        e = R_EXPECT + 4 * k
        x[MATCH_INPUT + 2 * k] = 0
        x[MATCH_INPUT + 2 * k + 1] = 0
        bit = -1
        j = r[e + 1]
        if r[e] >= 0:
            if bits == 8:
                bit = r[e + 3]
                j |= 512
            elif ((r[e] | 256) >> (8 - bits)) == r[R_C0]:
                bit = (r[e] >> (7 - bits)) & 1
            else:
                r[e] = -1
        r[e + 2] = bit
        if bit >= 0:
            p = int(matchmaps[uintp(j)] >> TO_12_BITS)
            sign = 2 * bit - 1
            x[MATCH_INPUT + 2 * k] = sign * int(stretch[uintp(p)])
            x[MATCH_INPUT + 2 * k + 1] = sign * (p - 2048)


@njit(_nrt=False, forceinline=True)
def _select(r, st, selected, logit):  # type: ignore[no-untyped-def]
    """Choose the weight row of each set and of the final mixer; returns the row of the last
    probability map. Set 2 lacks the hits of the contexts yet."""
    c0 = r[R_C0]
    bits = r[R_BITS]
    c4 = st[S_C4]
    group = 256 * (bits >> 1)
    length = 0
    agree = 0
    if r[R_EXPECT + 2] >= 0:
        length = 1 + ((r[R_EXPECT + 1] & 255) >> 3)
        agree = 1 if (logit > 0) == (r[R_EXPECT + 2] > 0) else 2
    band = min(length >> 2, 7)
    strength = min(abs(logit) >> 7, 15)
    selected[0] = c0
    selected[1] = (c4 & 255) + group
    selected[2] = bits + 64 * band
    selected[3] = (st[S_SHAPE] & 255) * 9 + bits
    if r[R_TOKENS]:
        selected[4] = strength * 9 + bits + 144 * agree + 432 * min(r[R_DEPTH], 3)
        selected[5] = st[S_TOKEN0] & 2047
    else:
        selected[4] = min(st[S_POS] - st[S_LINE], 255) + group
        selected[5] = ((c4 >> 8) & 255) + group
    r[R_FINAL] = c0 + 256 * band
    return c0 | (strength * 3 + agree if r[R_TOKENS] else length) << 8


@njit(inline="always", _nrt=False)
def _fetch_map(apms, row):  # type: ignore[no-untyped-def]
    prefetch(apms, row * MAP_BINS)
    prefetch(apms, row * MAP_BINS + MAP_BINS - 1)


@njit(_nrt=False, forceinline=True)
def _fetch(weights, apms, selected, c0, c4, last, tokens):  # type: ignore[no-untyped-def]
    """Ask for the weights and map rows of a decision before its inputs are made."""
    for k in range(SETS):
        row = (k * SET_SIZE + selected[k]) * INPUTS
        for j in range(0, INPUTS, LINE // 4):
            prefetch(weights, row + j)
    _fetch_map(apms, c0 | (c4 & 255) << 8)
    _fetch_map(apms, _LAST_MAP + last)
    if not tokens:
        _fetch_map(apms, _PAIR_MAP + _pair_row(c4, c0))


@njit(inline="always", _nrt=False)
def _pair_row(c4, c0):  # type: ignore[no-untyped-def]
    """Row of the pair map: a hash of the last two bytes and the partial one."""
    return ((c4 & 0xFFFF) * 0x3D4D51CB + c0 * 0x2F0B4C47 >> 13) & 65535


@njit(_nrt=False, forceinline=True)
def _refine(r, apms, c4, mixed, p, last):  # type: ignore[no-untyped-def]
    """Average `p` with what the probability maps make of the mixture in their contexts; the map of
    pairs is for bytes only."""
    c0 = r[R_C0]
    t = (min(max(mixed, -2047), 2047) + 2048) * (MAP_BINS - 1)
    w = t & 4095
    a0 = (c0 | (c4 & 255) << 8) * MAP_BINS + (t >> 12)
    a1 = (_LAST_MAP + last) * MAP_BINS + (t >> 12)
    near = w >> 11
    r[R_APM] = a0 + near
    r[R_APM + 1] = a1 + near
    total = p + between(apms, a0, w) + between(apms, a1, w)
    if r[R_TOKENS]:
        total += p
    else:
        a2 = (_PAIR_MAP + _pair_row(c4, c0)) * MAP_BINS + (t >> 12)
        r[R_APM + 2] = a2 + near
        total += between(apms, a2, w)
    return min(max(total + 2 >> 2, 1), 65535)


@njit(inline="always", _nrt=False)
def predict(m, logit):  # type: ignore[no-untyped-def]
    """P(next bit = 1) in 1..65535; `logit` is the language model's stretch(P(1)), 0 without one."""
    r = m.scratch
    x = m.inputs
    st = m.streams[r[R_STREAM]]
    _match_inputs(r, m.matchmaps, m.stretch, x)
    last = _select(r, st, m.selected, logit)
    _fetch(m.weights, m.apms, m.selected, r[R_C0], st[S_C4], last, r[R_TOKENS])
    hits = _context_inputs(
        m.slots, m.maps, m.direct, m.stretch, m.bases, m.direct_bases, x, r[R_NODE],
        r[R_CONTEXTS],
    )  # fmt: skip
    m.selected[2] += 9 * hits
    x[MODEL_INPUT] = logit
    x[MODEL_INPUT + 1] = (int(m.squash[uintp(logit + SQUASH_ZERO)]) - 32768) >> 4
    x[BIAS_INPUT] = 256
    used = CONTEXT_INPUT + 2 * r[R_CONTEXTS]
    for j in range(m.silent.size):
        x[m.silent[j]] = 0
    mixed = mix(m.weights, m.final, m.squash, x, m.selected, m.outputs, r[R_FINAL], used)
    r[R_MIXED] = mixed
    return _refine(r, m.apms, st[S_C4], mixed, int(m.squash[uintp(mixed + SQUASH_ZERO)]), last)


@njit(_nrt=False, forceinline=True)
def _update_maps(r, slots, maps, direct, matchmaps, follow, reciprocal, bases, direct_bases, bit):  # type: ignore[no-untyped-def]
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
    end = 512 if r[R_BITS] == 8 else 0
    for k in range(MATCHES):
        e = R_EXPECT + 4 * k
        if r[e + 2] >= 0:
            right = CERTAIN if r[e + 2] == bit else 0
            j = uintp(r[e + 1] | end)
            matchmaps[j] = adapted(int(matchmaps[j]), right, MATCH_LIMIT, reciprocal)


@njit(inline="always", _nrt=False)
def update(m, bit):  # type: ignore[no-untyped-def]
    """Adapt everything that took part in the last prediction to `bit` and move on to the next
    one."""
    r = m.scratch
    tokens = r[R_TOKENS]
    learn(
        m.weights, m.final, m.squash, m.inputs, m.selected, m.outputs, r[R_FINAL],
        CONTEXT_INPUT + 2 * r[R_CONTEXTS], r[R_MIXED], bit,
        MIXER_RATE[1] if tokens else MIXER_RATE[0], FINAL_RATE[1] if tokens else FINAL_RATE[0],
    )  # fmt: skip
    _update_maps(
        r, m.slots, m.maps, m.direct, m.matchmaps, m.follow, m.reciprocal, m.bases,
        m.direct_bases, bit,
    )  # fmt: skip
    for k in range(2 if tokens else 3):
        a = uintp(r[R_APM + k])
        v = int(m.apms[a])
        m.apms[a] = moved_map(v, bit, APM_RATE)
    r[R_C0] = r[R_C0] << 1 | bit
    r[R_NODE] = r[R_NODE] << 1 | bit
