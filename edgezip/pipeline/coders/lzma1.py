"""Coder 3: raw LZMA1, lc 3, lp 0, pb 2."""

from __future__ import annotations

import lzma

from edgezip.container import constants as c
from edgezip.pipeline.coders.classical import classical_coder
from edgezip.pipeline.rawlzma import filters


def _compressor(size: int) -> lzma.LZMACompressor:
    return lzma.LZMACompressor(lzma.FORMAT_RAW, filters=filters(size))


def _decompressor(size: int) -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters(size))


LZMA = classical_coder(c.LZMA, _compressor, _decompressor, lzma.LZMAError)
