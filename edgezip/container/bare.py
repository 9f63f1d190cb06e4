"""The bare form: one channel without header, sizes and check.

For callers that carry the model, the engine, the settings, the raw size and a checksum themselves
(a database of short records): kind byte, params if any, payload.
"""

from __future__ import annotations

from edgezip.container import constants as c
from edgezip.container.headers import Rules, read_kind
from edgezip.container.source import Source, run
from edgezip.container.types import Channel
from edgezip.container.write import encode_kind
from edgezip.errors import FormatError


def encode_bare(channel: Channel) -> bytes:
    """The bare form of a channel: its payload and 1 byte, or more if it has params."""
    return encode_kind(channel) + channel.payload


def decode_bare(data: bytes, raw_size: int, rules: Rules | None = None) -> Channel:
    """The channel in `data`, which decodes to `raw_size` bytes. FormatError if impossible."""
    source = Source(data, closed=True)
    coder, transform, params = run(read_kind(source, rules or Rules()))
    payload = bytes(source.buffer)
    if coder == c.STORED and (transform or params or len(payload) != raw_size):
        raise FormatError("damaged: stored data of another size, or with params")
    if len(payload) > c.max_payload(raw_size):
        raise FormatError(f"damaged: a payload of {len(payload)} bytes for {raw_size} bytes")
    return Channel(coder, payload, raw_size, transform, params)
