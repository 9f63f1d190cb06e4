"""Members to a packed tar, in frames that end where members end and say which ones they hold."""

from __future__ import annotations

import itertools
import os
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

from edgezip.archive import framing
from edgezip.archive.collect import Entry, Report
from edgezip.archive.contents import END
from edgezip.container import constants as c
from edgezip.pipeline.options import DEFAULT_FRAME_SIZE, PackOptions, PackReport
from edgezip.streams import first, write_all

LEAST_FRAME, MOST_FRAME, SHARE = 960 << 10, 4 << 20, (2, 21)
"""Bytes, as `_cost` counts them, of what has to be decoded for one member, and within these limits
the share of the time that all take (`framing`). Up to `MOST_FRAME` nothing is cut at all:
sources in four frames are a twelfth larger. docs/bench.md has what that costs."""
HEADER_COST = 128
"""Bytes that a header counts as: a table has some twenty of it."""
MOST_TAR, MOST_EQUAL = 16 << 20, c.MAX_FRAME_SIZE - (16 << 10)
"""Bytes of the tar in a frame of several members, which is what memory takes, and of equal ones.
Members of a few bytes have sixteen times what they count as: a mebibyte still, by `_cost`. The
largest frame has room for what may stand around them."""
MOST_PIECE = 12 << 20
"""Bytes of a large member in one frame."""
FIRST_LOOK = 8192
"""Bytes that `tarfile.open` reads to see whether a file is compressed."""
AT_ONCE = 384 << 10
"""Bytes that are decoded in a second: in larger archives a first look decodes nothing."""
_CHUNK = 1 << 20


def write_archive(
    entries: Sequence[Entry],
    target: BinaryIO,
    options: PackOptions,
    *,
    report: Report,
    frame_size: int | None = None,
    progress: Callable[[int], None] | None = None,
    watch: Callable[[bytes], object] | None = None,
) -> PackReport:
    """Write `entries` in their order.

    Args:
        entries: as `collect.arranged` gives them.
        target: where to write, a binary file or an object with `write`.
        options: how to pack, but for `frame_size`.
        report: is told of files that cannot be read, which are left out, of those whose size
            has changed, which are cut off or filled up with zeros, and of other changed ones.
        frame_size: bytes of the tar after which a frame ends, at the next member; None for 2/21
            of what it takes to decode all, as `kinds.effort` counts it, three times that for
            pictures, but 960 KiB to 4 MiB, and all of it up to 4 MiB. Kinds do not share frames
            then unless one of them is small.
        progress: called with the bytes of the tar done so far.
        watch: gets the tar as it is packed.
    """
    started = time.monotonic()
    size = sum(entry.blocks_size for entry in entries)
    if frame_size is None:
        parts = _planned(entries)
        longest = max(MOST_FRAME, DEFAULT_FRAME_SIZE)
    else:
        parts = plan(entries, frame_size)
        longest = max(frame_size, DEFAULT_FRAME_SIZE)
    frames = _Frames(target, options, progress, watch)
    if size > AT_ONCE and (leading := _leading(parts[0])) < FIRST_LOOK:
        blank = _blank(FIRST_LOOK - leading)
        frames.write(blank, len(blank))
    missing: dict[str, str] = {}
    for number, part in enumerate(parts):
        if number:
            frames.end()
        alone = part[0].blocks_size if len(part) == 1 else 0
        frames.longest = _piece(alone, longest) if alone > longest else c.MAX_FRAME_SIZE
        for entry in part:
            first_name = entry.info.linkname if entry.info.islnk() else entry.info.name
            if first_name in missing:  # the next of its names has the content, if it is there
                if missing[first_name]:
                    entry.info.linkname = missing[first_name]
                else:
                    entry.become_file()
            if _write(entry, frames, report):
                if missing.get(first_name) == "":
                    missing[first_name] = entry.info.name
                if entry.content_size and entry.content_size % tarfile.BLOCKSIZE == 0:
                    frames.fills()
            else:
                missing[first_name] = ""
    frames.write(bytes(END))
    frames.finish()
    return frames.packer.report(time.monotonic() - started)


