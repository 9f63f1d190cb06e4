"""Pictures as PNG files, for pages and samples: the few kinds that are needed here."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def encode_png(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], palette: NDArray[np.uint8] | None = None
) -> bytes:
    """A PNG file of `pixels`, (rows, width, channels): gray, gray and alpha, RGB or RGBA.

    palette: uint8 (n, 3), of which pixels of one channel are then indices.
    """
    rows, width, channels = pixels.shape
    bits = 8 * pixels.itemsize
    kind = 3 if palette is not None else _COLOUR_TYPES[channels]
    raw = pixels.astype(">u2" if bits == 16 else np.uint8).reshape(rows, -1).view(np.uint8)
    up = np.zeros((rows, raw.shape[1] + 1), np.uint8)
    up[:, 1:] = raw
    if palette is None:
        up[:, 0] = 2  # the filter "up": differences to the row above
        up[1:, 1:] -= raw[:-1]
    head = struct.pack(">IIBBBBB", width, rows, bits, kind, 0, 0, 0)
    chunks = _chunk(b"IHDR", head)
    if palette is not None:
        chunks += _chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    chunks += _chunk(b"IDAT", zlib.compress(up.tobytes(), 9))
    return _SIGNATURE + chunks + _chunk(b"IEND", b"")
