"""Bytes in and out of whatever callers hand in: buffers of any type, files, pipes, objects.

A file that another program has made non-blocking (O_NONBLOCK belongs to the pipe, not to who opened
it) answers "nothing yet" with None or `BlockingIOError`. That is neither the end of the input nor a
failed write, so both directions wait.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Buffer

T = TypeVar("T")

CHUNK = 1 << 20
"""Bytes asked for at once."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.05
"""Seconds between two looks at a file that has nothing yet; doubled each time."""


def byte_view(data: Buffer) -> memoryview:
    """The bytes of a buffer: a view of uint8, copied only where its memory is not in one piece.

    Arrays and typed or strided views count by their bytes, in C order.

    Raises:
        TypeError: `data` is text or no buffer at all.
    """
    try:
        view = memoryview(data)
    except TypeError:
        name = type(data).__name__
        raise TypeError(f"a bytes-like object is required, not {name!r}") from None
    try:
        return view if view.format == "B" and view.ndim == 1 and view.contiguous else view.cast("B")
    except (TypeError, ValueError):
        # Not in one piece, or of a type that only its owner knows: a structure, a foreign order.
        return memoryview(view.tobytes())


def as_bytes(data: Buffer) -> bytes:
    """The bytes of a buffer, itself if it is `bytes`. TypeError as `byte_view`."""
    return data if type(data) is bytes else byte_view(data).tobytes()


def read_some(source: Any, size: int = -1) -> bytes:
    """The next bytes of a file, as many as it gives at once; none only at its end.

    Waits where the file has nothing yet. What the file itself raises passes through.
    """
    return as_bytes(_when_ready(lambda: source.read(size)))


def chunks(source: Any, size: int = CHUNK) -> Iterator[bytes]:
    """The content of a file to its end, in pieces of at most `size` bytes."""
    return iter(lambda: read_some(source, size), b"")


def first(source: Any, size: int) -> Iterator[bytes]:
    """The next `size` bytes of a file in pieces; fewer only at its end."""
    while size and (piece := read_some(source, min(size, CHUNK))):
        size -= len(piece)
        yield piece


class WholeReads:
    """A seekable file whose `read` gives fewer bytes than it is asked for only at the end."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        """The next `size` bytes."""
        return b"".join(first(self._file, size))

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position; returns it."""
        self._file.seek(position, whence)
        return self.tell()

    def tell(self) -> int:
        """The position."""
        position: int = self._file.tell()
        return position


def read_all(source: Any) -> bytes:
    """The content of a file to its end."""
    return b"".join(chunks(source))


def write_all(target: Any, data: Buffer) -> int:
    """Write all of `data`, in several calls where the file takes a part, and return its length."""
    rest = data if type(data) is bytes else byte_view(data)
    size = len(rest)
    while rest:
        done = _when_ready(partial(_write, target, rest))
        rest = memoryview(rest)[done:]
    return size


def flush(target: Any) -> None:
    """Flush a file if it has such a method, until it has taken everything."""

    def flushed() -> bool:
        getattr(target, "flush", bool)()
        return True

    _when_ready(flushed)


def is_seekable(file: Any) -> bool:
    """Whether a file says that it can be sought in; objects without the method cannot."""
    return bool(getattr(file, "seekable", bool)())


def _write(target: Any, data: bytes | memoryview) -> int | None:
    """The bytes of `data` that `target` took, None for none yet."""
    try:
        done: int | None = target.write(data)
    except BlockingIOError as error:
        # A buffered file has kept some of it.
        return getattr(error, "characters_written", 0) or None
    if done is None and not isinstance(target, io.RawIOBase):
        # A simple object that does not count; a raw file says so that it took nothing.
        return len(data)
    return done or None


def _when_ready(call: Callable[[], T | None]) -> T:
    """What `call` returns once that is not None, which with `BlockingIOError` means "not yet"."""
    pause = _FIRST_PAUSE
    while True:
        try:
            result = call()
        except BlockingIOError:
            result = None
        if result is not None:
            return result
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
