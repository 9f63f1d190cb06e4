r"""The line end transforms: text with CR LF or CR as line ends is coded with LF.

Language models have hardly seen CR; predicting it costs them a quarter of such a text. Where a few
lines end in LF alone, their numbers are kept as exceptions, so that the transform stays exact.
"""

from __future__ import annotations

import re

from edgezip.container import varint
from edgezip.errors import FormatError

MAX_EXCEPTIONS = 64
_SWAPPED = bytes.maketrans(b"\r\n", b"\n\r")
_LONE_LF = re.compile(rb"(?<!\r)\n")


def shorten(data: bytes) -> tuple[bytes, bytes] | None:
    r"""`data` with LF for CR LF, and the params that undo it; None where that does not pay.

    Params are varints: for each LF that had no CR before it, the number of line ends since the
    last such one.
    """
    pairs = data.count(b"\r\n")
    lone = data.count(b"\n") - pairs
    if pairs < 8 or lone > min(MAX_EXCEPTIONS, pairs // 8):
        return None
    numbers: list[int] = []
    seen = 0
    for match in _LONE_LF.finditer(data):
        line = data.count(b"\n", 0, match.start())
        numbers.append(line - seen)
        seen = line + 1
    return data.replace(b"\r\n", b"\n"), varint.encode_all(*numbers)


def restore(data: bytes, params: bytes, size: int) -> bytes:
    """Undo `shorten`; the result has `size` bytes.

    Raises:
        FormatError: params that do not fit the text, or another size.
    """
    numbers = varint.decode_all(params)
    expected = len(data) + data.count(b"\n") - len(numbers)
    if expected != size:
        raise FormatError("damaged: line ends do not add up to the size of the text")
    parts = []
    position = 0
    for skipped in numbers:
        end = _after_lines(data, position, skipped)
        parts.append(data[position:end].replace(b"\n", b"\r\n"))
        lone = data.find(b"\n", end) + 1
        if not lone:
            raise FormatError("damaged: a line end exception behind the last line")
        parts.append(data[end:lone])
        position = lone
    parts.append(data[position:].replace(b"\n", b"\r\n"))
    return b"".join(parts)


def restore_start(data: bytes, params: bytes, size: int) -> bytes:
    """What `restore` makes of the first bytes, whatever follows them."""
    parts = []
    position = 0
    for skipped in varint.decode_all(params):
        try:
            end = _after_lines(data, position, skipped)
        except FormatError:
            break
        parts.append(data[position:end].replace(b"\n", b"\r\n"))
        position = (data.find(b"\n", end) + 1) or len(data)
        parts.append(data[end:position])
    parts.append(data[position:].replace(b"\n", b"\r\n"))
    return b"".join(parts)[:size]


def _after_lines(data: bytes, position: int, count: int) -> int:
    """The position behind the next `count` line ends."""
    for _ in range(count):
        position = data.find(b"\n", position) + 1
        if not position:
            raise FormatError("damaged: a line end exception behind the last line")
    return position


def swap(data: bytes) -> bytes:
    """LF for every CR and CR for every LF: its own inverse."""
    return data.translate(_SWAPPED)


def shorten_cr(data: bytes) -> tuple[bytes, bytes] | None:
    """`data` with its line ends, CR alone, as LF; None unless nearly all of them are. No params."""
    lone = data.count(b"\r") - data.count(b"\r\n")
    if lone < 8 or 8 * data.count(b"\n") > lone:
        return None
    return swap(data), b""


def restore_cr_start(data: bytes, params: bytes, size: int) -> bytes:
    """What `restore_cr` makes of the first bytes."""
    return swap(data[:size])


def restore_cr(data: bytes, params: bytes, size: int) -> bytes:
    """Undo `shorten_cr`; the result has `size` bytes.

    Raises:
        FormatError: params, or another size.
    """
    if params or len(data) != size:
        raise FormatError("damaged: swapped line ends of another size, or with params")
    return swap(data)
