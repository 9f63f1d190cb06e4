"""Targa without run lengths: gray, palette, 24 and 32 bits."""

from __future__ import annotations

from edgezip.coding.image.geometry import ImageGeometry
from edgezip.pipeline.detect.content import ENDLESS, Content, Found
from edgezip.pipeline.detect.formats.format import File, Format, Reader, expect

_HEADER = 18
_PALETTE, _COLOUR, _GRAY = 1, 2, 3
_DEPTHS = {_PALETTE: (8,), _COLOUR: (24, 32), _GRAY: (8,)}
_MAX_REST = 1 << 16
"""Bytes behind the samples: footer, developer and extension areas."""


def parse(file: File) -> list[Found]:
    """As `Format.parse`. There is no signature, so everything must fit."""
    read = Reader(file)
    comment, has_map, kind = (read.u8(i) for i in range(3))
    first, colours, entry = read.u16(3), read.u16(5), read.u8(7)
    width, height, depth, flags = read.u16(12), read.u16(14), read.u8(16), read.u8(17)
    expect(kind in _DEPTHS and depth in _DEPTHS[kind], "kind and depth")
    expect(flags & 0xC0 == 0 and flags & 15 == (8 if depth == 32 else 0), "flags")
    expect(width > 1 and height > 1, "size")
    if kind == _PALETTE:
        expect(has_map == 1 and 1 <= first + colours <= 256, "palette")
        expect(entry in (15, 16, 24, 32), "palette")
    else:
        expect(has_map == first == colours == entry == 0, "palette")
    geometry = ImageGeometry(width, depth // 8, palette=kind == _PALETTE)
    offset = _HEADER + comment + colours * ((entry + 7) // 8)
    size = geometry.stride * height
    rest = file.end - file.start - offset - size
    expect(0 <= rest <= _MAX_REST or file.end >= ENDLESS, "size of the file")
    return [Found(file.start + offset, size, Content.image(geometry))]


TGA = Format("tga", None, parse)
