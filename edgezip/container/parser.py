"""The incremental parser: bytes in, events out, no I/O."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from edgezip.container import constants as c
from edgezip.container.headers import (
    Rules,
    read_channel,
    read_crc,
    read_frame_head,
    read_header,
    with_payloads,
)
from edgezip.container.source import Parse, Source
from edgezip.container.types import (
    Channel,
    EndEvent,
    Event,
    Frame,
    FrameEvent,
    Header,
    HeaderEvent,
    Span,
    StoredChunk,
    member_tag,
    short_digest,
)
from edgezip.container.varint import encode_all
from edgezip.errors import ChecksumError, FormatError

CHUNK = 1 << 20
_NO_MATCH = f"damaged: the end record does not match the frames; {c.RECOVER_HINT}"
_EXCHANGED = f"damaged: frames were exchanged; {c.RECOVER_HINT}"
Events = Generator[Event | None, None, None]


class ContainerParser:
    """Parses one member (`single=True`) or a whole file of concatenated members.

    feed() bytes, then call next_event() until it returns None. At the end of the input call
    feed_eof(). At most one frame is buffered besides what feed() was given. After an error the
    parser raises the same error again.

    coders, transforms: the numbers that the caller can decode; others raise UnsupportedError.
    verify: False skips all checksums, for fuzzing.
    """

    def __init__(
        self,
        *,
        single: bool = False,
        coders: frozenset[int] = c.KNOWN_CODERS,
        transforms: frozenset[int] = c.KNOWN_TRANSFORMS,
        verify: bool = True,
    ) -> None:
        self._source = Source()
        self._events = _parse_file(self._source, Rules(coders, transforms, verify), single)
        self._eof = False
        self._dry = True
        self._error: BaseException | None = None

    @property
    def eof(self) -> bool:
        """All members are complete and no more input is accepted."""
        return self._eof

    @property
    def needs_input(self) -> bool:
        """The last next_event() found too few bytes, and nothing was fed since."""
        return self._dry and not self._eof

    @property
    def unused_data(self) -> bytes:
        """What was fed after the end of a single member."""
        return bytes(self._source.buffer) if self._eof else b""

    @property
    def position(self) -> int:
        """Number of input bytes that are parsed."""
        return self._source.position

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take more input."""
        if self._source.closed:
            raise ValueError("feed() after feed_eof()")
        if len(data):
            self._source.buffer += data
            self._dry = False

    def feed_eof(self) -> None:
        """No more input comes.

        TruncatedError, here or from next_event() if events are left, unless a member is complete.
        """
        self._source.closed = True
        if self._dry:
            self.next_event()

    def next_event(self) -> Event | None:
        """The next event, or None when more input is needed or all is done."""
        if self._error is not None:
            raise self._error
        if self._eof:
            return None
        try:
            event = next(self._events)
        except StopIteration:
            self._eof = True
            return None
        except BaseException as error:
            # Also an interrupt ends the coroutine, which must not look like the end of the file.
            self._error = error
            raise
        self._dry = event is None
        return event

    def __iter__(self) -> Iterator[Event]:
        """Events until next_event() returns None."""
        while (event := self.next_event()) is not None:
            yield event


def parse(data: bytes, *, verify: bool = True) -> list[Event]:
    """All events of a complete file; raises as ContainerParser does."""
    parser = ContainerParser(verify=verify)
    parser.feed(data)
    parser.feed_eof()
    return list(parser)


def _parse_file(source: Source, rules: Rules, single: bool) -> Events:
    first = True
    while True:
        yield from _parse_member(source, rules, first)
        if single:
            return
        first = False
        while not source.buffer:
            if source.closed:
                return
            yield None


def _parse_member(source: Source, rules: Rules, first: bool) -> Events:
    start = source.position
    header = yield from read_header(source, rules, first)
    yield HeaderEvent(header, start, source.position - start)
    if header.short:
        yield from _parse_short(source, header, start, rules)
    else:
        yield from _parse_long(source, header, start, rules)


