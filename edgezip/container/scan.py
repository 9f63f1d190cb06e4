"""Looking at a file in any place: marks, headers, frames and end records, for recovery."""

from __future__ import annotations

import bisect
import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from edgezip.container import constants as c
from edgezip.container.endrecord import EndRecord, IndexedFrame, read_end_record
from edgezip.container.headers import Rules
from edgezip.container.index import BLOCK, FileSource, read_marked_head
from edgezip.container.source import Parse
from edgezip.container.types import Header
from edgezip.errors import FormatError

SCAN = 1 << 20
WORK = 16
"""Bytes of headers that are looked at for every byte of the file, so that the work is bounded."""
LEAST_WORK = 1 << 20
LEAST_PRICE = 32
MOST_RECORDS = 1 << 16

FRAMES = re.compile(re.escape(c.FRAME_MARK))
ENDS = re.compile(re.escape(c.END_MARK))
HEADERS = re.compile(re.escape(c.MAGIC) + b"[\x10-\x1f]")
FRAMES_AND_HEADERS = re.compile(FRAMES.pattern + b"|" + HEADERS.pattern)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Record:
    """An end record at `position`; by its sizes its member goes from `start` to `end`."""

    position: int
    start: int
    end: int
    header_bytes: bytes


class Records:
    """End records by place and by the start of their member."""

    def __init__(self, records: list[Record]) -> None:
        self._records = records
        self._positions = [record.position for record in records]
        self.by_start = {record.start: record for record in reversed(records)}
        self.starts = sorted(self.by_start)

    def behind(self, position: int) -> Iterator[Record]:
        """Those that stand at `position` or after it, in order."""
        first = bisect.bisect_left(self._positions, position)
        return itertools.islice(self._records, first, None)


class Scanner:
    """A seekable file. Never raises FormatError, and does a bounded amount of work.

    Args:
        file: what to look at.
        rules: what is accepted.
    """

    def __init__(self, file: BinaryIO, rules: Rules) -> None:
        self.file = file
        self.rules = rules
        self.end = file.seek(0, os.SEEK_END)
        self.work = WORK * self.end + LEAST_WORK
        """What is left of the bytes that may be looked at."""
        self._block, self._block_start = b"", 0
        self._all_records: Records | None = None
        self._last_byte: int | None = None

    def reader(self, position: int) -> FileSource:
        """Parses from `position` on."""
        return FileSource(self.file, position, self.end)

    @property
    def last_byte(self) -> int:
        """Position of the last byte that is not zero, -1 if there is none."""
        if self._last_byte is None:
            self._last_byte = self._find_last()
        return self._last_byte

    def frame(self, position: int, header: Header) -> tuple[IndexedFrame, bytes] | None:
        """The frame at `position` and its tag; without a digest if it reaches behind the end."""
        if position >= self.end:
            return None
        reader = self.reader(position)
        head = self.parse(reader, lambda: read_marked_head(reader.source, header, self.rules))
        if head is None:
            return None
        check_at = reader.source.position + head.payload_size
        size = check_at + c.DIGEST_SIZE - position
        check = self.read(check_at, c.DIGEST_SIZE) if position + size <= self.end else b""
        return IndexedFrame(position, size, head.offset, head.raw_size, check), head.tag

    def record_at(self, position: int) -> tuple[EndRecord, Record] | None:
        """The end record at `position`, and where its member is; None if there is none."""
        reader = FileSource(self.file, position, self.end)
        reader.source.seen = bytearray()
        record = self.parse(reader, lambda: read_end_record(reader.source, self.rules))
        if record is None:
            return None
        end = position + record.size
        start = record.member(end).position
        return record, Record(position, start, end, record.header_bytes)

    def records(self) -> Records:
        """All end records, in order; those of archives inside of stored content too."""
        if self._all_records is None:
            records: list[Record] = []
            position = -1
            while (position := self.find(ENDS, position + 1)) < self.end:
                found = self.record_at(position)
                if found is not None and len(records) < MOST_RECORDS:
                    records.append(found[1])
            self._all_records = Records(records)
        return self._all_records

    def _find_last(self) -> int:
        """Position of the last byte that is not zero, -1 if there is none."""
        end = self.end
        while end > 0:
            start = max(end - SCAN, 0)
            rest = self.read(start, end - start).rstrip(b"\0")
            if rest:
                return start + len(rest) - 1
            end = start
        return -1

    def read(self, position: int, size: int) -> bytes:
        """`size` bytes from `position` on, fewer at the end."""
        self.file.seek(position)
        return self.file.read(size)

    def find(self, pattern: re.Pattern[bytes], position: int, limit: int | None = None) -> int:
        """Where `pattern` is found from `position` on, at most `limit` or the end of the file."""
        stop = self.end if limit is None else min(limit, self.end)
        while position < stop:
            inside = position - self._block_start
            if not 0 <= inside <= len(self._block) - 4:
                self._block, self._block_start = self.read(position, SCAN), position
                inside = 0
            hit = pattern.search(self._block, inside)
            if hit is not None:
                return min(self._block_start + hit.start(), stop)
            if len(self._block) < 4 or self._block_start + len(self._block) >= self.end:
                break
            position = self._block_start + len(self._block) - 3
        return stop

    def starts_from(self, position: int) -> int | None:
        """The first start of a member that an end record tells, at or after `position`."""
        starts = self.records().starts
        place = bisect.bisect_left(starts, position)
        return starts[place] if place < len(starts) else None

    def parse(self, reader: FileSource, parse: Callable[[], Parse[T]]) -> T | None:
        """The result of a parsing coroutine, None if it is damaged or all work is used up."""
        if self.work < 0:
            return None
        start = reader.source.position
        try:
            return reader.run(parse())
        except FormatError:
            return None
        finally:
            self.charge(reader, start)

    def charge(self, reader: FileSource, start: int) -> None:
        """Count what was parsed from `start` on, and what was read beyond that for something that
        the file is too short for: params can claim to be long."""
        self.work -= LEAST_PRICE + max(reader.source.position, reader.read_to - BLOCK) - start
