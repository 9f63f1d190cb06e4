"""NumPy arrays of two and three dimensions, integers of one and two bytes."""

from __future__ import annotations

import re

from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.pipeline.detect.content import Content, Found
from edgezip.pipeline.detect.formats.format import File, Format, Reader, expect

_HEADER = re.compile(
    rb"\{\s*'descr':\s*'([<>|=])([iu])([12])',\s*'fortran_order':\s*(True|False),"
    rb"\s*'shape':\s*\(([\d, ]{1,80})\),?\s*\}\s*"
)
_MOST_CHANNELS = 8


def parse(file: File) -> list[Found]:
    """As `Format.parse`: unsigned numbers are taken for pictures, signed ones in few columns for
    sound."""
    read = Reader(file)
    wide = read.u8(6) > 1
    size = read.u32(8) if wide else read.u16(8)
    offset = 12 if wide else 10
    match = _HEADER.fullmatch(read.bytes(offset, min(size, 1 << 16)))
    if match is None:
        raise ValueError("no such array")
    shape = [int(part) for part in match[5].split(b",") if part.strip()]
    expect(len(shape) in (2, 3) and all(shape), "shape")
    if match[4] == b"True":
        shape.reverse()
    item = int(match[3])
    content = _content(shape, 8 * item, match[2] == b"i", match[1] == b">")
    total = item
    for length in shape:
        total *= length
    return [Found(file.start + offset + size, total, content)]


def _content(shape: list[int], bits: int, signed: bool, big_endian: bool) -> Content:
    big_endian = big_endian and bits > 8
    few = shape[-1] <= _MOST_CHANNELS
    if signed:
        expect(len(shape) == 2 and few, "shape")
        return Content.audio(AudioGeometry(shape[1], bits, big_endian))
    if len(shape) == 3 and shape[2] <= 4:
        return Content.image(ImageGeometry(shape[1], shape[2], bits, big_endian=big_endian))
    expect(not few, "shape")
    return Content.image(ImageGeometry(shape[-1], 1, bits, big_endian=big_endian))


NPY = Format("npy", rb"\x93NUMPY[\x01-\x03]\0", parse)
