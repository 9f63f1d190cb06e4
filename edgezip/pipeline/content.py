"""The content of a seekable packed file in any order: only what is needed is decoded.

What decoding needs is imported when something is decoded: a list of members shall come at once.
"""

from __future__ import annotations

import bisect
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, cast

from edgezip.archive import members as members_
from edgezip.archive.members import Members
from edgezip.container import (
    ContainerParser,
    EndEvent,
    Frame,
    FrameEvent,
    Header,
    HeaderEvent,
    StoredChunk,
    index,
)
from edgezip.container import constants as c
from edgezip.container.endrecord import IndexedFrame, IndexedMember
from edgezip.container.headers import ChannelHead, Rules
from edgezip.errors import FormatError
from edgezip.pipeline.options import UnpackOptions
from edgezip.pipeline.transforms.transform import split_params
from edgezip.streams import WholeReads

if TYPE_CHECKING:
    from edgezip.pipeline.context import Context

CHUNK = 1 << 20
_RULES = Rules()


@dataclass(frozen=True, slots=True)
class FrameEntry:
    """One frame in the index of a file.

    Attributes:
        offset: where its content starts in the content of the file.
        raw_size: bytes of content.
        position: where it starts in the file; in a short member the member does.
        packed_size: bytes it takes in the file.
        member: number of its member, from 0.
    """

    offset: int
    raw_size: int
    position: int
    packed_size: int
    member: int


class _From(WholeReads):
    """A seekable file from a position on, which is its position 0."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        super().__init__(file)
        self._start = start

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position; returns it."""
        shift = self._start if whence == io.SEEK_SET else 0
        return super().seek(position + shift, whence) - self._start


class IndexedContent:
    """The content of a file, by its index. Nothing is decoded before it is asked for.

    Args:
        file: seekable; the packed data starts at `start`.
        options: where models are.

    Raises:
        FormatError: the file is damaged, or it is not complete.
    """

    def __init__(self, file: BinaryIO, options: UnpackOptions, start: int = 0) -> None:
        self._file = cast(BinaryIO, _From(file, start))
        self._options = options
        members = index.read_index(self._file, _RULES)
        self._frames = [
            (member, frame)
            for member in members
            if member.header.auxiliary is None
            for frame in member.frames
        ]
        self._members = members
        numbers = {id(member): number for number, member in enumerate(members)}
        stops = list(accumulate((f.raw_size for _, f in self._frames), initial=0))
        self._starts = stops[:-1]
        self.size = stops[-1]
        """Bytes of content."""
        self.entries = tuple(
            FrameEntry(offset, frame.raw_size, frame.position + start, frame.size, numbers[id(m)])
            for offset, (m, frame) in zip(self._starts, self._frames, strict=True)
        )
        self._context: tuple[Header, Context] | None = None
        self._last: tuple[int, bytes] = (-1, b"")
        self._verified = -1

    def is_loaded(self, position: int) -> bool:
        """Whether the frame that holds `position` is decoded."""
        return self._last[0] == self._number(position)

    def tars(self) -> Iterator[tuple[int, int, Iterator[tuple[int, Members]]]]:
        """For each archive: start and end of its content, and what `archive.contents` reads of the
        heads of its frames, which have checks of their own."""
        start = 0
        for member in self._members:
            if member.header.auxiliary is not None:
                continue
            if member.frames and self._head(member, member.frames[0]) is not None:
                yield start, start + member.raw_size, self._heads(member)
            start += member.raw_size

    def _heads(self, member: IndexedMember) -> Iterator[tuple[int, Members]]:
        for frame in member.frames:
            params = self._head(member, frame)
            if params is not None:
                yield frame.offset, members_.decode(params, frame.raw_size)

    def _head(self, member: IndexedMember, frame: IndexedFrame) -> bytes | None:
        return _tar_params(index.load_head(self._file, member, frame, _RULES))

    def _number(self, position: int) -> int:
        # Frames without content start where the next one does.
        return bisect.bisect_right(self._starts, position) - 1

    def piece(self, position: int) -> tuple[int, bytes]:
        """Where a piece starts that holds `position`, and the piece; verified, a frame at most."""
        number = self._number(position)
        member, frame = self._frames[number]
        offset = self._starts[number]
        if member.header.short and frame.raw_size > c.MAX_FRAME_SIZE:
            return position, self._stored_part(number, position - offset)
        return offset, self.frame(number)

    def frame(self, number: int) -> bytes:
        """The verified content of a frame."""
        if self._last[0] != number:
            member, frame = self._frames[number]
            if member.header.short:
                raw = b"".join(self._short(member))
            else:
                loaded = index.load_frame(self._file, member, frame, _RULES)
                raw = decode_frame(loaded, self._context_of(member.header))
            self._last = (number, raw)
        return self._last[1]

    def _stored_part(self, number: int, position: int) -> bytes:
        """Up to a chunk of a large stored member; the first time all of it is verified."""
        member, frame = self._frames[number]
        if self._verified != number:
            for _ in self._short(member):
                pass
            self._verified = number
        start = _payload_start(member, frame)
        self._file.seek(start + position)
        data = self._file.read(min(CHUNK, frame.raw_size - position))
        if not data:
            raise FormatError("the file has become shorter while it was read")
        return data

    def _short(self, member: IndexedMember) -> Iterator[bytes]:
        parser = ContainerParser(single=True)
        position, end = member.position, member.position + member.size
        while position < end:
            self._file.seek(position)
            chunk = self._file.read(min(end - position, CHUNK))
            if not chunk:
                parser.feed_eof()
            position += len(chunk)
            parser.feed(chunk)
            for event in parser:
                if isinstance(event, StoredChunk):
                    yield event.data
                elif isinstance(event, FrameEvent):
                    context = self._context_of(member.header)
                    yield decode_frame(event.frame, context)
                else:
                    assert isinstance(event, HeaderEvent | EndEvent)

    def _context_of(self, header: Header) -> Context:
        from edgezip.pipeline.context import Context, check_primer
        from edgezip.pipeline.opening import open_for_unpacking

        if self._context is None or self._context[0] != header:
            prime = check_primer(header, self._options.prime)
            model = open_for_unpacking(header, self._options)
            self._context = (header, Context(model, header.settings, prime))
        return self._context[1]


def decode_frame(frame: Frame, context: Context) -> bytes:
    """The verified content of a frame."""
    from edgezip.pipeline import channels

    return channels.decode_frame(frame, context, lambda count: None)


def is_archive(file: BinaryIO, start: int) -> bool:
    """Whether the packed data from `start` on is the archive of a folder: its first frame says so.
    The position in the file is left as it was."""
    before = file.tell()
    try:
        file.seek(start)
        source = cast(BinaryIO, _From(file, start))
        return _tar_params(index.first_head(source, _RULES)) is not None
    except FormatError:
        return False
    finally:
        file.seek(before)


def _tar_params(channels: Sequence[ChannelHead]) -> bytes | None:
    """What a frame says of the members of a tar in it."""
    if len(channels) != 1 or channels[0].transform != c.TARRED:
        return None
    return split_params(channels[0].params)[1]


def _payload_start(member: IndexedMember, frame: IndexedFrame) -> int:
    check = c.CRC_SIZE if frame.raw_size < c.SMALL_SIZE else c.DIGEST_SIZE
    return member.position + member.size - check - frame.raw_size
