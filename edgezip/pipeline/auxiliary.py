"""Auxiliary members: content that is not part of the content of the file.

They are coded with bzip2, so that reading one needs neither a model nor Numba's kernels, which take
a second to load.
"""

from __future__ import annotations

import bz2
from typing import BinaryIO

from edgezip.container import Channel, Frame, Header, MemberWriter, index
from edgezip.container import constants as c
from edgezip.container.endrecord import IndexedMember
from edgezip.errors import FormatError

FRAME_SIZE = 8 << 20


def pack_auxiliary(raw: bytes, kind: int) -> bytes:
    """`raw` as an auxiliary member."""
    writer = MemberWriter(Header(auxiliary=kind))
    out = [writer.begin()]
    for start in range(0, len(raw), FRAME_SIZE):
        part = raw[start : start + FRAME_SIZE]
        packed = bz2.compress(part)
        small = len(packed) < len(part)
        channel = Channel(c.BZIP2 if small else c.STORED, packed if small else part, len(part))
        out.append(writer.frame(part, [channel]))
    return b"".join([*out, writer.finish()])


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
            return _bzip2(frame, channel)
    from edgezip.pipeline.context import Context
    from edgezip.pipeline.frames import decode_frame

    return decode_frame(frame, Context(settings=header.settings), lambda count: None)


def _bzip2(frame: Frame, channel: Channel) -> bytes:
    decompressor = bz2.BZ2Decompressor()
    try:
        raw = decompressor.decompress(channel.payload, frame.raw_size + 1)
    except OSError as error:
        raise FormatError("damaged: a table of contents cannot be decoded") from error
    if len(raw) != frame.raw_size or not decompressor.eof or decompressor.unused_data:
        raise FormatError("damaged: a table of contents has another size than stored")
    frame.verify(raw)
    return raw
