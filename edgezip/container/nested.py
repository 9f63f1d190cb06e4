"""A frame inside of a channel: channels and spans without mark, sizes and checks."""

from __future__ import annotations

from collections.abc import Sequence

from edgezip.container import constants as c
from edgezip.container.headers import Rules, read_channels, with_payloads
from edgezip.container.source import Source, run
from edgezip.container.types import Channel, Frame, Header, Span
from edgezip.container.write import encode_channels, payloads_of
from edgezip.errors import FormatError, TruncatedError


def encode_nested(raw_size: int, channels: Sequence[Channel], spans: Sequence[Span]) -> bytes:
    """What a frame of `raw_size` bytes consists of, then its payloads."""
    head = encode_channels(raw_size, channels, spans)
    return b"".join([head, *payloads_of(channels)])


def decode_nested(data: bytes, raw_size: int, with_model: bool) -> Frame:
    """The frame in `data`, whose content has `raw_size` bytes; nothing checks that.

    with_model: whether the member names a language model.

    Raises:
        FormatError: `data` is none.
    """
    frame, missing = start_of_nested(data, raw_size, with_model)
    if any(missing):
        raise FormatError("damaged: the payloads of a nested frame do not fill it")
    return frame


def start_of_nested(data: bytes, raw_size: int, with_model: bool) -> tuple[Frame, list[int]]:
    """As `decode_nested`, but `data` may end inside of a payload, and those behind are empty.

    Returns: the frame, and how many bytes are missing of each payload.
    """
    if not 1 <= raw_size <= c.MAX_FRAME_SIZE:
        raise FormatError(f"damaged: a nested frame of {raw_size} bytes")
    source = Source(data, closed=True)
    header = Header(model=b"" if with_model else None)
    try:
        spans, heads = run(read_channels(source, header, Rules(), raw_size))
    except TruncatedError as error:
        raise FormatError("damaged: a nested frame that ends inside its head") from error
    channels = with_payloads(heads, source.take_now)
    if source.buffer:
        raise FormatError("damaged: the payloads of a nested frame do not fill it")
    missing = [
        head.payload_size - len(channel.payload)
        for head, channel in zip(heads, channels, strict=True)
    ]
    return Frame(0, raw_size, channels, spans, b""), missing
