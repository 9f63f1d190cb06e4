"""Members made of stored and deflated channels, and their decoding, for the tests."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from edgezip.container import (
    Channel,
    Event,
    FrameEvent,
    Header,
    MemberWriter,
    Span,
    StoredChunk,
    write_short,
)
from edgezip.errors import ChecksumError

Pieces = list[tuple[int, bytes]]


def deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def decode_channel(channel: Channel) -> bytes:
    if channel.coder != 1:
        return channel.payload
    try:
        return zlib.decompress(channel.payload, -15)
    except zlib.error as error:
        raise ChecksumError(str(error)) from error


def content(events: Iterable[Event]) -> bytes:
    """The verified content of all events."""
    out = b""
    for event in events:
        if isinstance(event, StoredChunk):
            out += event.data
        elif isinstance(event, FrameEvent):
            raw = event.frame.join([decode_channel(x) for x in event.frame.channels])
            event.frame.verify(raw)
            out += raw
    return out


def long_member(frames: list[Pieces], header: Header | None = None) -> bytes:
    """A member of frames of (channel, content) spans; odd channels are deflated."""
    writer = MemberWriter(header or Header())
    out = writer.begin()
    for pieces in frames:
        count = max(number for number, _ in pieces) + 1
        contents = [b"".join(data for n, data in pieces if n == k) for k in range(count)]
        channels = [
            Channel(1, deflate(data), len(data)) if k % 2 else Channel(0, data, len(data))
            for k, data in enumerate(contents)
        ]
        raw = b"".join(data for _, data in pieces)
        out += writer.frame(raw, channels, [Span(n, len(data)) for n, data in pieces])
    return out + writer.finish()


def stored(data: bytes) -> bytes:
    """A stored short member."""
    return write_short(Header(short=True), Channel(0, data, len(data)), data)
