"""Long kernels in portions of bounded time, so that Python answers signals in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

FIRST = 512
"""Items of the first portion: in plain Python it takes some seconds, compiled less than 10 ms."""
PATIENCE = 0.05
"""Seconds that a portion should take at most; one of twice as many items may take as long."""

Progress = Callable[[int], None]
"""Told how many bytes are done since the last call."""


def portions(total: int, progress: Progress | None = None) -> Iterator[tuple[int, int]]:
    """Yield (begin, end) of portions that cover `total` items, in order.

    What a portion gives must not depend on where it ends. `progress` is told after each how many
    items it had; what it raises, or what a signal's handler raises, ends the work there.
    """
    size, begin = FIRST, 0
    while begin < total:
        end = min(begin + size, total)
        started = time.perf_counter()
        yield begin, end
        took = time.perf_counter() - started
        if took < PATIENCE:
            size *= 2
        elif took > 2 * PATIENCE:
            size = max(size // 2, 1)
        if progress is not None:
            progress(end - begin)
        begin = end
