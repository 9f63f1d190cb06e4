"""Coder 3: raw LZMA1, lc 3, lp 0, pb 2."""

from __future__ import annotations

import lzma
from typing import Any

from edgezip.container import constants as c
from edgezip.pipeline.coders.classical import classical_coder

MIN_DICTIONARY = 1 << 12


def _filters(size: int) -> list[dict[str, Any]]:
    """For `size` bytes: the dictionary is the next power of two that is not smaller."""
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


def _compressor(size: int) -> lzma.LZMACompressor:
    return lzma.LZMACompressor(lzma.FORMAT_RAW, filters=_filters(size))


def _decompressor(size: int) -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(size))


LZMA = classical_coder(c.LZMA, _compressor, _decompressor, lzma.LZMAError)
