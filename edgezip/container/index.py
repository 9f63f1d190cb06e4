"""Where members and frames lie in a seekable file, without reading the payloads.

Long members are found from the end by their end records; a part that has no end record (short
members) is walked from the start. Both ways must tile the file exactly.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import BinaryIO, TypeVar

from edgezip.container import constants as c
from edgezip.container.endrecord import (
    MAX_RECORD,
    IndexedFrame,
    IndexedMember,
    read_end_record,
)
from edgezip.container.headers import (
    ChannelHead,
    FrameHead,
    Rules,
    read_channel,
    read_frame_head,
    read_header,
)
from edgezip.container.parser import read_frame
from edgezip.container.source import Parse, Source, run
from edgezip.container.types import Frame, Header, member_tag
from edgezip.errors import FormatError, TruncatedError

T = TypeVar("T")
BLOCK = 4096


class FileSource:
    """Runs parsing coroutines over a seekable binary file, up to byte `end`.

    Attributes:
        read_to: where what was read of the file ends, at most a block behind what was needed.
    """

    def __init__(self, file: BinaryIO, position: int, end: int) -> None:
        self._file = file
        self._end = end
        self.source = Source()
        self.seek(position)

    def seek(self, position: int) -> None:
        """Continue at `position`. TruncatedError if that is behind the end."""
        if position > self._end:
            raise TruncatedError("the data ends too early; get a complete copy of the file")
        self._file.seek(position)
        self.source = Source(position=position)
        self.read_to = position

    def run(self, parse: Parse[T]) -> T:
        """The result of a coroutine that takes from self.source."""
        while True:
            try:
                next(parse)
            except StopIteration as stop:
                result: T = stop.value
                return result
            data = self._file.read(min(BLOCK, self._end - self.read_to))
            self.read_to += len(data)
            self.source.buffer += data
            self.source.closed = not data


def read_index(file: BinaryIO, rules: Rules | None = None) -> list[IndexedMember]:
    """All members of a seekable file. FormatError if it is damaged (payloads are not looked at)."""
    rules = rules or Rules()
    end = file.seek(0, os.SEEK_END)
    if not end:
        raise TruncatedError("the file is empty")
    members: list[IndexedMember] = []
    while end and (member := last_member(file, end, rules)) is not None:
        members.insert(0, member)
        end = member.position
    return _walk(file, end, rules) + members


def last_member(file: BinaryIO, end: int, rules: Rules) -> IndexedMember | None:
    """The long member that ends at `end`, or None if there seems to be none."""
    if end < c.TAIL_SIZE:
        return None
    file.seek(end - c.TAIL_SIZE)
    tail = file.read(c.TAIL_SIZE)
    size = int.from_bytes(tail[:4], "little")
    if not tail.endswith(c.TAIL_MARK) or size > min(end, MAX_RECORD):
        return None
    file.seek(end - size)
    try:
        source = Source(file.read(size), closed=True)
        source.seen = bytearray(source.take_now(len(c.END_MARK)))
        record = run(read_end_record(source, rules))
    except FormatError:
        return None
    member = record.member(end)
    if record.size != size or member.position < 0:
        return None
    file.seek(member.position)
    if file.read(len(record.header_bytes)) != record.header_bytes:
        return None
    return member


def _walk(file: BinaryIO, end: int, rules: Rules) -> list[IndexedMember]:
    """The members in bytes 0 to `end`, from their headers and frame headers."""
    reader = FileSource(file, 0, end)
    members: list[IndexedMember] = []
    position = 0
    while position < end:
        header = reader.run(read_header(reader.source, rules, not members))
        if header.short:
            channel = reader.run(read_channel(reader.source, header, rules))
            small = channel.raw_size < c.SMALL_SIZE
            check_size = c.CRC_SIZE if small else c.DIGEST_SIZE
            reader.seek(reader.source.position + channel.payload_size + check_size)
            size = reader.source.position - position
            frame = IndexedFrame(position, size, 0, channel.raw_size)
            members.append(IndexedMember(header, position, size, (frame,)))
        else:
            members.append(_walk_long(reader, header, position, rules))
        position = reader.source.position
    return members


def _walk_long(reader: FileSource, header: Header, position: int, rules: Rules) -> IndexedMember:
    frames: list[IndexedFrame] = []
    assert reader.source.seen is not None
    header_bytes, tag = bytes(reader.source.seen), b""
    offset, start = 0, reader.source.position
    while True:
        reader.source.seen = bytearray()
        mark = reader.run(reader.source.take(len(c.FRAME_MARK)))
        if mark != c.FRAME_MARK:
            break
        head = reader.run(read_frame_head(reader.source, header, rules))
        if head.offset != offset or head.tag != tag:
            raise FormatError(f"damaged: the frame at byte {start} is not the next one")
        reader.seek(reader.source.position + head.payload_size)
        check = reader.run(reader.source.take(c.DIGEST_SIZE))
        tag = tag or member_tag(header_bytes, check)
        end = reader.source.position
        frames.append(IndexedFrame(start, end - start, offset, head.raw_size, check))
        offset, start = offset + head.raw_size, end
    if mark != c.END_MARK:
        raise FormatError(f"damaged: no frame at byte {start}; {c.RECOVER_HINT}")
    record = reader.run(read_end_record(reader.source, rules))
    member = record.member(reader.source.position)
    if member != IndexedMember(header, position, member.size, tuple(frames)):
        raise FormatError("damaged: the end record does not match the frames")
    return member


def read_marked_head(source: Source, header: Header, rules: Rules) -> Parse[FrameHead]:
    """A frame's header from its mark on."""
    source.seen = bytearray()
    yield from source.expect(c.FRAME_MARK, f"damaged: no frame at byte {source.position}")
    return (yield from read_frame_head(source, header, rules))


