"""A frame inside of a channel: channels and spans without mark, sizes and checks."""

from __future__ import annotations

from collections.abc import Sequence

from edgezip.container import constants as c
from edgezip.container.headers import Rules, read_channels
from edgezip.container.source import Source, run
from edgezip.container.types import Channel, Frame, Header, Span
from edgezip.container.write import encode_channels
from edgezip.errors import FormatError, TruncatedError


def encode_nested(raw_size: int, channels: Sequence[Channel], spans: Sequence[Span]) -> bytes:
    """What a frame of `raw_size` bytes consists of, then its payloads."""
    head = encode_channels(raw_size, channels, spans)
    return b"".join([head, *(channel.payload for channel in channels)])


def decode_nested(data: bytes, raw_size: int, with_model: bool) -> Frame:
    """The frame in `data`, whose content has `raw_size` bytes; nothing checks that.

    with_model: whether the member names a language model.

    Raises:
        FormatError: `data` is none.
    """
    if not 1 <= raw_size <= c.MAX_FRAME_SIZE:
        raise FormatError(f"damaged: a nested frame of {raw_size} bytes")
    source = Source(data, closed=True)
    header = Header(model=b"" if with_model else None)
    try:
        spans, heads = run(read_channels(source, header, Rules(), raw_size))
    except TruncatedError as error:
        raise FormatError("damaged: a nested frame that ends inside its head") from error
    channels = tuple(
        Channel(
            head.coder,
            source.take_now(head.payload_size),
            head.raw_size,
            head.transform,
            head.params,
        )
        for head in heads
    )
    left = len(source.buffer)
    if left or any(
        len(channel.payload) != head.payload_size
        for channel, head in zip(channels, heads, strict=True)
    ):
        raise FormatError("damaged: the payloads of a nested frame do not fill it")
    return Frame(0, raw_size, channels, spans, b"")
