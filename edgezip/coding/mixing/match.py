"""Match models: what followed the last bytes where they stood before. Finding, following, what is
expected, and what that gives to the mixer."""

from __future__ import annotations

from numpy import uintp

from edgezip.coding.adaptive import CERTAIN, TO_12_BITS, adapted
from edgezip.coding.hashing import MASK32, SPREAD
from edgezip.coding.jit import njit
from edgezip.coding.prefetch import prefetch

from .layout import (
    MATCH_INPUT,
    MATCH_LENGTHS,
    MATCH_LIMIT,
    MATCHES,
    R_BITS,
    R_C0,
    R_EXPECT,
    S_MATCH,
    S_POS,
)

_LONGEST = 400
_MISSES = 8
_END_OF_TOKEN = 512
"""Added to the map index where the end of a token is decided."""


@njit(_nrt=False, forceinline=True)
def advance_match(history, streams, st, k, c):  # type: ignore[no-untyped-def]
    """Move the pointer of match model `k` past byte `c`; eight misses in a row drop it."""
    n = streams.shape[0]
    f = S_MATCH + 3 * k
    if st[f] == 0:
        return
    if history[st[f]] == c:
        st[f + 1] += 1
        if st[f + 1] == 16:
            st[f + 2] >>= 1
    else:
        st[f + 1] = 0
        st[f + 2] += 1
    st[f] += n
    owner = st[f] % n
    if st[f + 2] >= _MISSES or st[f] >= streams[owner, S_POS] * n + owner:
        st[f] = 0
        st[f + 1] = 0
        st[f + 2] = 0


@njit(_nrt=False, forceinline=True)
def match_place(history, seen, n, s, st, k):  # type: ignore[no-untyped-def]
    """The index in `seen` of the last bytes of match model `k`, -1 if there are fewer; asks for
    its line."""
    want = MATCH_LENGTHS[k]
    if st[S_POS] < want:
        return -1
    last = (st[S_POS] - 1) * n + s
    h = 0
    for j in range(want):
        h = (h ^ int(history[uintp(last - j * n)])) * 0x2C1B3C6D & MASK32
        h ^= h >> 13
    size = seen.shape[0] >> 1
    slot = k * size + ((h * SPREAD >> 20) & (size - 1))
    prefetch(seen, slot)
    return slot


@njit(_nrt=False, forceinline=True)
def find_match(history, seen, n, s, st, k, place):  # type: ignore[no-untyped-def]
    """Look for an earlier place with the same last bytes, in any stream, and note this one;
    `place` is from `match_place`."""
    if place < 0:
        return
    want = MATCH_LENGTHS[k]
    f = S_MATCH + 3 * k
    last = (st[S_POS] - 1) * n + s
    slot = uintp(place)
    if st[f] == 0 or st[f + 1] < want:
        found = int(seen[slot])
        a = found - n
        b = last
        length = 0
        while length < _LONGEST and a >= 0 and b >= 0 and history[uintp(a)] == history[uintp(b)]:
            length += 1
            a -= n
            b -= n
        if found > 0 and length >= want and length > st[f + 1]:
            st[f] = found
            st[f + 1] = length
            st[f + 2] = 0
    seen[slot] = last + n


@njit(_nrt=False, forceinline=True)
def expect(r, streams, history, bounds, s):  # type: ignore[no-untyped-def]
    """Note what each match model expects of the next byte of stream `s`."""
    st = streams[s]
    n = streams.shape[0]
    for k in range(MATCHES):
        pointer = st[S_MATCH + 3 * k]
        e = R_EXPECT + 4 * k
        r[e] = -1
        r[e + 3] = -1
        if pointer > 0:
            r[e] = int(history[pointer])
            if pointer >= n and bounds[pointer - n] < 2:
                r[e + 3] = 1 - int(bounds[pointer - n])
            length = st[S_MATCH + 3 * k + 1]
            bucket = length if length < 16 else min(16 + ((length - 16) >> 3), 31)
            r[e + 1] = 256 * k + bucket * 8 + (st[S_MATCH + 3 * k + 2] & 7)


@njit(inline="always", _nrt=False)
def set_expected(m, s):  # type: ignore[no-untyped-def]
    """Set what the match models expect of the next byte of stream `s`; `set_contexts` does so,
    too."""
    expect(m.scratch, m.streams, m.history, m.bounds, s)


@njit(_nrt=False, forceinline=True)
def match_inputs(r, matchmaps, stretch, x):  # type: ignore[no-untyped-def]
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
                j |= _END_OF_TOKEN
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
def update_matches(r, matchmaps, reciprocal, bit):  # type: ignore[no-untyped-def]
    """Match models that expected a bit learn whether they were right."""
    end = _END_OF_TOKEN if r[R_BITS] == 8 else 0
    for k in range(MATCHES):
        e = R_EXPECT + 4 * k
        if r[e + 2] >= 0:
            right = CERTAIN if r[e + 2] == bit else 0
            j = uintp(r[e + 1] | end)
            matchmaps[j] = adapted(int(matchmaps[j]), right, MATCH_LIMIT, reciprocal)


@njit(inline="always", _nrt=False)
def match_length(r):  # type: ignore[no-untyped-def]
    """0 if match model 0 expects nothing of this decision, else 1 + the bucket of its length."""
    return 1 + ((r[R_EXPECT + 1] & 255) >> 3) if r[R_EXPECT + 2] >= 0 else 0