def load_frame(
    file: BinaryIO, member: IndexedMember, frame: IndexedFrame, rules: Rules | None = None
) -> Frame:
    """Read one frame of a file. FormatError if it is not what the index says."""
    rules = rules or Rules()
    reader = FileSource(file, frame.position, frame.position + frame.size)
    if member.header.short:
        raise FormatError("a short member is read with ContainerParser")
    found = reader.run(_read_marked_frame(reader.source, member.header, frame.position, rules))
    if found.check != frame.check or (found.size, found.offset, found.raw_size) != (
        frame.size,
        frame.offset,
        frame.raw_size,
    ):
        raise FormatError(f"damaged: the frame at byte {frame.position} is not the indexed one")
    return found


def load_head(
    file: BinaryIO, member: IndexedMember, frame: IndexedFrame, rules: Rules | None = None
) -> tuple[ChannelHead, ...]:
    """The channels of a frame without their payloads, which are not read; that of a short member
    is its only one, and nothing has verified it. FormatError if it is not what the index says."""
    rules = rules or Rules()
    reader = FileSource(file, frame.position, frame.position + frame.size)
    if member.header.short:
        header = reader.run(read_header(reader.source, rules))
        channel = reader.run(read_channel(reader.source, header, rules))
        sizes, channels = (0, channel.raw_size), [channel]
    else:
        head = reader.run(read_marked_head(reader.source, member.header, rules))
        sizes, channels = (head.offset, head.raw_size), list(head.channels)
    if sizes != (frame.offset, frame.raw_size):
        raise FormatError(f"damaged: the frame at byte {frame.position} is not the indexed one")
    return tuple(channels)


def first_head(file: BinaryIO, rules: Rules | None = None) -> tuple[ChannelHead, ...]:
    """The channels of the first frame of a file, from where it stands; none if it has no frame.
    FormatError if it is damaged there."""
    rules = rules or Rules()
    position = file.tell()
    reader = FileSource(file, position, file.seek(0, os.SEEK_END))
    header = reader.run(read_header(reader.source, rules))
    if header.short:
        return (reader.run(read_channel(reader.source, header, rules)),)
    reader.source.seen = bytearray()
    if reader.run(reader.source.take(len(c.FRAME_MARK))) != c.FRAME_MARK:
        return ()
    return reader.run(read_frame_head(reader.source, header, rules)).channels


def _read_marked_frame(source: Source, header: Header, position: int, rules: Rules) -> Parse[Frame]:
    source.seen = bytearray()
    yield from source.expect(c.FRAME_MARK, f"damaged: no frame at byte {position}")
    return (yield from read_frame(source, header, position, rules))


def select(member: IndexedMember, start: int, stop: int) -> Sequence[IndexedFrame]:
    """The frames of a member that hold raw bytes `start` to `stop`."""
    return [
        frame
        for frame in member.frames
        if frame.offset < stop and start < frame.offset + frame.raw_size
    ]
