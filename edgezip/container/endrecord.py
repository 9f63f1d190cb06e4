"""The end record of a long member: a copy of its header and the index of its frames."""

from __future__ import annotations

from dataclasses import dataclass

from edgezip.container import constants as c
from edgezip.container.headers import Rules, read_crc, read_header
from edgezip.container.source import Parse, Source, run
from edgezip.container.types import Header
from edgezip.errors import FormatError

MAX_HEADER = 1024
MAX_RECORD = 1 << 25


@dataclass(frozen=True, slots=True)
class IndexedFrame:
    """A frame: `size` bytes at `position` of the file for `raw_size` bytes at `offset`.

    offset counts in the raw content of the member. check: digest of the content, empty in a short
    member, where the frame is the member.
    """

    position: int
    size: int
    offset: int
    raw_size: int
    check: bytes = b""

    @property
    def end(self) -> int:
        """Where the frame ends in the file."""
        return self.position + self.size

    @property
    def stop(self) -> int:
        """Where its content ends in the content of the member."""
        return self.offset + self.raw_size


@dataclass(frozen=True, slots=True)
class IndexedMember:
    """A member: `size` bytes at `position` of the file, and its frames."""

    header: Header
    position: int
    size: int
    frames: tuple[IndexedFrame, ...]

    @property
    def raw_size(self) -> int:
        """Bytes of content."""
        return sum(frame.raw_size for frame in self.frames)


@dataclass(frozen=True, slots=True)
class EndRecord:
    """The end record of a long member: its header again, (size, raw size, digest) of each frame.

    size: bytes of the record itself.
    """

    header: Header
    header_bytes: bytes
    entries: tuple[tuple[int, int, bytes], ...]
    size: int

    def member(self, end: int) -> IndexedMember:
        """The member that ends at position `end`; its position may come out negative."""
        total = len(self.header_bytes) + sum(size for size, _, _ in self.entries) + self.size
        position, offset = end - total + len(self.header_bytes), 0
        frames: list[IndexedFrame] = []
        for size, raw_size, check in self.entries:
            frames.append(IndexedFrame(position, size, offset, raw_size, check))
            position += size
            offset += raw_size
        return IndexedMember(self.header, end - total, total, tuple(frames))


def read_end_record(source: Source, rules: Rules) -> Parse[EndRecord]:
    """An end record from its mark on; source.seen must have been set before the mark.

    FormatError if it contradicts itself; whether it fits the frames is for the caller to see.
    """
    seen = source.seen
    assert seen is not None
    if not seen:
        yield from source.expect(c.END_MARK, "damaged: no end record where one should be")
    header_size = yield from source.varint()
    if header_size > MAX_HEADER:
        raise FormatError("damaged end record: impossible header size")
    header_bytes = yield from source.take(header_size)
    inner = Source(header_bytes, closed=True)
    header = run(read_header(inner, rules))
    count = yield from source.varint()
    if inner.buffer or header.short or count > c.MAX_FRAMES:
        raise FormatError("damaged end record: impossible header or number of frames")
    entries: list[tuple[int, int, bytes]] = []
    for _ in range(count):
        size = yield from source.varint()
        raw_size = yield from source.varint()
        if not 1 <= raw_size <= c.MAX_FRAME_SIZE:
            raise FormatError("damaged end record: impossible frame size")
        entries.append((size, raw_size, (yield from source.take(c.DIGEST_SIZE))))
    length = (len(seen) + c.TAIL_SIZE).to_bytes(4, "little")
    yield from source.expect(length, "damaged: wrong size of the end record")
    yield from read_crc(source, bytes(seen), rules, "end record")
    source.seen = None
    yield from source.expect(c.TAIL_MARK, "damaged: wrong last bytes of the end record")
    if header.total_size not in (None, sum(raw_size for _, raw_size, _ in entries)):
        raise FormatError("damaged: the content does not have the announced size")
    return EndRecord(header, header_bytes, tuple(entries), len(seen) + len(c.TAIL_MARK))
