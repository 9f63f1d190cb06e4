"""The profile of binary data: records of a detected length, sparse bytes, position modulo 4."""

from __future__ import annotations

from edgezip.coding.hashing import context
from edgezip.coding.jit import njit

from .fields import above_record, follow_likeness
from .history import set_orders
from .layout import R_EXPECT, S_ALIKE, S_C4, S_C8, S_MATCH, S_RECORD


@njit(_nrt=False)
def binary_contexts(r, h, history, heads, n, s, st):  # type: ignore[no-untyped-def]
    """Set the hashes of all contexts of the next byte of stream `s`."""
    c4 = st[S_C4]
    c8 = st[S_C8]
    b1 = c4 & 255
    b2 = c4 >> 8 & 255
    b4 = c4 >> 24
    rec = st[S_RECORD]
    phase, r1, r2, r3, left, right = above_record(history, n, s, st)
    follow_likeness(st)
    alike = st[S_ALIKE]
    heads2 = heads[256 + (c4 & 0xFFFF)]
    set_orders(h, st)
    h[7] = context(7, r1 | b1 << 8, rec)
    h[8] = context(8, r1 | r2 << 8 | r3 << 16, 0)
    h[9] = context(9, alike & 0xFFFF, 0)
    h[10] = context(10, heads2 & 0xFFFF, 0)
    h[11] = context(11, r1 | left << 8 | b1 << 16, right)
    h[12] = context(12, (r[R_EXPECT] + 1) | min(st[S_MATCH + 1], 15) << 9, b1)
    h[13] = context(13, c4 & 0xFF00FF00, 0)
    h[14] = context(14, c4 & 0xE0E0E0, 0)
    h[15] = context(15, b2, 0)
    h[16] = context(16, b4 | c8 >> 24 << 8, 0)
    h[17] = context(17, heads2 & 0xFFFF, b1)
    h[18] = context(18, r1 | r2 << 8, phase)
    h[19] = context(19, b1 | (c8 & 255) << 8, 0)
    h[20] = context(20, phase | rec << 16, b1)
    h[21] = context(21, b1 | c4 >> 8 & 0xFF00, 0)
    h[22] = context(22, c4 & 0xFFFF00, 0)
    h[23] = context(23, c4 & 0xF0F0, 0)
    h[24] = context(24, c4 & 0xFFFF0000, 0)
