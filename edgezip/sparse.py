"""Files with holes: where long runs of zero bytes go, nothing is written, as xz and zstd do it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from edgezip.streams import as_bytes, write_all

BLOCK = 1 << 13
"""Bytes that are left out together, at multiples of this; file systems keep blocks of 4 KiB."""
_ZEROS = bytes(BLOCK)


class SparseFile:
    """Writes to the end of a new regular file, past blocks of zero bytes.

    The file has its size only after `flush`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = 0
        self._hole = 0  # zero bytes at the end that are not in the file yet

    def write(self, data: bytes) -> int:
        """Take all of `data`."""
        content = as_bytes(data)
        for start, end, hole in _runs(content, -self._size % BLOCK):
            if hole:
                self._hole += end - start
            else:
                self._skip(self._hole)
                write_all(self._file, memoryview(content)[start:end])
        self._size += len(content)
        return len(content)

    def flush(self) -> None:
        """Give the file its size and flush it."""
        if self._hole:
            # A byte at the end, and no truncating to more than there is: some file systems refuse.
            self._skip(self._hole - 1)
            write_all(self._file, b"\0")
        self._file.flush()

    def _skip(self, count: int) -> None:
        if count:
            self._file.seek(count, os.SEEK_CUR)
        self._hole = 0


def _runs(content: bytes, first: int) -> Iterator[tuple[int, int, bool]]:
    """Pieces of `content` (start, end, hole); a block of the file begins at `first`."""
    start, hole = 0, False
    for block in range(first, len(content), BLOCK):
        if content.startswith(_ZEROS, block) != hole:
            if block > start:
                yield start, block, hole
            start, hole = block, not hole
    if start < len(content):
        yield start, len(content), hole
