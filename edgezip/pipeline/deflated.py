"""Finds deflate streams in a frame and undoes those that can be written again byte for byte.

gzip, zip (so also docx, odt, jar, epub), PNG, and zlib streams as in PDF. What an encoder that is
not zlib or gzip wrote (libdeflate, zopfli, zlib-ng, miniz) is seldom undone, nor is a stream that
the frame cuts. Only the packer looks. Memory: `MOST_CONTENT` for what streams hold.
"""

from __future__ import annotations

import binascii
import bisect
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgezip.coding.deflate import rows
from edgezip.coding.deflate.analysis import analyse
from edgezip.coding.deflate.codec import Method, Undone
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.container import constants as c
from edgezip.errors import SettingsError
from edgezip.pipeline.detect import pdf
from edgezip.pipeline.detect.content import Content, Found
from edgezip.pipeline.detect.streams import START
from edgezip.pipeline.transforms import deflated
from edgezip.pipeline.transforms.deflated import Entry

MIN_STREAM, MIN_CONTENT = 48, 64
"""Bytes; in less, the list costs as much as it gains."""
MOST_CONTENT = 32 << 20
"""Bytes that one stream may hold. All of a frame's together, with what is between them, have at
most the size of the largest frame."""
_PROBE = 1 << 12
_VAIN = 16 << 20
"""Bytes of content that may be looked at in vain, besides those of the frame."""
_VAIN_START = 256
"""Bytes that a start of no stream counts as."""
_LIST_HEAD, _LONGER_GAP = 4, 3
"""Bytes of the list for the number of streams, and for a gap besides the one that it always has."""

_EXTRA, _NAME, _COMMENT, _CHECK = 4, 8, 16, 2


