"""The table of contents of an archive: the headers in the heads of its frames.

They are the tar without the contents of its files and without what follows its last member. Where
the contents lie follows from the headers, as for every reader of a tar; the positions are those
that `tarfile` takes when it steps from header to header, and have to be those where the frames have
their headers. One thing is particular. `tarfile` reads the byte in front of a header, to see
whether it is there: zero, which fills the block, or else the last one of a content, which the
heads have.
"""

from __future__ import annotations

import bisect
import tarfile
from collections.abc import Iterable, Iterator

from edgezip.archive.members import Members
from edgezip.archive.tars import BROKEN, open_raw
from edgezip.errors import FormatError

WRONG = "damaged: the heads of the frames do not make up the tar"
MAX_HEADERS = 1 << 28
"""Bytes of headers; those of a tar with more are not used, nor those of all tars in a file."""
_BLOCK = tarfile.BLOCKSIZE
END = 2 * _BLOCK
"""Zeros behind the last member, and the end of a tar."""


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
    """What is known of a tar without decoding it.

    Args:
        parts: where each frame starts, and what its head says; of those frames that say anything.
        size: bytes of the tar.
        room: bytes of headers that it may have.

    Attributes:
        size: of the tar.
        headers_size: bytes of its headers.
        members: as `tarfile` has them.
        end: where in the tar its end mark begins.

    Raises:
        FormatError: they do not make up a tar of this size.
    """

    def __init__(
        self, parts: Iterable[tuple[int, Members]], size: int, room: int = MAX_HEADERS
    ) -> None:
        frames = list(_some(parts, room))
        headers = b"".join(part.headers for _, part in frames)
        skeleton = _Skeleton(headers)
        try:
            self.members, end = _members(skeleton) if headers else ([], 0)
        except BROKEN as error:
            raise FormatError(WRONG) from error
        # A tar that goes on behind its end mark has room for members that no head has.
        if not skeleton.used_up or end + END != size:
            raise FormatError(WRONG)
        if list(_joined(skeleton.runs)) != list(_joined(_places(frames))):
            raise FormatError(WRONG)
        self.size, self.end, self.headers_size = size, end, len(headers)
        self._known = [(at, headers[first:stop]) for at, first, stop in skeleton.runs]
        self._known += self._last_bytes(b"".join(part.last for _, part in frames))
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


def _some(parts: Iterable[tuple[int, Members]], room: int) -> Iterator[tuple[int, Members]]:
    """`parts`, as long as they have no more headers than there is `room` for."""
    for part in parts:
        room -= len(part[1].headers)
        if room < 0:
            raise FormatError(WRONG)
        yield part


def _places(frames: Iterable[tuple[int, Members]]) -> Iterator[tuple[int, int, int]]:
    """Where in the tar each header is, as `_Skeleton.runs`."""
    done = 0
    for start, part in frames:
        for item in part.items():
            yield start + item.place, done, done + len(item.header)
            done += len(item.header)


def _joined(runs: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Runs of headers without those that go on where the last one ends."""
    last: tuple[int, int, int] | None = None
    for place, start, end in runs:
        if last is not None and last[0] + last[2] - last[1] == place:
            last = (last[0], last[1], end)
            continue
        if last is not None:
            yield last
        last = (place, start, end)
    if last is not None:
        yield last
