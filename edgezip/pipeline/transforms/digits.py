r"""Bytes written as digits: base64 and hexadecimal, in lines or without.

A channel is a sequence of regions. A region is a number of digits, all from one alphabet, broken
into lines of equal length of which the last may be shorter. Undone, each is exactly what it was, or
the transform is not applied: base64 must have the padding and the zero bits that RFC 4648 wants.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from edgezip.container import constants as c
from edgezip.container import varint
from edgezip.errors import FormatError

_LINE_ENDS = (b"\n", b"\r\n")
_MOST_PARAMS = c.MAX_PARAMS // 2


@dataclass(frozen=True, slots=True)
class Digits:
    """A way to write bytes: `size` bytes as `count` digits.

    write: digits of some bytes; read: the inverse, or ValueError. line: what a line is made of,
    with padding, which only the last one has.
    """

    count: int
    size: int
    write: Callable[[bytes], bytes]
    read: Callable[[bytes], bytes]
    line: re.Pattern[bytes]

    def written(self, size: int) -> int:
        """Number of digits of `size` bytes."""
        return -(-size // self.size) * self.count


BASE64 = Digits(
    4,
    3,
    base64.b64encode,
    lambda written: base64.b64decode(written, validate=True),
    re.compile(rb"[A-Za-z0-9+/]*={0,2}"),
)
LOWER_HEX = Digits(2, 1, binascii.hexlify, binascii.unhexlify, re.compile(rb"[0-9a-f]*"))
UPPER_HEX = Digits(
    2,
    1,
    lambda data: binascii.hexlify(data).upper(),
    binascii.unhexlify,
    re.compile(rb"[0-9A-F]*"),
)


@dataclass(frozen=True, slots=True)
class _Region:
    """`size` bytes, in lines of `width` digits (0: one line) that end in line end number `end`;
    `closed`: the last line ends so too."""

    size: int
    width: int
    end: int
    closed: bool


def shorten(data: bytes, digits: Digits) -> tuple[bytes, bytes] | None:
    """The bytes that `data` writes, and the params; None where a part of it is something else.

    Params are three varints a region: size in bytes; width of a line; 2 x line end + closed.
    """
    parts: list[bytes] = []
    params = bytearray()
    position = 0
    while position < len(data):
        found = _region(data, position, digits)
        if found is None:
            return None
        region, content = found
        parts.append(content)
        params += varint.encode_all(region.size, region.width, 2 * region.end + region.closed)
        position += len(_write(content, region, digits))
        if len(params) > _MOST_PARAMS:
            return None
    return b"".join(parts), bytes(params)


def region_length(data: bytes, position: int, digits: Digits) -> int:
    """Bytes of the region that starts at `position`, 0 if none does."""
    found = _region(data, position, digits)
    if found is None:
        return 0
    region, content = found
    return len(_write(content, region, digits))


def restore(data: bytes, params: bytes, size: int, digits: Digits) -> bytes:
    """Undo `shorten`; the result has `size` bytes.

    Raises:
        FormatError: params that do not fit, or another size.
    """
    values = varint.decode_all(params)
    if len(values) % 3:
        raise FormatError("damaged: a region of digits without its layout")
    parts: list[bytes] = []
    position = written = 0
    for i in range(0, len(values), 3):
        count, width, flags = values[i : i + 3]
        if flags > 3 or count > len(data) - position:
            raise FormatError("damaged: the layout of digits does not fit them")
        region = _Region(count, width, flags >> 1, bool(flags & 1))
        lines = digits.written(count) // width + 2 if width else 2
        if written + digits.written(count) + lines > size + 4:
            raise FormatError("damaged: more digits than the channel has bytes")
        parts.append(_write(data[position : position + count], region, digits))
        written += len(parts[-1])
        position += count
    if position != len(data) or written != size:
        raise FormatError("damaged: digits do not add up to the size of the channel")
    return b"".join(parts)


def restore_start(data: bytes, params: bytes, size: int, digits: Digits) -> bytes:
    """What `restore` makes of the first bytes, whatever follows them."""
    values = varint.decode_all(params)
    out = bytearray()
    position = 0
    for count, width, flags in zip(values[::3], values[1::3], values[2::3], strict=False):
        if flags > 3 or len(out) > size:
            raise FormatError("damaged: the layout of digits does not fit them")
        content = data[position : position + count]
        whole = len(content) == count
        if not whole:
            content = content[: len(content) // digits.size * digits.size]
        lines = max(digits.written(len(content)) - 1, 0) // width if width else 0
        if len(out) + digits.written(len(content)) + lines > size:
            raise FormatError("damaged: more digits than the channel has bytes")
        out += _write(content, _Region(count, width, flags >> 1, whole and bool(flags & 1)), digits)
        position += count
        if not whole:
            break
    return bytes(out[:size])


def _write(content: bytes, region: _Region, digits: Digits) -> bytes:
    written = digits.write(content)
    end = _LINE_ENDS[region.end]
    width = region.width or len(written) or 1
    lines = [written[i : i + width] for i in range(0, len(written), width)]
    return end.join(lines) + (end if region.closed else b"")


def _region(data: bytes, position: int, digits: Digits) -> tuple[_Region, bytes] | None:
    """The longest region at `position` and what it writes."""
    line = _digits_at(data, position, digits)
    after = position + len(line)
    end = 1 if data.startswith(_LINE_ENDS[1], after) else 0
    mark = _LINE_ENDS[end]
    closed = data.startswith(mark, after)
    width = len(line) if closed else 0
    lines = [line]
    # Lines of one length, and a last one that is shorter, padded, or has no line end.
    while closed and b"=" not in line:
        at = after + len(mark)
        line = _digits_at(data, at, digits)
        if not 0 < len(line) <= width:
            break
        lines.append(line)
        after = at + len(line)
        closed = data.startswith(mark, after)
        if len(line) < width:
            break
    try:
        content = digits.read(b"".join(lines))
    except ValueError:
        return None
    region = _Region(len(content), width, end, closed)
    if not content or not data.startswith(_write(content, region, digits), position):
        return None
    return region, content


def _digits_at(data: bytes, position: int, digits: Digits) -> bytes:
    match = digits.line.match(data, position)
    return match[0] if match else b""
