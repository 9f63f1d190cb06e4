"""Where the members of a tar lie: files begin there, and end where the tar says."""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence

_MAGIC_AT, _SIZE_AT, _SIZE_LENGTH, _BLOCK = 257, 124, 12, 512
_MAGIC = re.compile(rb"ustar[\0 ]")
_FAR = 1 << 64
_OCTAL = re.compile(rb" *([0-7]{1,12})[ \0]*")


def members(data: bytes, start: int = 0) -> list[tuple[int, int]]:
    """(start, end) of the content of the members whose headers lie in `data` from `start` on, in
    order; the last may end beyond `data`. Also finds a tar inside of another file."""
    found: list[tuple[int, int]] = []
    for match in _MAGIC.finditer(data, start):
        header = match.start() - _MAGIC_AT
        if header < start or (found and header < found[-1][1]):
            continue
        size = _OCTAL.fullmatch(data[header + _SIZE_AT : header + _SIZE_AT + _SIZE_LENGTH])
        if size is not None:
            behind = header + _BLOCK
            found.append((behind, behind + int(size[1], 8)))
    return found


class Files:
    """Where files lie in some bytes: by the headers of a tar in them, or as the caller knows.

    Args:
        data: the bytes.
        known: start and end of each file, in order and apart; None if nobody knows. A tar among
            them is still looked into.
    """

    def __init__(self, data: bytes, known: Sequence[tuple[int, int]] | None = None) -> None:
        if known is None:
            self._all = [members(data)]
        else:  # no header lies before: what precedes files is a table of them
            self._all = [list(known), members(data, known[0][0]) if known else []]

    def starts(self) -> list[int]:
        """Where files begin."""
        return [start for files in self._all for start, _ in files]

    def end(self, place: int) -> int | None:
        """Where the innermost file ends that has the byte at `place`; None if none has."""
        ends = []
        for files in self._all:
            inside = bisect.bisect_right(files, (place, _FAR)) - 1
            if inside >= 0 and files[inside][1] > place:
                ends.append(files[inside][1])
        return min(ends, default=None)
