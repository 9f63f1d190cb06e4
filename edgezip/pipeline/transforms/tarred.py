"""Members of a tar as a table of their headers and their contents (docs/format.md).

Of a header of 512 bytes or more two dozen are news, and some of those follow from others; a table
has only what is not as expected, and nothing fills blocks. Contents stand directly behind each
other. The table is in the params, where a list of members needs nothing else of the frame. The
writer of an archive knows where its headers are; nothing looks for them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edgezip.archive import members
from edgezip.archive.members import WRONG, Members
from edgezip.container import constants as c
from edgezip.errors import FormatError

CHECKED = 512
"""A frame of so many packed bytes has one check of four bytes, one of n times as many the square
root of n, about: what lies between two is lost of a frame that was cut off, besides what is not
there. 64 KiB have eleven checks, which are 0.07 % of it."""
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Shortened:
    """Members, and what is left of their frame.

    Attributes:
        data: the contents behind each other.
        files: where those of members lie in `data`: start and end of each that is not empty, in
            order. The last may end beyond `data`.
        members: all else, without checks.
        size: bytes of the frame.
    """

    data: bytes = field(repr=False)
    files: list[tuple[int, int]]
    members: Members
    size: int

    def params(self, packed: int) -> bytes:
        """Params that undo it. `packed`: bytes that `data` takes."""
        count = math.isqrt(packed // CHECKED)
        every = -(-len(self.data) // (count + 1)) if count else 0
        stretches = list(replace(self.members, every=every).stretches(self.size))
        if not stretches:
            return members.encode(self.members)
        checks = tuple(zlib.crc32(self.data[start:end]) for start, end in stretches)
        return members.encode(replace(self.members, every=every, checks=checks))


def shorten(data: bytes, headers: Sequence[tuple[int, int]], end: int = 0) -> Shortened | None:
    """Whole members, changed; None where that cannot be undone.

    Args:
        data: whole members, or nearly: the first may have begun before, the last end behind.
        headers: start and size of each header, with the extended ones before it.
        end: where the content of a member ends that began before, if its size is a multiple of 512.
    """
    try:
        made = _changed(data, headers, end)
        params = made.params(0)
        same = restore(made.data, params, len(data)) == data
    except FormatError:
        return None
    return made if same and len(params) < c.MAX_TARRED_PARAMS // 2 else None


def _changed(data: bytes, headers: Sequence[tuple[int, int]], end: int) -> Shortened:
    lead = headers[0][0] if headers else len(data)
    blocks = b"".join(data[start : start + size] for start, size in headers)
    known = Members(lead, end, blocks, b"")
    last = bytes(data[place - 1] for place in known.ends(len(data)))
    parts = [data[:lead]]
    files: list[tuple[int, int]] = []
    place = lead
    items = list(known.items())
    for item in items:
        stop = item.end
        if item is items[-1] and data.count(0, stop) < len(data) - stop:
            stop = len(data)  # its size is in an extended header
        if stop > item.start:
            files.append((place, place + stop - item.start))
        parts.append(data[item.start : stop])
        place += stop - item.start
    return Shortened(b"".join(parts), files, replace(known, last=last), len(data))


def restore(data: bytes, params: bytes, size: int) -> bytes:
    """Undo `shorten`; the result has `size` bytes.

    Raises:
        FormatError: params that do not fit, contents of other sizes than they say, or other ones.
    """
    known = members.decode(params, size)
    check(known, data, size)
    out = bytearray(data[: known.lead])
    position = known.lead
    items = list(known.items())
    for number, item in enumerate(items):
        out += item.header
        is_last = number == len(items) - 1
        stop = len(data) if is_last else position + item.size
        out += data[position:stop]
        if not is_last:
            out += bytes(-item.size % _BLOCK)
        position = stop
        if position > len(data):
            raise FormatError(WRONG)
    if position != len(data) or len(out) > size:
        raise FormatError(WRONG)
    out += bytes(size - len(out))
    if bytes(out[place - 1] for place in known.ends(size)) != known.last:
        raise FormatError(WRONG)
    return bytes(out)


def check(known: Members, data: bytes, size: int) -> None:
    """Compare contents with their checks. FormatError if they differ."""
    stretches = list(known.stretches(size))
    found = tuple(zlib.crc32(data[start:end]) for start, end in stretches)
    if found != known.checks or (stretches and stretches[-1][1] > len(data)):
        raise FormatError(WRONG)
