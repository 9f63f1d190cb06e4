"""Trails: what a field of a line is expected to hold, from where a field began last behind the same
things; and whether that, and the field above, have been right so far.

A number that grows is told from one that stays by whether its digits have agreed yet, whatever they
are; that is why expectations are followed when they have failed, and why contexts hold both.
"""

from __future__ import annotations

from edgezip.coding.hashing import context
from edgezip.coding.jit import njit

from .fields import above_field
from .layout import (
    F_HASHES,
    FIELDS,
    S_AFTER,
    S_CHANGED,
    S_FIELD,
    S_FIELD_HASH,
    S_FIELD_START,
    S_LEFT1,
    S_LEFT2,
    S_LINE_HASH,
    S_PART,
    S_POS,
    S_ROW,
    S_SAME,
    S_TRAIL,
    S_WANTED,
    TRAILS,
    TRAILS_AT,
)


@njit(_nrt=False, forceinline=True)
def _set_trail(heads, st, k, key, here):  # type: ignore[no-untyped-def]
    """Trail `k` leads to where a field began last behind `key`, in any stream; the next will lead
    here."""
    place = TRAILS_AT + (key >> 8 & 0xFFFF)
    st[S_TRAIL + k] = heads[place]
    heads[place] = here


@njit(_nrt=False, forceinline=True)
def _there(history, at):  # type: ignore[no-untyped-def]
    """The byte at an address; 0 where none has come yet."""
    return int(history[at]) if at < history.size else 0


@njit(_nrt=False, forceinline=True)
def _begin_field(heads, fields, st, here):  # type: ignore[no-untyped-def]
    """A field begins at the address `here`."""
    part = st[S_PART]
    if part != 0:
        st[S_LEFT2] = st[S_LEFT1]
        st[S_LEFT1] = part
    field = st[S_FIELD]
    if field == 0:
        st[S_CHANGED] = 0
    elif fields[F_HASHES + (1 - st[S_ROW]) * FIELDS + field - 1] != part:
        st[S_CHANGED] = min(st[S_CHANGED] + 1, 3)
    left = st[S_LEFT1]
    _set_trail(heads, st, 0, context(60, left, st[S_LEFT2]), here)
    _set_trail(heads, st, 1, context(61, st[S_LINE_HASH], field), here)
    st[S_SAME] = 7


@njit(_nrt=False, forceinline=True)
def follow_trails(history, heads, fields, n, s, st, c):  # type: ignore[no-untyped-def]
    """Byte `c` has come, and the fields of the line know it."""
    pos = st[S_POS]
    if st[S_FIELD_START] == pos:
        _begin_field(heads, fields, st, pos * n + s)
    else:
        for k in range(TRAILS + 1):
            if st[S_WANTED + k] != c:
                st[S_SAME] &= ~(1 << k)
    st[S_PART] = st[S_FIELD_HASH]
    behind = (pos - st[S_FIELD_START]) * n
    for k in range(TRAILS):
        start = st[S_TRAIL + k]
        st[S_WANTED + k] = _there(history, start + behind) if start > 0 else 0
        st[S_AFTER + k] = _there(history, start + behind + n) if start > 0 else 0
    _, _, up, up_right = above_field(history, fields, n, s, st)
    st[S_WANTED + TRAILS] = up
    st[S_AFTER + TRAILS] = up_right
