"""Files with deflate streams inside, made from their definitions."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

TEXT = (Path(__file__).parents[1] / "data" / "courage.txt").read_bytes()[:6000]


def png(width: int, height: int, channels: int, portion: int = 700) -> bytes:
    """A picture whose rows have all five filters, in several chunks."""
    rng = random.Random(9)
    stride, rows = width * channels, []
    above = bytes(stride)
    for y in range(height):
        row = bytes((3 * x + 5 * y + rng.randrange(5)) & 255 for x in range(stride))
        kind, out = y % 5, bytearray([y % 5])
        for x in range(stride):
            left = row[x - channels] if x >= channels else 0
            corner = above[x - channels] if x >= channels else 0
            up = above[x]
            near = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
            out.append((row[x] - (0, left, up, (left + up) // 2, near)[kind]) & 255)
        rows.append(bytes(out))
        above = row
    stream = zlib.compress(b"".join(rows), 9)
    kinds = {1: 0, 2: 4, 3: 2, 4: 6}
    head = struct.pack(">IIBBBBB", width, height, 8, kinds[channels], 0, 0, 0)
    chunks = [(b"IHDR", head)]
    chunks += [(b"IDAT", stream[i : i + portion]) for i in range(0, len(stream), portion)]
    chunks.append((b"IEND", b""))
    return chunked(chunks)


def chunked(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG of these chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def zipped() -> bytes:
    """An office file: two parts and a picture that is only stored."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        # A `ZipInfo` has a fixed time; names alone take the present one.
        for name, data, how in (
            ("word/document.xml", TEXT, zipfile.ZIP_DEFLATED),
            ("word/styles.xml", TEXT[1000:3000] * 2, zipfile.ZIP_DEFLATED),
            ("media/image.png", png(40, 30, 3), zipfile.ZIP_STORED),
        ):
            archive.writestr(zipfile.ZipInfo(name), data, how)
    return file.getvalue()


def pdf() -> bytes:
    """Three objects with streams."""
    parts = [b"%PDF-1.5\n"]
    for i in range(3):
        body = zlib.compress(TEXT[1500 * i : 1500 * i + 2500])
        parts.append(b"%d 0 obj\n<</Length %d/Filter/FlateDecode>>\nstream\n" % (i, len(body)))
        parts += [body, b"\nendstream\nendobj\n"]
    return b"".join(parts)