def _planned(entries: Sequence[Entry]) -> list[list[Entry]]:
    """The members of each frame, where nobody says how large these are."""
    if sum(map(_cost, entries)) <= MOST_FRAME:
        return plan(entries, MOST_FRAME, _cost)
    parts: list[list[Entry]] = []
    for run, most in framing.runs(entries, _cost, SHARE, LEAST_FRAME, MOST_FRAME):
        size = sum(map(_cost, run))
        limit = most
        if size and len(run) < len(entries):  # a little more in each, and one less that must learn
            count = -(-size // _most(most))
            limit = max(most, size // count + size // 64)  # members of nothing count as more
        parts += plan(run, limit, _cost)
    return parts


def _cost(entry: Entry) -> int:
    """Bytes of a member for the length of frames: what its decoder works on, about."""
    return entry.content_size + HEADER_COST


def _blocks(entry: Entry) -> int:
    """Bytes of the tar."""
    return entry.blocks_size


def plan(
    entries: Sequence[Entry], frame_size: int, size_of: Callable[[Entry], int] = _blocks
) -> list[list[Entry]]:
    """The members of each frame; files of equal content share one, where one can hold them all.

    A member larger than `frame_size` is alone and takes as many frames as it needs. What lies
    between such members is cut into frames of about the same size: a small one at the end would
    cost as much context as a large one. None of these has more of the tar than `MOST_TAR`, or than
    `frame_size` where that is more.

    size_of: bytes that a member counts as, which may be less than it has in the tar.
    """
    most_tar = min(max(MOST_TAR, _most(frame_size)), MOST_EQUAL)
    parts: list[list[Entry]] = []
    between: list[tuple[list[Entry], int]] = []
    for _, group in itertools.groupby(entries, _same(itertools.count())):
        together = list(group)
        blocks = [entry.blocks_size for entry in together]
        if sum(blocks) > MOST_EQUAL:
            pieces = [[entry] for entry in together]
        else:
            pieces, blocks = [together], [sum(blocks)]
        sizes = [
            max(sum(map(size_of, piece)), -(-size * _most(frame_size) // most_tar))
            for piece, size in zip(pieces, blocks, strict=True)
        ]
        for piece, size in zip(pieces, sizes, strict=True):
            if size > frame_size:
                parts += _balanced(between, frame_size)
                parts.append(piece)
                between = []
            else:
                between.append((piece, size))
    return [*parts, *_balanced(between, frame_size)] or [[]]


def _balanced(pieces: Sequence[tuple[list[Entry], int]], frame_size: int) -> list[list[Entry]]:
    """Neighbours joined to as few parts of about `frame_size` as there can be."""
    total = sum(size for _, size in pieces)
    count = -(-total // frame_size)
    parts: list[list[Entry]] = []
    done = filled = 0
    for piece, size in pieces:
        share = len(parts) * total // count if count else 0
        if not parts or done + size // 2 > share or filled + size > _most(frame_size):
            parts.append([])
            filled = 0
        parts[-1] += piece
        done += size
        filled += size
    return parts


def _most(frame_size: int) -> int:
    """What a frame of several members counts as, at most."""
    return frame_size * 9 // 8


def _piece(size: int, longest: int) -> int:
    """Bytes of each frame of a member that is alone: equal ones, and no small one at the end."""
    most = min(max(longest, MOST_PIECE), c.MAX_FRAME_SIZE)
    size += END + FIRST_LOOK  # what may stand around it
    return -(-size // -(-size // most))


def _same(numbers: Iterator[int]) -> Callable[[Entry], object]:
    """A key that equal files share; every other member has its own."""

    def key(entry: Entry) -> object:
        return (next(numbers),) if entry.twins is None else entry.twins

    return key


def _blank(size: int) -> bytes:
    """A header that says nothing, of `size` bytes or a little more: a comment of blanks on all
    members. What `tarfile` reads at first is headers then, which need no decoding."""
    size = max(-(-size // tarfile.BLOCKSIZE) - 1, 1) * tarfile.BLOCKSIZE
    comment = " " * (size - len(f"{size} comment=\n"))
    return tarfile.TarInfo.create_pax_global_header({"comment": comment})


def _leading(part: Sequence[Entry]) -> int:
    """Bytes before the first content."""
    size = 0
    for entry in part:
        size += len(entry.header)
        if entry.content_size:
            break
    return size


class _Frames:
    """Collects the tar and packs it frame by frame.

    Attributes:
        position: bytes of the tar so far.
        longest: bytes at which a frame ends in any case.
    """

    def __init__(
        self,
        target: BinaryIO,
        options: PackOptions,
        progress: Callable[[int], None] | None,
        watch: Callable[[bytes], object] | None,
    ) -> None:
        from edgezip.pipeline.writer import Packer

        self._target = target
        self.longest = c.MAX_FRAME_SIZE
        self._watch = watch
        self._waiting = 0
        self._headers: list[tuple[int, int]] = []
        """Place in the tar and size of each header that no frame has yet."""
        self.packer = Packer(replace(options, frame_size=c.MAX_FRAME_SIZE), progress=progress)
        self.position = 0
        self._fills: list[int] = []
        """Where in the tar contents end that fill their blocks, of those that no frame has yet."""

    def write(self, data: bytes, header: int = 0) -> None:
        """The next bytes of the tar; `header`: how many of them are a header, at first."""
        if self._watch is not None:
            self._watch(data)
        if header:
            if self._waiting + header > self.longest:
                self.end()  # no header is cut
            self._headers.append((self.position, header))
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        while self._waiting + len(data) > self.longest:
            room = self.longest - self._waiting
            write_all(self._target, self.packer.feed(data[:room]))
            self.position += room
            self._waiting += room
            self.end()
            data = data[room:]
        write_all(self._target, self.packer.feed(data))
        self.position += len(data)
        self._waiting += len(data)

    def fills(self) -> None:
        """A content that fills its blocks has ended."""
        self._fills.append(self.position)

    def end(self) -> None:
        """End the frame."""
        self._tell()
        write_all(self._target, self.packer.end_frame())
        self._waiting = 0

    def finish(self) -> None:
        """End the member."""
        self._tell()
        write_all(self._target, self.packer.finish())

    def _tell(self) -> None:
        """Say where headers are in the frame that ends here, and where a content ends that began in
        another one."""
        if not self._waiting:
            return
        from edgezip.pipeline.frames import TarFrame

        start = self.position - self._waiting
        headers = [
            (place - start, size)
            for place, size in self._headers
            if start <= place and place + size <= self.position
        ]
        lead = headers[0][0] if headers else self._waiting
        end = next((place - start for place in self._fills if place - start <= lead), 0)
        if headers or end or not start:
            self.packer.tar = TarFrame(headers, end)
        self._headers.clear()
        self._fills.clear()


def _write(entry: Entry, frames: _Frames, report: Report) -> bool:
    """Header and content of a member; False, and nothing is written, if it cannot be read."""
    if entry.path is None or not entry.info.isreg():
        data = entry.data or b""
        header = entry.header
        content = data + bytes(-len(data) % tarfile.BLOCKSIZE)
        frames.write(header + content, len(header))
        return True
    try:
        file = open(entry.path, "rb")  # noqa: SIM115
    except OSError as error:
        report(entry.path, f"{error.strerror or error}; it is left out")
        return False
    with file:
        early = b""
        if not entry.content_size:  # what /proc says of everything
            try:
                early = file.read(_CHUNK)
            except OSError as error:
                report(entry.path, f"{error.strerror or error}; it is left out")
                return False
            entry.info.size = len(early)
        header = entry.header
        frames.write(header + early, len(header))
        left = entry.content_size - len(early)
        try:
            for chunk in first(file, left):
                frames.write(chunk)
                left -= len(chunk)
            if not left and file.read(1):
                report(entry.path, "has grown; what it had at first is packed")
            elif not left and _has_changed(entry, os.fstat(file.fileno())):
                read = f"the {entry.content_size:,} bytes that were read are packed"
                report(entry.path, f"it changed while it was read; {read}")
        except OSError as error:
            report(entry.path, f"{error.strerror or error}")
    if left:
        report(entry.path, f"{left:,} bytes less than at first; zeros fill its place")
    size = left + -entry.content_size % tarfile.BLOCKSIZE
    for start in range(0, size, _CHUNK):
        frames.write(bytes(min(_CHUNK, size - start)))
    return True


def _has_changed(entry: Entry, now: os.stat_result) -> bool:
    """Whether a file, or another one in its place, was written to after its header was made."""
    # Files that said they were empty, as all of /proc does, say nothing by their times either.
    then = entry.status
    return then is not None and then.st_size > 0 and then.st_mtime_ns != now.st_mtime_ns
