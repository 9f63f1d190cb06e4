"""What can still be read of a damaged file, and which member it belongs to.

Nothing is decoded here. A `Survey` tells what stands at the border of two members, and where the
next border is when that is nothing. Long members are held together by their end record, which
lists the digest of every frame; without one, by frames that follow the header and each other, and
by the member tag. What looks like a member in the middle of a damaged part counts only if members
follow it up to the end of the file: it could be content of a stored member.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO

from edgezip.container import constants as c
from edgezip.container.endrecord import IndexedFrame, IndexedMember, read_end_record
from edgezip.container.headers import Rules, read_channel, read_header, with_payloads
from edgezip.container.index import FileSource, read_marked_head
from edgezip.container.scan import (
    FRAMES,
    FRAMES_AND_HEADERS,
    HEADERS,
    LEAST_PRICE,
    LEAST_WORK,
    Record,
    Scanner,
)
from edgezip.container.source import Source
from edgezip.container.types import Frame, Header, member_tag
from edgezip.errors import FormatError, TruncatedError

KEPT = 256
"""Positions that are remembered with what stands there."""

_ANY_MODEL = Header(model=b"\0" * c.LONG_ID_SIZE)


@dataclass(frozen=True, slots=True)
class ShortMember:
    """A member in the short layout as its header claims it, which nothing has verified yet.

    end: where it ends; behind the end of the file if that was cut. stored: its content stands in
    the file as it is.
    """

    header: Header
    position: int
    end: int
    raw_size: int
    stored: bool


@dataclass(frozen=True, slots=True)
class LongMember:
    """Frames that belong to one member, in the order of the content.

    end: where the next member can start. total_size: raw size of the whole member, None if
    unknown. The digests of the frames are the ones listed where there is an end record; the content
    is not verified.
    """

    header: Header
    position: int
    end: int
    frames: tuple[IndexedFrame, ...]
    total_size: int | None

    def cut_frame(self, file: BinaryIO, rules: Rules) -> tuple[Frame, int] | None:
        """The frame behind the last one, if the file ends in it: what is there of its payloads, and
        how many bytes are missing of them and of the digest behind them."""
        end = file.seek(0, os.SEEK_END)
        reader = FileSource(file, self.position, end)
        offset, tag = 0, b""
        try:
            header = reader.run(read_header(reader.source, rules))
            if self.frames:
                tag = member_tag(bytes(reader.source.seen or b""), self.frames[0].check)
                reader.seek(self.frames[-1].end)
                offset = self.frames[-1].stop
            head = reader.run(read_marked_head(reader.source, header, rules))
        except FormatError:
            return None
        if header != self.header or (head.offset, head.tag) != (offset, tag):
            return None
        position = reader.source.position
        missing = position + head.payload_size + c.DIGEST_SIZE - end
        if missing <= 0:
            return None
        file.seek(position)
        left = Source(file.read(head.payload_size), closed=True)
        channels = with_payloads(head.channels, left.take_now)
        return Frame(offset, head.raw_size, channels, head.spans, b""), missing

    @property
    def indexed(self) -> IndexedMember:
        """As an argument for `index.load_frame`."""
        return IndexedMember(self.header, self.position, self.end - self.position, self.frames)


@dataclass(frozen=True, slots=True)
class _Long:
    """The header of a long member, the frames right behind it, and its end record if it has one."""

    header: Header
    header_bytes: bytes
    position: int
    run: tuple[IndexedFrame, ...]
    after: int
    record: Record | None


Sound = Callable[[ShortMember], bool]


class Survey:
    """A seekable file, searched for members. Never raises FormatError.

    Args:
        file: what to search.
        sound: decodes a short member and says whether its check is right.
        rules: what is accepted.
    """

    def __init__(self, file: BinaryIO, sound: Sound, rules: Rules | None = None) -> None:
        self._scan = Scanner(file, rules or Rules())
        self._sound = sound
        self.end = self._scan.end
        self._decoding = 4 * self.end + LEAST_WORK
        self._known: dict[int, ShortMember | _Long | None] = {}
        self._chains: dict[tuple[int, bool], bool] = {}

    def member(self, position: int) -> ShortMember | LongMember | None:
        """The member that starts at `position`, which is the border of two members."""
        found = self._at(position)
        if isinstance(found, ShortMember):
            return found
        if found is None:
            record = self._record_over(position)
            return None if record is None else self._by_record(record, position, ())
        if found.record is None:
            return self._without_record(found)
        return self._by_record(found.record, position, found.run)

    def is_border(self, position: int) -> bool:
        """Whether a member seems to start at `position`, or the file ends there."""
        return (
            position == self.end
            or (position < self.end and self._at(position) is not None)
            or self._looks_like_border(position)
        )

    def next_border(self, position: int, exact: bool = False) -> int:
        """Where from `position` on the next member starts, or the end of the file.

        exact: only believe members that fill the file up to its last byte.
        """
        while position < self.end:
            position = self._scan.find(HEADERS, position, self._scan.starts_from(position))
            if position < self.end and self._is_member(position, exact):
                return position
            position += 1
        return self.end

    # What stands at a position

    def _at(self, position: int) -> ShortMember | _Long | None:
        if position not in self._known:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[position] = self._look(position)
        return self._known[position]

    def _look(self, position: int) -> ShortMember | _Long | None:
        reader = self._scan.reader(position)
        header = self._scan.parse(reader, lambda: read_header(reader.source, self._scan.rules))
        if header is None:
            record = self._scan.records().by_start.get(position)
            if record is None:
                return None
            return _Long(_ANY_MODEL, record.header_bytes, position, (), position, record)
        assert reader.source.seen is not None
        if header.short:
            return self._short(reader, header, position)
        return self._long(header, bytes(reader.source.seen), position)

    def _short(self, reader: FileSource, header: Header, position: int) -> ShortMember | None:
        head = self._scan.parse(
            reader, lambda: read_channel(reader.source, header, self._scan.rules)
        )
        if head is None:
            return None
        check = c.CRC_SIZE if head.raw_size < c.SMALL_SIZE else c.DIGEST_SIZE
        end = reader.source.position + head.payload_size + check
        return ShortMember(header, position, end, head.raw_size, head.coder == c.STORED)

    def _long(self, header: Header, header_bytes: bytes, position: int) -> _Long:
        frames: list[IndexedFrame] = []
        after, offset, tag = position + len(header_bytes), 0, b""
        while (found := self._scan.frame(after, header)) is not None:
            frame, its_tag = found
            if frame.offset != offset or its_tag != tag:
                break
            after, offset = frame.end, frame.stop
            if frame.end > self.end:
                break
            tag = tag or member_tag(header_bytes, frame.check)
            frames.append(frame)
        run = tuple(frames)
        record = None
        if run and after < self.end and self._scan.read(after, 4) not in (c.FRAME_MARK, c.END_MARK):
            # Bytes may be missing in the last frame, so that it does not reach as far as it says.
            after = run[-1].position + 1
        if after <= self.end:
            record = self._record_for(position, header_bytes, run, after)
        return _Long(header, header_bytes, position, run, after, record)

    # Which end record belongs to what

    def _record_for(
        self, position: int, header_bytes: bytes, run: tuple[IndexedFrame, ...], after: int
    ) -> Record | None:
        """The end record of the member whose header stands at `position`."""
        found = self._scan.record_at(after) if after < self.end else None
        if found is not None and found[1].start == position:
            return found[1] if found[1].header_bytes == header_bytes else None
        for record in self._scan.records().behind(after):
            self._scan.work -= LEAST_PRICE
            if self._scan.work < 0:
                break
            # Where bytes were lost or added, the start does not fit, but the record claims what
            # surely belongs here. The digest of the first frame alone says less: an older version
            # of the file can begin alike.
            claims = record.start < max(after, run[-1].end if run else 0)
            if record.header_bytes == header_bytes and (record.start == position or claims):
                return record
        return None

    def _record_over(self, position: int) -> Record | None:
        """The end record of the member that must be at `position`, where no header is left."""
        for record in self._scan.records().behind(position):
            self._scan.work -= LEAST_PRICE
            if self._scan.work < 0:
                break
            if record.start <= position:
                return record
        return None

    def _by_record(
        self, record: Record, position: int, run: tuple[IndexedFrame, ...]
    ) -> LongMember | None:
        """The frames that an end record lists, as far as they are found."""
        found = self._scan.record_at(record.position)
        if found is None:
            return None
        indexed = found[0].member(record.end)
        frames = indexed.frames
        if run != frames:
            frames = self._listed(indexed, run, position, record.position)
        return LongMember(indexed.header, position, record.end, frames, indexed.raw_size)

    def _listed(
        self, member: IndexedMember, run: tuple[IndexedFrame, ...], first: int, last: int
    ) -> tuple[IndexedFrame, ...]:
        wanted = {_identity(frame): frame for frame in member.frames}
        found = {_identity(frame): frame for frame in run if _identity(frame) in wanted}
        for key, frame in wanted.items():
            if key not in found and first <= frame.position < last:
                there = self._scan.frame(frame.position, member.header)
                if there is not None and _identity(there[0]) == key:
                    found[key] = there[0]
        position = first
        while len(found) < len(wanted) and position < last:
            position = self._scan.find(FRAMES, position)
            there = self._scan.frame(position, member.header)
            position += 1
            if there is not None and _identity(there[0]) in wanted.keys() - found.keys():
                found[_identity(there[0])] = there[0]
                position = there[0].end
        return tuple(found[key] for key in wanted if key in found)

    def _without_record(self, start: _Long) -> LongMember:
        """The frames behind a header, and those with their tag up to the next member."""
        header, run = start.header, start.run
        frames = list(run)
        tag = member_tag(start.header_bytes, run[0].check) if run else b""
        known = {frame.offset: frame.check for frame in run}
        stop = run[-1].stop if run else 0
        position = start.after
        while position < self.end:
            position = self._scan.find(
                FRAMES_AND_HEADERS, position, self._scan.starts_from(position)
            )
            if position >= self.end or self._is_member(position, False):
                break
            found = self._scan.frame(position, header)
            if found is None or not tag or found[1] != tag:
                if found is not None and len(run) == 1 and found[0].offset >= stop:
                    # Frames of two archives, and only the header to say which belong to it.
                    return self._only(start, ())
                position += 1
                continue
            frame = found[0]
            position = frame.end
            if frame.end > self.end:
                continue
            if frame.offset >= stop:
                frames.append(frame)
                known[frame.offset] = frame.check
                stop = frame.stop
            elif known.get(frame.offset) != frame.check:
                # Two archives that begin alike: nothing tells whose the later frames are.
                return self._only(start, run)
        end = min(position, self.end)
        return LongMember(header, start.position, end, tuple(frames), header.total_size)

    def _only(self, start: _Long, frames: tuple[IndexedFrame, ...]) -> LongMember:
        end = self.next_border(start.after)
        return LongMember(start.header, start.position, end, frames, start.header.total_size)

    # Whether something in a damaged part is a member of the file

    def _is_member(self, position: int, exact: bool) -> bool:
        found = self._at(position)
        if found is None or (isinstance(found, _Long) and not self._is_followed(found)):
            return False
        if not self._fills(position, exact):
            return False
        if not isinstance(found, ShortMember):
            return True
        self._decoding -= found.end - position
        return found.end <= self.end and self._decoding >= 0 and self._sound(found)

    def _is_followed(self, found: _Long) -> bool:
        """Not the copy of a header in an end record."""
        if found.run or found.record is not None:
            return True
        return self._scan.read(found.after, 4) in (c.FRAME_MARK, c.END_MARK)

    def _fills(self, position: int, exact: bool) -> bool:
        """Whether members from `position` on fill the file, as far as that can be said."""
        passed: list[tuple[int, bool]] = []
        while (position, exact) not in self._chains:
            passed.append((position, exact))
            found = self._at(position) if position < self.end else None
            if found is None:
                result = position == self.end or (not exact and self._looks_like_border(position))
                break
            end = found.end if isinstance(found, ShortMember) else _end_of(found)
            if end is None or end > self.end:
                result = not exact and (end is not None or self._is_cut(found))
                break
            position = end
        else:
            result = self._chains[position, exact]
        self._chains.update(dict.fromkeys(passed, result))
        return result

    def _is_cut(self, found: ShortMember | _Long) -> bool:
        """Whether the frames of a long member without an end record go on up to where it breaks."""
        if isinstance(found, ShortMember) or found.after >= self.end:
            return True
        if self._scan.work < 0:
            return False
        reader = self._scan.reader(found.after)
        reader.source.seen = bytearray()
        mark = self._scan.read(found.after, 4)
        try:
            if c.END_MARK.startswith(mark):
                reader.run(read_end_record(reader.source, self._scan.rules))
            else:
                reader.run(read_marked_head(reader.source, found.header, self._scan.rules))
        except FormatError as error:
            return isinstance(error, TruncatedError)
        finally:
            self._scan.charge(reader, found.after)
        return False

    def _looks_like_border(self, position: int) -> bool:
        """Remains of a header, or nothing but zeros up to the end."""
        if position >= self.end:
            return False
        start = self._scan.read(position, len(c.MAGIC))
        if sum(a == b for a, b in zip(start, c.MAGIC, strict=False)) == len(c.MAGIC) - 1:
            return True
        return position > self._scan.last_byte


def _identity(frame: IndexedFrame) -> tuple[int, int, int, bytes]:
    return frame.offset, frame.raw_size, frame.size, frame.check


def _end_of(found: _Long) -> int | None:
    return None if found.record is None else found.record.end


def lost_ranges(
    good: Iterable[tuple[int, int]], total_size: int | None
) -> list[tuple[int, int | None]]:
    """Raw byte ranges (start, stop) not covered by `good` ones, which are in content order.

    An unknown total size gives a last range with stop None, since more may be missing.
    """
    lost: list[tuple[int, int | None]] = []
    position = 0
    for start, stop in good:
        if start > position:
            lost.append((position, start))
        position = stop
    if total_size is None:
        lost.append((position, None))
    elif position < total_size:
        lost.append((position, total_size))
    return lost
