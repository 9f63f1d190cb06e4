"""What residual models of binary data guess at: bytes above, at similar places and some bytes back,
what follows from several of them if differences stay the same, what matches expect, and what came
last in a context. A profile has all of these guesses or none."""

from __future__ import annotations

import numpy as np
from numpy import uintp

from edgezip.coding.hashing import MASK32, mix32
from edgezip.coding.jit import njit

from .fields import byte_at
from .layout import (
    LASTS_SIZE,
    S_C4,
    S_C8,
    S_FAST,
    S_FAST_SCORE,
    S_MATCH,
    S_POS,
    S_RECORD,
    S_RECORD2,
    S_SLOW,
    S_SLOW_SCORE,
)
from .residuals import guess
from .similarity import difference

_MOST, _LONG = 127, 63
_SIZES = np.array([min(error.bit_length(), 7) for error in range(129)], np.int64)


@njit(_nrt=False, forceinline=True)
def _kind(pos, error):  # type: ignore[no-untyped-def]
    """A histogram for each place of four, and for each size of `error`, 0 to 128: 0, 1, 2 to 3, 4
    to 7 ... and 64 or more."""
    return _SIZES[uintp(error)] << 2 | pos & 3


@njit(_nrt=False, forceinline=True)
def _similar(g, rows, j, history, n, s, st, distance, score):  # type: ignore[no-untyped-def]
    """Guesses `j` and j + 1, of the bytes `distance` back."""
    pos = st[S_POS]
    b2 = st[S_C4] >> 8 & 255
    b4 = st[S_C4] >> 24
    n0 = byte_at(history, n, s, pos - distance)
    n2 = byte_at(history, n, s, pos - distance - 2)
    n4 = byte_at(history, n, s, pos - distance - 4)
    guess(g, rows, j, n0, _kind(pos, score >> 8))
    guess(g, rows, j + 1, b2 + n0 - n2, _kind(pos, difference(b2, b4 + n2 - n4)))


@njit(_nrt=False, forceinline=True)
def _number(history, n, s, begin):  # type: ignore[no-untyped-def]
    """The four bytes from place `begin` on as a number, the highest first."""
    value = 0
    for i in range(4):
        value = value << 8 | byte_at(history, n, s, begin + i)
    return value


@njit(_nrt=False, forceinline=True)
def _slope(g, rows, j, pos, older, newer):  # type: ignore[no-untyped-def]
    """Guess `j`: a byte of the number that follows `older` and `newer` in an even series."""
    step = min((newer - older & MASK32) >> 8, _MOST)
    guess(g, rows, j, 2 * newer - older >> 24 - 8 * (pos & 3), _kind(pos, step))


@njit(_nrt=False, forceinline=True)
def _seen(g, rows, j, pos, last):  # type: ignore[no-untyped-def]
    """Guess `j`: the byte that came last, known to be good if the one before was like it."""
    guess(g, rows, j, last & 255, _kind(pos, difference(last & 255, last >> 8 & 255)))


@njit(_nrt=False, forceinline=True)
def _expected(g, rows, j, pos, history, pointer, length):  # type: ignore[no-untyped-def]
    """Guess `j`: the byte that a match model points to."""
    if pointer > 0:
        guess(g, rows, j, int(history[pointer]), _kind(pos, min(length, _LONG)))
    else:
        guess(g, rows, j, 0, _kind(pos, _MOST))


@njit(_nrt=False, forceinline=True)
def _after(g, rows, j, pos, lasts, places, table, place):  # type: ignore[no-untyped-def]
    """Guess `j`: the byte that came last behind `place`, 16 bits, of a table."""
    at = table * LASTS_SIZE + place
    places[uintp(table)] = at
    _seen(g, rows, j, pos, int(lasts[uintp(at)]))


@njit(_nrt=False, forceinline=True)
def _note(lasts, places, c):  # type: ignore[no-untyped-def]
    for i in range(places.shape[0]):
        at = uintp(places[uintp(i)])
        lasts[at] = int(lasts[at]) << 8 & 0xFF00 | c


@njit(inline="always", _nrt=False)
def note_byte(m, c):  # type: ignore[no-untyped-def]
    """Byte `c` came behind the places for which the guesses were made."""
    _note(m.lasts, m.last_places, c)


