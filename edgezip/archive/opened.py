"""One member of an archive as a file of its own."""

from __future__ import annotations

import io
from threading import RLock
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

BUFFER = 1 << 16


class _Turns(io.RawIOBase):
    """A member to be read. All members are read from one file, whose position is the last one's:
    threads that read several take turns."""

    def __init__(self, file: IO[bytes], lock: RLock) -> None:
        self._file = file
        self._lock = lock

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        with memoryview(buffer) as view, view.cast("B") as target:
            with self._lock:
                data = self._file.read(len(target))
            target[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        with self._lock:
            return self._file.read()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def close(self) -> None:
        self._file.close()
        super().close()


def in_turns(file: IO[bytes], lock: RLock) -> io.BufferedReader:
    """`file`, which shares the position of another one, read only while `lock` is held."""
    return io.BufferedReader(_Turns(file, lock), BUFFER)
