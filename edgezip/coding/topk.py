"""Top-k alphabets with an exact escape, in integers.

With k > 0 a row is coded over the k most likely ids (by key, ties by lower id) in ascending id
order, and an escape behind them whose mass is the exact weight of all other ids. After an escape
the id is coded over those others with weights of their own, computed as if the k ids were banned.
"""

from __future__ import annotations

import numpy as np

from edgezip.coding.jit import njit
from edgezip.coding.probability import (
    TOTAL,
    fill_keys,
    find_interval,
    find_symbol,
    keys_to_weights,
    scale_for,
    weight_to_freq,
)

_U = np.uint64
_ZERO = _U(0)
NO_SYMBOL = -1


@njit(nogil=True)
def _count_from(keys, least):  # type: ignore[no-untyped-def]
    """Return how many of `keys` uint32 (n,) are >= `least`."""
    count = 0
    for i in range(keys.size):
        if keys[i] >= least:
            count += 1
    return count


@njit(nogil=True)
def _kth_largest(keys, k):  # type: ignore[no-untyped-def]
    """Return the k-th largest of `keys` uint32 (n,), 1 <= k <= n, bit by bit."""
    least = np.int64(0)
    for place in range(31, -1, -1):
        candidate = least | (np.int64(1) << place)
        if _count_from(keys, np.uint32(candidate)) >= k:
            least = candidate
    return np.uint32(least)


@njit(nogil=True)
def _largest(keys):  # type: ignore[no-untyped-def]
    """Return the largest of `keys` uint32 (n,)."""
    top = np.uint32(0)
    for i in range(keys.size):
        top = max(top, keys[i])
    return top


@njit(nogil=True)
def _candidates(keys, k, ids, values):  # type: ignore[no-untyped-def]
    """Write ids and keys of a superset of the k largest, ids ascending; return its size.

    The k-th largest of the maxima of blocks is a lower bound of the k-th largest key.
    """
    n_blocks = (keys.size + 63) >> 6
    tops = np.empty(n_blocks, dtype=np.uint32)
    for block in range(n_blocks):
        tops[block] = _largest(keys[block << 6 : (block + 1) << 6])
    bound = _kth_largest(tops, k) if k <= n_blocks else np.uint32(0)
    n = 0
    for block in range(n_blocks):
        if tops[block] >= bound:
            for i in range(block << 6, min((block + 1) << 6, keys.size)):
                if keys[i] >= bound:
                    ids[n] = i
                    values[n] = keys[i]
                    n += 1
    return n


@njit(nogil=True)
def select_top(keys, selected):  # type: ignore[no-untyped-def]
    """Write the ids of the k largest keys, ties by lower id, in ascending order.

    Args:
        keys: uint32 (n,), at least k of them above 0.
        selected: int32 (k,), output.
    """
    k = selected.size
    ids = np.empty(keys.size, dtype=np.int32)
    values = np.empty(keys.size, dtype=np.uint32)
    n = _candidates(keys, k, ids, values)
    values = values[:n]
    least = _kth_largest(values, k)
    ties = k
    for i in range(n):
        if values[i] > least:
            ties -= 1
    filled = 0
    for i in range(n):
        if values[i] > least or (values[i] == least and ties > 0):
            if values[i] == least:
                ties -= 1
            selected[filled] = ids[i]
            filled += 1


@njit(nogil=True)
def _head(bits, banned, keys, weights, selected):  # type: ignore[no-untyped-def]
    """Prepare a row: keys, weights and the top k; return the scale, 0 if a logit is not finite."""
    if not fill_keys(bits, banned, keys):
        return _ZERO
    select_top(keys, selected)
    weights[:] = keys
    return scale_for(keys_to_weights(weights), selected.size + 1)


@njit(nogil=True)
def _tail(keys, weights, selected, n_tail):  # type: ignore[no-untyped-def]
    """Turn `weights` into those of the ids outside the top k; return their scale."""
    for i in range(selected.size):
        keys[selected[i]] = 0
    weights[:] = keys
    return scale_for(keys_to_weights(weights), n_tail)


@njit(nogil=True)
def topk_intervals(bits, banned, n_tail, symbol, keys, weights, selected):  # type: ignore[no-untyped-def]
    """Return (start, freq, tail start, tail freq), uint64, of `symbol` in a top-k alphabet.

    Args:
        bits: uint32 (n_vocab,), bits of the logits.
        banned: int32 (n_banned,), ids that can never be produced.
        n_tail: ids that are neither banned nor in the top k, at least 1.
        symbol: the id to code.
        keys: uint32 (n_vocab,), scratch.
        weights: uint32 (n_vocab,), scratch.
        selected: int32 (k,), scratch; its size is k.

    Returns:
        A tail freq of 0 means that there is no second coding. freq is 0 if a logit is not finite.
    """
    scale = _head(bits, banned, keys, weights, selected)
    if scale == _ZERO:
        return _ZERO, _ZERO, _ZERO, _ZERO
    start = _ZERO
    for i in range(selected.size):
        freq = weight_to_freq(weights[selected[i]], scale)
        if selected[i] == symbol:
            return start, freq, _ZERO, _ZERO
        start += freq
    scale = _tail(keys, weights, selected, n_tail)
    tail_start, tail_freq = find_interval(weights, scale, symbol)
    return start, TOTAL - start, tail_start, tail_freq


@njit(nogil=True)
def topk_symbol(bits, banned, target, keys, weights, selected):  # type: ignore[no-untyped-def]
    """Return (symbol, start, freq) for the first coding of a row.

    Arguments as for `topk_intervals`; `target` uint64 below 2**32. The symbol is NO_SYMBOL for the
    escape: then `topk_tail` follows. freq is 0 if a logit is not finite.
    """
    scale = _head(bits, banned, keys, weights, selected)
    if scale == _ZERO:
        return np.int64(NO_SYMBOL), _ZERO, _ZERO
    start = _ZERO
    for i in range(selected.size):
        freq = weight_to_freq(weights[selected[i]], scale)
        if _U(target) - start < freq:
            return np.int64(selected[i]), start, freq
        start += freq
    return np.int64(NO_SYMBOL), start, TOTAL - start


@njit(nogil=True)
def topk_tail(target, n_tail, keys, weights, selected, sums, tops):  # type: ignore[no-untyped-def]
    """Return (symbol, start, freq) for the second coding of a row, after `topk_symbol`."""
    scale = _tail(keys, weights, selected, n_tail)
    return find_symbol(weights, scale, target, sums, tops)
