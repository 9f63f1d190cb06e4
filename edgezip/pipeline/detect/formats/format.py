"""What a format is, and numbers out of bytes that may be cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edgezip.pipeline.detect.content import Found


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the table.

    Attributes:
        name: of the format, a word.
        signature: regular expression for the first bytes, each alternative with a plain byte first;
            None where they say nothing, so that only the start of the data and of members of a tar
            are looked at.
        parse: (data, start of the file, end of what can belong to it) -> samples found. The end is
            that of the data where nothing more is known; samples may be stated to reach beyond.
            ValueError where it is no such file.
    """

    name: str
    signature: bytes | None
    parse: Callable[[bytes, int, int], list[Found]]


class Reader:
    """Reads numbers at offsets from the start of a file inside of `data`.

    Raises ValueError, never anything else, for what lies outside.
    """

    def __init__(self, data: bytes, start: int, end: int, big_endian: bool = False) -> None:
        self._data, self._start, self._end = data, start, min(end, len(data))
        self.big_endian = big_endian

    def bytes(self, offset: int, size: int) -> bytes:
        """`size` bytes at `offset`."""
        begin = self._start + offset
        if offset < 0 or size < 0 or begin + size > self._end:
            raise ValueError("outside of the file")
        return self._data[begin : begin + size]

    def number(self, offset: int, size: int, signed: bool = False) -> int:
        """The number of `size` bytes at `offset`."""
        order: Literal["big", "little"] = "big" if self.big_endian else "little"
        return int.from_bytes(self.bytes(offset, size), order, signed=signed)

    def u8(self, offset: int) -> int:
        """One byte."""
        return self.number(offset, 1)

    def u16(self, offset: int) -> int:
        """Two bytes."""
        return self.number(offset, 2)

    def u32(self, offset: int) -> int:
        """Four bytes."""
        return self.number(offset, 4)


def expect(condition: bool, what: str) -> None:
    """Raise ValueError(what) unless `condition`."""
    if not condition:
        raise ValueError(what)
