"""The vocabulary as a binary decision tree over the bytes of its pieces.

The producible pieces are sorted bytewise; every set of pieces that is still possible is an interval
of that order. An inner node is a decision that splits its interval in two: a bit of the next byte,
the end of the token, or (pieces that spell the same bytes) one token id against the others. A tree
over n pieces has n - 1 inner nodes; what is certain has no node.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.jit import njit
from edgezip.errors import ModelError

PHASES = 10
"""A decision's place is PHASES * depth + phase: phase 0 end of token, 1..8 bits of byte `depth`, 9
same spelling."""


class Trie(NamedTuple):
    """Leaves are numbered in sorted order; nodes are numbered from the root, 0.

    tokens: int32 (n,), the token id of each leaf. leaf_of: int32 (n_vocab,), -1 if not producible.
    offsets: int64 (n + 1,), bounds of the leaves' bytes in `flat`, uint8.
    low, middle, high: int32 (n - 1,), a node's interval and the first leaf of its right part.
    place: int32 (n - 1,), see PHASES. left, right: int32 (n - 1,), child node, or ~leaf.
    """

    tokens: NDArray[np.int32]
    leaf_of: NDArray[np.int32]
    offsets: NDArray[np.int64]
    flat: NDArray[np.uint8]
    low: NDArray[np.int32]
    middle: NDArray[np.int32]
    high: NDArray[np.int32]
    place: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]


@njit(_nrt=False)
def _split(offsets, flat, low, high, depth):  # type: ignore[no-untyped-def]
    """Return (place, middle) of the decision that splits leaves [low, high), equal in their first
    bytes."""
    while True:
        ended = low
        while ended < high and offsets[ended + 1] - offsets[ended] == depth:
            ended += 1
        if ended == high:
            return PHASES * depth + 9, low + 1
        if ended > low:
            return PHASES * depth, ended
        first = flat[offsets[low] + depth]
        last = flat[offsets[high - 1] + depth]
        if first == last:
            depth += 1
            continue
        bit = 7
        while (first ^ last) >> bit == 0:
            bit -= 1
        middle = low
        while (flat[offsets[middle] + depth] >> bit) & 1 == 0:
            middle += 1
        return PHASES * depth + 8 - bit, middle


@njit(_nrt=False)
def _build(offsets, flat, low, middle, high, place, left, right):  # type: ignore[no-untyped-def]
    """Fill the node arrays; nodes are numbered in the order of their making."""
    low[0] = 0
    high[0] = offsets.size - 1
    made = 1
    for node in range(low.size):
        where, mid = _split(offsets, flat, low[node], high[node], place[node] // PHASES)
        place[node] = where
        middle[node] = mid
        for side in range(2):
            a = low[node] if side == 0 else mid
            b = mid if side == 0 else high[node]
            child = ~a
            if b - a > 1:
                child = made
                low[made] = a
                high[made] = b
                place[made] = where
                made += 1
            if side == 0:
                left[node] = child
            else:
                right[node] = child


def build_trie(pieces: list[bytes | None]) -> Trie:
    """Build the tree of a vocabulary; `pieces[i]` is what token i spells, None if it is never
    produced.

    Raises:
        ModelError: fewer than two tokens can be produced.
    """
    usable = sorted((piece, i) for i, piece in enumerate(pieces) if piece)
    if len(usable) < 2:
        raise ModelError("the model's vocabulary has fewer than two producible tokens; use another")
    tokens = np.array([i for _, i in usable], np.int32)
    leaf_of = np.full(len(pieces), -1, np.int32)
    leaf_of[tokens] = np.arange(len(usable), dtype=np.int32)
    lengths = [len(piece) for piece, _ in usable]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    flat = np.frombuffer(b"".join(piece for piece, _ in usable), np.uint8)
    nodes = [np.zeros(len(usable) - 1, np.int32) for _ in range(6)]
    _build(offsets, flat, *nodes)
    return Trie(tokens, leaf_of, offsets, flat, *nodes)
