"""Cuts bytes into pieces of text and of anything else by looking at them.

This is a guess to save time, not a decision: what a piece costs is measured when it is coded.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from edgezip.pipeline.detect.content import BINARY, TEXT, Piece

BLOCK = 1024
MIN_SPAN_BLOCKS = 4
"""Shorter runs join their neighbours: every switch costs span lengths and context."""

MAX_CONTROL_SHARE = 0.02
MAX_INVALID_SHARE = 0.10

_TEXT_CONTROLS = (0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x1B)


def find_text(data: bytes) -> list[Piece]:
    """Alternating pieces of text and of the rest that cover `data`; empty for empty data."""
    if not data:
        return []
    textual = _smooth(_textual_blocks(np.frombuffer(data, np.uint8)))
    edges = np.flatnonzero(np.diff(textual)) + 1
    starts = [0, *edges.tolist()]
    ends = [*edges.tolist(), len(textual)]
    return [
        Piece(TEXT if textual[a] else BINARY, min(b * BLOCK, len(data)) - a * BLOCK)
        for a, b in zip(starts, ends, strict=True)
    ]


def _textual_blocks(data: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether each block of `BLOCK` bytes has few control bytes and few bytes that break UTF-8."""
    control = data < 0x20
    for code in _TEXT_CONTROLS:
        control &= data != code
    control |= data == 0x7F
    shares = [_block_sums(control), _block_sums(_invalid_utf8(data))]
    sizes = _block_sums(np.ones(len(data), np.bool_))
    return (shares[0] <= sizes * MAX_CONTROL_SHARE) & (shares[1] <= sizes * MAX_INVALID_SHARE)


def _invalid_utf8(data: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Roughly: continuation bytes that nobody announced and announced ones that are missing."""
    expected = np.zeros(len(data) + 3, np.int8)
    for lead, following in ((0xC0, 1), (0xE0, 2), (0xF0, 3)):
        at = np.flatnonzero(data >= lead)
        expected[at + following] = 1
    continuation = (data & 0xC0) == 0x80
    result: NDArray[np.bool_] = np.not_equal(expected[: len(data)], continuation)
    return result


def _block_sums(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.add.reduceat(flags, np.arange(0, len(flags), BLOCK), dtype=np.int64)


def _smooth(textual: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give runs shorter than `MIN_SPAN_BLOCKS` to the run before them, the first to the next."""
    result = textual.copy()
    edges = [0, *(np.flatnonzero(np.diff(textual)) + 1).tolist(), len(textual)]
    for begin, end in itertools.pairwise(edges):
        if end - begin < MIN_SPAN_BLOCKS:
            result[begin:end] = result[begin - 1] if begin else textual[min(end, len(textual) - 1)]
    return result
