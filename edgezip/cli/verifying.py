"""`pack --verify`: what was written is decoded and compared with what was read."""

from __future__ import annotations

import hashlib
from typing import Any, BinaryIO

from edgezip import api, streams
from edgezip.cli.inputs import as_binary
from edgezip.cli.outputs import Output
from edgezip.errors import ChecksumError, FormatError
from edgezip.pipeline.options import PackOptions, UnpackOptions


def verify_output(
    output: Output, digest: tuple[int, bytes], options: PackOptions, progress: Any
) -> None:
    """Decode what was written and compare it with what was read, by its size and hash.

    Raises:
        ChecksumError: they differ.
    """
    check = HashingWriter()
    same = UnpackOptions(
        model=options.model,
        threads=options.threads,
        gpu_layers=options.gpu_layers,
        prime=options.prime,
    )
    reason = "unpacking does not give the input back"
    source, target = output.read_back(), as_binary(check)
    try:
        api.unpack_stream(source, target, same, progress=progress)
    except ChecksumError:
        pass
    except FormatError as error:
        reason = str(error)
    else:
        if check.digest() == digest:
            return
    raise ChecksumError(
        f"verification failed: {reason}, so nothing was written; run edgezip doctor"
    )


class HashingReader:
    """Reads from a file and remembers a hash of what was read the first time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0
        self._first = True

    def seekable(self) -> bool:
        """Whether the file can be read again."""
        return self._file.seekable()

    def tell(self) -> int:
        """The position in the file."""
        return self._file.tell()

    def seek(self, position: int) -> int:
        """Go back: what is read from here on was read before, or should be the same."""
        self._first = False
        return self._file.seek(position)

    def read(self, size: int = -1) -> bytes:
        """The next bytes of the file."""
        data = streams.read_some(self._file, size)
        if self._first:
            self._hash.update(data)
            self._size += len(data)
        return data

    def digest(self) -> tuple[int, bytes]:
        """Number of bytes read, and their SHA-256."""
        return self._size, self._hash.digest()


class HashingWriter:
    """Takes content and keeps only its hash."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        """Take `data`."""
        self._hash.update(data)
        self._size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing to do."""

    def digest(self) -> tuple[int, bytes]:
        """Number of bytes written, and their SHA-256."""
        return self._size, self._hash.digest()
