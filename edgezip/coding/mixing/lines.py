"""The profile of lines: logs, tables, data formats and whatever else repeats itself line by line.

Fields end at more characters than in text, and contexts join what stands in the same field of the
line before with the fields to the left, so that a value is known from its column.
"""

from __future__ import annotations

from edgezip.coding.hashing import MASK32, context
from edgezip.coding.jit import njit

from .fields import above_field, byte_above
from .history import set_orders
from .layout import (
    F_HASHES,
    F_OPENED,
    FIELDS,
    R_BITS,
    R_C0,
    R_EXPECT,
    R_MAP_ROWS,
    S_AFTER,
    S_C4,
    S_C8,
    S_CHANGED,
    S_DEPTH,
    S_FIELD,
    S_FIELD_HASH,
    S_FIELD_START,
    S_KEY,
    S_LEFT1,
    S_LEFT2,
    S_LINE,
    S_LINE_HASH,
    S_LINE_HASH1,
    S_MATCH,
    S_NUMBER,
    S_POS,
    S_ROW,
    S_SAME,
    S_SHAPE,
    S_WANTED,
    S_WORD0,
    S_WORD1,
    S_WORD2,
    S_WORD3,
    TRAILS,
)
from .text import common_rows

_A, _B = 0x2F0B4C47, 0x3D4D51CB


@njit(_nrt=False)
def line_contexts(r, h, history, heads, fields, n, s, st):  # type: ignore[no-untyped-def]
    """Set the hashes of all contexts of the next byte of stream `s`."""
    c4 = st[S_C4]
    c8 = st[S_C8]
    b1 = c4 & 255
    w0 = st[S_WORD0]
    w1 = st[S_WORD1]
    w2 = st[S_WORD2]
    col = st[S_POS] - st[S_LINE]
    above = byte_above(history, n, s, st, 0)
    above_right = byte_above(history, n, s, st, 1)
    field = st[S_FIELD]
    part = st[S_FIELD_HASH]
    offset = st[S_POS] - st[S_FIELD_START]
    before, up_left, up, up_right = above_field(history, fields, n, s, st)
    over = fields[F_HASHES + before]
    present = F_HASHES + st[S_ROW] * FIELDS
    first = fields[present]
    left1 = st[S_LEFT1]
    left2 = st[S_LEFT2]
    x1 = st[S_WANTED]
    x2 = st[S_WANTED + 1]
    y1 = st[S_AFTER]
    y2 = st[S_AFTER + 1]
    same = st[S_SAME]
    changed = st[S_CHANGED]
    punctuation = st[S_LINE_HASH]
    e0 = r[R_EXPECT]
    e1 = r[R_EXPECT + 4]
    set_orders(h, st)
    h[7] = context(7, c4, c8 & 0xFFFFFF)
    h[8] = context(8, w0, b1)
    h[9] = context(9, w0, w1)
    h[10] = context(10, w0, (w1 * _A + w2) & MASK32)
    h[11] = context(11, col, above)
    h[12] = context(12, above, c4 & 0xFFFF)
    h[13] = context(13, up, field)
    h[14] = context(14, up | up_right << 8 | up_left << 16, b1)
    h[15] = context(15, field, part)
    h[16] = context(16, punctuation, w0)
    h[17] = context(17, st[S_SHAPE], b1)
    h[18] = context(18, st[S_SHAPE] & 0xFFF, w0)
    h[19] = context(19, heads[256 + (c4 & 0xFFFF)], b1)
    h[20] = context(20, heads[b1] & 0xFFFF, c4 & 0xFFFF)
    h[21] = context(21, (e0 + 1) | min(st[S_MATCH + 1], 15) << 9, b1)
    h[22] = context(22, e0 + 1, (e1 + 1) | b1 << 9)
    h[23] = context(23, over, part)
    h[24] = context(24, left1, part)
    h[25] = context(25, (left1 * _A + left2) & MASK32, part)
    h[26] = context(26, (first + field) & MASK32, part)
    h[27] = context(27, (punctuation * 7 + field) & MASK32, part)
    h[28] = context(28, (over * 5 + left1) & MASK32, part)
    h[29] = context(29, over, field | offset << 8)
    h[30] = context(30, above | up << 8, b1)
    h[31] = context(31, above | above_right << 8 | b1 << 16, c4 >> 8 & 255)
    h[32] = context(32, st[S_KEY], (w0 + b1 * 77) & MASK32)
    h[33] = context(33, st[S_NUMBER], w0)
    h[34] = context(34, (w1 * _A + w2) & MASK32, b1)
    h[35] = context(35, c4 & 0xFFFF00, 0)
    h[36] = context(36, c4 & 0xFFFFFF00, 0)
    h[37] = context(37, c4 & 0xFF00, 0)
    h[38] = context(38, st[S_LINE_HASH1], (punctuation * 3 + w0) & MASK32)
    h[39] = context(39, c4 & 0xF0F0F0FF, c8 & 0xF0F0)
    h[40] = context(40, (fields[F_OPENED + st[S_DEPTH]] + st[S_DEPTH]) & MASK32, w0)
    h[41] = context(41, w0, (w2 * _B + 1) & MASK32)
    h[42] = context(42, w1, (st[S_WORD3] * _B + w0) & MASK32)
    h[43] = context(43, left1, (over + part) & MASK32)
    h[44] = context(44, up | up_right << 8, left1)
    h[45] = context(45, x1 | y1 << 8 | (same & 1) << 16, b1)
    h[46] = context(46, x2 | y2 << 8 | (same & 2) << 16, b1)
    h[47] = context(47, up | up_right << 8 | (same & 4) << 16 | changed << 20, field)
    h[48] = context(48, x1 | x2 << 8 | up << 16, same)
    h[49] = context(49, x1 | (same & 1) << 8 | offset << 9, left1)
    h[50] = context(50, x2 | (same & 2) << 8 | changed << 16, punctuation)


@njit(_nrt=False, forceinline=True)
def line_rows(r, history, n, s, st, selected):  # type: ignore[no-untyped-def]
    """Rows of all sets and of the profile's probability maps."""
    bits = r[R_BITS]
    length = common_rows(r, st, selected)
    same = st[S_SAME]
    band = min(length >> 2, 7)
    above = byte_above(history, n, s, st, 0)
    x1, up = st[S_WANTED], st[S_WANTED + TRAILS]
    expected = r[R_EXPECT] + 1 if length > 0 else 0
    selected[0] = r[R_C0] + 256 * band
    selected[4] = min(st[S_POS] - st[S_LINE], 255) * 9 + bits
    selected[5] = up * 9 + bits
    selected[6] = (min(st[S_FIELD], 31) * 8 + (st[S_SHAPE] & 7)) * 9 + bits
    selected[7] = above * 9 + bits
    selected[8] = min(expected, 255) * 9 + bits
    selected[9] = (st[S_WORD0] & 255) * 9 + bits
    selected[10] = ((st[S_C4] >> 8) & 255) + 256 * (bits >> 1)
    selected[11] = (min(st[S_POS] - st[S_FIELD_START], 31) * 8 + band) * 9 + bits
    selected[12] = x1 + ((same & 1) << 8) + ((bits >> 1) << 9)
    selected[13] = ((same * 4 + st[S_CHANGED]) * 4 + (st[S_SHAPE] & 3)) * 9 + bits
    r[R_MAP_ROWS + 1] = r[R_C0] | length << 8
