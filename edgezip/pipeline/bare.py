"""One channel without header, sizes and checksum, for callers that carry those themselves."""

from __future__ import annotations

from edgezip.container import Channel, Settings
from edgezip.container import constants as c
from edgezip.container.bare import decode_bare, encode_bare
from edgezip.errors import FormatError
from edgezip.pipeline.channels import decode_channel
from edgezip.pipeline.context import Context
from edgezip.pipeline.frames import encode_frame
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.parts import Part


def compress_bare(data: bytes, options: PackOptions) -> bytes:
    """`data` as a kind byte and a payload: at most one byte larger than `data`.

    Nothing else is stored: `decompress_bare` must be given the size, the same model and the same
    options, and a damaged message gives wrong bytes without a word.
    """
    if not data:
        return b""
    context = _context(options)
    content = encode_frame(data, context, options, lambda count: None)
    channel = content.channels[0]
    if len(content.channels) > 1:
        channel = Part(data, context).compact.channel
    if len(channel.payload) >= len(data):
        channel = Channel(c.STORED, data, len(data))
    return encode_bare(channel)


def decompress_bare(data: bytes, size: int, options: PackOptions) -> bytes:
    """The `size` bytes that `compress_bare` was given, under the same options.

    Raises:
        FormatError: the message cannot be one of that size.
    """
    if not size:
        return b""
    channel = decode_bare(data, size)
    raw = decode_channel(channel, _context(options), lambda count: None)
    if len(raw) != size:
        raise FormatError("damaged message, or not the size or model it was packed with")
    return raw


def _context(options: PackOptions) -> Context:
    model = open_for_packing(options)
    settings = model.settings(options) if model else Settings()
    return Context(model, settings, options.prime or b"", all_contexts=options.all_contexts)
