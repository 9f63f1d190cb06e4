"""What a byte changes in the state of its stream: history, words, lines, fields, record length,
matches."""

from __future__ import annotations

from numpy import uintp

from edgezip.coding.hashing import MASK32, SPREAD, mix32
from edgezip.coding.jit import njit
from edgezip.coding.prefetch import prefetch

from .layout import (
    FIELDS,
    MATCH_LENGTHS,
    RECORD_MAX,
    S_C4,
    S_C8,
    S_FIELD,
    S_FIELD_HASH,
    S_FIELD_START,
    S_KEY,
    S_LINE,
    S_LINE1,
    S_LINE_HASH,
    S_MATCH,
    S_NUMBER,
    S_POS,
    S_PREFIX,
    S_RECORD,
    S_ROW,
    S_SHAPE,
    S_TOKEN0,
    S_TOKEN1,
    S_WORD0,
    S_WORD1,
    S_WORD2,
)

_LONGEST = 400
_MISSES = 8
_VOTES = 65536 + 1024


@njit(_nrt=False, forceinline=True)
def char_class(c):  # type: ignore[no-untyped-def]
    """0 punctuation, 1 letter or byte above 127, 2 digit, 3 space and control."""
    if (c >= 97 and c <= 122) or (c >= 65 and c <= 90) or c >= 128:
        return 1
    if c >= 48 and c <= 57:
        return 2
    return 3 if c <= 32 else 0


@njit(_nrt=False, forceinline=True)
def _advance_match(history, streams, st, k, c):  # type: ignore[no-untyped-def]
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
def _place(history, seen, n, s, st, k, want):  # type: ignore[no-untyped-def]
    """The index in `seen` of the last `want` bytes, -1 if there are fewer; asks for its line."""
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
def _find_match(history, seen, n, s, st, k, want, place):  # type: ignore[no-untyped-def]
    """Look for an earlier place with the same last `want` bytes, in any stream, and note this
    one; `place` is from `_place`."""
    if place < 0:
        return
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
def _vote_record(heads, votes, st):  # type: ignore[no-untyped-def]
    """Keep the record length at the distance at which the last two bytes repeat most often."""
    pos = st[S_POS]
    place = _VOTES + (st[S_C4] & 0xFFFF)
    distance = pos - heads[place]
    heads[place] = pos
    if distance > 1 and distance < RECORD_MAX:
        votes[distance] += 16
        if votes[distance] > votes[st[S_RECORD]]:
            st[S_RECORD] = distance
    if pos & 255 == 0:
        for j in range(RECORD_MAX):
            votes[j] -= votes[j] >> 2


@njit(_nrt=False, forceinline=True)
def _words(st, c, kind):  # type: ignore[no-untyped-def]
    """Hashes of the present word and the words before, of the number format, and of character
    classes."""
    if kind == 1:
        st[S_WORD0] = mix32(st[S_WORD0], (c + 32 if c >= 65 and c <= 90 else c) + 1)
    elif st[S_WORD0]:
        st[S_WORD2] = st[S_WORD1]
        st[S_WORD1] = st[S_WORD0]
        st[S_WORD0] = 0
    st[S_NUMBER] = mix32(st[S_NUMBER], 1) if kind == 2 else mix32(0, c)
    st[S_SHAPE] = (st[S_SHAPE] << 2 | kind) & 0xFFFF
    if c == 34 or c == 58 or c == 61 or c == 10:
        st[S_KEY] = st[S_WORD1]


@njit(_nrt=False, forceinline=True)
def _lines(fields, st, c, kind):  # type: ignore[no-untyped-def]
    """Starts of lines and of the fields in them."""
    if c == 10 or c == 32 or c == 44 or c == 9 or c == 59 or c == 124:
        row = st[S_ROW]
        fields[(2 + row) * FIELDS + st[S_FIELD]] = st[S_FIELD_HASH]
        st[S_FIELD_HASH] = 0
        if c == 10:
            st[S_ROW] = 1 - row
            st[S_FIELD] = 0
        else:
            st[S_FIELD] = min(st[S_FIELD] + 1, FIELDS - 1)
        st[S_FIELD_START] = st[S_POS]
        fields[st[S_ROW] * FIELDS + st[S_FIELD]] = st[S_POS]
    else:
        st[S_FIELD_HASH] = mix32(st[S_FIELD_HASH], c + 1)
    if c == 10:
        st[S_LINE1] = st[S_LINE]
        st[S_LINE] = st[S_POS]
        st[S_LINE_HASH] = 0
    elif kind == 0 or c == 32:
        st[S_LINE_HASH] = mix32(st[S_LINE_HASH], c)


@njit(_nrt=False)
def _end_byte(history, bounds, streams, heads, votes, fields, seen, s, c, bound):  # type: ignore[no-untyped-def]
    st = streams[s]
    n = streams.shape[0]
    at = st[S_POS] * n + s
    history[at] = c
    bounds[at] = bound
    c4 = st[S_C4]
    b1 = c4 & 255
    heads[b1] = heads[b1] << 8 & 0xFFFFFF | c
    j = 256 + (c4 & 0xFFFF)
    heads[j] = heads[j] << 8 & 0xFFFFFF | c
    st[S_C8] = (st[S_C8] << 8 | c4 >> 24) & MASK32
    st[S_C4] = (c4 << 8 | c) & MASK32
    st[S_POS] += 1
    st[S_PREFIX] = mix32(st[S_PREFIX], c + 1)
    first = _place(history, seen, n, s, st, 0, MATCH_LENGTHS[0])
    second = _place(history, seen, n, s, st, 1, MATCH_LENGTHS[1])
    kind = char_class(c)
    _words(st, c, kind)
    _lines(fields[s], st, c, kind)
    _vote_record(heads, votes, st)
    _advance_match(history, streams, st, 0, c)
    _find_match(history, seen, n, s, st, 0, MATCH_LENGTHS[0], first)
    _advance_match(history, streams, st, 1, c)
    _find_match(history, seen, n, s, st, 1, MATCH_LENGTHS[1], second)


@njit(inline="always", _nrt=False)
def end_byte(m, s, c, bound):  # type: ignore[no-untyped-def]
    """Append byte `c` to stream `s`. `bound`: 0 no token ends behind it (yet), 2 not known."""
    _end_byte(m.history, m.bounds, m.streams, m.heads, m.votes, m.fields, m.seen, s, c, bound)


@njit(inline="always", _nrt=False)
def end_token(m, s, leaf):  # type: ignore[no-untyped-def]
    """Note that a token, leaf number `leaf`, ended in stream `s`."""
    st = m.streams[s]
    n = m.streams.shape[0]
    m.bounds[(st[S_POS] - 1) * n + s] = 1
    st[S_TOKEN1] = st[S_TOKEN0]
    st[S_TOKEN0] = leaf + 1
    st[S_PREFIX] = 0
