"""The table of contents of an archive: all headers of the tar, as `table` writes them.

They are the tar without the contents of its files and without what follows its last member. Where
the contents lie follows from the headers, as for every reader of a tar; the positions are those
that `tarfile` takes when it steps from header to header. Two things are particular. Checksums,
which nothing predicts, are left out. And `tarfile` reads the byte in front of a header, to see
whether it is there: zero, which fills the block, or else the last one of a content, which the table
has.
"""

from __future__ import annotations

import bisect
import tarfile
from collections.abc import Iterator

from edgezip.archive import table as table_
from edgezip.archive.table import WRONG
from edgezip.archive.tars import BROKEN, open_raw
from edgezip.container.source import Source
from edgezip.errors import FormatError

MAX_HEADERS = 1 << 28
"""Bytes of headers; a table of more is not used."""
_CHECKSUM = slice(148, 156)
_BLOCK = tarfile.BLOCKSIZE
END = 2 * _BLOCK
"""Zeros behind the last member, and the end of a tar that has a table."""


def encode(headers: bytes, last: bytes) -> bytes:
    """A table.

    Args:
        headers: all headers of the tar.
        last: the last byte of each content that fills its blocks.
    """
    return table_.encode(headers) + last


def _decode(table: bytes) -> tuple[bytes, bytes]:
    source = Source(table, closed=True)
    headers = _completed(table_.decode(source))
    return headers, bytes(source.buffer)


def _completed(headers: bytes) -> bytes:
    """The headers with their checksums."""
    out = bytearray(headers)
    position = 0
    while position + _BLOCK <= len(headers):
        block = headers[position : position + _BLOCK]
        total = sum(block) + 8 * ord(" ")
        out[position + _CHECKSUM.start : position + _CHECKSUM.stop] = b"%06o\0 " % total
        position += _BLOCK + table_.content_size(block)
    return bytes(out)


def is_usable(table: bytes) -> bool:
    """Whether a table is not too large to be used. FormatError if it is none."""
    return table_.headers_size(table) <= MAX_HEADERS


class _Skeleton:
    """A tar of which only the headers are there. Reads take the next of them; seeks say where in
    the tar they stand."""

    def __init__(self, headers: bytes) -> None:
        self._headers = headers
        self._used = 0
        self._position = 0
        self.runs: list[tuple[int, int, int]] = []
        """Position in the tar, start and end in the table, of headers without a gap."""

    @property
    def used_up(self) -> bool:
        return self._used == len(self._headers)

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, _whence: int = 0) -> int:
        self._position = position
        return position

    def read(self, size: int) -> bytes:
        if size == 1:
            # The last byte of a content: whether it is there is not for the table to say.
            self._position += 1
            return b"\0"
        start, self._used = self._used, min(self._used + size, len(self._headers))
        if start < self._used:
            if self.runs and self._end_of_last() == self._position:
                position, first, _ = self.runs.pop()
                self.runs.append((position, first, self._used))
            else:
                self.runs.append((self._position, start, self._used))
        self._position += self._used - start
        return self._headers[start : self._used]

    def _end_of_last(self) -> int:
        position, start, end = self.runs[-1]
        return position + end - start


def _members(skeleton: _Skeleton) -> tuple[list[tarfile.TarInfo], int]:
    with open_raw(skeleton) as archive:
        return archive.getmembers(), archive.offset


class Contents:
    """A table of contents, and what is known of the tar by it.

    Args:
        table: as `encode` gives it.
        sizes: bytes of the tar; several where it may be one of them.

    Attributes:
        size: the one of them that follows from the table.
        members: as `tarfile` has them.
        headers, last: as for `encode`.
        end: where in the tar its end mark begins.

    Raises:
        FormatError: that is no table of a tar of such a size.
    """

    def __init__(self, table: bytes, *sizes: int) -> None:
        # Headers are part of the tar; no more of them are decoded than it has room for.
        if table_.headers_size(table) + END > max(sizes):
            raise FormatError(WRONG)
        headers, last = _decode(table)
        skeleton = _Skeleton(headers)
        try:
            self.members, end = _members(skeleton) if headers else ([], 0)
        except BROKEN as error:
            raise FormatError(WRONG) from error
        # A tar that goes on behind its end mark has room for members that the table leaves out.
        if not skeleton.used_up or end + END not in sizes:
            raise FormatError(WRONG)
        self.size = end + END
        self.headers, self.last, self.end = headers, last, end
        self._known = [(at, headers[first:stop]) for at, first, stop in skeleton.runs]
        self._known += self._last_bytes(last)
        self._known.sort()
        self._starts = [position for position, _ in self._known]

    def _last_bytes(self, last: bytes) -> Iterator[tuple[int, bytes]]:
        left = iter(last)
        for member in self.members:
            if member.isreg() and member.size:
                filled = member.size % _BLOCK == 0
                byte = next(left, None) if filled else 0
                if byte is None:
                    raise FormatError(WRONG)
                end = member.offset_data + -(-member.size // _BLOCK) * _BLOCK
                yield end - 1, bytes([byte])
        if next(left, None) is not None:
            raise FormatError(WRONG)

    def piece(self, position: int) -> tuple[int, bytes] | None:
        """Where known bytes start of which one is at `position` of the tar, and those; or None."""
        if self.end <= position < self.size:
            return position, bytes(self.size - position)
        number = bisect.bisect_right(self._starts, position) - 1
        if number < 0:
            return None
        start, known = self._known[number]
        return (start, known) if position < start + len(known) else None

    def check(self, start: int, content: bytes) -> None:
        """Compare with a part of the tar. FormatError if it is another one."""
        stop = start + len(content)
        behind = content[max(self.end - start, 0) :]
        if behind.count(0) != len(behind):
            raise FormatError(WRONG)
        number = max(bisect.bisect_right(self._starts, start) - 1, 0)
        for position, known in self._known[number:]:
            if position >= stop:
                return
            low, high = max(position, start), min(position + len(known), stop)
            if (
                low < high
                and known[low - position : high - position] != (content[low - start : high - start])
            ):
                raise FormatError(WRONG)
