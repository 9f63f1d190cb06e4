"""Settings of raw LZMA1 streams, apart from the coder: reading a table needs no kernels."""

from __future__ import annotations

import lzma
from typing import Any

MIN_DICTIONARY = 1 << 12
_PORTION = 1 << 20


def filters(size: int) -> list[dict[str, Any]]:
    """Settings for `size` bytes: the dictionary is the next power of two that is not smaller."""
    return [
        {
            "id": lzma.FILTER_LZMA1,
            "dict_size": max(MIN_DICTIONARY, 1 << max(size - 1, 0).bit_length()),
            "lc": 3,
            "lp": 0,
            "pb": 2,
            "mode": lzma.MODE_NORMAL,
            "nice_len": 273,
            "mf": lzma.MF_BT4,
            "depth": 512,
        }
    ]


def quick_size(data: bytes) -> int:
    """About how many bytes lzma makes of `data`, found out in a twentieth of its time: a hash chain
    of four places in the same dictionary, and no look ahead."""
    (settings,) = filters(len(data))
    settings |= {"mode": lzma.MODE_FAST, "mf": lzma.MF_HC3, "nice_len": 128, "depth": 4}
    compressor = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[settings])
    view = memoryview(data)
    # In portions, so that signals are answered in between.
    made = sum(
        len(compressor.compress(view[i : i + _PORTION])) for i in range(0, len(data), _PORTION)
    )
    return made + len(compressor.flush())
