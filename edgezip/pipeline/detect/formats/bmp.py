"""Windows bitmaps without compression: 1, 8, 24 and 32 bits."""

from __future__ import annotations

from edgezip.coding.image.geometry import ImageGeometry
from edgezip.pipeline.detect.content import Content, Found
from edgezip.pipeline.detect.formats.format import File, Format, Reader, expect

_CORE = 12
_HEADERS = (_CORE, 40, 52, 56, 64, 108, 124)
_RGB, _BITFIELDS = 0, 3
_GRAY = bytes(value for level in range(256) for value in (level, level, level))


def parse(file: File) -> list[Found]:
    """As `Format.parse`; rows stay in the order of the file, mostly the lowest first."""
    read = Reader(file)
    offset, header = read.u32(10), read.u32(14)
    expect(header in _HEADERS, "header size")
    expect(14 + header <= offset <= 1 << 16, "offset of the samples")
    if header == _CORE:
        width, height, planes, depth = (read.u16(18 + 2 * i) for i in range(4))
        compression = _RGB
    else:
        width, height = (read.number(18 + 4 * i, 4, signed=True) for i in range(2))
        planes, depth, compression = read.u16(26), read.u16(28), read.u32(30)
    expect(planes == 1 and depth in (1, 8, 24, 32), "planes and depth")
    expect(compression == _RGB or (compression, depth) == (_BITFIELDS, 32), "compression")
    expect(width > 0 and 0 < abs(height) < 1 << 20, "size")
    stride = (width * depth + 31) // 32 * 4
    padding = stride - (width * depth + 7) // 8
    if depth >= 24:
        geometry = ImageGeometry(width, depth // 8, padding=padding)
    else:
        colours = 14 + header
        palette = depth == 8 and not _is_gray(read.bytes(colours, offset - colours), header)
        geometry = ImageGeometry(width, bits=depth, padding=padding, palette=palette)
    return [Found(file.start + offset, stride * abs(height), Content.image(geometry))]


def _is_gray(table: bytes, header: int) -> bool:
    """Whether a table of colours gives every index its own value as gray."""
    size = 3 if header == _CORE else 4
    if -(-len(table) // size) != 256:
        return False
    colours = b"".join(table[i : i + 3] for i in range(0, len(table), size))
    return colours == _GRAY


BMP = Format("bmp", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", parse)
