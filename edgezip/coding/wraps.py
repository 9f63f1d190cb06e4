"""Line ends of wrapped prose, decided by where the next word would end; docs/format.md.

A gap is one or two spaces between two bytes that are neither space, tab nor line feed. Whether a
gap stands for a line end is coded with the share of line ends among the gaps so far whose next word
would have ended in the same column.
"""

from __future__ import annotations

import numpy as np
from numba import types as nt
from numpy.typing import NDArray

from edgezip.coding.jit import lazy_njit, njit
from edgezip.coding.rangecoder import decode_bit, encode_bit

COLUMNS = 128
_LAST = COLUMNS - 1
_MOST = 255
"""Gaps after which the counts of a column are halved."""
_LF, _SPACE, _TAB, _HYPHEN = 10, 32, 9, 45


@njit(inline="always", _nrt=False)
def _blank(c):  # type: ignore[no-untyped-def]
    return c == _SPACE or _TAB <= c <= _LF


@njit(_nrt=False)
def _gap_at(data, i):  # type: ignore[no-untyped-def]
    """Spaces of the gap at `i`, 0 if there is none."""
    if i == 0 or data[i] != _SPACE or _blank(data[i - 1]):
        return 0
    size = 2 if i + 1 < data.size and data[i + 1] == _SPACE else 1
    return size if i + size < data.size and not _blank(data[i + size]) else 0


@njit(_nrt=False)
def _word_ends(data, i, column):  # type: ignore[no-untyped-def]
    """Where the word at `i`, which would begin in `column`, ends; at most the last column."""
    while i < data.size and column < _LAST and data[i] != _SPACE and data[i] != _LF:
        i += 1
        column += 1
    return min(column, _LAST)


@njit(_nrt=False)
def _probability(counts, end):  # type: ignore[no-untyped-def]
    """P(line end) of 65536 in column `end`; `counts` (COLUMNS, 2) are gaps that were none and were
    some."""
    ones = counts[end, 1]
    p = 65536 * (10 * ones + 1) // (10 * (counts[end, 0] + ones + 1))
    return min(max(p, 1), 65535)


@njit(_nrt=False)
def _count(counts, end, bit):  # type: ignore[no-untyped-def]
    counts[end, bit] += 1
    if counts[end, 0] + counts[end, 1] > _MOST:
        counts[end, 0] >>= 1
        counts[end, 1] >>= 1


@njit(_nrt=False)
def _between_words(data, i):  # type: ignore[no-untyped-def]
    """Whether the line end at `i` may become a gap; behind a hyphen no space would stand."""
    if i == 0 or i + 1 == data.size or data[i - 1] == _HYPHEN:
        return False
    return not _blank(data[i - 1]) and not _blank(data[i + 1])


@njit(_nrt=False)
def _ends_sentence(data, i):  # type: ignore[no-untyped-def]
    """Whether a sentence ends in front of `i`."""
    for _ in range(3):
        i -= 1
        if i < 0:
            return False
        c = data[i]
        if c == 46 or c == 63 or c == 33 or c == 58:  # . ? ! :
            return True
        if c != 34 and c != 39 and c != 41:  # " ' )
            return False
    return False


@lazy_njit(
    nt.int64(
        nt.uint8[::1], nt.boolean, nt.boolean, nt.boolean[::1], nt.int64[:, ::1], nt.uint64[::1],
        nt.uint8[::1], nt.uint8[::1],
    ),
    nogil=True,
)  # fmt: skip
def unwrap(data, look, wide, allowed, counts, coder, payload, out):  # type: ignore[no-untyped-def]
    """Write `data` with gaps for line ends to `out` and code which they are.

    With `look` only the counts (COLUMNS, 2) of all gaps and line ends between words are made. Line
    ends in columns that are not `allowed` stay. wide: sentences are two spaces apart. payload: two
    bytes and eight more for each gap, at least. Returns the bytes of `out`.
    """
    n = column = i = 0
    while i < data.size:
        c = data[i]
        gap = _gap_at(data, i)
        ended = 0
        if c == _LF and _between_words(data, i):
            gap = 2 if wide and _ends_sentence(data, i) else 1
            ended = 1
        if gap == 0:
            if not look:
                out[n] = c
                n += 1
            column = 0 if c == _LF else column + 1
            i += 1
            continue
        taken = 1 if ended else gap
        end = _word_ends(data, i + taken, column + gap)
        if look:
            counts[end, ended] += 1
        elif ended and not allowed[end]:
            out[n] = c
            n += 1
        else:
            encode_bit(coder, payload, _probability(counts, end), 16, ended)
            _count(counts, end, ended)
            for _ in range(gap):
                out[n] = _SPACE
                n += 1
        column = 0 if ended else column + gap
        i += taken
    return n


@lazy_njit(
    nt.int64(nt.uint8[::1], nt.int64[:, ::1], nt.uint64[::1], nt.uint8[::1], nt.uint8[::1]),
    nogil=True,
)
def wrap(data, counts, coder, payload, out):  # type: ignore[no-untyped-def]
    """Undo `unwrap`; `out` has room for as many bytes as `data` has."""
    n = column = i = 0
    while i < data.size:
        gap = _gap_at(data, i)
        if gap == 0:
            out[n] = data[i]
            n += 1
            column = 0 if data[i] == _LF else column + 1
            i += 1
            continue
        end = _word_ends(data, i + gap, column + gap)
        bit = decode_bit(coder, payload, _probability(counts, end), 16)
        _count(counts, end, bit)
        if bit:
            out[n] = _LF
            n += 1
            column = 0
        else:
            for _ in range(gap):
                out[n] = _SPACE
                n += 1
            column += gap
        i += gap
    return n


def new_counts() -> NDArray[np.int64]:
    """Counts of nothing, int64 (COLUMNS, 2)."""
    return np.zeros((COLUMNS, 2), np.int64)
