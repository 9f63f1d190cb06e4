"""Cheap byte codecs from the standard library, for what the language model cannot help with.

Their parameters are fixed by format version 1 (docs/format.md), so nothing of them is stored.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from edgezip.errors import FormatError

STORED, DEFLATE, BZ2, LZMA = 0, 1, 2, 3
MIN_LZMA_DICT = 1 << 12


def _lzma_filters(size: int) -> list[dict[str, Any]]:
    """Raw LZMA1, lc 3, lp 0, pb 2; the dictionary is the next power of two above the input."""
    dict_size = max(MIN_LZMA_DICT, 1 << max(size - 1, 0).bit_length())
    return [
        {
            "id": lzma.FILTER_LZMA1,
            "dict_size": dict_size,
            "lc": 3,
            "lp": 0,
            "pb": 2,
            "mode": lzma.MODE_NORMAL,
            "nice_len": 273,
            "mf": lzma.MF_BT4,
            "depth": 512,
        }
    ]


def _deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    return compressor.compress(data) + compressor.flush()


def _lzma(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_RAW, filters=_lzma_filters(len(data)))


_ENCODERS: dict[int, Callable[[bytes], bytes]] = {
    DEFLATE: _deflate,
    BZ2: lambda data: bz2.compress(data, 9),
    LZMA: _lzma,
}


def encode_smallest(data: bytes) -> tuple[int, bytes]:
    """Coder number and payload of the smallest codec; ties go to the lower number."""
    best = (STORED, data)
    for coder, encode in _ENCODERS.items():
        payload = encode(data)
        if len(payload) < len(best[1]):
            best = (coder, payload)
    return best


def decode(coder: int, payload: bytes, size: int) -> bytes:
    """The `size` raw bytes of a channel coded by one of the byte codecs.

    Never produces more than `size` + 1 bytes, whatever the payload claims.

    Raises:
        FormatError: damaged payload, or not exactly `size` bytes in it.
    """
    try:
        data, exhausted = _decode(coder, payload, size)
    except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError) as error:
        raise FormatError(f"damaged data in a byte codec channel ({error})") from error
    if len(data) != size or not exhausted:
        raise FormatError("damaged data: a byte codec channel does not have the size it states")
    return data


def _decode(coder: int, payload: bytes, size: int) -> tuple[bytes, bool]:
    """Decoded bytes (at most size + 1) and whether the payload was used up exactly."""
    if coder == STORED:
        return payload, True
    if coder == DEFLATE:
        inflater = zlib.decompressobj(-15)
        data = inflater.decompress(payload, size + 1)
        return data, inflater.eof and not inflater.unused_data
    if coder == BZ2:
        unzipper = bz2.BZ2Decompressor()
        data = unzipper.decompress(payload, size + 1)
        return data, unzipper.eof and not unzipper.unused_data
    if coder == LZMA:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_lzma_filters(size))
        data = decoder.decompress(payload, size + 1)
        return data, decoder.eof and not decoder.unused_data
    raise FormatError(f"coder {coder} is no byte codec")
