"""The language model's side of token coding: from a row of logits to the logits of the decisions
on the way to a token."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy import uintp
from numpy.typing import NDArray

from edgezip.coding.jit import njit
from edgezip.coding.probability import fill_keys, keys_to_weights

from .trie import LEFT, MIDDLE, RIGHT, Trie

_BLOCK_LOG2 = 4
"""Only every 16th prefix sum is kept: a path asks for a few dozen of thousands of sums."""


class Leaves(NamedTuple):
    """Where the logits of a row go.

    ranks: uint32 (n_vocab,), the leaf of each id; ids without one have the numbers behind the
    leaves. first: the id of leaf 0 if the ids that follow it are those of the leaves that follow,
    as train.export numbers them; else -1.
    """

    ranks: NDArray[np.uint32]
    first: int


def leaf_order(trie: Trie) -> Leaves:
    """Return the `Leaves` of a vocabulary."""
    ranks = trie.leaf_of.astype(np.uint32)
    ranks[trie.leaf_of < 0] = np.arange(trie.tokens.size, ranks.size)
    first = int(trie.tokens[0])
    in_order = np.array_equal(trie.tokens, np.arange(first, first + trie.tokens.size))
    return Leaves(ranks, first if in_order else -1)


def new_weights(trie: Trie, rows: int = 1) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Return scratch arrays for `fill_weights` of `rows` rows.

    weights is uint32 (rows, 2 * n_vocab): a row's weights, then its logit bits, both in leaf order;
    sums is uint64 (rows, n_leaves // 16 + 2): what stands before each block of 16 leaves.
    """
    blocks = trie.tokens.size >> _BLOCK_LOG2
    weights = np.zeros((rows, 2 * trie.leaf_of.size), np.uint32)
    return weights, np.zeros((rows, blocks + 2), np.uint64)


@njit(_nrt=False)
def _in_leaf_order(bits, ranks, row):  # type: ignore[no-untyped-def]
    # Scattered writes do not wait for one another as scattered reads do.
    for i in range(bits.size):
        row[ranks[i]] = bits[i]


@njit(_nrt=False)
def _block_sums(weights, sums):  # type: ignore[no-untyped-def]
    acc = np.uint64(0)
    sums[0] = acc
    for block in range(weights.size >> _BLOCK_LOG2):
        part = weights[block << _BLOCK_LOG2 : (block + 1) << _BLOCK_LOG2]
        for i in range(1 << _BLOCK_LOG2):
            acc += np.uint64(part[i])
        sums[block + 1] = acc


@njit(_nrt=False)
def fill_weights(bits, leaves, n_leaves, weights, sums):  # type: ignore[no-untyped-def]
    """Weights of one row, in leaf order, and their sums by blocks. False if a logit is not
    finite."""
    n = leaves.ranks.size
    none = leaves.ranks[:0]
    if leaves.first >= 0:
        end = leaves.first + n_leaves
        others = weights[n:]  # nobody asks for their keys, only whether they are finite
        finite = fill_keys(bits[: leaves.first], none, others[: leaves.first])
        finite &= fill_keys(bits[end:], none, others[: n - end])
        finite &= fill_keys(bits[leaves.first : end], none, weights[:n_leaves])
    else:
        _in_leaf_order(bits, leaves.ranks, weights[n:])
        finite = fill_keys(weights[n:], none, weights[:n])
    total = keys_to_weights(weights[:n_leaves])
    _block_sums(weights[:n_leaves], sums)
    return finite and total != 0


@njit(_nrt=False)
def sum_before(weights, sums, leaf):  # type: ignore[no-untyped-def]
    """Sum of the weights of the leaves below `leaf`."""
    block = leaf >> _BLOCK_LOG2
    acc = sums[block]
    for i in range(block << _BLOCK_LOG2, leaf):
        acc += np.uint64(weights[i])
    return np.int64(acc)


@njit(_nrt=False)
def split_logit(stretch, low, middle, high):  # type: ignore[no-untyped-def]
    """The model's stretch(P(right part)) of a decision, from the sums before its three leaves."""
    whole = high - low
    part = high - middle
    if whole >> 46:
        whole >>= 5
        part >>= 5
    return stretch[min((part << 16) // whole, 65535)]


@njit(_nrt=False)
def _path_logits(weights, sums, stretch, trie, leaf, out, n):  # type: ignore[no-untyped-def]
    """Append the logits of all decisions on the way to `leaf` to out (int16) from index n; returns
    the new n."""
    node = 0
    low = np.int64(0)
    high = sum_before(weights, sums, trie.tokens.size)
    while node >= 0:
        at = trie.nodes[uintp(node)]
        bound = at[MIDDLE]
        middle = sum_before(weights, sums, bound)
        out[n] = split_logit(stretch, low, middle, high)
        n += 1
        if leaf >= bound:
            low = middle
            node = at[RIGHT]
        else:
            high = middle
            node = at[LEFT]
    return n


@njit(_nrt=False, nogil=True)
def collect(rows, leaves, trie, stretch, symbols, weights, sums, out, counts):  # type: ignore[no-untyped-def]
    """Path logits of `symbols` (n,) from logit bits `rows` (n, n_vocab); returns the number written
    or -1."""
    n = 0
    for i in range(symbols.size):
        if not fill_weights(rows[i], leaves, trie.tokens.size, weights[0], sums[0]):
            return -1
        before = n
        n = _path_logits(weights[0], sums[0], stretch, trie, trie.leaf_of[symbols[i]], out, n)
        counts[i] = n - before
    return n
