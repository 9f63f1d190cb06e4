"""Tables that begin where a line of the processor's cache begins, in memory that is used again.

The four slots of a hash, the direct map of a nibble and 32 weights each of a row are one
line: what asks for a table's line ahead gets all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)

LINE = 64
"""Bytes of a line."""

_spare: NDArray[np.uint8] | None = None
_lock = Lock()


def zeros(size: int, dtype: type[Number]) -> NDArray[Number]:
    """Like np.zeros."""
    width = np.dtype(dtype).itemsize
    room: NDArray[Any] = np.zeros(size * width + LINE, np.uint8)
    start = -room.ctypes.data % LINE
    return room[start : start + size * width].view(dtype)


def tables(kinds: Mapping[str, tuple[int, Any]]) -> dict[str, NDArray[Any]]:
    """Return a table of zeros for each (size, dtype) of `kinds`, all in one block of memory.

    It is the one that `give_back` keeps, if that is large enough and not far too large: clearing
    memory takes a tenth of the time that the system needs to find some.
    """
    widths = [-(-size * np.dtype(dtype).itemsize // LINE) * LINE for size, dtype in kinds.values()]
    block = _take(sum(widths) + LINE)
    at = -block.ctypes.data % LINE
    made = {}
    for (name, (size, dtype)), width in zip(kinds.items(), widths, strict=True):
        made[name] = block[at : at + size * np.dtype(dtype).itemsize].view(dtype)
        at += width
    return made


def _take(size: int) -> NDArray[np.uint8]:
    global _spare
    with _lock:
        # A much larger one is left for whoever needs it.
        if _spare is None or not size <= _spare.size <= 4 * size:
            return np.zeros(size, np.uint8)
        block, _spare = _spare, None
    block[:size] = 0
    return block


def give_back(table: NDArray[Any]) -> None:
    """Keep the block of `table`, from `tables`, for the next ones; nobody may use any table of it
    any more. One block is kept, the largest."""
    global _spare
    block = table.base
    if not isinstance(block, np.ndarray):
        raise ValueError("this table has its memory for itself")
    with _lock:
        if _spare is None or _spare.size < block.size:
            _spare = block