def _parse_short(source: Source, header: Header, start: int, rules: Rules) -> Events:
    """The rest of a short member; source.seen holds its header."""
    head = yield from read_channel(source, header, rules)
    assert source.seen is not None
    prefix, source.seen = bytes(source.seen), None
    raw_size = head.raw_size
    if head.coder == c.STORED and raw_size >= c.SMALL_SIZE:
        yield from _parse_stored(source, raw_size, prefix, rules)
    else:
        payload = yield from source.take(head.payload_size)
        check = yield from source.take(c.CRC_SIZE if raw_size < c.SMALL_SIZE else c.DIGEST_SIZE)
        channel = Channel(head.coder, payload, raw_size, head.transform, head.params)
        yield FrameEvent(
            Frame(
                0,
                raw_size,
                (channel,),
                (Span(0, raw_size),),
                check,
                prefix,
                start,
                source.position - start,
            )
        )
    yield EndEvent(raw_size, source.position - start, 1)


def _parse_stored(source: Source, size: int, prefix: bytes, rules: Rules) -> Events:
    digest = short_digest(prefix)
    offset = 0
    while offset < size:
        while not source.buffer:
            yield from source.wait()
        data = source.take_now(min(size - offset, CHUNK))
        digest.update(data)
        yield StoredChunk(data, offset)
        offset += len(data)
    stored = yield from source.take(c.DIGEST_SIZE)
    if rules.verify and stored != digest.digest():
        raise ChecksumError("damaged: wrong checksum of stored data; restore the file from a copy")


def _parse_long(source: Source, header: Header, start: int, rules: Rules) -> Events:
    """Frames and end record of a long member; source.seen holds its header."""
    assert source.seen is not None
    header_bytes = bytes(source.seen)
    index, frames, offset, tag = bytearray(), 0, 0, b""
    while True:
        position = source.position
        seen = source.seen = bytearray()
        mark = yield from source.take(len(c.FRAME_MARK))
        if mark == c.END_MARK:
            break
        if mark != c.FRAME_MARK:
            raise FormatError(f"damaged: no frame at byte {position}; {c.RECOVER_HINT}")
        frame = yield from read_frame(source, header, position, rules)
        if frame.offset != offset or frames >= c.MAX_FRAMES:
            raise FormatError(
                f"damaged: the frame at byte {position} is not the next one; {c.RECOVER_HINT}"
            )
        if rules.verify and frame.tag != tag:
            raise ChecksumError(_EXCHANGED)
        tag = tag or member_tag(header_bytes, frame.check)
        offset += frame.raw_size
        frames += 1
        index += encode_all(frame.size, frame.raw_size) + frame.check
        yield FrameEvent(frame)
    body = b"".join((encode_all(len(header_bytes)), header_bytes, encode_all(frames), index))
    yield from source.expect(body, _NO_MATCH)
    size = (len(seen) + c.TAIL_SIZE).to_bytes(4, "little")
    yield from source.expect(size, "damaged: wrong size of the end record")
    yield from read_crc(source, bytes(seen), rules, "end record")
    source.seen = None
    yield from source.expect(c.TAIL_MARK, "damaged: wrong last bytes of the end record")
    if header.total_size not in (None, offset):
        raise FormatError(f"damaged: {offset} bytes of content instead of {header.total_size}")
    yield EndEvent(offset, source.position - start, frames)


def read_frame(source: Source, header: Header, position: int, rules: Rules) -> Parse[Frame]:
    """A frame after its mark, which starts at `position` and is in source.seen."""
    head = yield from read_frame_head(source, header, rules)
    source.seen = None
    payloads: list[bytes] = []
    for number in c.payload_order([part.coder for part in head.channels]):
        payload = yield from source.take(head.channels[number].payload_size)
        payloads.append(payload)
    taken = iter(payloads)
    channels = with_payloads(head.channels, lambda size: next(taken))
    check = yield from source.take(c.DIGEST_SIZE)
    return Frame(
        head.offset,
        head.raw_size,
        channels,
        head.spans,
        check,
        b"",
        position,
        source.position - position,
        head.tag,
    )
