"""The members that are left of a damaged archive.

Of a damaged frame those are left that come before the damage (`pipeline.salvage`). Frames end where
members end, so what follows a lost one begins with a member most of the time; where it does not,
the next header is looked for.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from edgezip.archive.contents import END
from edgezip.archive.tars import BROKEN, open_raw
from edgezip.errors import EdgezipError, FormatError
from edgezip.pipeline.options import UnpackOptions

UNCHECKED = (
    "{count:,} of the files that came back have no check in what is left; they are right if nothing"
    " is wrong with the archive but that its end is missing"
)
"""What is said of members that come before the cut, and behind the last check."""


class _Part:
    """Content without a gap as a file to be read; ends before the next gap."""

    def __init__(self, pieces: Iterator[tuple[int, bytes]]) -> None:
        self._pieces = pieces
        self._buffer = b""
        self._used = 0
        self._end: int | None = None
        self._next: tuple[int, bytes] | None = None
        self.over = False
        """All content is read."""

    def begin(self) -> bool:
        """Go on behind the gap. False if there is nothing."""
        if self._next is None:
            self._next = next(self._pieces, None)
        if self._next is None:
            return False
        start, self._buffer = self._next
        self._used, self._end, self._next = 0, start + len(self._buffer), None
        return True

    def read(self, size: int) -> bytes:
        out = []
        while size:
            if self._used == len(self._buffer) and not self._more():
                break
            piece = self._buffer[self._used : self._used + size]
            self._used += len(piece)
            size -= len(piece)
            out.append(piece)
        return b"".join(out)

    def _more(self) -> bool:
        if self._next is None:
            self._next = next(self._pieces, None)
        if self._next is None or self._next[0] != self._end:
            return False
        self._buffer, self._used = self._next[1], 0
        self._end = self._next[0] + len(self._buffer)
        self._next = None
        return True

    def skip(self) -> None:
        """Read up to the gap."""
        while self.read(1 << 20):
            pass


def rescued(
    file: BinaryIO,
    options: UnpackOptions,
    report: Callable[[str, EdgezipError], None],
    unchecked: bool = False,
) -> Iterator[tarfile.TarFile]:
    """The parts of the tar that are whole, each as an archive of its own.

    Args:
        file: a seekable packed file.
        options: where models are.
        report: is told what is lost.
        unchecked: members are given, too, that come before the place where the file was cut off,
            and that no check says are right; `report` is told how many.

    Raises:
        FormatError: nothing is left.
    """
    from edgezip.pipeline.recover import Recovery, recovered

    result = Recovery()
    found = recovered(file, options, result, unchecked=unchecked)
    pieces = ((result.start, raw) for raw in found)
    part = _Part(pieces)
    while part.begin():
        with contextlib.suppress(*BROKEN):  # the end of a member without its beginning
            yield open_raw(part, stream=True, gaps=True)
        part.skip()
    if result.unchecked:
        report("(archive)", FormatError(UNCHECKED.format(count=result.unchecked)))
    for header in result.headers:
        report(_name(header), FormatError("lost: the archive ends before, or is damaged there"))
    for start, stop in result.lost:
        where = f"bytes {start:,} to {stop:,}" if stop is not None else f"from byte {start:,} on"
        report("(archive)", FormatError(f"lost: {where} of the tar"))


def _name(header: bytes) -> str:
    """Whose header that is."""
    with contextlib.suppress(*BROKEN), open_raw(io.BytesIO(header + bytes(END))) as tar:
        for member in tar:
            return member.name
    return "(member)"  # no name, or only headers of what is not there
