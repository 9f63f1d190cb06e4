"""Run models: the byte that came last in a context, how often in a row, and the one before it.

A bit history says what bits followed a context; that it was the same byte ten times, or another one
just now, is spread over eight of them. Method: the run maps of PAQ8.
"""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.adaptive import CERTAIN, TO_12_BITS, adapted
from edgezip.coding.hashing import MASK32, SPREAD
from edgezip.coding.jit import njit
from edgezip.coding.prefetch import prefetch

from .layout import R_BITS, R_C0, R_RUNS, RUN_LIMIT

# An entry: check 8 bits, count 8, the byte before 8, the last byte 8. Count 0: nothing came yet.
# A place: index << 8 | check.
_MOST = 255
_NONE = 1 << 20
"""In place of a byte that nothing agrees with."""


@njit(_nrt=False, forceinline=True)
def _find(r, runs, hashes, slots, places):  # type: ignore[no-untyped-def]
    mask = runs.shape[0] - 1
    for i in range(r[R_RUNS]):
        z = hashes[uintp(slots[uintp(i)])] * SPREAD
        at = (z >> 21) & mask
        places[uintp(i)] = at << 8 | (z >> 50) & 255
        prefetch(runs, at)


@njit(inline="always", _nrt=False)
def find_runs(m):  # type: ignore[no-untyped-def]
    """Find the entries of the byte whose contexts are set, and ask for their lines."""
    _find(m.scratch, m.runs, m.hashes, m.run_slots, m.run_places)


@njit(_nrt=False, forceinline=True)
def _entry(runs, place):  # type: ignore[no-untyped-def]
    """The entry at a place without its check; 0 if it is of another context."""
    e = int(runs[uintp(place >> 8)])
    return (e & 0xFFFFFF) * (e >> 24 == place & 255)


@njit(_nrt=False, forceinline=True)
def _bucket(count):  # type: ignore[no-untyped-def]
    """Counts up to 7 each for itself, then 8 to 11, 12 to 15, eight at a time, and 56 or more."""
    return min(count, 8) if count < 12 else min(8 + (count >> 3), 15)


@njit(_nrt=False, forceinline=True)
def read_runs(r, runs, places, last, before):  # type: ignore[no-untyped-def]
    """Note of each run its last byte, and the other one that came before it, with what their map
    indices begin with: index << 32 | 256 + byte, or _NONE."""
    for i in range(r[R_RUNS]):
        e = _entry(runs, places[uintp(i)])
        count = e >> 16
        byte = e & 255
        other = e >> 8 & 255
        some = count > 0
        index = i << 8 | _bucket(count) << 4 | (other != byte) << 3
        last[uintp(i)] = index << 32 | (byte | 256 if some else _NONE)
        index = i << 8 | (count == 1) << 3
        before[uintp(i)] = index << 32 | (other | 256 if some else _NONE)


@njit(_nrt=False, forceinline=True)
def run_inputs(r, runmaps, stretch, last, before, expected, x, first):  # type: ignore[no-untyped-def]
    """Inputs from number `first` on: the logit of the bit that each run expects, 0 if it expects
    none. `expected` notes map index << 2 | bit << 1 | whether it is expected.

    There are no branches, because nobody can foresee which way they go.
    """
    bits = r[R_BITS]
    c0 = r[R_C0]
    for i in range(r[R_RUNS]):
        a = last[uintp(i)]
        b = before[uintp(i)]
        is_last = (a & MASK32) >> 8 - bits == c0
        is_before = (b & MASK32) >> 8 - bits == c0
        run = a if is_last else b
        use = is_last | is_before
        bit = run >> (7 - bits & 7) & 1
        j = run >> 32 | bits & 7
        logit = int(stretch[uintp(runmaps[uintp(j)] >> TO_12_BITS)])
        expected[uintp(i)] = j << 2 | bit << 1 | use
        x[uintp(first + i)] = (logit if bit else -logit) if use else 0


@njit(_nrt=False, forceinline=True)
def update_runs(r, runmaps, reciprocal, expected, bit):  # type: ignore[no-untyped-def]
    """Runs that expected a bit learn whether they were right."""
    for i in range(r[R_RUNS]):
        j = expected[uintp(i)]
        right = CERTAIN * (j >> 1 & 1 == bit)
        k = uintp(j >> 2)
        v = runmaps[k]
        moved = adapted(int(v), right, RUN_LIMIT, reciprocal)
        runmaps[k] = moved if j & 1 else v


@njit(_nrt=False, forceinline=True)
def _learn(r, runs, places, c):  # type: ignore[no-untyped-def]
    for i in range(r[R_RUNS]):
        place = places[uintp(i)]
        e = _entry(runs, place)
        count = e >> 16
        if count > 0 and e & 255 == c:
            e = min(count + 1, _MOST) << 16 | e & 0xFFFF
        else:
            before = e & 255 if count > 0 else c
            e = 1 << 16 | before << 8 | c
        runs[uintp(place >> 8)] = np.uint32((place & 255) << 24 | e)


@njit(inline="always", _nrt=False)
def learn_runs(m, c):  # type: ignore[no-untyped-def]
    """Byte `c` came in the contexts whose entries were found."""
    _learn(m.scratch, m.runs, m.run_places, c)
