"""The profile of records: binary data looked at longer than `binary` does: more neighbours in the
record before, bytes that count from record to record, more sparse bytes and high bits."""

from __future__ import annotations

from edgezip.coding.hashing import context
from edgezip.coding.jit import njit

from .fields import above_record, byte_at, follow_likeness
from .history import set_orders
from .layout import (
    R_BITS,
    R_C0,
    R_ERROR,
    R_EXPECT,
    R_MAP_ROWS,
    R_MISSES,
    R_P,
    S_ALIKE,
    S_C4,
    S_C8,
    S_COUNTER,
    S_COUNTER_AT,
    S_MATCH,
    S_POS,
    S_RECORD,
    S_RECORD2,
    S_WORD0,
)
from .text import common_rows

_LIKELY, _UNLIKELY = 60_000, 40_000
"""Probabilities, of 65536, below which the bit that came was a small or a larger miss."""


@njit(_nrt=False)
def record_contexts(r, h, history, heads, n, s, st):  # type: ignore[no-untyped-def]
    """Set the hashes of all contexts of the next byte of stream `s`."""
    c4 = st[S_C4]
    c8 = st[S_C8]
    b1 = c4 & 255
    b2 = c4 >> 8 & 255
    b4 = c4 >> 24
    b8 = c8 >> 24
    pos = st[S_POS]
    b12 = byte_at(history, n, s, pos - 12)
    rec = st[S_RECORD]
    _, r1, r2, r3, left, right = above_record(history, n, s, st)
    right2 = byte_at(history, n, s, pos - rec + 2) if rec > 2 else 0
    rec2 = st[S_RECORD2]
    q1 = byte_at(history, n, s, pos - rec2)
    left2 = byte_at(history, n, s, pos - 2 * rec - 1)
    if rec > 1 and b1 == (left + 1 & 255) and left == (left2 + 1 & 255):
        st[S_COUNTER] = b1
        st[S_COUNTER_AT] = pos
    counted = st[S_COUNTER] | min(pos - st[S_COUNTER_AT], 255) << 8
    follow_likeness(st)
    alike = st[S_ALIKE]
    heads2 = heads[256 + (c4 & 0xFFFF)]
    set_orders(h, st)
    h[7] = context(7, right | r1 << 8 | left << 16, b1 | right2 << 8)
    h[8] = context(8, heads[b1] & 0xFFFF, 0)
    h[9] = context(9, heads2 & 0xFFFF, 0)
    h[10] = context(10, b1 | (c8 & 255) << 8, 0)
    h[11] = context(11, b2, 0)
    h[12] = context(12, pos & 15, b1)
    h[13] = context(13, b1 | c4 >> 8 & 0xFF00, 0)
    h[14] = context(14, st[S_WORD0], b1)
    h[15] = context(15, counted, r1 | b1 << 8)
    h[16] = context(16, r1 | r2 << 8 | r3 << 16, 0)
    h[17] = context(17, c4 & 0xF0F0, 0)
    h[18] = context(18, c4 & 0xE0E0E0, 0)
    h[19] = context(19, alike & 0xFFFF, 0)
    h[20] = context(20, c4 & 0xFFFF00, 0)
    h[21] = context(21, pos & 3 | b4 << 8 | b8 << 16, b12)
    h[22] = context(22, b1 & 15 | (b2 & 0xFC) << 8 | (pos & 1) << 20, 0)
    h[23] = context(23, c4 & 0xC0C0C0C0, c8 & 0xC0C0C0C0)
    h[24] = context(24, c4 & 0xFFFF, pos & 3)
    h[25] = context(25, b4 | b8 << 8 | (pos & 3) << 16, b1)
    h[26] = context(26, (r[R_EXPECT] + 1) | min(st[S_MATCH + 1], 15) << 9, b1)
    h[27] = context(27, c4 & 0xFFFF0000, 0)
    h[28] = context(28, c4 & 0xFF00FF00, 0)
    h[29] = context(29, alike & 255 | c4 & 0xFFE00000, 0)
    h[30] = context(30, heads2 & 0xFFFF, b1)
    h[31] = context(31, b1 | (c8 >> 8 & 255) << 8, 0)
    h[32] = context(32, counted, q1)
    h[33] = context(33, c4 & 0xF0F00000 | pos & 3, 0)
    h[34] = context(34, pos & 3 | (b4 >> 3) << 2 | (b8 >> 3) << 7, b12 >> 4 | b1 >> 5 << 4)


