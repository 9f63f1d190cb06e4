"""Tables that begin where a line of the processor's cache begins."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)

LINE = 64
"""Bytes of a line."""


def zeros(size: int, dtype: type[Number]) -> NDArray[Number]:
    """Like np.zeros. The four slots of a hash, the direct map of a nibble and each quarter of a row
    of weights then are one line: what asks for a table's line ahead gets all of it."""
    width = np.dtype(dtype).itemsize
    room: NDArray[Any] = np.zeros(size * width + LINE, np.uint8)
    start = -room.ctypes.data % LINE
    return room[start : start + size * width].view(dtype)


def copied(table: NDArray[Number]) -> NDArray[Number]:
    """A copy of `table` (n,)."""
    copy = zeros(table.size, table.dtype.type)
    copy[:] = table
    return copy


def full(size: int, value: int, dtype: type[Number]) -> NDArray[Number]:
    """Like np.full."""
    table = zeros(size, dtype)
    table.fill(value)
    return table
