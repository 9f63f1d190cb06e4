"""AIFF, and AIFF-C with samples as they are, in both byte orders."""

from __future__ import annotations

from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.pipeline.detect.content import Content, Found
from edgezip.pipeline.detect.formats.format import File, Format, Reader, expect

_BIG_ENDIAN = (b"NONE", b"twos", b"in24", b"in32")
_LITTLE_ENDIAN = b"sowt"
_MAX_CHUNKS = 1000


def parse(file: File) -> list[Found]:
    """As `Format.parse`. Samples are also found in front of the chunk that describes them."""
    read = Reader(file, big_endian=True)
    packed = read.bytes(8, 4) == b"AIFC"
    content: Content | None = None
    sound: tuple[int, int] | None = None
    position = 12
    for _ in range(_MAX_CHUNKS):
        try:
            name, size = read.bytes(position, 4), read.u32(position + 4)
            position += 8
            if name == b"COMM":
                content = _format(read, position, packed)
            elif name == b"SSND":
                skipped = 8 + read.u32(position)
                expect(skipped <= size, "offset of the samples")
                sound = position + skipped, size - skipped
        except ValueError:
            break  # the end, or a frame ends here
        position += size + size % 2
    if content is None or sound is None:
        raise ValueError("no samples")
    return [Found(file.start + sound[0], sound[1], content)]


def _format(read: Reader, offset: int, packed: bool) -> Content:
    channels, bits = read.u16(offset), read.u16(offset + 6)
    kind = read.bytes(offset + 18, 4) if packed else b"NONE"
    expect(kind == _LITTLE_ENDIAN or kind in _BIG_ENDIAN, "compression")
    expect(1 <= bits <= 32, "bits")
    width = (bits + 7) // 8
    return Content.audio(AudioGeometry(channels, 8 * width, width > 1 and kind != _LITTLE_ENDIAN))


AIFF = Format("aiff", rb"FORM(?=.{4}AIF[FC])", parse)
