"""Members of a tar as a table of their headers and their contents (docs/format.md).

Of a header of 512 bytes or more two dozen are news, and some of those follow from others; a table
has only what is not as expected, and nothing fills blocks. Contents stand directly behind each
other. The writer of an archive knows where its headers are; nothing looks for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from edgezip.archive import table
from edgezip.container import varint
from edgezip.container.source import Source
from edgezip.errors import FormatError

MIN_HEADERS = 3
"""Headers from which a table takes less than they do."""
_BLOCK = 512
_CHECKSUM = slice(148, 156)
_SIZE = slice(124, 136)
_TYPE = 156
_FILE = ord("0")
_WRONG = "damaged: headers and contents do not fit each other"


class Shortened(NamedTuple):
    """The changed bytes, the params that undo it, and where the contents of members lie in `data`:
    start and end of each that is not empty, in order. The last may end beyond `data`."""

    data: bytes
    params: bytes
    files: list[tuple[int, int]]


def shorten(data: bytes, headers: Sequence[tuple[int, int]]) -> Shortened | None:
    """Whole members, changed; None where that does not pay.

    Args:
        data: whole members, or nearly: the first may have begun before, the last end behind.
        headers: start and size of each header, with the extended ones before it.
    """
    if len(headers) < MIN_HEADERS:
        return None
    try:
        made = _changed(data, headers)
        same = restore(made.data, made.params, len(data)) == data
    except FormatError:
        return None
    return made if same else None


def _changed(data: bytes, headers: Sequence[tuple[int, int]]) -> Shortened:
    lead = headers[0][0]
    written = table.encode(b"".join(data[start : start + size] for start, size in headers))
    parts = [data[:lead], written]
    files: list[tuple[int, int]] = []
    place = lead + len(written)
    for start, size in headers:
        behind = start + size
        length = _content_size(data[behind - _BLOCK : behind])
        if length:
            files.append((place, place + length))
        parts.append(data[behind : behind + length])
        place += length
    return Shortened(b"".join(parts), varint.encode_all(lead, len(written)), files)


def restore(data: bytes, params: bytes, size: int) -> bytes:
    """Undo `shorten`; the result has `size` bytes.

    Raises:
        FormatError: params that do not fit, no table, or contents of other sizes than it says.
    """
    numbers = varint.decode_all(params)
    if len(numbers) != 2 or sum(numbers) > len(data):
        raise FormatError(_WRONG)
    lead, length = numbers
    written = data[lead : lead + length]
    if table.headers_size(written) > size:
        raise FormatError(_WRONG)
    source = Source(written, closed=True)
    headers = table.decode(source)
    if source.buffer:
        raise FormatError(_WRONG)
    out = bytearray(data[:lead])
    place, position = 0, lead + length
    while place < len(headers):
        behind = place + _BLOCK + table.content_size(headers[place : place + _BLOCK])
        out += _with_checksum(headers[place : place + _BLOCK]) + headers[place + _BLOCK : behind]
        content = data[position : position + _content_size(headers[place : place + _BLOCK])]
        position += len(content)
        out += content
        place = behind
        if place < len(headers):
            out += bytes(-len(content) % _BLOCK)
    if position != len(data) or len(out) > size:
        raise FormatError(_WRONG)
    return bytes(out) + bytes(size - len(out))


def _content_size(header: bytes) -> int:
    """Bytes of the content of a member by its block; FormatError if that has no size."""
    if header[_TYPE] != _FILE:
        return 0
    digits = header[_SIZE].rstrip(b"\0 ")
    if not digits.isdigit() or digits.strip(b"01234567"):
        raise FormatError(_WRONG)
    return int(digits, 8)


def _with_checksum(header: bytes) -> bytes:
    """A block whose checksum is as Python and GNU tar write it."""
    before, behind = header[: _CHECKSUM.start], header[_CHECKSUM.stop :]
    return before + b"%06o\0 " % (sum(before) + sum(behind) + 8 * ord(" ")) + behind
