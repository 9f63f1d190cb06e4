"""Finds what writes a deflate stream again. For the packer only."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.deflate import parse, trees
from edgezip.coding.deflate.codec import (
    DEFAULT,
    FAR,
    FILTERED,
    GZIP,
    HUFFMAN,
    RUNS,
    Method,
    Undone,
    Walker,
    restore,
)
from edgezip.errors import FormatError

SAMPLE = 1 << 14
"""Tokens by which settings are found."""
_MOST_SHARE = 24
"""A stream with a correction for every so many tokens, or more of them, is not worth it."""
_FULL_RUNS = 3
"""Settings that are tried on all of a stream, where a sample does not tell them apart."""
_COST = 4
"""Bytes that a correction or a block costs, about."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A parsed stream: all tokens; blocks as (kind, size in tokens, of a stored one in bytes);
    bytes of the stream."""

    tokens: NDArray[np.int32]
    blocks: tuple[tuple[int, int], ...]
    size: int


def read(stream: NDArray[np.uint8], content_size: int) -> Stream | None:
    """The stream at the start of `stream` (n,), whose content has `content_size` bytes; None if it
    is damaged or another one."""
    state = np.zeros(5, np.int64)
    cells = np.empty(content_size, np.int32)
    blocks: list[tuple[int, int]] = []
    while not state[parse.LAST]:
        before, started = int(state[parse.TOKENS]), int(state[parse.BYTES])
        parse.read_block(stream, state, cells)
        kind = int(state[parse.KIND])
        if kind < 0 or state[parse.BYTES] > content_size:
            return None
        size = int(state[parse.TOKENS]) - before
        blocks.append((kind, int(state[parse.BYTES]) - started if kind == trees.STORED else size))
    if state[parse.BYTES] != content_size:
        return None
    used = cells[: int(state[parse.TOKENS])]
    return Stream(used, tuple(blocks), (int(state[parse.BIT]) + 7) // 8)


def analyse(
    stream: NDArray[np.uint8],
    data: NDArray[np.uint8],
    window_bits: int,
    likely: Method | None = None,
) -> Undone | None:
    """What writes `stream` (n,), which has nothing behind its end, of its content `data`; None
    where that would take too many corrections.

    window_bits: what is known of the encoder's window; 15 where nothing is. likely: settings that
    are tried before others.
    """
    parsed = read(stream, len(data))
    if parsed is None or parsed.size != len(stream):
        return None
    best: Undone | None = None
    methods = _methods(parsed, data, window_bits)
    if likely is not None and likely.window_bits == window_bits:
        methods = itertools.chain([likely], methods)
    for number, method in enumerate(methods):
        corrections = _corrections(parsed, data, method)
        if corrections is None:
            continue
        if best is None or len(corrections) < len(best.corrections):
            best = Undone(method, corrections, parsed.blocks)
        if not len(corrections) or number + 1 == _FULL_RUNS:
            break
    if best is None:
        return None
    wanted = stream.tobytes()
    for blocks in ((), best.blocks):
        made = Undone(best.method, best.corrections, blocks)
        cost = _COST * (len(made.corrections) + len(blocks))
        try:
            if cost < len(stream) // 8 + 8 and restore(data, made, len(wanted)) == wanted:
                return made
        except FormatError:
            continue
    return None


def _methods(parsed: Stream, data: NDArray[np.uint8], window_bits: int) -> Iterator[Method]:
    """Settings that may have written the stream, the most likely first."""
    distances = parsed.tokens[parsed.tokens > 255] >> 9
    memories = list(_memories(parsed))
    if not len(distances):
        yield from (Method(6, HUFFMAN, window_bits, memory) for memory in memories)
    elif distances.max() == 1:
        yield from (Method(6, RUNS, window_bits, memory) for memory in memories)
    sample = _sample(parsed)
    most = len(sample) // _MOST_SHARE + 2
    scored: list[tuple[int, int, Method]] = []
    for memory in memories:
        for level in (6, 9, 1, 5, 7, 8, 4, 3, 2):
            for strategy in (DEFAULT, FILTERED, FAR) if level > 3 else (DEFAULT,):
                method = Method(level, strategy, window_bits, memory)
                wrong = _wrong(sample, data, method, most)
                if wrong is not None:
                    scored.append((wrong, len(scored), method))
                    most = min(most, 2 * wrong + 2)
        if any(wrong == 0 for wrong, _, _ in scored):
            break
    yield from (method for _, _, method in sorted(scored, key=lambda item: item[:2]))


def _memories(parsed: Stream) -> Iterator[int]:
    """Memory levels by the size of the first block."""
    kind, first = parsed.blocks[0]
    if len(parsed.blocks) == 1 or kind == trees.STORED:
        yield from (8, 9) if len(parsed.tokens) < 1 << 14 else (9, GZIP, 8)
        return
    size = first + 1
    memory = size.bit_length() - 7
    if size & (size - 1) == 0 and 1 <= memory <= 9:
        yield from (9, GZIP) if memory == 9 else (memory,)
    else:
        yield from (GZIP, 8, 9)


def _sample(parsed: Stream) -> NDArray[np.int32]:
    """Tokens from the start to the first stored block, not too many."""
    count = 0
    for kind, size in parsed.blocks:
        if kind == trees.STORED or count >= SAMPLE:
            break
        count += size
    return parsed.tokens[: min(count, SAMPLE)]


def _wrong(
    sample: NDArray[np.int32], data: NDArray[np.uint8], method: Method, most: int
) -> int | None:
    """How many tokens are others than expected; None if more than `most`."""
    rows = np.empty((most, 2), np.int64)
    walker = Walker(data, method, rows)
    walker.go(sample.copy(), follow=True)
    return None if walker.full else walker.used


def _corrections(
    parsed: Stream, data: NDArray[np.uint8], method: Method
) -> NDArray[np.int64] | None:
    """Corrections for the whole stream; None if they are too many."""
    rows = np.empty((len(parsed.tokens) // _MOST_SHARE + 2, 2), np.int64)
    walker = Walker(data, method, rows)
    free = np.empty(method.block, np.int32)
    position = 0
    for kind, size in parsed.blocks:
        if kind != trees.STORED:
            cells = parsed.tokens[position : position + size].copy()
            position += size
            walker.go(cells, follow=True)
        elif not size or not walker.go_free(free, size):
            walker.skip(size)
        if walker.full:
            return None
    return rows[: walker.used].copy()
