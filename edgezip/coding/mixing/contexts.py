"""The contexts of the next byte: hashes of what a stream's history looks like, for text and for
binary data."""

from __future__ import annotations

from edgezip.coding.hashing import MASK32, context
from edgezip.coding.jit import njit

from .layout import (
    BINARY,
    FIELDS,
    MATCHES,
    N_CONTEXTS,
    R_EXPECT,
    R_PROFILE,
    R_TOKENS,
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


@njit(_nrt=False, forceinline=True)
def byte_at(history, n, s, pos):  # type: ignore[no-untyped-def]
    """Byte `pos` of stream `s` of `n`, 0 before its start."""
    return int(history[pos * n + s]) if pos >= 0 else 0


@njit(_nrt=False, forceinline=True)
def _shared(h, heads, st, ml, e0):  # type: ignore[no-untyped-def]
    """Contexts of both profiles: orders 0 to 6, what followed the last bytes before, the match."""
    c4 = st[S_C4]
    c8 = st[S_C8]
    b1 = c4 & 255
    h[0] = 0
    h[1] = context(1, b1, 0)
    h[2] = context(2, c4 & 0xFFFF, 0)
    h[3] = context(3, c4 & 0xFFFFFF, 0)
    h[4] = context(4, c4, 0)
    h[5] = context(5, c4, c8 & 0xFF)
    h[6] = context(6, c4, c8 & 0xFFFF)
    h[7] = context(22, heads[256 + (c4 & 0xFFFF)] & 0xFFFF, b1)
    h[9] = context(23, (e0 + 1) | min(ml, 15) << 9, b1)
    h[17] = context(11, c4 & 0xFFFF00, 0)
    h[18] = context(21, heads[b1] & 0xFFFF, b1)


@njit(_nrt=False, forceinline=True)
def _text(h, history, fields, n, s, st, tokens, e0, e1):  # type: ignore[no-untyped-def]
    """Contexts of text: words, tokens, lines, fields of a line, numbers."""
    c4 = st[S_C4]
    b1 = c4 & 255
    w0 = st[S_WORD0]
    pos = st[S_POS]
    line = st[S_LINE]
    line1 = st[S_LINE1]
    col = pos - line
    above = byte_at(history, n, s, line1 + col) if line1 + col < line else 0
    # The byte at the same offset of the same field of the line before, and its left neighbour.
    field = st[S_FIELD]
    before = (1 - st[S_ROW]) * FIELDS + field
    offset = pos - st[S_FIELD_START]
    start = fields[before]
    field_above = 0
    field_left = 0
    if start + offset < line and start >= line1 and line > 0:
        field_above = byte_at(history, n, s, start + offset)
        field_left = byte_at(history, n, s, start + offset - 1) if offset > 0 else 0
    h[19] = context(8, w0, b1)
    h[8] = context(9, w0, st[S_WORD1])
    h[16] = context(18, col, above)
    h[10] = context(19, st[S_SHAPE], b1)
    h[11] = context(20, st[S_LINE_HASH], w0)
    if tokens:
        h[20] = context(24, st[S_PREFIX], st[S_TOKEN0])
        h[21] = context(25, st[S_PREFIX], (st[S_TOKEN0] * 0x2F0B4C47 + st[S_TOKEN1]) & MASK32)
    else:
        h[20] = context(24, w0, (st[S_WORD1] * 0x2F0B4C47 + st[S_WORD2]) & MASK32)
        h[21] = context(25, c4 & 0xF0F0F0FF, st[S_C8] & 0xF0F0)
    h[12] = context(26, st[S_LINE_HASH], col)
    h[13] = context(27, st[S_KEY], (w0 + b1 * 77) & MASK32)
    h[14] = context(31, st[S_NUMBER], w0)
    h[22] = context(32, e0 + 1, e1 + 1)
    h[15] = context(34, field_above | field << 8 | field_left << 16, b1)
    h[23] = context(35, fields[2 * FIELDS + before], (w0 + b1 * 0x1000193) & MASK32)
    h[24] = context(36, field, st[S_FIELD_HASH])


@njit(_nrt=False, forceinline=True)
def _binary(h, history, n, s, st):  # type: ignore[no-untyped-def]
    """Contexts of binary data: records of a detected length, sparse bytes, position modulo 4."""
    c4 = st[S_C4]
    c8 = st[S_C8]
    b1 = c4 & 255
    b4 = c4 >> 24
    pos = st[S_POS]
    rec = st[S_RECORD]
    phase = pos % rec if rec > 1 else 0
    r1 = byte_at(history, n, s, pos - rec)
    r2 = byte_at(history, n, s, pos - 2 * rec)
    r3 = byte_at(history, n, s, pos - 3 * rec)
    left = byte_at(history, n, s, pos - rec - 1)
    right = byte_at(history, n, s, pos - rec + 1) if rec > 1 else 0
    h[16] = context(8, c4 & 0xFFFFFF00, 0)
    h[19] = context(9, b1 | (c4 >> 8 & 0xFF00), 0)
    h[20] = context(10, b1 | b4 << 8, 0)
    h[21] = context(12, c4 & 0xFF00FF00, 0)
    h[15] = context(13, c4 & 0xFFFF0000, 0)
    h[8] = context(14, r1 | b1 << 8, rec)
    h[10] = context(15, r1 | r2 << 8, phase)
    h[11] = context(16, phase | rec << 16, b1)
    h[22] = context(17, b1 | (c8 & 255) << 8, 0)
    h[23] = context(18, b4 | c8 >> 24 << 8, 0)
    h[12] = context(19, r1 | r2 << 8 | r3 << 16, 0)
    h[13] = context(20, r1 | left << 8 | b1 << 16, right)
    h[24] = context(26, c4 & 0xFFFF, pos & 3)
    h[14] = context(29, r1 | b1 << 8 | right << 16, r2)


@njit(_nrt=False, forceinline=True)
def _direct(h, history, n, s, st):  # type: ignore[no-untyped-def]
    """Contexts of the direct maps."""
    c4 = st[S_C4]
    b1 = c4 & 255
    rec = st[S_RECORD]
    pos = st[S_POS]
    d = N_CONTEXTS
    h[d] = 0x51ED270
    h[d + 1] = context(41, b1, 0)
    h[d + 2] = context(42, c4 & 0xFFFF, 0)
    h[d + 3] = context(43, c4 & 0xFFFFFF, 0)
    h[d + 4] = context(44, st[S_WORD0], b1)
    h[d + 5] = context(45, byte_at(history, n, s, pos - rec) | b1 << 8, pos % rec if rec > 1 else 0)


@njit(_nrt=False, forceinline=True)
def _expect(r, streams, history, bounds, s):  # type: ignore[no-untyped-def]
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
    _expect(m.scratch, m.streams, m.history, m.bounds, s)


@njit(_nrt=False)
def _set_contexts(r, hashes, streams, history, bounds, heads, fields, s):  # type: ignore[no-untyped-def]
    st = streams[s]
    n = streams.shape[0]
    _expect(r, streams, history, bounds, s)
    e0 = r[R_EXPECT]
    _shared(hashes, heads, st, st[S_MATCH + 1], e0)
    if r[R_PROFILE] == BINARY:
        _binary(hashes, history, n, s, st)
    else:
        _text(hashes, history, fields[s], n, s, st, r[R_TOKENS], e0, r[R_EXPECT + 4])
    _direct(hashes, history, n, s, st)


@njit(inline="always", _nrt=False)
def set_contexts(m, s):  # type: ignore[no-untyped-def]
    """Set the hashes of all contexts of the next byte of stream `s`, and what the match models
    expect."""
    _set_contexts(m.scratch, m.hashes, m.streams, m.history, m.bounds, m.heads, m.fields, s)
