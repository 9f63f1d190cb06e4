"""WAV: RIFF, RF64 and BW64, PCM of 8 to 32 bits, also EXTENSIBLE."""

from __future__ import annotations

from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.pipeline.detect.content import Content, Found
from edgezip.pipeline.detect.formats.format import File, Format, Reader, expect

_PCM, _EXTENSIBLE = 1, 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_UNKNOWN = (0, 0xFFFFFFFF)
"""Sizes of a data chunk whose writer could not go back: the samples go on to the end."""
_MAX_CHUNKS = 1000


def parse(file: File) -> list[Found]:
    """As `Format.parse`: every data chunk behind a format chunk."""
    read = Reader(file)
    expect(read.bytes(8, 4) == b"WAVE", "no WAVE")
    found: list[Found] = []
    content: Content | None = None
    position, large = 12, 0
    for _ in range(_MAX_CHUNKS):
        try:
            name, size = read.bytes(position, 4), read.u32(position + 4)
        except ValueError:
            break  # the end, or a frame ends here
        position += 8
        if name == b"ds64":
            large = read.number(position + 8, 8)
        elif name == b"fmt ":
            content = _format(read, position, size)
        elif name == b"data":
            if content is None:
                raise ValueError("samples without a format")
            if size in _UNKNOWN:
                size = large or file.end - file.start - position
            found.append(Found(file.start + position, size, content))
        position += size + size % 2
    return found


def _format(read: Reader, offset: int, size: int) -> Content:
    tag, channels = read.u16(offset), read.u16(offset + 2)
    align, bits = read.u16(offset + 12), read.u16(offset + 14)
    if tag == _EXTENSIBLE:
        expect(size >= 40 and read.bytes(offset + 26, 14) == _GUID_TAIL, "format")
        tag = read.u16(offset + 24)
    expect(tag == _PCM and channels > 0 and align % channels == 0, "format")
    width = align // channels  # samples of 12 or 20 bits lie in whole bytes
    expect(1 <= bits <= 8 * width, "bits")
    return Content.audio(AudioGeometry(channels, 8 * width, signed=width > 1))


WAV = Format("wav", rb"RIFF(?=.{4}WAVE)|RF64(?=.{4}WAVE)|BW64(?=.{4}WAVE)", parse)
