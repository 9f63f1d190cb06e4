"""Bytes of the history: what stands above the present place in the line or the record before."""

from __future__ import annotations

from edgezip.coding.hashing import MASK32
from edgezip.coding.jit import njit

from .layout import (
    F_STARTS,
    FIELDS,
    S_ALIKE,
    S_C4,
    S_C8,
    S_FIELD,
    S_FIELD_START,
    S_LINE,
    S_LINE1,
    S_POS,
    S_RECORD,
    S_ROW,
)


@njit(_nrt=False, forceinline=True)
def byte_at(history, n, s, pos):  # type: ignore[no-untyped-def]
    """Byte `pos` of stream `s` of `n`, 0 before its start."""
    return int(history[pos * n + s]) if pos >= 0 else 0


@njit(_nrt=False, forceinline=True)
def byte_above(history, n, s, st, ahead):  # type: ignore[no-untyped-def]
    """The byte `ahead` of the one at the present column of the line before, or 0."""
    at = st[S_LINE1] + st[S_POS] - st[S_LINE] + ahead
    return byte_at(history, n, s, at) if at < st[S_LINE] else 0


@njit(_nrt=False, forceinline=True)
def above_field(history, fields, n, s, st):  # type: ignore[no-untyped-def]
    """What stands in the line before at the present offset behind the start of the present field:
    (the field's index among those of the rows, the byte to the left, the byte, the next one). The
    bytes are 0 if the line before has no such field or ends earlier; they may lie behind the
    field's end."""
    line = st[S_LINE]
    before = (1 - st[S_ROW]) * FIELDS + st[S_FIELD]
    offset = st[S_POS] - st[S_FIELD_START]
    start = fields[F_STARTS + before]
    left = there = following = 0
    if start + offset < line and start >= st[S_LINE1] and line > 0:
        there = byte_at(history, n, s, start + offset)
        left = byte_at(history, n, s, start + offset - 1) if offset > 0 else 0
        following = byte_at(history, n, s, start + offset + 1) if start + offset + 1 < line else 0
    return before, left, there, following


@njit(_nrt=False, forceinline=True)
def above_record(history, n, s, st):  # type: ignore[no-untyped-def]
    """What stands above the present place in the records before: (the place in the record; the
    bytes one, two and three records back; the bytes left and right of the first of these)."""
    pos = st[S_POS]
    rec = st[S_RECORD]
    return (
        pos % rec if rec > 1 else 0,
        byte_at(history, n, s, pos - rec),
        byte_at(history, n, s, pos - 2 * rec),
        byte_at(history, n, s, pos - 3 * rec),
        byte_at(history, n, s, pos - rec - 1),
        byte_at(history, n, s, pos - rec + 1) if rec > 1 else 0,
    )


@njit(_nrt=False, forceinline=True)
def follow_likeness(st):  # type: ignore[no-untyped-def]
    """Note of the last byte whether it is that of four bytes before, and whether it is zero."""
    b1 = st[S_C4] & 255
    same = b1 == st[S_C8] & 255
    st[S_ALIKE] = (st[S_ALIKE] << 2 | same << 1 | (b1 == 0)) & MASK32
