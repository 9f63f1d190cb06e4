"""The profile of text: words, lines, fields of a line, numbers. `tokens.py` adds to it."""

from __future__ import annotations

from edgezip.coding.hashing import MASK32, context
from edgezip.coding.jit import njit

from .fields import above_field, byte_above
from .history import set_orders
from .layout import (
    F_HASHES,
    R_BITS,
    R_C0,
    R_EXPECT,
    R_MAP_ROWS,
    S_C4,
    S_C8,
    S_FIELD,
    S_FIELD_HASH,
    S_KEY,
    S_LINE,
    S_LINE_HASH,
    S_MATCH,
    S_NUMBER,
    S_POS,
    S_SHAPE,
    S_WORD0,
    S_WORD1,
    S_WORD2,
)
from .match import match_length


@njit(_nrt=False)
def shared_contexts(r, h, history, heads, fields, n, s, st):  # type: ignore[no-untyped-def]
    """Set the hashes of the contexts that text has as bytes and as tokens: all but 20 and 21."""
    c4 = st[S_C4]
    b1 = c4 & 255
    w0 = st[S_WORD0]
    col = st[S_POS] - st[S_LINE]
    e0 = r[R_EXPECT]
    e1 = r[R_EXPECT + 4]
    field = st[S_FIELD]
    before, field_left, field_above, _ = above_field(history, fields, n, s, st)
    set_orders(h, st)
    h[7] = context(31, st[S_NUMBER], w0)
    h[8] = context(20, st[S_LINE_HASH], w0)
    h[9] = context(34, field_above | field << 8 | field_left << 16, b1)
    h[10] = context(19, st[S_SHAPE], b1)
    h[11] = context(9, w0, st[S_WORD1])
    h[12] = context(26, st[S_LINE_HASH], col)
    h[13] = context(22, heads[256 + (c4 & 0xFFFF)] & 0xFFFF, b1)
    h[14] = context(23, (e0 + 1) | min(st[S_MATCH + 1], 15) << 9, b1)
    h[15] = context(27, st[S_KEY], (w0 + b1 * 77) & MASK32)
    h[16] = context(18, col, byte_above(history, n, s, st, 0))
    h[17] = context(11, c4 & 0xFFFF00, 0)
    h[18] = context(21, heads[b1] & 0xFFFF, b1)
    h[19] = context(8, w0, b1)
    h[22] = context(32, e0 + 1, e1 + 1)
    h[23] = context(35, fields[F_HASHES + before], (w0 + b1 * 0x1000193) & MASK32)
    h[24] = context(36, field, st[S_FIELD_HASH])


@njit(_nrt=False)
def text_contexts(r, h, history, heads, fields, n, s, st):  # type: ignore[no-untyped-def]
    """Set the hashes of all contexts of the next byte of stream `s`."""
    c4 = st[S_C4]
    w0 = st[S_WORD0]
    shared_contexts(r, h, history, heads, fields, n, s, st)
    h[20] = context(24, w0, (st[S_WORD1] * 0x2F0B4C47 + st[S_WORD2]) & MASK32)
    h[21] = context(25, c4 & 0xF0F0F0FF, st[S_C8] & 0xF0F0)


@njit(_nrt=False, forceinline=True)
def common_rows(r, st, selected):  # type: ignore[no-untyped-def]
    """Rows of sets 0 to 3; set 2 lacks the hits of the contexts yet. Returns the length of the
    match, as `match_length`."""
    bits = r[R_BITS]
    length = match_length(r)
    selected[0] = r[R_C0]
    selected[1] = (st[S_C4] & 255) + 256 * (bits >> 1)
    selected[2] = bits + 64 * min(length >> 2, 7)
    selected[3] = (st[S_SHAPE] & 255) * 9 + bits
    return length


@njit(_nrt=False, forceinline=True)
def byte_rows(r, st, selected):  # type: ignore[no-untyped-def]
    """Rows of all sets for bytes and of the second probability map."""
    length = common_rows(r, st, selected)
    group = 256 * (r[R_BITS] >> 1)
    selected[4] = min(st[S_POS] - st[S_LINE], 255) + group
    selected[5] = ((st[S_C4] >> 8) & 255) + group
    r[R_MAP_ROWS + 1] = r[R_C0] | length << 8