@dataclass(frozen=True, slots=True)
class Opened:
    """A frame whose streams are undone.

    Attributes:
        data: the transformed content.
        pictures: in `data`, of PNGs and PDFs.
        contents: start and end, in `data`, of what other streams hold.
        moves: (place in the frame, place in `data`) of what is between streams, in order.
    """

    data: bytes
    pictures: list[Found]
    contents: list[tuple[int, int]]
    moves: list[tuple[int, int, int]]

    def moved(self, found: Found) -> Found | None:
        """Where something that was found in the frame lies in `data`; None if a stream is in it."""
        for start, end, place in self.moves:
            if start <= found.start and found.end <= end:
                return replace(found, start=found.start - start + place)
        return None

    def moved_files(self, files: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Where those of `files` (start and end, in the frame) lie in `data` that neither begin nor
        end inside of a stream."""
        moved = ((self._moved_place(start), self._moved_place(end)) for start, end in files)
        return [(start, end) for start, end in moved if start is not None and end is not None]

    def _moved_place(self, where: int) -> int | None:
        """A place in the frame, or behind it, in `data`; None if it is inside of a stream."""
        number = bisect.bisect_right(self.moves, where, key=lambda move: move[0]) - 1
        start, end, place = self.moves[number]
        last = number == len(self.moves) - 1
        return where - start + place if where <= end or last else None


@dataclass(frozen=True, slots=True)
class _Stream:
    """A stream in a frame: what is replaced, by what, and the picture in that, if there is one."""

    start: int
    end: int
    entry: Entry
    content: bytes
    geometry: ImageGeometry | None = None


def undo(data: bytes, regions: Sequence[tuple[int, int]] | None = None) -> Opened | None:
    """`data` with its streams undone, None if there are none.

    regions: where to look, in order; None for everywhere.
    """
    search = _Search(data)
    streams: list[_Stream] = []
    for begin, end in [(0, len(data))] if regions is None else regions:
        streams += search.streams(begin, end)
    return _joined(data, streams) if streams else None


def _joined(data: bytes, streams: Sequence[_Stream]) -> Opened:
    entries, position = [], 0
    for stream in streams:
        entries.append(replace(stream.entry, gap=stream.start - position))
        position = stream.end
    parts = [deflated.write_list(entries)]
    opened = Opened(b"", [], [], [])
    position, place = 0, len(parts[0])
    for stream in streams:
        parts += [data[position : stream.start], stream.content]
        opened.moves.append((position, stream.start, place))
        place += stream.start - position
        size, geometry = len(stream.content), stream.geometry
        if geometry is None:
            opened.contents.append((place, place + size))
        else:
            samples = size
            if stream.entry.kind in deflated.IN_ROWS:  # behind the filters of the rows
                samples = size // (geometry.stride + 1) * geometry.stride
            opened.pictures.append(Found(place + size - samples, samples, Content.image(geometry)))
        place += size
        position = stream.end
    opened.moves.append((position, len(data), place))
    return replace(opened, data=b"".join([*parts, data[position:]]))


class _Search:
    """Goes through one frame."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._view = memoryview(data)
        self._vain = len(data) + _VAIN
        self._room = c.MAX_FRAME_SIZE - len(data)
        self._list = deflated.MOST_LIST - _LIST_HEAD
        self._method: Method | None = None
        """What wrote the last stream: most likely the next one too."""

    def streams(self, begin: int, end: int) -> Iterator[_Stream]:
        """Streams between `begin` and `end`, in order."""
        position = begin
        for match in START.finditer(self._data, begin, end):
            if match.start() < position or self._vain <= 0:
                continue
            stream = self._at(match.start(), match.end(), end)
            if stream is None:
                continue
            listed = len(deflated.write_entry(stream.entry)) + _LONGER_GAP
            if len(stream.content) <= self._room and listed <= self._list:
                self._room -= len(stream.content)
                self._list -= listed
                position = stream.end
                yield stream

    def _at(self, start: int, behind: int, end: int) -> _Stream | None:
        """The stream of the file or the header at `start`."""
        first = self._data[start]
        if first == 0x1F:
            place = _behind_gzip(self._data, start, end)
        elif first == 0x50:
            place = _behind_zip(self._data, start, end)
        elif first == 0x89:
            return self._png(behind, end)
        else:
            return self._zlib(start, start if first == 0x78 else behind, end)
        return None if place is None else self._raw(place, end)

    def _raw(self, start: int, end: int) -> _Stream | None:
        inflated = self._inflated(start, end, -15)
        if inflated is None:
            return None
        content, stop = inflated
        undone = self._analysed(self._data[start:stop], content)
        if undone is None:
            return None
        return _Stream(start, stop, Entry(0, deflated.RAW, len(content), undone), content)

    def _zlib(self, found: int, start: int, end: int) -> _Stream | None:
        """The stream with a header at `start`; `found`: what led to it, perhaps in a PDF."""
        bits = _window_bits(self._data[start : start + 2])
        inflated = self._inflated(start, end, 15) if bits else None
        if inflated is None:
            return None
        content, stop = inflated
        undone = self._analysed(self._data[start + 2 : stop - 4], content, bits)
        if undone is None:
            return None
        entry = Entry(0, deflated.ZLIB, len(content), undone)
        stream = _Stream(start + 2, stop, entry, content)
        picture = None if found == start else pdf.picture_before(self._data, found, len(content))
        if picture is None:
            return stream
        geometry, filtered = picture
        return _in_rows(stream, geometry) if filtered else replace(stream, geometry=geometry)

    def _png(self, start: int, end: int) -> _Stream | None:
        """The IDAT chunks of a PNG whose first chunk is at `start`."""
        header, place, first = b"", start, start
        sizes: list[int] = []
        body: list[bytes] = []
        while place + 12 <= end:
            size = int.from_bytes(self._data[place : place + 4], "big")
            kind = self._data[place + 4 : place + 8]
            stop = place + 12 + size
            if kind == b"IDAT" and stop <= end:
                covered = self._view[place + 4 : stop - 4]
                if binascii.crc32(covered) != int.from_bytes(self._data[stop - 4 : stop], "big"):
                    return None
                first = first if sizes else place
                sizes.append(size)
                body.append(self._data[place + 8 : stop - 4])
            elif sizes or kind == b"IEND" or stop > end:
                break
            elif kind == b"IHDR":
                header = self._data[place + 8 : stop - 4]
            place = stop
        if not 0 < len(sizes) <= deflated.MOST_CHUNKS or len(header) != 13:
            return None
        stream = b"".join(body)
        bits = _window_bits(stream[:2])
        search = _Search(stream)
        inflated = search._inflated(0, len(stream), 15) if bits else None
        if inflated is None or inflated[1] != len(stream):
            return None
        content = inflated[0]
        undone = self._analysed(stream[2:-4], content, bits)
        if undone is None:
            return None
        entry = Entry(
            0, deflated.CHUNKS, len(content), undone, int.from_bytes(stream[:2], "big"),
            tuple(sizes),
        )  # fmt: skip
        return _unfiltered(_Stream(first, place, entry, content), header)

    def _inflated(self, start: int, end: int, bits: int) -> tuple[bytes, int] | None:
        """Content and end of the stream at `start`; None if it is damaged, too short or too long.

        bits: as zlib takes them, negative for a stream without header.
        """
        decoder = zlib.decompressobj(bits)
        parts, size, position, portion = [], 0, start, _PROBE
        try:
            while not decoder.eof and position < end and size <= MOST_CONTENT:
                piece = self._view[position : min(position + portion, end)]
                made = decoder.decompress(piece, MOST_CONTENT + 1 - size)
                parts.append(made)
                size += len(made)
                position += len(piece)
                portion = min(2 * portion, 1 << 18)
        except zlib.error:
            self._vain -= _VAIN_START + size
            return None
        stop = position - len(decoder.unused_data)
        if not decoder.eof or stop - start < MIN_STREAM or size < MIN_CONTENT:
            self._vain -= _VAIN_START + size
            return None
        return b"".join(parts), stop

    def _analysed(self, stream: bytes, content: bytes, bits: int = 15) -> Undone | None:
        undone = analyse(
            np.frombuffer(stream, np.uint8), np.frombuffer(content, np.uint8), bits, self._method
        )
        if undone is None:
            self._vain -= min(len(content), 1 << 18)
        else:
            self._method = undone.method
        return undone


def _unfiltered(stream: _Stream, header: bytes) -> _Stream:
    """`stream` of a PNG with its rows as filters and samples, where it has a picture that can be
    coded as one."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    depth, colour, interlaced = header[8], header[9], header[12]
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 0)
    if not channels or interlaced:
        return stream
    try:
        geometry = ImageGeometry(
            width, channels, depth, palette=colour == 3, big_endian=depth == 16
        )
    except SettingsError:
        return stream
    whole = len(stream.content) == height * (geometry.stride + 1)
    return _in_rows(stream, geometry) if whole else stream


def _in_rows(stream: _Stream, geometry: ImageGeometry) -> _Stream:
    """`stream` with the filters of its rows before all samples, if that is what it holds."""
    if len(stream.content) % (geometry.stride + 1):
        return stream
    cells = np.frombuffer(stream.content, np.uint8).reshape(-1, geometry.stride + 1)
    pixel = max(geometry.channels * geometry.bits // 8, 1)
    parts = rows.unfilter(cells, pixel)
    if parts is None:
        return stream
    content = parts[0].tobytes() + parts[1].tobytes()
    kind = deflated.ROWS if stream.entry.kind == deflated.CHUNKS else deflated.ZLIB_ROWS
    entry = replace(stream.entry, kind=kind, stride=geometry.stride, pixel=pixel)
    return replace(stream, entry=entry, content=content, geometry=geometry)


def _window_bits(header: bytes) -> int:
    """Of a zlib stream with this header, 0 if it is none."""
    if len(header) < 2 or header[0] & 15 != 8 or header[0] > 0x78 or header[1] & 32:
        return 0
    return 0 if int.from_bytes(header, "big") % 31 else max((header[0] >> 4) + 8, 9)


def _behind_gzip(data: bytes, start: int, end: int) -> int | None:
    """Behind the header of a gzip member (RFC 1952)."""
    place = start + 10
    if place > end:
        return None
    flags = data[start + 3]
    if flags & _EXTRA:
        place += 2 + int.from_bytes(data[place : place + 2], "little")
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            place = data.find(b"\0", place, min(place + 1024, end)) + 1
            if not place:
                return None
    return place + (2 if flags & _CHECK else 0)


def _behind_zip(data: bytes, start: int, end: int) -> int | None:
    """Behind a local header of zip, if what follows is deflate."""
    flags, method, name, extra = (
        int.from_bytes(data[start + i : start + i + 2], "little") for i in (6, 8, 26, 28)
    )
    place = start + 30 + name + extra
    return place if place < end and method == 8 and not flags & 1 else None
