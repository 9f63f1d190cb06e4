"""The bytes of a picture that are no samples: padding of rows, and a row that is cut off."""

from __future__ import annotations

import numpy as np
from numpy import uintp
from numpy.typing import NDArray

from edgezip.coding.adaptive import CERTAIN, HALF, adapted
from edgezip.coding.jit import njit
from edgezip.coding.logistic import reciprocal_table
from edgezip.coding.rangecoder import ERROR, decode_bit, encode_bit

_LIMIT = 255


def new_rest() -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Return the adaptive probabilities, by the byte before and the bits known, and reciprocals."""
    return np.full(1 << 16, HALF, np.uint32), reciprocal_table()


@njit(_nrt=False, nogil=True)
def run_rest(table, reciprocal, data, begin, end, coder, payload, decode):  # type: ignore[no-untyped-def]
    """Code bytes `begin` to `end` of `data`, or with `decode` fill them in; returns as
    `walk.run`."""
    for i in range(begin, end):
        before = np.int64(data[i - 1]) if i > 0 else 0
        node = 1
        for k in range(8):
            at = uintp(before << 8 | node)
            entry = np.int64(table[at])
            p = min(max(entry >> 16, 1), 65535)
            if decode:
                bit = decode_bit(coder, payload, p, 16)
            else:
                bit = (np.int64(data[i]) >> (7 - k)) & 1
                encode_bit(coder, payload, p, 16, bit)
            table[at] = adapted(entry, CERTAIN * bit, _LIMIT, reciprocal)
            node = node << 1 | bit
        if decode:
            if coder[ERROR] != 0:
                return i - begin
            data[i] = node & 255
    return end - begin
