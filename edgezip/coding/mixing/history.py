"""What a byte changes in the state of its stream: history, words, lines, fields, record length,
matches; and what the contexts of several profiles read of it."""

from __future__ import annotations

from edgezip.coding.hashing import MASK32, context, mix32
from edgezip.coding.jit import njit

from .fields import byte_at
from .layout import (
    DEPTHS,
    F_HASHES,
    F_OPENED,
    F_STARTS,
    FIELDS,
    S_C4,
    S_C8,
    S_DEPTH,
    S_FIELD,
    S_FIELD_HASH,
    S_FIELD_START,
    S_KEY,
    S_LINE,
    S_LINE1,
    S_LINE_HASH,
    S_LINE_HASH1,
    S_NUMBER,
    S_POS,
    S_PREFIX,
    S_RECORD,
    S_RECORD2,
    S_ROW,
    S_SHAPE,
    S_TOKEN0,
    S_TOKEN1,
    S_WORD0,
    S_WORD1,
    S_WORD2,
    S_WORD3,
)
from .match import advance_match, find_match, match_place
from .similarity import follow_similarity
from .trails import follow_trails

_VOTES = 65536 + 1024
"""Where in `heads` the places of pairs of bytes begin."""
_PUNCTUATION, _LETTER, _DIGIT, _SPACE = range(4)


@njit(_nrt=False, forceinline=True)
def set_orders(h, st):  # type: ignore[no-untyped-def]
    """Contexts 0 to 6 of every profile: the last bytes, so many."""
    c4 = st[S_C4]
    c8 = st[S_C8]
    h[0] = 0
    h[1] = context(1, c4 & 255, 0)
    h[2] = context(2, c4 & 0xFFFF, 0)
    h[3] = context(3, c4 & 0xFFFFFF, 0)
    h[4] = context(4, c4, 0)
    h[5] = context(5, c4, c8 & 0xFF)
    h[6] = context(6, c4, c8 & 0xFFFF)


@njit(_nrt=False, forceinline=True)
def set_direct(h, history, n, s, st):  # type: ignore[no-untyped-def]
    """Contexts of the direct maps, of every profile."""
    c4 = st[S_C4]
    b1 = c4 & 255
    rec = st[S_RECORD]
    pos = st[S_POS]
    h[0] = 0x51ED270
    h[1] = context(41, b1, 0)
    h[2] = context(42, c4 & 0xFFFF, 0)
    h[3] = context(43, c4 & 0xFFFFFF, 0)
    h[4] = context(44, st[S_WORD0], b1)
    h[5] = context(45, byte_at(history, n, s, pos - rec) | b1 << 8, pos % rec if rec > 1 else 0)


@njit(_nrt=False, forceinline=True)
def char_class(c):  # type: ignore[no-untyped-def]
    """0 punctuation, 1 letter or byte above 127, 2 digit, 3 space and control."""
    if (c >= 97 and c <= 122) or (c >= 65 and c <= 90) or c >= 128:
        return 1
    if c >= 48 and c <= 57:
        return 2
    return 3 if c <= 32 else 0


@njit(_nrt=False, forceinline=True)
def _vote_record(heads, votes, st):  # type: ignore[no-untyped-def]
    """Keep the record length at the distance at which the last two bytes repeat most often."""
    pos = st[S_POS]
    place = _VOTES + (st[S_C4] & 0xFFFF)
    distance = pos - heads[place]
    heads[place] = pos
    if distance > 1 and distance < votes.shape[0]:
        votes[distance] += 16
        if distance != st[S_RECORD]:
            if votes[distance] > votes[st[S_RECORD]]:
                st[S_RECORD2] = st[S_RECORD]
                st[S_RECORD] = distance
            elif votes[distance] > votes[st[S_RECORD2]]:
                st[S_RECORD2] = distance
    if pos & 255 == 0:
        for j in range(votes.shape[0]):
            votes[j] -= votes[j] >> 2


