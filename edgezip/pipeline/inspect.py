"""What a file holds, read without decoding anything."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from edgezip.container import (
    Channel,
    ContainerParser,
    EndEvent,
    EngineField,
    FrameEvent,
    HeaderEvent,
    StoredChunk,
)
from edgezip.container import constants as c
from edgezip.container.nested import decode_nested
from edgezip.errors import FormatError, LimitError
from edgezip.pipeline.options import ChannelReport, FrameInfo, MemberInfo
from edgezip.pipeline.transforms.transform import split_params


def inspect_chunks(chunks: Iterable[bytes]) -> list[MemberInfo]:
    """Describe the members of a file whose bytes come in `chunks`.

    Structure and header checksums are checked, contents are not decoded.

    Raises:
        FormatError: the file is damaged, truncated or foreign.
        LimitError: it has more than MOST_PARTS members and frames, of 10 bytes each perhaps: what
            is kept of each takes a hundred times as many.
    """
    parser = ContainerParser()
    members: list[MemberInfo] = []
    state = _State(members)
    for chunk in chunks:
        parser.feed(chunk)
        for event in parser:
            state.take(event)
    parser.feed_eof()
    for event in parser:
        state.take(event)
    return members


def content_size(chunks: Iterable[bytes]) -> int:
    """Bytes of content of a file, with memory for one frame of it.

    Raises:
        FormatError: the file is damaged, truncated or foreign.
    """
    parser = ContainerParser()
    size = 0
    counts = True
    for chunk in itertools.chain(chunks, (None,)):
        if chunk is None:
            parser.feed_eof()
        else:
            parser.feed(chunk)
        for event in parser:
            if isinstance(event, HeaderEvent):
                counts = event.header.auxiliary is None
            elif isinstance(event, EndEvent) and counts:
                size += event.raw_size
    return size


MOST_PARTS = 1 << 20


class _State:
    def __init__(self, members: list[MemberInfo]) -> None:
        self._parts = 0
        self._members = members
        self._header: HeaderEvent | None = None
        self._frames: list[FrameInfo] = []

    def take(self, event: object) -> None:
        self._parts += isinstance(event, (HeaderEvent, FrameEvent))
        if self._parts > MOST_PARTS:
            raise LimitError(
                f"info describes at most {MOST_PARTS:,} members and frames; edgezip test reads them"
            )
        if isinstance(event, HeaderEvent):
            self._header, self._frames = event, []
        elif isinstance(event, FrameEvent):
            frame = event.frame
            parts = itertools.chain.from_iterable(map(without_tar, frame.channels))
            channels = tuple(
                ChannelReport(c.CODER_NAMES[part.coder], part.raw_size, len(part.payload))
                for part in parts
            )
            self._frames.append(FrameInfo(frame.position, frame.size, frame.raw_size, channels))
        elif isinstance(event, StoredChunk):
            self._stored(event)
        elif isinstance(event, EndEvent) and self._header is not None:
            self._members.append(self._member(self._header, event))

    def _stored(self, chunk: StoredChunk) -> None:
        position = self._header.position if self._header else 0
        before = self._frames[-1].raw_size if self._frames else 0
        size = before + len(chunk.data)
        channel = ChannelReport("stored", size, size)
        self._frames = [FrameInfo(position, size, size, (channel,))]

    def _member(self, start: HeaderEvent, end: EndEvent) -> MemberInfo:
        header = start.header
        settings = {name: int(value) for name, value in asdict(header.settings).items()}
        return MemberInfo(
            offset=start.position,
            packed_size=end.size,
            raw_size=end.raw_size,
            version=c.VERSION,
            engine=engine_name(header.engine),
            model_id=header.model.hex() if header.model else None,
            settings=settings if header.model else {},
            frames=tuple(self._frames),
            auxiliary=header.auxiliary,
            model_name=header.model_name,
        )


def without_tar(channel: Channel) -> Sequence[Channel]:
    """The channels inside of one that holds members of a tar; any other one itself."""
    if channel.transform != c.TARRED or channel.coder != c.NESTED:
        return (channel,)
    try:
        return decode_nested(channel.payload, split_params(channel.params)[0], True).channels
    except FormatError:
        return (channel,)  # whoever decodes it says what is wrong


def engine_name(engine: EngineField | None) -> str | None:
    """How an engine is called in reports: "strict 1" or "native 0123456789abcdef"."""
    if engine is None:
        return None
    if engine.kind == "strict":
        return f"strict {engine.version}"
    return f"native {engine.fingerprint.hex()}"
