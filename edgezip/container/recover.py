"""What can still be read of a damaged file: a search for frame marks with valid headers."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

from edgezip.container import constants as c
from edgezip.container.endrecord import (
    EndRecord,
    IndexedFrame,
    IndexedMember,
    read_end_record,
)
from edgezip.container.headers import Rules, read_frame_head, read_header
from edgezip.container.index import FileSource
from edgezip.container.types import Header
from edgezip.errors import FormatError

SCAN = 1 << 20
# Frames are searched before it is known which header they belong to.
_ANY_MODEL = Header(model=b"\0" * c.LONG_ID_SIZE)


@dataclass(slots=True)
class FoundMember:
    """Frames that seem intact and belong together, by offset.

    header: None if neither the header nor its copy in the end record can be read; total_size:
    raw size of the whole member, None if unknown. Decode and verify every frame: only its header
    has been checked.
    """

    header: Header | None = None
    total_size: int | None = None
    frames: list[IndexedFrame] = field(default_factory=list)

    def indexed(self, header: Header) -> IndexedMember:
        """As an argument for index.load_frame; `header` stands in for a lost one."""
        return IndexedMember(self.header or header, 0, 0, tuple(self.frames))


def find_members(file: BinaryIO, rules: Rules | None = None) -> list[FoundMember]:
    """Search a seekable file for long members and their frames. Never raises FormatError.

    Short members have no frames: whoever has such a file, or parts of one, parses it.
    """
    rules = rules or Rules()
    end = file.seek(0, os.SEEK_END)
    members: list[FoundMember] = []
    current: FoundMember | None = None
    position = 0
    while (position := _next_mark(file, position, end)) < end:
        found = _look(file, position, end, rules)
        if isinstance(found, Header):
            current = FoundMember(found, found.total_size)
            members.append(current)
        elif isinstance(found, IndexedFrame):
            if current is None:
                current = FoundMember()
                members.append(current)
            current.frames.append(found)
            position = _after_frame(file, found, end)
            continue
        elif isinstance(found, EndRecord):
            if current is None:
                current = FoundMember()
                members.append(current)
            _complete(current, found)
            current = None
            position += found.size
            continue
        position += 1
    for member in members:
        member.frames = _without_overlaps(member.frames)
    return members


def _next_mark(file: BinaryIO, position: int, end: int) -> int:
    """Position of the next possible mark or magic at or after `position`, else `end`."""
    marks = (c.FRAME_MARK, c.END_MARK, c.MAGIC)
    while position < end:
        file.seek(position)
        block = file.read(SCAN)
        hits = [hit for mark in marks if (hit := block.find(mark)) >= 0]
        if hits:
            return position + min(hits)
        if len(block) < SCAN:
            break
        position += SCAN - 3
    return end


def _look(
    file: BinaryIO, position: int, end: int, rules: Rules
) -> Header | IndexedFrame | EndRecord | None:
    """What begins at `position`, if its checksum is right."""
    reader = FileSource(file, position, end)
    source = reader.source
    file.seek(position)
    mark = file.read(4)
    file.seek(position)
    try:
        if mark == c.FRAME_MARK:
            source.seen = bytearray()
            reader.run(source.take(4))
            head = reader.run(read_frame_head(source, _ANY_MODEL, rules))
            size = source.position - position + head.payload_size + c.DIGEST_SIZE
            if position + size > end:
                return None
            return IndexedFrame(position, size, head.offset, head.raw_size)
        if mark == c.END_MARK:
            source.seen = bytearray()
            return reader.run(read_end_record(source, rules))
        header = reader.run(read_header(source, rules))
        return None if header.short else header
    except FormatError:
        return None


def _after_frame(file: BinaryIO, frame: IndexedFrame, end: int) -> int:
    """Where to search on: behind the frame if something valid seems to follow it."""
    after = frame.position + frame.size
    file.seek(after)
    if after == end or file.read(4) in (c.FRAME_MARK, c.END_MARK):
        return after
    return frame.position + 1


def _complete(member: FoundMember, record: EndRecord) -> None:
    """Use what an end record knows: header, total size, and which frames belong."""
    indexed = record.member(0)
    member.header = member.header or record.header
    member.total_size = indexed.raw_size
    known = {(frame.offset, frame.raw_size, frame.size) for frame in indexed.frames}
    member.frames = [x for x in member.frames if (x.offset, x.raw_size, x.size) in known]


def _without_overlaps(frames: list[IndexedFrame]) -> list[IndexedFrame]:
    """Frames in content order; of frames that claim the same bytes the first found stays."""
    kept: list[IndexedFrame] = []
    last = 0
    for frame in sorted(frames, key=lambda x: (x.offset, x.position)):
        if frame.offset >= last:
            kept.append(frame)
            last = frame.offset + frame.raw_size
    return kept


def lost_ranges(
    good: Iterable[IndexedFrame], total_size: int | None
) -> list[tuple[int, int | None]]:
    """Raw byte ranges (start, stop) not covered by `good` frames, which are in content order.

    An unknown total size gives a last range with stop None, since more may be missing.
    """
    lost: list[tuple[int, int | None]] = []
    position = 0
    for frame in good:
        if frame.offset > position:
            lost.append((position, frame.offset))
        position = frame.offset + frame.raw_size
    if total_size is None:
        lost.append((position, None))
    elif position < total_size:
        lost.append((position, total_size))
    return lost
