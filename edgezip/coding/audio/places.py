"""Integers beside those predicted: rising lists of values, and low bits that nothing predicts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.adaptive import CERTAIN, HALF, adapted
from edgezip.coding.jit import njit
from edgezip.coding.rangecoder import decode_bit, encode_bit

MAX_PLACE_BYTES = 128
"""Far above what one place can take: 64 decisions of at most 16 bits."""
_LIMIT = 250
_LENGTHS = 32
"""Bits of a distance: at most 24."""
_NODES = 16


def new_models() -> NDArray[np.uint32]:
    """Return the adaptive probabilities before the first place."""
    return np.full(_LENGTHS * 2 * _LENGTHS + 8 * _LENGTHS * _NODES, HALF, np.uint32)


def new_low_models(bits: int, channels: int) -> NDArray[np.uint32]:
    """Return the adaptive probabilities before the first low bits."""
    return np.full(channels << bits, HALF, np.uint32)


@njit(_nrt=False)
def code_learned_bit(coder, payload, models, i, bit, reciprocal, encoding):  # type: ignore[no-untyped-def]
    """Code a bit with the adaptive probability `models[i]`, which learns it."""
    p = min(max(np.int64(models[i]) >> 16, 32), 65504)
    if encoding:
        encode_bit(coder, payload, p, 16, bit)
    else:
        bit = decode_bit(coder, payload, p, 16)
    models[i] = adapted(np.int64(models[i]), CERTAIN if bit else 0, _LIMIT, reciprocal)
    return bit


@njit(_nrt=False)
def _code_distance(coder, payload, models, value, before, reciprocal, encoding):  # type: ignore[no-untyped-def]
    """Code `value` >= 1 of at most 24 bits: its length, then its bits below the first; `before`
    describes the last distances."""
    length = 1
    row = (before & 15) * 2 * _LENGTHS
    while length < 24:
        more = 1 if value >> length else 0
        if not code_learned_bit(coder, payload, models, row + length, more, reciprocal, encoding):
            break
        length += 1
    result = 1
    for k in range(length - 2, -1, -1):
        node = min(result, _NODES - 1)
        i = _LENGTHS * 2 * _LENGTHS + ((before >> 4) * _LENGTHS + length) * _NODES + node
        bit = code_learned_bit(coder, payload, models, i, (value >> k) & 1, reciprocal, encoding)
        result = result * 2 + bit
    return result


@njit(_nrt=False)
def code_places(coder, payload, places, models, reciprocal, encoding):  # type: ignore[no-untyped-def]
    """Code or fill `places`, int64 (n,), rising from at least 0; below 2**24 in what is encoded."""
    place = np.int64(-1)
    before = 0
    recent = 0
    for i in range(places.size):
        value = places[i] - place if encoding else np.int64(0)
        value = _code_distance(
            coder, payload, models, value, before | recent << 4, reciprocal, encoding
        )
        place += value
        places[i] = place
        length = 0
        while value >> length and length < 15:
            length += 1
        before = length
        recent = (recent << 1 | (value & 1)) & 7


@njit(_nrt=False)
def code_low_bits(coder, payload, numbers, bits, models, reciprocal, encoding):  # type: ignore[no-untyped-def]
    """Code or fill `numbers`, int64 (n, channels), of `bits` bits, most significant first; `models`
    has 2**bits for each channel."""
    for t in range(numbers.shape[0]):
        for c in range(numbers.shape[1]):
            node = 1
            for k in range(bits - 1, -1, -1):
                bit = (numbers[t, c] >> k) & 1
                i = (c << bits) + node
                bit = code_learned_bit(coder, payload, models, i, bit, reciprocal, encoding)
                node = node * 2 + bit
            numbers[t, c] = node - (1 << bits)
