"""Where the members of a tar lie: files begin there, and end where the tar says."""

from __future__ import annotations

import re

_MAGIC_AT, _SIZE_AT, _SIZE_LENGTH, _BLOCK = 257, 124, 12, 512
_MAGIC = re.compile(rb"ustar[\0 ]")
_OCTAL = re.compile(rb" *([0-7]{1,12})[ \0]*")


def members(data: bytes) -> list[tuple[int, int]]:
    """(start, end) of the content of the members whose headers lie in `data`, in order; the last
    may end beyond `data`. Also finds a tar inside of another file."""
    found: list[tuple[int, int]] = []
    for match in _MAGIC.finditer(data):
        header = match.start() - _MAGIC_AT
        if header < 0 or (found and header < found[-1][1]):
            continue
        size = _OCTAL.fullmatch(data[header + _SIZE_AT : header + _SIZE_AT + _SIZE_LENGTH])
        if size is not None:
            start = header + _BLOCK
            found.append((start, start + int(size[1], 8)))
    return found