@njit(_nrt=False, forceinline=True)
def _words(st, c, kind):  # type: ignore[no-untyped-def]
    """Hashes of the present word and the words before, of the number format, and of character
    classes."""
    if kind == _LETTER:
        st[S_WORD0] = mix32(st[S_WORD0], (c + 32 if c >= 65 and c <= 90 else c) + 1)
    elif st[S_WORD0]:
        st[S_WORD3] = st[S_WORD2]
        st[S_WORD2] = st[S_WORD1]
        st[S_WORD1] = st[S_WORD0]
        st[S_WORD0] = 0
    st[S_NUMBER] = mix32(st[S_NUMBER], 1) if kind == _DIGIT else mix32(0, c)
    st[S_SHAPE] = (st[S_SHAPE] << 2 | kind) & 0xFFFF
    if c == 34 or c == 58 or c == 61 or c == 10:
        st[S_KEY] = st[S_WORD1]


@njit(_nrt=False, forceinline=True)
def _brackets(fields, st, c):  # type: ignore[no-untyped-def]
    """How deep in brackets the next byte is, and the word in front of each that is open."""
    if c == 123 or c == 91 or c == 40 or c == 60:
        st[S_DEPTH] = min(st[S_DEPTH] + 1, DEPTHS - 1)
        fields[F_OPENED + st[S_DEPTH]] = (st[S_WORD1] * 31 + c) & MASK32
    elif c == 125 or c == 93 or c == 41 or c == 62:
        st[S_DEPTH] = max(st[S_DEPTH] - 1, 0)


@njit(_nrt=False, forceinline=True)
def _lines(ends, fields, st, c, kind):  # type: ignore[no-untyped-def]
    """Starts of lines and of the fields in them; `ends` says which bytes end a field."""
    if ends[c]:
        row = st[S_ROW]
        fields[F_HASHES + row * FIELDS + st[S_FIELD]] = st[S_FIELD_HASH]
        st[S_FIELD_HASH] = 0
        if c == 10:
            st[S_ROW] = 1 - row
            st[S_FIELD] = 0
        else:
            st[S_FIELD] = min(st[S_FIELD] + 1, FIELDS - 1)
        st[S_FIELD_START] = st[S_POS]
        fields[F_STARTS + st[S_ROW] * FIELDS + st[S_FIELD]] = st[S_POS]
    else:
        st[S_FIELD_HASH] = mix32(st[S_FIELD_HASH], c + 1)
    if c == 10:
        st[S_LINE1] = st[S_LINE]
        st[S_LINE] = st[S_POS]
        st[S_LINE_HASH1] = st[S_LINE_HASH]
        st[S_LINE_HASH] = 0
    elif kind == _PUNCTUATION or c == 32:
        st[S_LINE_HASH] = mix32(st[S_LINE_HASH], c)


@njit(_nrt=False)
def _end_byte(ends, scores, history, bounds, streams, heads, votes, fields, seen, s, c, bound):  # type: ignore[no-untyped-def]
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
    first = match_place(history, seen, n, s, st, 0)
    second = match_place(history, seen, n, s, st, 1)
    kind = char_class(c)
    _words(st, c, kind)
    _brackets(fields[s], st, c)
    _lines(ends, fields[s], st, c, kind)
    _vote_record(heads, votes, st)
    advance_match(history, streams, st, 0, c)
    find_match(history, seen, n, s, st, 0, first)
    advance_match(history, streams, st, 1, c)
    find_match(history, seen, n, s, st, 1, second)
    follow_trails(history, heads, fields[s], n, s, st, c)
    if scores.shape[0] > 0:
        follow_similarity(scores, history, st, c)


@njit(inline="always", _nrt=False)
def end_byte(m, s, c, bound):  # type: ignore[no-untyped-def]
    """Append byte `c` to stream `s`. `bound`: 0 no token ends behind it (yet), 2 not known."""
    _end_byte(
        m.ends, m.scores, m.history, m.bounds, m.streams, m.heads, m.votes, m.fields, m.seen, s, c,
        bound,
    )  # fmt: skip


@njit(inline="always", _nrt=False)
def end_token(m, s, leaf):  # type: ignore[no-untyped-def]
    """Note that a token, leaf number `leaf`, ended in stream `s`."""
    st = m.streams[s]
    n = m.streams.shape[0]
    m.bounds[(st[S_POS] - 1) * n + s] = 1
    st[S_TOKEN1] = st[S_TOKEN0]
    st[S_TOKEN0] = leaf + 1
    st[S_PREFIX] = 0
