"""Progress counts of one thing told as counts of another."""

from __future__ import annotations

from collections.abc import Callable


class Scaled:
    """Turns counts of parts into counts of bytes that add up exactly.

    Args:
        parts: how many will be counted in all.
        size: bytes they stand for.
        progress: gets the bytes done since its last call.
    """

    def __init__(self, parts: int, size: int, progress: Callable[[int], None]) -> None:
        self._parts, self._size, self._progress = max(parts, 1), size, progress
        self._seen = self._told = 0

    def __call__(self, count: int) -> None:
        """`count` more parts are done."""
        self._seen += count
        self._tell(self._seen * self._size // self._parts)

    def finish(self) -> None:
        """All are done."""
        self._tell(self._size)

    def _tell(self, total: int) -> None:
        total = min(total, self._size)
        if total > self._told:
            self._progress(total - self._told)
            self._told = total
