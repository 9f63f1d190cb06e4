"""TIFF without compression: strips and tiles, 1, 8 and 16 bits, both byte orders."""

from __future__ import annotations

from edgezip.coding.image.geometry import ImageGeometry
from edgezip.pipeline.detect.content import Content, Found
from edgezip.pipeline.detect.formats.format import File, Format, Reader, expect

_WIDTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIPS = 256, 258, 259, 262, 273
_SAMPLES, _STRIP_SIZES, _PLANAR, _TILE_WIDTH, _TILES, _TILE_SIZES = 277, 279, 284, 322, 324, 325
_SAMPLE_FORMAT = 339
_SIZES = {1: 1, 3: 2, 4: 4}
"""Bytes of the types of number that occur in these tags."""
_UNCOMPRESSED, _PALETTE, _FLOAT = 1, 3, 3
_MAX_PAGES, _MAX_TAGS, _MAX_VALUES = 256, 200, 1 << 16


def parse(file: File) -> list[Found]:
    """As `Format.parse`: strips that touch are one piece, so are tiles."""
    read = Reader(file, file.data[file.start : file.start + 2] == b"MM")
    found: list[Found] = []
    directory = read.u32(4)
    seen: set[int] = set()
    while directory and directory not in seen and len(seen) < _MAX_PAGES:
        seen.add(directory)
        count = read.u16(directory)
        expect(1 <= count <= _MAX_TAGS, "number of tags")
        tags = _Tags(read, directory, count)
        found += _page(tags, file.start)
        directory = read.u32(directory + 2 + 12 * count)
    return found


class _Tags:
    """The numbers of one directory."""

    def __init__(self, read: Reader, directory: int, count: int) -> None:
        self._read = read
        self.big_endian = read.big_endian
        entries = (directory + 2 + 12 * i for i in range(count))
        self._entries = {read.u16(entry): entry for entry in entries}

    def values(self, tag: int, default: int | None = None) -> list[int]:
        """All numbers of `tag`; `default` where it is missing."""
        entry = self._entries.get(tag)
        if entry is None:
            expect(default is not None, "a tag is missing")
            return [default or 0]
        size = _SIZES.get(self._read.u16(entry + 2), 0)
        count = self._read.u32(entry + 4)
        expect(size > 0 and 1 <= count <= _MAX_VALUES, "type of a tag")
        offset = entry + 8 if size * count <= 4 else self._read.u32(entry + 8)
        return [self._read.number(offset + size * i, size) for i in range(count)]

    def value(self, tag: int, default: int | None = None) -> int:
        """The first number of `tag`."""
        return self.values(tag, default)[0]

    def has(self, tag: int) -> bool:
        """Whether `tag` occurs."""
        return tag in self._entries


def _page(tags: _Tags, start: int) -> list[Found]:
    expect(tags.value(_COMPRESSION, 1) == _UNCOMPRESSED, "compression")
    expect(tags.value(_SAMPLE_FORMAT, 1) != _FLOAT, "floating point")
    tiled = tags.has(_TILES)
    width = tags.value(_TILE_WIDTH if tiled else _WIDTH)
    bits = tags.values(_BITS, 1)
    expect(len(set(bits)) == 1, "bits")
    channels = tags.value(_SAMPLES, 1) if tags.value(_PLANAR, 1) == 1 else 1
    palette = tags.value(_PHOTOMETRIC, 1) == _PALETTE and bits[0] == 8
    big_endian = tags.big_endian and bits[0] == 16
    content = Content.image(
        ImageGeometry(width, channels, bits[0], palette=palette, big_endian=big_endian)
    )
    starts = tags.values(_TILES if tiled else _STRIPS)
    sizes = tags.values(_TILE_SIZES if tiled else _STRIP_SIZES)
    expect(len(starts) == len(sizes), "number of strips")
    found: list[Found] = []
    for offset, size in zip(starts, sizes, strict=True):
        if found and found[-1].end == start + offset:
            found[-1] = Found(found[-1].start, found[-1].length + size, content)
        else:
            found.append(Found(start + offset, size, content))
    return found


TIFF = Format("tiff", rb"II\*\0|MM\0\*", parse)