@njit(_nrt=False, forceinline=True)
def _error_row(r, b1):  # type: ignore[no-untyped-def]
    """How wrong the decisions before this one were: on average, and each of the last three."""
    c0 = r[R_C0]
    bit = (c0 if c0 > 1 else b1) & 1
    p = r[R_P] if bit else 65536 - r[R_P]
    r[R_ERROR] += (65536 - p - r[R_ERROR]) >> 4
    r[R_MISSES] = (r[R_MISSES] * 3 + (p < _LIKELY) + (p < _UNLIKELY)) % 27
    misses = r[R_MISSES] % 9 + 9 * (r[R_MISSES] > 8)
    size = 0
    while r[R_ERROR] >> size > 8 and size < 12:
        size += 1
    return 18 * size + misses


@njit(_nrt=False, forceinline=True)
def _alike_row(history, n, s, st, length):  # type: ignore[no-untyped-def]
    """Which of the last bytes and those above them are alike, and the length of the match."""
    pos = st[S_POS]
    rec = st[S_RECORD]
    b1 = st[S_C4] & 255
    r1 = byte_at(history, n, s, pos - rec)
    equal = (r1 == b1) * 1 + (r1 == byte_at(history, n, s, pos - 2 * rec)) * 2
    equal += (byte_at(history, n, s, pos - rec - 1) == b1) * 4 + (b1 == st[S_C4] >> 8 & 255) * 8
    return equal * 16 + min(length, 15)


@njit(_nrt=False, forceinline=True)
def binary_rows(r, history, n, s, st, selected):  # type: ignore[no-untyped-def]
    """Rows that records and code have alike: sets 0 to 3, 5, 7 to 9 and 13, and map 3. Returns the
    length of the match, as `match_length`."""
    bits = r[R_BITS]
    length = common_rows(r, st, selected)
    c4 = st[S_C4]
    expected = min(r[R_EXPECT] + 1, 255) if length > 0 else 0
    selected[0] = r[R_C0] + 256 * min(length >> 2, 7)
    selected[5] = (c4 >> 8 & 255) + 256 * (bits >> 1)
    selected[7] = expected * 9 + bits
    selected[8] = (c4 >> 16 & 255) + 256 * (bits >> 1)
    selected[9] = _alike_row(history, n, s, st, length) * 9 + bits
    selected[13] = _error_row(r, c4 & 255) * 9 + bits
    r[R_MAP_ROWS + 3] = r[R_C0] | expected << 8
    return length


@njit(_nrt=False, forceinline=True)
def record_rows(r, history, n, s, st, selected):  # type: ignore[no-untyped-def]
    """Rows of all sets and of the profile's probability maps."""
    bits = r[R_BITS]
    length = binary_rows(r, history, n, s, st, selected)
    pos = st[S_POS]
    rec = st[S_RECORD]
    r1 = byte_at(history, n, s, pos - rec)
    behind = pos - st[S_COUNTER_AT]
    place = behind if behind < rec else pos % rec if rec > 1 else 0
    selected[4] = min(place, 255) * 9 + bits
    selected[6] = r1 * 9 + bits
    selected[10] = r[R_C0] + 256 * (pos & 7)
    selected[11] = byte_at(history, n, s, pos - 2 * rec) * 9 + bits
    selected[12] = byte_at(history, n, s, pos - st[S_RECORD2]) * 9 + bits
    r[R_MAP_ROWS + 1] = r[R_C0] | (r1 if rec > 1 else length) << 8
