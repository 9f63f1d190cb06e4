"""x86 machine code with the targets of calls and jumps instead of the distances to them.

Calls of one function from many places then look alike. The distance stands behind the opcode, four
bytes, little-endian: call (E8), jump (E9), conditional jumps (0F 80 to 0F 8F), and loads from and
addresses of data beside the code (48 or 4C, 8B or 8D, RIP and a register). Method: E. Roshal's
filter in RAR and those of LZMA and PAQ8.
"""

from __future__ import annotations

import re

import numpy as np

from edgezip.errors import FormatError

_OPCODE = re.compile(
    rb"[\xe8\xe9]|\x0f[\x80-\x8f]|[\x48\x4c][\x8b\x8d][\x05\x0d\x15\x1d\x25\x2d\x35\x3d]"
)
_HALF, _WHOLE = 1 << 24, 1 << 25
"""Distances are those of 25 bits, with their sign: the fourth byte is 0 or 255."""
_FEWEST = 32
_KNOWN = 90
"""Percent of the different distances of calls that there may be different targets."""


def shorten(data: bytes) -> tuple[bytes, bytes] | None:
    """`data` with targets; None where it does not look like machine code. No params."""
    return (_turned(data, 1), b"") if _pays(data) else None


def restore(data: bytes, params: bytes, size: int) -> bytes:
    """Undo `shorten`; the result has `size` bytes.

    Raises:
        FormatError: params, or another size.
    """
    if params or len(data) != size:
        raise FormatError("damaged: machine code of another size, or with params")
    return _turned(data, -1)


def restore_start(data: bytes, params: bytes, size: int) -> bytes:
    """What `restore` makes of the first bytes, whatever follows them: no distance that may begin
    behind what is there reaches the last but three."""
    return _turned(data, -1)[: max(len(data) - 3, 0)][:size]


def _pays(data: bytes) -> bool:
    """Whether calls (E8) have fewer different targets than distances, each counted once."""
    codes = np.frombuffer(data, np.uint8)
    calls = np.flatnonzero(codes[:-4] == 0xE8)
    last = codes[calls + 4]
    calls = calls[(last == 0) | (last == 255)]
    if calls.size < _FEWEST:
        return False
    distances = sum(codes[calls + i].astype(np.int64) << 8 * (i - 1) for i in range(1, 4))
    targets = np.unique(distances + calls & 0xFFFFFF)
    return 100 * targets.size < _KNOWN * np.unique(distances).size


def _turned(data: bytes, sign: int) -> bytes:
    """`data` with the position added to (1) or taken from (-1) each distance.

    A fourth byte that has said no must stay: no distance that holds it is turned.
    """
    out = bytearray(data)
    position, limit, kept = 0, len(data) - 4, -1
    while (match := _OPCODE.search(data, position)) and match.end() <= limit:
        at = match.end()
        position = match.start() + 1
        if at <= kept:
            continue
        if data[at + 3] in (0, 255):
            value = int.from_bytes(data[at : at + 4], "little", signed=True) + sign * at
            value = (value + _HALF) % _WHOLE - _HALF
            out[at : at + 4] = value.to_bytes(4, "little", signed=True)
            position = at + 4
        else:
            kept = at + 3
    return bytes(out)
