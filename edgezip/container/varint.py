"""Unsigned LEB128 integers of at most 9 bytes (63 bits) with one encoding per value."""

from __future__ import annotations

from edgezip.errors import FormatError, SettingsError, TruncatedError

MAX_BYTES = 9
MAX_VALUE = (1 << (7 * MAX_BYTES)) - 1


def encode(value: int) -> bytes:
    """The varint of `value`, 0 <= value < 2**63. SettingsError outside of that range."""
    if not 0 <= value <= MAX_VALUE:
        raise SettingsError(f"{value} does not fit a varint of the container (0 to 2**63 - 1)")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_all(*values: int) -> bytes:
    """The varints of `values`, one after the other."""
    return b"".join(map(encode, values))


def decode(data: bytes | bytearray | memoryview, position: int) -> tuple[int, int]:
    """The varint at `position` of `data` and the position after it.

    TruncatedError when `data` ends inside of it, FormatError when it is longer than needed.
    """
    value = 0
    for count in range(MAX_BYTES):
        if position + count >= len(data):
            raise TruncatedError("the data ends inside a number")
        byte = data[position + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            if byte == 0 and count:
                break
            return value, position + count + 1
    raise FormatError("damaged: a number is longer than its value needs")


def decode_all(data: bytes) -> list[int]:
    """All varints that `data` consists of; raises as `decode`."""
    values: list[int] = []
    position = 0
    while position < len(data):
        value, position = decode(data, position)
        values.append(value)
    return values
