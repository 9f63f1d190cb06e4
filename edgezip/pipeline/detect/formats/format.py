"""What a format is, and numbers out of bytes that may be cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edgezip.pipeline.detect.content import Found

SEARCHED = 256
"""Bytes that are copied or searched in the time of a step."""


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the table.

    Attributes:
        name: of the format, a word.
        signature: regular expression for the first bytes, each alternative with a plain byte first;
            None where they say nothing, so that only the start of the data and of members of a tar
            are looked at.
        parse: the samples found in what may be a file. Its end is that of the data where nothing
            more is known; samples may be stated to reach beyond. ValueError where it is no such
            file.
    """

    name: str
    signature: bytes | None
    parse: Callable[[File], list[Found]]


class Budget:
    """Work that may still be done in a frame. Headers that lie may send each parser a long way,
    and all of them the same one.

    Args:
        steps: numbers that are read, or as many bytes that are searched as take about as long.
    """

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Take off `steps`; ValueError where nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise ValueError("too much work")


@dataclass(frozen=True, slots=True)
class File:
    """Where a file may lie in `data`: from `start` to before `end`, which may lie beyond it."""

    data: bytes
    start: int
    end: int
    budget: Budget


class Reader:
    """Reads numbers at offsets from the start of a file.

    Raises ValueError, never anything else, for what lies outside, and where the budget is spent.
    """

    def __init__(self, file: File, big_endian: bool = False) -> None:
        self._data, self._start = file.data, file.start
        self._end = min(file.end, len(file.data))
        self._budget = file.budget
        self.big_endian = big_endian

    def bytes(self, offset: int, size: int) -> bytes:
        """`size` bytes at `offset`."""
        self._budget.spend(1 + size // SEARCHED)
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
