"""Auxiliary members: content that is not part of the content of the file.

They are coded with bzip2 or LZMA, so that reading one needs neither a model nor Numba's kernels,
which take a second to load.
"""

from __future__ import annotations

import bz2
import lzma
from typing import BinaryIO

from edgezip.container import Channel, Frame, Header, MemberWriter, index
from edgezip.container import constants as c
from edgezip.container.endrecord import IndexedMember
from edgezip.errors import FormatError
from edgezip.pipeline.rawlzma import filters

FRAME_SIZE = 8 << 20


def pack_auxiliary(raw: bytes, kind: int) -> bytes:
    """`raw` as an auxiliary member."""
    writer = MemberWriter(Header(auxiliary=kind))
    out = [writer.begin()]
    for start in range(0, len(raw), FRAME_SIZE):
        part = raw[start : start + FRAME_SIZE]
        ways = ((c.STORED, part), (c.BZIP2, bz2.compress(part)), (c.LZMA, _lzma(part)))
        coder, packed = min(ways, key=lambda way: len(way[1]))
        out.append(writer.frame(part, [Channel(coder, packed, len(part))]))
    return b"".join([*out, writer.finish()])


def _lzma(part: bytes) -> bytes:
    return lzma.compress(part, lzma.FORMAT_RAW, filters=filters(len(part)))


def read_auxiliary(file: BinaryIO, member: IndexedMember) -> bytes:
    """The verified content of an auxiliary member that needs no model.

    Raises:
        FormatError: it is damaged, or needs one.
    """
    return b"".join(
        _decode(index.load_frame(file, member, frame), member.header) for frame in member.frames
    )


def _decode(frame: Frame, header: Header) -> bytes:
    channel = frame.channels[0]
    if len(frame.channels) == 1 and not channel.transform and not channel.params:
        if channel.coder == c.STORED:
            frame.verify(channel.payload)
            return channel.payload
        if channel.coder == c.BZIP2:
            return _decompressed(frame, channel, bz2.BZ2Decompressor())
        if channel.coder == c.LZMA:
            decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters(channel.raw_size))
            return _decompressed(frame, channel, decompressor)
    from edgezip.pipeline.channels import decode_frame
    from edgezip.pipeline.context import Context

    return decode_frame(frame, Context(settings=header.settings), lambda count: None)


def _decompressed(
    frame: Frame, channel: Channel, decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor
) -> bytes:
    try:
        raw = decompressor.decompress(channel.payload, frame.raw_size + 1)
    except (OSError, lzma.LZMAError) as error:
        raise FormatError("damaged: a table of contents cannot be decoded") from error
    if len(raw) != frame.raw_size or not decompressor.eof or decompressor.unused_data:
        raise FormatError("damaged: a table of contents has another size than stored")
    frame.verify(raw)
    return raw
