"""The profile of tokens beside a language model: the contexts of text, the tokens before, and what
the fields of a line are expected to hold."""

from __future__ import annotations

from edgezip.coding.hashing import MASK32, context
from edgezip.coding.jit import njit

from .layout import (
    F_HASHES,
    F_OPENED,
    FIELDS,
    R_BITS,
    R_C0,
    R_DEPTH,
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
    S_LEFT1,
    S_LEFT2,
    S_LINE,
    S_LINE_HASH,
    S_LINE_HASH1,
    S_MATCH,
    S_POS,
    S_PREFIX,
    S_ROW,
    S_SAME,
    S_SHAPE,
    S_TOKEN0,
    S_TOKEN1,
    S_WANTED,
    S_WORD0,
    S_WORD1,
    S_WORD2,
    S_WORD3,
    SET_SIZE,
    TRAILS,
)
from .text import common_rows, shared_contexts

_A, _B = 0x2F0B4C47, 0x3D4D51CB


@njit(_nrt=False)
def token_contexts(r, h, history, heads, fields, n, s, st):  # type: ignore[no-untyped-def]
    """Set the hashes of all contexts of the next byte of stream `s`."""
    c4 = st[S_C4]
    c8 = st[S_C8]
    b1 = c4 & 255
    w0 = st[S_WORD0]
    w1 = st[S_WORD1]
    w2 = st[S_WORD2]
    field = st[S_FIELD]
    offset = min(st[S_POS] - st[S_FIELD_START], 255)
    part = st[S_FIELD_HASH]
    left1 = st[S_LEFT1]
    over = fields[F_HASHES + (1 - st[S_ROW]) * FIELDS + field]
    punctuation = st[S_LINE_HASH]
    same = st[S_SAME]
    changed = st[S_CHANGED]
    x1 = st[S_WANTED]
    x2 = st[S_WANTED + 1]
    y1 = st[S_AFTER]
    y2 = st[S_AFTER + 1]
    up = st[S_WANTED + TRAILS]
    up_right = st[S_AFTER + TRAILS]
    shared_contexts(r, h, history, heads, fields, n, s, st)
    h[20] = context(24, st[S_PREFIX], st[S_TOKEN0])
    h[21] = context(25, st[S_PREFIX], (st[S_TOKEN0] * _A + st[S_TOKEN1]) & MASK32)
    h[25] = context(45, x1 | y1 << 8 | (same & 1) << 16, b1)
    h[26] = context(46, x2 | y2 << 8 | (same & 2) << 16, b1)
    h[27] = context(47, up | up_right << 8 | (same & 4) << 16 | changed << 20, field)
    h[28] = context(37, left1, part)
    h[29] = context(38, (left1 * _A + st[S_LEFT2]) & MASK32, part)
    h[30] = context(40, (punctuation * 7 + field) & MASK32, part)
    h[31] = context(50, (fields[F_OPENED + st[S_DEPTH]] + st[S_DEPTH]) & MASK32, w0)
    h[32] = context(49, x1 | (same & 1) << 8 | offset << 9, left1)
    h[33] = context(51, x2 | (same & 2) << 8 | changed << 16, punctuation)
    h[34] = context(52, w0, (w2 * _B + 1) & MASK32)
    h[35] = context(53, w0, (w1 * _A + w2) & MASK32)
    h[36] = context(55, c4, c8 & 0xFFFFFF)
    h[37] = context(56, (r[R_EXPECT + 4] + 1) | min(st[S_MATCH + 4], 31) << 9, st[S_PREFIX])
    h[38] = context(57, st[S_PREFIX], x1 | x2 << 8 | (same & 3) << 16)
    h[39] = context(58, st[S_LINE_HASH1], (punctuation * 3 + w0) & MASK32)
    h[40] = context(59, st[S_PREFIX], (over + part) & MASK32)
    h[41] = context(60, (w1 * _A + w2) & MASK32, b1)
    h[42] = context(61, w1, (st[S_WORD3] * _B + w0) & MASK32)
    h[43] = context(62, st[S_PREFIX], (punctuation * 3 + st[S_TOKEN0]) & MASK32)
    h[44] = context(63, (over * 5 + left1) & MASK32, part)
    h[45] = context(64, over, field | offset << 8)


@njit(_nrt=False, forceinline=True)
def token_rows(r, history, n, s, st, selected, logit):  # type: ignore[no-untyped-def]
    """Rows of all sets and of the second probability map; `logit` is the language model's."""
    bits = r[R_BITS]
    length = common_rows(r, st, selected)
    band = min(length >> 2, 7)
    agree = 0
    if r[R_EXPECT + 2] >= 0:
        agree = 1 if (logit > 0) == (r[R_EXPECT + 2] > 0) else 2
    strength = min(abs(logit) >> 7, 15)
    same = st[S_SAME]
    x1, up = st[S_WANTED], st[S_WANTED + TRAILS]
    selected[4] = strength * 9 + bits + 144 * agree + 432 * min(r[R_DEPTH], 3)
    selected[5] = st[S_TOKEN0] & 2047
    selected[6] = ((same * 4 + st[S_CHANGED]) * 4 + (st[S_SHAPE] & 3)) * 9 + bits
    selected[7] = min(x1 + ((same & 1) << 8) + ((bits >> 1) << 9), SET_SIZE - 1)
    selected[8] = up * 9 + bits
    selected[9] = min(r[R_EXPECT] + 1 if length > 0 else 0, 255) * 9 + bits
    selected[10] = (min(st[S_FIELD], 31) * 8 + (st[S_SHAPE] & 7)) * 9 + bits
    selected[11] = (min(st[S_POS] - st[S_FIELD_START], 31) * 8 + band) * 9 + bits
    selected[12] = min(st[S_POS] - st[S_LINE], 255) * 9 + bits
    r[R_MAP_ROWS + 1] = r[R_C0] | (strength * 3 + agree) << 8
