"""From the bits of float32 logits to integer weights and frequencies, in integers only.

Three steps, each a Numba kernel that LLVM vectorises (products are 32 x 32 -> 64 bits):

1. `fill_keys`: logit -> key, an unsigned Q16 fixed-point number (value = (key - 2**31) / 2**16) in
   [1, 2**32). Key 0 marks an id that can never be produced.
2. `keys_to_weights`: key -> weight, proportional to exp(logit): the largest logit gets exactly
   2**32 - 1, ids more than 22.18 nats below it get 1, key 0 gets 0.
3. `scale_for` and `weight_to_freq`: weights -> frequencies that sum to at most 2**32, with a floor
   of 1. What is left of 2**32 goes to the lowest id with the weight 2**32 - 1.

No step uses floating point or libm, so equal logit bits give equal frequencies on every machine.
The error of a weight is below 2**-14 of it, down to weights of 2**18, which costs less than 1e-8
bits per token; the floor costs n_vocab * 2**-32 * 1.44 bits per token. docs/coding.md has the
formulas.

The plain coder uses `row_weights`, the mixing coder its two steps with the ids in another order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.jit import njit

TOTAL_BITS = 32

_U = np.uint64
TOP_WEIGHT = _U(0xFFFFFFFF)
"""Weight of the most likely ids, and of no other."""
TOTAL = _U(1 << TOTAL_BITS)

# 2**-y = 1 - y*(C1 - y*(C2 - y*(C3 - y*C4))) for y in [0, 1), coefficients in Q32: the degree-4
# minimax polynomial of the relative error (2.99e-6) with the value 1 at y = 0. Part of the
# stream format.
EXP2_C1 = _U(2976685367)
EXP2_C2 = _U(1028458883)
EXP2_C3 = _U(228593524)
EXP2_C4 = _U(29342763)
LOG2E_Q30 = _U(1549082005)  # log2(e) = 1.442695... in Q30
DISTANCE_LIMIT = _U(1453634)  # largest Q16 distance below 32 octaves

_ZERO = _U(0)
_ONE = _U(1)
_S14 = _U(14)
_S32 = _U(32)
_V = np.uint32
_NOT_FINITE = _V(0x7F800000)
_BIAS = _V(1 << 31)
_MAGNITUDE = _V(0x7FFFFFFF)
_LARGEST = _V(0x7FFFFFFF)
_FRACTION = _V(0x7FFFFF)
_IMPLICIT = _V(0x800000)
_UNIT = _V(141)
_LAST_SHIFT = _V(31)
_S7 = _V(7)
_S23 = _V(23)


@njit(nogil=True)
def fill_keys(bits, banned, keys):  # type: ignore[no-untyped-def]
    """Convert one row of logits to keys.

    Args:
        bits: uint32 (n_vocab,), the bits of the float32 logits.
        banned: int32 (n_banned,), ids whose key becomes 0.
        keys: uint32 (n_vocab,), output.

    Returns:
        True, or False if a logit is infinite or not a number.
    """
    # All in 32 bits, cast by cast: LLVM then handles twice as many logits at once.
    largest = np.uint32(0)
    for i in range(keys.size):
        b = np.uint32(bits[i])
        magnitude = np.uint32(b & _MAGNITUDE)
        largest = max(largest, magnitude)
        exponent = np.uint32(magnitude >> _S23)
        mantissa = np.uint32(np.uint32((b & _FRACTION) | _IMPLICIT) << _S7)
        shift = np.uint32(min(np.uint32(_UNIT - min(exponent, _UNIT)), _LAST_SHIFT))
        fixed = _LARGEST if exponent > _UNIT else np.uint32(mantissa >> shift)
        keys[i] = np.uint32(_BIAS - fixed) if b > _MAGNITUDE else np.uint32(_BIAS + fixed)
    for i in range(banned.size):
        keys[banned[i]] = 0
    return largest < _NOT_FINITE


@njit(nogil=True)
def keys_to_weights(keys):  # type: ignore[no-untyped-def]
    """Convert keys to weights in place, uint32 (n_vocab,).

    One array, because LLVM vectorises two only if they do not overlap.

    Returns:
        The sum of the weights, uint64; 0 if every key is 0.
    """
    top = np.uint32(0)
    for i in range(keys.size):
        top = max(top, keys[i])
    total = _ZERO
    for i in range(keys.size):
        key = _U(keys[i])
        distance = min(_U(top) - key, DISTANCE_LIMIT)
        octaves = (distance * LOG2E_Q30) >> _S14
        y = octaves & TOP_WEIGHT
        p = EXP2_C3 - ((EXP2_C4 * y) >> _S32)
        p = EXP2_C2 - ((p * y) >> _S32)
        p = EXP2_C1 - ((p * y) >> _S32)
        p = TOP_WEIGHT - ((p * y) >> _S32)
        weight = max(p >> (octaves >> _S32), _ONE)
        weight = weight if key != _ZERO else _ZERO
        keys[i] = np.uint32(weight)
        total += weight
    return total


@njit(nogil=True)
def row_weights(bits, banned, weights):  # type: ignore[no-untyped-def]
    """Convert one row of logits to weights proportional to exp(logit).

    Args:
        bits: uint32 (n_vocab,), the bits of the float32 logits: `logits[i].view(np.uint32)`.
        banned: int32 (n_banned,), ids that can never be produced; may be empty.
        weights: uint32 (n_vocab,), output: 0 for banned ids; for all others in [1, 2**32 - 1], and
            exactly 2**32 - 1 for the most likely.

    Returns:
        The sum of the weights, uint64, at least 2**32 - 1; or 0 if a logit is not finite (the
        caller raises EngineError) or every id is banned.
    """
    if not fill_keys(bits, banned, weights):
        return _ZERO
    return keys_to_weights(weights)


@njit(nogil=True, error_model="numpy")
def scale_for(total_weight, n_symbols):  # type: ignore[no-untyped-def]
    """Return the factor for `weight_to_freq`, below 2**32.

    Args:
        total_weight: uint64, at least 2**32 - 1, sum of the weights of the alphabet.
        n_symbols: how many symbols have a weight above 0.
    """
    return min(((TOTAL - _U(n_symbols)) << _S32) // _U(total_weight), TOP_WEIGHT)


@njit(nogil=True)
def weight_to_freq(weight, scale):  # type: ignore[no-untyped-def]
    """Return the frequency of a weight, uint64: 0 for 0, else 1 + floor(weight * scale / 2**32)."""
    w = _U(weight)
    # The mask changes nothing; it tells LLVM that 32 x 32 -> 64 is enough.
    return ((w * (_U(scale) & TOP_WEIGHT)) >> _S32) + (_ONE if w != _ZERO else _ZERO)


@njit(nogil=True)
def _sum_frequencies(weights, scale):  # type: ignore[no-untyped-def]
    """Return (sum of the frequencies, largest weight) of `weights` uint32 (n,)."""
    total = _ZERO
    top = np.uint32(0)
    for i in range(weights.size):
        total += weight_to_freq(weights[i], scale)
        top = max(top, weights[i])
    return total, top


@njit(nogil=True)
def find_interval(weights, scale, symbol):  # type: ignore[no-untyped-def]
    """Return (start, freq), uint64, of `symbol` in the alphabet of `weights` uint32 (n,).

    The symbols lie in the order of their ids; freq is 0 for a symbol of weight 0.
    """
    before, top_before = _sum_frequencies(weights[:symbol], scale)
    behind, _ = _sum_frequencies(weights[symbol:], scale)
    rest = TOTAL - before - behind
    freq = weight_to_freq(weights[symbol], scale)
    if _U(top_before) == TOP_WEIGHT:
        return before + rest, freq
    if _U(weights[symbol]) == TOP_WEIGHT:
        return before, freq + rest
    return before, freq


@njit(nogil=True)
def find_symbol(weights, scale, target, sums, tops):  # type: ignore[no-untyped-def]
    """Return (symbol, start, freq) of the symbol whose interval holds `target`.

    Args:
        weights: uint32 (n,).
        scale: from `scale_for`.
        target: uint64 below 2**32.
        sums: uint64 (>= ceil(n / 256),), scratch.
        tops: uint32 (>= ceil(n / 256),), scratch.
    """
    n_blocks = (weights.size + 255) >> 8
    total = _ZERO
    top_block = -1
    for block in range(n_blocks):
        block_sum, block_top = _sum_frequencies(weights[block << 8 : (block + 1) << 8], scale)
        sums[block] = block_sum
        tops[block] = block_top
        total += block_sum
    for block in range(n_blocks - 1, -1, -1):
        if _U(tops[block]) == TOP_WEIGHT:
            top_block = block
    rest = TOTAL - total
    sums[top_block] += rest

    start = _ZERO
    block = 0
    while _U(target) - start >= sums[block]:
        start += sums[block]
        block += 1
    symbol = block << 8
    if block != top_block:
        rest = _ZERO
    while True:
        freq = weight_to_freq(weights[symbol], scale)
        if _U(weights[symbol]) == TOP_WEIGHT:
            freq += rest
            rest = _ZERO
        if _U(target) - start < freq:
            return symbol, start, freq
        start += freq
        symbol += 1


def ideal_bits(
    logits: NDArray[np.float32],
    symbols: NDArray[np.int32],
    banned: NDArray[np.bool_] | None = None,
) -> float:
    """Return the sum of -log2 p of `symbols` (n,) under float64 softmax of `logits` (n, n_vocab).

    For measurements only: the stream does not depend on it. `banned` bool (n_vocab,) ids have
    probability 0.
    """
    total = 0.0
    for row, symbol in zip(logits, symbols, strict=True):
        x = row.astype(np.float64)
        if banned is not None:
            x = np.where(banned, -np.inf, x)
        x -= x.max()
        total += float(np.log(np.exp(x).sum()) - x[symbol])
    return total / float(np.log(2.0))
