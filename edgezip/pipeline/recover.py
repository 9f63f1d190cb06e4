"""What can still be decoded of a damaged file."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from edgezip.container import (
    Channel,
    ContainerParser,
    EndEvent,
    Frame,
    FrameEvent,
    Header,
    StoredChunk,
)
from edgezip.container import constants as c
from edgezip.container.headers import Rules, read_channel, read_header
from edgezip.container.index import FileSource, load_frame
from edgezip.container.recover import LongMember, ShortMember, Survey, lost_ranges
from edgezip.errors import EdgezipError, FormatError, LimitError, TruncatedError
from edgezip.pipeline.channels import CODERS, decode_frame
from edgezip.pipeline.context import Context, check_primer
from edgezip.pipeline.opening import open_for_unpacking
from edgezip.pipeline.options import UnpackOptions

CHUNK = 1 << 20
MOST_LOST = 1 << 26
"""Bytes of headers of lost members that are kept, to name them: a few bytes have any number."""
_RULES = Rules(coders=CODERS)


@dataclass(slots=True)
class Recovery:
    """Counts what `recovered` gave.

    lost: raw byte ranges of the content, stop None where it is unknown how much is missing. The
    numbers go on behind such a range as if it were empty. start: where the content given last lies.
    headers: of members of a tar that are lost, as far as their frames say which, and as
    `MOST_LOST` has room for them. unchecked: how many members of a tar were given that come before
    the place where the file was cut off, and that no check says are right.
    """

    raw_size: int = 0
    members: int = 0
    frames: int = 0
    lost: list[tuple[int, int | None]] = field(default_factory=list)
    start: int = 0
    headers: list[bytes] = field(default_factory=list)
    unchecked: int = 0

    @property
    def position(self) -> int:
        """Bytes of content passed so far, lost ones included."""
        return self.raw_size + sum(stop - start for start, stop in self.lost if stop is not None)


def recovered(
    source: BinaryIO,
    options: UnpackOptions,
    result: Recovery,
    progress: Callable[[int], None] | None = None,
    unchecked: bool = False,
) -> Iterator[bytes]:
    """Yield the verified content of every frame of a seekable file that can be read.

    A file that is not damaged comes out as without recovery. Whatever cannot be verified, or of
    which it cannot be said that it belongs to the file, is listed as lost. `result` is filled in on
    the way. unchecked: members of a tar are given, too, that come before the place where the file
    was cut off: they are right if nothing else is wrong with it, and no check says so.

    Raises:
        FormatError: nothing could be recovered.
        ModelError, EngineError: as for unpacking.
    """
    yield from _Walk(source, options, result, progress, unchecked).run()


class _Walk:
    """Goes from member to member."""

    def __init__(
        self,
        source: BinaryIO,
        options: UnpackOptions,
        result: Recovery,
        progress: Callable[[int], None] | None,
        unchecked: bool,
    ) -> None:
        self._source = source
        self._unchecked = self._count_unchecked if unchecked else None
        self._options = options
        self._result = result
        self._progress = progress
        self._survey = Survey(source, self._is_sound, _RULES)
        self._problem: EdgezipError | None = None
        self._salvaging = 2 * self._survey.end
        """Payload that may still be decoded of members that are damaged."""
        self._naming = MOST_LOST
        self._decoded: tuple[int, bytes] = (-1, b"")

    def run(self) -> Iterator[bytes]:
        if not self._survey.end:
            raise TruncatedError("the file is empty")
        position = 0
        while position < self._survey.end:
            member = self._survey.member(position)
            if isinstance(member, LongMember):
                yield from self._long(member)
                position = member.end
            elif member is not None and self._is_sound(member):
                yield from self._short(member)
                position = member.end
            else:
                position = yield from self._damaged(position, member)
        if not self._result.frames and not self._result.raw_size and self._result.lost:
            raise self._problem or FormatError(
                "nothing of this file can be read; restore it from a copy"
            )

    def _damaged(self, position: int, member: ShortMember | None) -> Generator[bytes, None, int]:
        """Note a loss and give what is right of it; returns where the next member starts."""
        survey, base = self._survey, self._result.position
        if member is None:
            self._lose(base, [], None)
            return survey.next_border(position + 1)
        good: list[tuple[int, int]] = []
        frame = None if member.stored else self._cut_short(member)
        if frame is not None:
            missing = max(member.end - survey.end, 0)
            yield from self._salvaged(frame, member.header, base, good, missing)
        following = self._after(member)
        as_claimed = following == min(member.end, survey.end)
        self._lose(base, good, member.raw_size if as_claimed else None)
        return following

    def _cut_short(self, member: ShortMember) -> Frame | None:
        """What is there of a short member; nothing of it is verified."""
        size = min(member.end, self._survey.end) - member.position
        reader = FileSource(self._source, member.position, member.position + size)
        try:
            header = reader.run(read_header(reader.source, _RULES))
            head = reader.run(read_channel(reader.source, header, _RULES))
        except FormatError:
            return None
        self._source.seek(reader.source.position)
        payload = self._source.read(min(head.payload_size, self._survey.end))
        sizes = head.raw_size, head.transform, head.params
        return Frame(0, head.raw_size, (Channel(head.coder, payload, *sizes),), (), b"")

    def _salvaged(
        self,
        frame: Frame,
        header: Header,
        base: int,
        good: list[tuple[int, int]],
        missing: int = 0,
    ) -> Iterator[bytes]:
        """The members of a tar in a frame that are right. `good`: gets where in the content.
        missing: bytes of the frame that were cut off."""
        if len(frame.channels) != 1 or frame.channels[0].transform != c.TARRED:
            return
        # Damaged members may claim each other's bytes; nobody need decode those again and again.
        self._salvaging -= len(frame.channels[0].payload)
        if self._salvaging < 0:
            return
        for start, raw in self._whole_members(frame.channels[0], header, missing):
            first = frame.offset + start
            good.append((first, first + len(raw)))
            yield self._emit(raw, base + first)

    def _whole_members(
        self, channel: Channel, header: Header, missing: int
    ) -> Iterator[tuple[int, bytes]]:
        from edgezip.pipeline.salvage import salvage

        try:
            context = self._context(header)
            yield from salvage(channel, context, self._lost, missing, self._unchecked)
        except EdgezipError as error:
            if not header.short:
                raise
            self._problem = self._problem or error  # as in `_is_sound`

    def _lost(self, header: bytes) -> None:
        """A member of a tar is lost."""
        self._naming -= len(header)
        if self._naming >= 0:
            self._result.headers.append(header)

    def _count_unchecked(self, header: bytes) -> None:
        """A member of a tar is given that nothing says is right; without a header a part of one."""
        self._result.unchecked += bool(header)

    def _after(self, member: ShortMember) -> int:
        """Where the next member starts behind one that is damaged, maybe in its sizes."""
        survey = self._survey
        missing = member.end - survey.end
        if not member.stored:
            following = survey.next_border(member.position + 1)
            # No member can be part of what a coder wrote.
            return min(following, member.end) if survey.is_border(member.end) else following
        if survey.is_border(member.end):
            return member.end
        if 0 < missing <= c.DIGEST_SIZE:
            # Only the check is cut off: what looks like members is content.
            return survey.end
        return survey.next_border(member.position + 1, exact=missing > 0)

    def _lose(self, base: int, good: list[tuple[int, int]], size: int | None) -> None:
        """Note what of a member that starts at `base` of the content is not `good`."""
        for start, stop in lost_ranges(good, size):
            self._result.lost.append((base + start, None if stop is None else base + stop))

    def _context(self, header: Header) -> Context:
        prime = check_primer(header, self._options.prime)
        return Context(open_for_unpacking(header, self._options), header.settings, prime)

    def _is_sound(self, member: ShortMember) -> bool:
        """Whether the check of a short member is right. A model that is missing is remembered."""
        if member.end > self._survey.end:
            return False
        try:
            for raw in self._content(member):
                self._decoded = (member.position, raw)
        except FormatError:
            return False
        except EdgezipError as error:
            # The header of a short member has no check of its own: the model may be a damaged one.
            self._problem = self._problem or error
            return False
        return True

    def _content(self, member: ShortMember) -> Iterator[bytes]:
        """The content of a short member; all of it is verified when this ends."""
        parser = ContainerParser(single=True, coders=CODERS)
        self._source.seek(member.position)
        left = member.end - member.position
        while left and (chunk := self._source.read(min(left, CHUNK))):
            # What the content of a stored member takes must not move the file's position.
            left -= len(chunk)
            parser.feed(chunk)
            for event in parser:
                if isinstance(event, StoredChunk):
                    yield event.data
                elif isinstance(event, FrameEvent):
                    yield decode_frame(event.frame, self._context(member.header), lambda n: None)
                elif isinstance(event, EndEvent):
                    return
        parser.feed_eof()

    def _short(self, member: ShortMember) -> Iterator[bytes]:
        self._result.members += 1
        self._result.frames += 1
        position, content = self._decoded
        if position == member.position and len(content) == member.raw_size:
            yield self._emit(content)
            return
        for raw in self._content(member):
            yield self._emit(raw)

    def _long(self, member: LongMember) -> Iterator[bytes]:
        if member.header.auxiliary is not None:
            return  # no content of the file
        good: list[tuple[int, int]] = []
        base = self._result.position
        context: Context | None = None
        for entry in member.frames:
            if context is None:
                context = self._context(member.header)
            frame = None
            try:
                frame = load_frame(self._source, member.indexed, entry, _RULES)
                raw = decode_frame(frame, context, lambda n: None)
            except FormatError:
                if frame is not None:
                    yield from self._salvaged(frame, member.header, base, good)
                continue
            good.append((entry.offset, entry.stop))
            self._result.frames += 1
            yield self._emit(raw, base + entry.offset)
        cut = member.cut_frame(self._source, _RULES) if member.end == self._survey.end else None
        if cut is not None:
            yield from self._salvaged(cut[0], member.header, base, good, cut[1])
        self._result.members += bool(good or not member.frames)
        self._lose(base, good, member.total_size)

    def _emit(self, raw: bytes, start: int | None = None) -> bytes:
        self._result.start = self._result.position if start is None else start
        limit = self._options.max_output
        if limit is not None and self._result.raw_size + len(raw) > limit:
            raise LimitError(f"the output would exceed the limit of {limit} bytes")
        self._result.raw_size += len(raw)
        if self._progress is not None:
            self._progress(self._result.raw_size)
        return raw
