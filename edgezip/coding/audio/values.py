"""Which values the samples of a sound have: bits that are always zero, the largest, and, where most
values never occur, a list of those that do.

Sounds that were amplified after they were digitised have holes between their values; where a list
of the values costs less than it saves, samples are coded as places in that list.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.logistic import reciprocal_table
from edgezip.coding.rangecoder import POS, new_encoder

from .places import MAX_PLACE_BYTES, code_places, new_models

DOMAIN_BITS = 24
"""Predictions are made in a domain where the loudest sample has this many bits."""
MAX_LISTED = 1 << 16
_EMPTY = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Values:
    """What both sides know about the values of one or two channels.

    shift: bits that are zero in every sample. bits: 2 to 32, two's complement, that hold every
    sample without them. listed: int64, the values that occur, rising, if they are listed; without
    the shift and with the lowest `low_bits` gone.
    """

    shift: int
    bits: int
    places: NDArray[np.int64] = field(default_factory=lambda: _EMPTY)

    @property
    def low_bits(self) -> int:
        """Lowest bits that do not fit the domain and are coded as they are."""
        return max(self.bits - DOMAIN_BITS, 0)

    @property
    def fraction(self) -> int:
        """log2 of the unit of a sample in the domain."""
        return max(DOMAIN_BITS - self.bits, 0)

    @property
    def low(self) -> int:
        """Smallest index."""
        return 0 if self.places.size else -(1 << (min(self.bits, DOMAIN_BITS) - 1))

    @property
    def high(self) -> int:
        """Largest index."""
        return self.places.size - 1 if self.places.size else -self.low_unlisted - 1

    @property
    def low_unlisted(self) -> int:
        """Smallest value that has so many bits."""
        return -(1 << (min(self.bits, DOMAIN_BITS) - 1))

    @property
    def listed(self) -> NDArray[np.int64]:
        """The listed values in the domain."""
        return self.places << self.fraction

    @property
    def bounds(self) -> NDArray[np.int64]:
        """int64 (size + 1,): a domain value below bounds[i] is nearer to a place below i."""
        if not self.places.size:
            return _EMPTY
        inner = (self.listed[:-1] + self.listed[1:]) >> 1
        edge = np.int64(1 << DOMAIN_BITS)
        return np.concatenate(([-edge], inner, [edge]))

    @property
    def step(self) -> int:
        """Typical distance of neighbours in the domain: the mean between the quartiles."""
        size = self.places.size
        if size < 2:
            return 1 << self.fraction
        first, last = size // 4, size - 1 - size // 4
        return max(int(self.listed[last] - self.listed[first]) // (last - first), 1)

    def to_indices(self, samples: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the index of every sample."""
        coarse = samples.astype(np.int64) >> (self.shift + self.low_bits)
        return np.searchsorted(self.places, coarse) if self.places.size else coarse

    def low_of(self, samples: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the low bits of every sample, int64."""
        return (samples.astype(np.int64) >> self.shift) & ((1 << self.low_bits) - 1)

    def from_indices(self, indices: NDArray[np.int64], low: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the samples with these indices and low bits."""
        coarse = self.places[indices] if self.places.size else indices
        return ((coarse << self.low_bits | low) << self.shift).astype(np.int32)


def values_of(samples: NDArray[np.int32]) -> Values:
    """Return what describes `samples` (n, channels), without a list."""
    joined = int(np.bitwise_or.reduce(samples, axis=None, initial=0))
    shift = min((joined & -joined).bit_length() - 1, 30) if joined else 0
    extent = np.bitwise_or.reduce(samples ^ (samples >> 31), axis=None, initial=0)
    return Values(shift, max(int(extent >> shift).bit_length() + 1, 2))


def list_values(samples: NDArray[np.int32], plain: Values) -> Values:
    """Return `plain` with a list if a list of the values pays by a careful estimate.

    The saving is counted in whole bits: log2 of how many values a place that occurs stands for,
    within the distance that neighbouring samples have. The list itself is taken at its real cost.
    """
    indices = plain.to_indices(samples)
    places, counts = np.unique(indices, return_counts=True)
    if not 1 <= places.size <= min(MAX_LISTED, indices.size):
        return plain
    if places.size == 1:
        return Values(plain.shift, plain.bits, places)
    steps = np.abs(np.diff(indices, axis=0))
    radius = max(int(steps.sum()) // max(steps.size, 1), 4)
    near = np.searchsorted(places, places + radius, "right") - np.searchsorted(
        places, places - radius
    )
    stands_for = (2 * radius + 1) // near
    saved = int((counts * (np.frexp(stands_for.astype(np.float64))[1] - 1)).sum())
    cost = 8 * _listing_size(places - plain.low)
    return Values(plain.shift, plain.bits, places) if saved > cost + cost // 8 + 64 else plain


def _listing_size(places: NDArray[np.int64]) -> int:
    """Bytes that the list of `places`, rising from at least 0, takes."""
    coder = new_encoder()
    payload = np.zeros(places.size * MAX_PLACE_BYTES + 16, np.uint8)
    code_places(coder, payload, places, new_models(), reciprocal_table(), True)
    return int(coder[POS])
