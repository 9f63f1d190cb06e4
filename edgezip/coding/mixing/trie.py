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

from edgezip.coding import memory
from edgezip.coding.jit import njit
from edgezip.errors import ModelError

LOW, MIDDLE, HIGH, LEFT, RIGHT, DEPTH, PHASE, BYTE = range(8)
"""Columns of `Trie.nodes`: a node's interval of leaves and the first leaf of its right part; its
children, node numbers or ~leaf; how many bytes its leaves have in common; what is decided: 0 end of
token, 1..8 a bit of byte `depth`, 9 same spelling; byte `depth` of leaf `low`, whose bits in front
of the one decided all leaves have in common, 0 without one."""


class Trie(NamedTuple):
    """Leaves are numbered in sorted order; nodes are numbered from the root, 0.

    tokens: int32 (n,), the token id of each leaf. leaf_of: int32 (n_vocab,), -1 if not producible.
    offsets: int64 (n + 1,), bounds of the leaves' bytes in `flat`, uint8.
    nodes: int32 (n - 1, 8), columns LOW to BYTE; a row lies in one line of the processor's cache,
    because on the way to a token every node is one that the cache has lost.
    """

    tokens: NDArray[np.int32]
    leaf_of: NDArray[np.int32]
    offsets: NDArray[np.int64]
    flat: NDArray[np.uint8]
    nodes: NDArray[np.int32]


@njit(_nrt=False)
def _split(offsets, flat, low, high, depth):  # type: ignore[no-untyped-def]
    """Return (depth, phase, middle) of the decision that splits leaves [low, high), equal in their
    first `depth` bytes."""
    while True:
        ended = low
        while ended < high and offsets[ended + 1] - offsets[ended] == depth:
            ended += 1
        if ended == high:
            return depth, 9, low + 1
        if ended > low:
            return depth, 0, ended
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
        return depth, 8 - bit, middle


@njit(_nrt=False)
def _build(offsets, flat, nodes):  # type: ignore[no-untyped-def]
    """Fill `nodes`, which are numbered in the order of their making."""
    nodes[0, LOW] = 0
    nodes[0, HIGH] = offsets.size - 1
    made = 1
    for i in range(nodes.shape[0]):
        node = nodes[i]
        low, high = node[LOW], node[HIGH]
        depth, phase, middle = _split(offsets, flat, low, high, node[DEPTH])
        node[DEPTH], node[PHASE], node[MIDDLE] = depth, phase, middle
        if 1 <= phase <= 8:
            node[BYTE] = flat[offsets[low] + depth]
        for side in range(2):
            a = low if side == 0 else middle
            b = middle if side == 0 else high
            child = ~a
            if b - a > 1:
                child = made
                nodes[made, LOW] = a
                nodes[made, HIGH] = b
                nodes[made, DEPTH] = depth
                made += 1
            node[LEFT + side] = child


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
    nodes = memory.zeros(8 * (len(usable) - 1), np.int32).reshape(-1, 8)
    _build(offsets, flat, nodes)
    return Trie(tokens, leaf_of, offsets, flat, nodes)