@njit(_nrt=False)
def _set_guesses(g, rows, lasts, places, heads, history, n, s, st):  # type: ignore[no-untyped-def]
    pos = st[S_POS]
    c4 = st[S_C4]
    b1 = c4 & 255
    b2 = c4 >> 8 & 255
    b4 = c4 >> 24
    b5 = st[S_C8] & 255
    rec = st[S_RECORD]
    rec2 = st[S_RECORD2]
    r1 = byte_at(history, n, s, pos - rec)
    r2 = byte_at(history, n, s, pos - 2 * rec)
    r3 = byte_at(history, n, s, pos - 3 * rec)
    left1 = byte_at(history, n, s, pos - rec - 1)
    left2 = byte_at(history, n, s, pos - 2 * rec - 1)
    left3 = byte_at(history, n, s, pos - 3 * rec - 1)
    over2 = byte_at(history, n, s, pos - rec - 2)
    q1 = byte_at(history, n, s, pos - rec2)
    q_left = byte_at(history, n, s, pos - rec2 - 1)
    both = byte_at(history, n, s, pos - rec - rec2)
    similar = byte_at(history, n, s, pos - st[S_FAST])
    phase = pos % rec if rec > 1 else 0
    word = pos & -4
    _similar(g, rows, 0, history, n, s, st, st[S_SLOW], st[S_SLOW_SCORE])
    _similar(g, rows, 2, history, n, s, st, st[S_FAST], st[S_FAST_SCORE])
    guess(g, rows, 4, r1, _kind(pos, difference(b1, left1)))
    guess(g, rows, 5, b1 + r1 - left1, _kind(pos, difference(b1, b2 + left1 - over2)))
    guess(g, rows, 6, 2 * r1 - r2, _kind(pos, difference(b1, 2 * left1 - left2)))
    bend = 3 * (left1 - left2) + left3
    guess(g, rows, 7, 3 * (r1 - r2) + r3, _kind(pos, difference(b1, bend)))
    guess(g, rows, 8, q1, _kind(pos, difference(b1, q_left)))
    guess(g, rows, 9, r1 + q1 - both, _kind(pos, difference(r1, q1)))
    above = rec if rec >= 4 else pos + 4
    older = _number(history, n, s, word - 2 * above)
    _slope(g, rows, 10, pos, older, _number(history, n, s, word - above))
    older = _number(history, n, s, word - 8)
    _slope(g, rows, 11, pos, older, _number(history, n, s, word - 4))
    guess(g, rows, 12, b1, _kind(pos, difference(b1, b2)))
    guess(g, rows, 13, b4, _kind(pos, difference(b1, b5)))
    _expected(g, rows, 14, pos, history, st[S_MATCH], st[S_MATCH + 1])
    _expected(g, rows, 15, pos, history, st[S_MATCH + 3], st[S_MATCH + 4])
    _seen(g, rows, 16, pos, heads[b1])
    _seen(g, rows, 17, pos, heads[256 + (c4 & 0xFFFF)])
    _after(g, rows, 18, pos, lasts, places, 0, b2)
    _after(g, rows, 19, pos, lasts, places, 1, c4 >> 8 & 0xFFFF)
    _after(g, rows, 20, pos, lasts, places, 2, b1 | c4 >> 8 & 0xFF00)
    _after(g, rows, 21, pos, lasts, places, 3, c4 >> 16)
    _after(g, rows, 22, pos, lasts, places, 4, r1 | r2 << 8)
    _after(g, rows, 23, pos, lasts, places, 5, mix32(0, c4 & 0xFFFFFF) & 0xFFFF)
    _after(g, rows, 24, pos, lasts, places, 6, b4 | st[S_C8] >> 24 << 8)
    _after(g, rows, 25, pos, lasts, places, 7, mix32(0, phase << 8 | b1) & 0xFFFF)
    _after(g, rows, 26, pos, lasts, places, 8, similar << 8 | b1)
    _after(g, rows, 27, pos, lasts, places, 9, mix32(0, c4 & 0xF0F0F0F0) & 0xFFFF)


@njit(inline="always", _nrt=False)
def set_guesses(m, s):  # type: ignore[no-untyped-def]
    """Guess at the next byte of stream `s`. How good a guess may be is seen from what the same one
    would have been for a byte that is known, the last one in most cases."""
    _set_guesses(
        m.guesses, m.guess_rows, m.lasts, m.last_places, m.heads, m.history, m.streams.shape[0], s,
        m.streams[s],
    )  # fmt: skip
