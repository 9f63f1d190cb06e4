"""Sun's and NeXT's .au with linear samples."""

from __future__ import annotations

from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.pipeline.detect.content import Content, Found
from edgezip.pipeline.detect.formats.format import File, Format, Reader, expect

_BYTES = {2: 1, 3: 2, 4: 3, 5: 4}
"""Bytes of a sample by the number of the encoding."""
_UNKNOWN = 0xFFFFFFFF


def parse(file: File) -> list[Found]:
    """As `Format.parse`."""
    read = Reader(file, big_endian=True)
    offset, size, encoding, rate, channels = (read.u32(4 + 4 * i) for i in range(5))
    expect(24 <= offset <= 1 << 16 and encoding in _BYTES, "header")
    expect(100 <= rate <= 1 << 20, "rate")
    width = _BYTES[encoding]
    content = Content.audio(AudioGeometry(channels, 8 * width, width > 1))
    if size in (0, _UNKNOWN):
        size = max(file.end - file.start - offset, 0)
    return [Found(file.start + offset, size, content)]


AU = Format("au", rb"\.snd\0\0", parse)
