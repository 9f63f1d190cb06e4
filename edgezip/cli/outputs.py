"""Where results go: a file that appears when it is complete, stdout, or a device."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from typing import IO, Any, BinaryIO, Protocol

from edgezip import descriptors, streams
from edgezip.atomic import AtomicFile
from edgezip.cli.console import is_terminal, printable
from edgezip.cli.inputs import as_binary
from edgezip.errors import InputError
from edgezip.sparse import SparseFile

STDOUT = "-"


class Output(Protocol):
    """Content on its way to its place.

    `file` takes it; `read_back` gives it again from the start; `commit` lets it stand. Without
    `commit` a file does not come into being. On a stream what was written is gone.
    """

    file: BinaryIO

    def read_back(self) -> BinaryIO:
        """What was written, from the start."""

    def commit(self, like: os.stat_result | None) -> list[str]:
        """Let the output stand, with permissions and times of `like`; what of that did not work."""


class Writer:
    """Writes to a file and says which one when that fails.

    Args:
        file: where to write.
        name: how messages call it.
        own: nobody else has written to the file, so that it may be written again from the start.
    """

    def __init__(self, file: BinaryIO, name: str, *, own: bool) -> None:
        self._file = file
        self._name = name
        self._own = own

    def seekable(self) -> bool:
        """Whether `seek` and `truncate` may be used.

        Never on stdout: after `>> file` they would destroy what was there.
        """
        return self._own

    def tell(self) -> int:
        """The position in the file."""
        return self._file.tell()

    def seek(self, position: int) -> int:
        """Go to a position from the start."""
        with naming(self._name):
            return self._file.seek(position)

    def truncate(self) -> int:
        """Cut the file off at the position."""
        with naming(self._name):
            return self._file.truncate()

    def write(self, data: bytes) -> int:
        """Write all of `data`.

        With PYTHONUNBUFFERED stdout is a raw file, which may take a part and call that a success.
        """
        with naming(self._name):
            return streams.write_all(self._file, data)

    def flush(self) -> None:
        """Flush the file."""
        with naming(self._name):
            streams.flush(self._file)


@contextlib.contextmanager
def naming(name: str) -> Iterator[None]:
    """Turn an `OSError` of the block into an `InputError` that names the output."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot write {printable(name)}: {reason}") from error


class FileOutput:
    """A file that appears under its name when it is committed."""

    def __init__(self, atomic: AtomicFile, sparse: bool) -> None:
        self._atomic = atomic
        self._name = str(atomic.path)
        file = as_binary(SparseFile(atomic.file)) if sparse else atomic.file
        self.file = as_binary(Writer(file, self._name, own=not sparse))

    def read_back(self) -> BinaryIO:
        """What was written, from the start."""
        self.file.flush()
        self._atomic.file.seek(0)
        return self._atomic.file

    def commit(self, like: os.stat_result | None) -> list[str]:
        """Give the file its name; what the file system could not do."""
        self.file.flush()
        with naming(self._name):
            return self._atomic.commit(like)


class StreamOutput:
    """stdout, a FIFO or a device: nothing to commit, and nothing to take back.

    With `spool`, everything waits in a temporary file until it is committed.
    """

    def __init__(self, stream: BinaryIO, name: str, spool: BinaryIO | None) -> None:
        self._stream = as_binary(Writer(stream, name, own=False))
        self._spool = spool
        self.file = self._stream
        if spool is not None:
            self.file = as_binary(Writer(spool, "temporary file", own=True))

    def read_back(self) -> BinaryIO:
        """What was written, from the start; only with `spool`."""
        assert self._spool is not None
        self._spool.seek(0)
        return self._spool

    def commit(self, like: os.stat_result | None) -> list[str]:
        """Write what was spooled."""
        if self._spool is not None:
            self._spool.seek(0)
            shutil.copyfileobj(self._spool, self._stream)
        self._stream.flush()
        return []


@contextlib.contextmanager
def open_output(
    name: str,
    *,
    force: bool,
    binary: bool,
    spool: bool,
    source: os.stat_result | None,
    sparse: bool = False,
) -> Iterator[Output]:
    """Open a new output.

    Args:
        name: file, or "-" for stdout.
        force: replace an existing file.
        binary: it is packed data, which must not go to a terminal.
        spool: it will be read back before it is committed.
        source: status of the input, which must be another file.
        sparse: leave holes for zero bytes in a file.

    Raises:
        InputError: it exists, is a directory, is the input, or is a terminal.
    """
    with contextlib.ExitStack() as stack:
        stream = _stream(name, binary, source, stack)
        if stream is not None:
            spooled = stack.enter_context(tempfile.TemporaryFile()) if spool else None
            yield StreamOutput(stream, "stdout" if name == STDOUT else name, spooled)
        else:
            with naming(name):
                atomic = stack.enter_context(AtomicFile(name, overwrite=force))
            yield FileOutput(atomic, sparse)


def written_to(name: str) -> str | int:
    """What is written to under `name`: the descriptor, if it stands for one of this process, or
    what another one has open there; else a file of this name, that is still to come."""
    if name == STDOUT:
        return descriptors.STDOUT
    number = descriptors.descriptor_of(name)
    if number is not None:
        return number
    return os.path.realpath(name) if descriptors.is_descriptor(name) else name


def _stream(
    name: str, binary: bool, source: os.stat_result | None, stack: contextlib.ExitStack
) -> BinaryIO | None:
    """The stream to write to, or None if `name` is to become a regular file."""
    if name == STDOUT:
        if sys.stdout is None:
            raise InputError("stdout is closed")
        if binary and is_terminal(sys.stdout):
            raise InputError("packed data is not written to a terminal; use -o FILE or redirect")
        _check_other_file(sys.stdout, source)
        return sys.stdout.buffer
    number = descriptors.descriptor_of(name)
    if number == descriptors.STDOUT:
        return _stream(STDOUT, binary, source, stack)
    if number is not None:
        stream = stack.enter_context(descriptors.open_descriptor(number))
        _check_other_file(stream, source)
        return _not_a_terminal(stream, binary)
    try:
        status = os.stat(name)
    except FileNotFoundError:
        return None
    if source is not None and os.path.samestat(status, source):
        raise InputError(f"{printable(name)} is the input itself")
    foreign = descriptors.is_descriptor(name)
    if not foreign and (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return None
    # A device, a FIFO or what another process has open is written to, never replaced or cut off.
    with naming(name):
        return _not_a_terminal(stack.enter_context(open(name, "ab" if foreign else "wb")), binary)


def _not_a_terminal(stream: BinaryIO, binary: bool) -> BinaryIO:
    if binary and stream.isatty():
        raise InputError("packed data is not written to a terminal; use -o FILE or redirect")
    return stream


def _check_other_file(stream: IO[Any], source: os.stat_result | None) -> None:
    """Raise `InputError` if a stream would write to the file that is read."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return
    if source is not None and stat.S_ISREG(status.st_mode) and os.path.samestat(status, source):
        raise InputError("the output is the input itself")
