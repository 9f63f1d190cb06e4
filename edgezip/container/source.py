"""A byte queue that parsing coroutines take from, so that parsing does no I/O.

A coroutine yields None when it needs more bytes. Its bookkeeping is linear in the bytes it takes,
whatever the sizes of the pieces that are put in.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from edgezip.container import varint
from edgezip.errors import FormatError, TruncatedError

T = TypeVar("T")
Parse = Generator[None, None, T]


class Source:
    """Bytes that have been fed and not been taken yet.

    position: number of bytes taken so far, which is the position in the file.
    seen: while not None, everything taken is appended to it (for the checks of headers).
    closed: no more bytes will come.
    """

    __slots__ = ("buffer", "closed", "position", "seen")

    def __init__(self, data: bytes = b"", position: int = 0, closed: bool = False) -> None:
        self.buffer = bytearray(data)
        self.position = position
        self.closed = closed
        self.seen: bytearray | None = None

    def take_now(self, count: int) -> bytes:
        """The next `count` bytes, or fewer if fewer are there."""
        with memoryview(self.buffer) as view:
            data = bytes(view[:count])
        del self.buffer[:count]
        self.position += len(data)
        if self.seen is not None:
            self.seen += data
        return data

    def take(self, count: int) -> Parse[bytes]:
        """The next `count` bytes. TruncatedError if the source is closed before."""
        while len(self.buffer) < count:
            yield from self.wait()
        return self.take_now(count)

    def wait(self) -> Parse[None]:
        """Pause until something was fed. TruncatedError if nothing can come."""
        if self.closed:
            raise TruncatedError(
                f"the data ends too early, after {self.position + len(self.buffer)} bytes; get a"
                " complete copy of the file, or what is there with `unpack --recover`"
            )
        yield None

    def byte(self) -> Parse[int]:
        """The next byte."""
        while not self.buffer:
            yield from self.wait()
        return self.take_now(1)[0]

    def varint(self) -> Parse[int]:
        """The next varint. FormatError if it is longer than 9 bytes or than needed."""
        value = 0
        for count in range(varint.MAX_BYTES):
            byte = yield from self.byte()
            value |= (byte & 0x7F) << (7 * count)
            if byte < 0x80:
                if byte == 0 and count:
                    break
                return value
        raise FormatError("damaged: a number is longer than its value needs")

    def expect(self, wanted: bytes, message: str) -> Parse[None]:
        """Take `wanted`; FormatError with `message` as soon as something else has arrived."""
        done = 0
        while done < len(wanted):
            while not self.buffer:
                yield from self.wait()
            found = self.take_now(len(wanted) - done)
            if not wanted.startswith(found, done):
                raise FormatError(message)
            done += len(found)


def run(parse: Parse[T]) -> T:
    """The result of a coroutine whose source has all it needs or is closed."""
    while True:
        try:
            next(parse)
        except StopIteration as stop:
            result: T = stop.value
            return result
