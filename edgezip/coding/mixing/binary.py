"""The profile of binary data: records of a detected length, sparse bytes, position modulo 4."""

from __future__ import annotations

from edgezip.coding.hashing import context
from edgezip.coding.jit import njit

from .fields import above_record
from .history import set_orders
from .layout import R_EXPECT, S_C4, S_C8, S_MATCH, S_POS, S_RECORD


@njit(_nrt=False)
def binary_contexts(r, h, history, heads, n, s, st):  # type: ignore[no-untyped-def]
    """Set the hashes of all contexts of the next byte of stream `s`."""
    c4 = st[S_C4]
    c8 = st[S_C8]
    b1 = c4 & 255
    b4 = c4 >> 24
    pos = st[S_POS]
    rec = st[S_RECORD]
    phase, r1, r2, r3, left, right = above_record(history, n, s, st)
    set_orders(h, st)
    h[7] = context(18, b4 | c8 >> 24 << 8, 0)
    h[8] = context(12, c4 & 0xFF00FF00, 0)
    h[9] = context(22, heads[256 + (c4 & 0xFFFF)] & 0xFFFF, b1)
    h[10] = context(19, r1 | r2 << 8 | r3 << 16, 0)
    h[11] = context(11, c4 & 0xFFFF00, 0)
    h[12] = context(9, b1 | (c4 >> 8 & 0xFF00), 0)
    h[13] = context(14, r1 | b1 << 8, rec)
    h[14] = context(13, c4 & 0xFFFF0000, 0)
    h[15] = context(8, c4 & 0xFFFFFF00, 0)
    h[16] = context(21, heads[b1] & 0xFFFF, b1)
    h[17] = context(23, (r[R_EXPECT] + 1) | min(st[S_MATCH + 1], 15) << 9, b1)
    h[18] = context(15, r1 | r2 << 8, phase)
    h[19] = context(16, phase | rec << 16, b1)
    h[20] = context(20, r1 | left << 8 | b1 << 16, right)
    h[21] = context(29, r1 | b1 << 8 | right << 16, r2)
    h[22] = context(10, b1 | b4 << 8, 0)
    h[23] = context(17, b1 | (c8 & 255) << 8, 0)
    h[24] = context(26, c4 & 0xFFFF, pos & 3)
