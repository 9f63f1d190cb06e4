"""File objects over packed files, after `compression.zstd.ZstdFile` and `lzma.LZMAFile`."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TextIO, cast, overload

from edgezip.errors import SettingsError
from edgezip.incremental import AnyOptions, Compressor, with_model
from edgezip.pipeline.options import PackOptions, UnpackOptions
from edgezip.seeking import READ_SIZE, ContentReader
from edgezip.streams import byte_view, flush, is_seekable, write_all
from edgezip.unbroken import Unbroken

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Buffer

    Name = str | bytes | os.PathLike[str] | os.PathLike[bytes]

    class _Base(io.BufferedIOBase, BinaryIO):
        """What type checkers see: also an `IO[bytes]`."""
else:
    _Base = io.BufferedIOBase


class EdgezipFile(_Base, Unbroken):
    """A packed file that is read or written as if it were not packed.

    Reading decodes concatenated members one after the other. `seek` uses the index of the file, so
    that only the frames are decoded that are read, and asking for the size decodes nothing. Files
    without a right index (not complete, damaged) are decoded from the start instead.

    After a call that was interrupted reading goes on where it was, or refuses to if the file
    underneath cannot be sought in. Writing refuses to go on; what stood in a file before it was
    opened to append is then left as it was.

    Args:
        file: a name, or a binary file object, which is not closed by `close`.
        mode: "r" or "rb" to read, "w", "x" or "a" (with or without "b") to write; "a" appends a
            new member.
        model: as `PackOptions.model` and `UnpackOptions.model`, which it overrides.
        options: `UnpackOptions` to read, `PackOptions` to write.

    Raises:
        SettingsError: (a `ValueError`) an impossible mode, or options of the other direction.
        TypeError: `file` is neither a name nor a file object.
    """

    def __init__(
        self,
        file: Name | BinaryIO,
        mode: str = "r",
        *,
        model: str | Path | None = None,
        options: PackOptions | UnpackOptions | None = None,
    ) -> None:
        self._file: BinaryIO | None = None
        self._reader: ContentReader | None = None
        self._compressor: Compressor | None = None
        self._written = 0
        self._before: int | None = None
        self._closing = False
        base = mode.replace("b", "")
        if base not in {"r", "w", "x", "a"} or mode.count("b") > 1:
            raise SettingsError(f"invalid mode {mode!r}: use r, w, x or a, with b if you like")
        self._mode: Literal["rb", "wb"] = "rb" if base == "r" else "wb"
        if base == "r":
            unpack = with_model(_expect(options, UnpackOptions), model)
            self._open(file, base)
            self._reader = ContentReader(self._stream(), unpack)
        else:
            pack = with_model(_expect(options, PackOptions), model)
            self._compressor = Compressor(options=pack)
            self._open(file, base)
            self._before = _end_of(self._stream()) if base == "a" else None

    def _open(self, file: Name | BinaryIO, base: str) -> None:
        if isinstance(file, (str, bytes, os.PathLike)):
            # Written unbuffered, in large pieces: what is taken back cannot come after all.
            buffering = -1 if base == "r" else 0
            self._file = cast(BinaryIO, builtins.open(file, base + "b", buffering))  # noqa: SIM115
            self._owned = True
        elif hasattr(file, "read") or hasattr(file, "write"):
            self._file = file
            self._owned = False
        else:
            raise TypeError("file must be a name or a binary file object")

    def _stream(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("I/O operation on closed file")
        return self._file

    def _decoded(self) -> ContentReader:
        self._stream()
        if self._reader is None:
            raise io.UnsupportedOperation("file is not open for reading")
        return self._reader

    @property
    def name(self) -> str | bytes | int:
        """The name of the file underneath."""
        return cast("str | bytes | int", getattr(self._stream(), "name", ""))

    @property
    def mode(self) -> Literal["rb", "wb"]:  # type: ignore[override, unused-ignore]
        """Either "rb" or "wb"."""
        return self._mode

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._file is None

    def close(self) -> None:
        """Finish what is being written and close. May be called again.

        Raises:
            SettingsError: (a `ValueError`) a call was interrupted: what was written is incomplete.
        """
        if self._file is None:
            return
        try:
            if self._compressor is not None:
                self._begin()
                self._finish(self._file, self._compressor)
                self._compressor = None
                self._unfinished = False
        finally:
            self._release()

    def __exit__(self, kind: object, *error: object) -> None:
        if kind is not None and self._unfinished:
            # What failed is being told already.
            self._release()
        else:
            self.close()

    def _finish(self, file: BinaryIO, compressor: Compressor) -> None:
        write_all(file, compressor.flush())
        flush(file)

    def _release(self) -> None:
        """Close, and take back what was appended unless it is complete.

        Interrupted it can be called again: the file counts as open up to the last line.
        """
        file = self._file
        if file is None:
            return
        try:
            incomplete = self._compressor is not None
            if incomplete and self._before is not None and not file.closed:
                file.seek(self._before)
                file.truncate(self._before)
        finally:
            if self._owned:
                file.close()
        self._file = None

    def fileno(self) -> int:
        """The descriptor of the file underneath."""
        return self._stream().fileno()

    def readable(self) -> bool:
        """Whether this file was opened to be read."""
        self._stream()
        return self._mode == "rb"

    def writable(self) -> bool:
        """Whether this file was opened to be written."""
        self._stream()
        return self._mode == "wb"

    def seekable(self) -> bool:
        """Whether `seek` works."""
        return self.readable() and self._decoded().seekable

    def peek(self, size: int = -1) -> bytes:
        """Bytes that come next, at least one unless at the end, without advancing."""
        reader = self._decoded()
        return bytes(reader.rest(reader.position)[: max(size, READ_SIZE)])

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes, or all that remain. Raises EdgezipError for a bad file."""
        return self._decoded().read(-1 if size is None else size)

    def read1(self, size: int = -1) -> bytes:
        """Up to `size` bytes with few reads of the file underneath."""
        reader = self._decoded()
        there = len(reader.rest(reader.position)) if size else 0
        return reader.read(min(there, READ_SIZE if size < 0 else size))

    def readinto(self, buffer: Buffer) -> int:
        """Fill `buffer` and return the number of bytes."""
        with memoryview(buffer) as view, view.cast("B") as target:
            data = self.read(len(target))
            target[: len(data)] = data
        return len(data)

    def readinto1(self, buffer: Buffer) -> int:
        """Fill `buffer` with few reads of the file underneath; return the number of bytes."""
        with memoryview(buffer) as view, view.cast("B") as target:
            data = self.read1(len(target))
            target[: len(data)] = data
        return len(data)

    def readline(self, size: int | None = -1) -> bytes:
        """The next line with its newline."""
        return self._decoded().readline(-1 if size is None else size)

    def __iter__(self) -> Self:
        self._decoded()
        return self

    def __next__(self) -> bytes:
        line = self._decoded().readline(-1)
        if not line:
            raise StopIteration
        return line

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position of the content, at most to its end."""
        return self._decoded().seek(offset, whence)

    def tell(self) -> int:
        """Position in the content, bytes."""
        self._stream()
        return self._written if self._reader is None else self._reader.position

    def write(self, data: Buffer) -> int:
        """Take `data` and return its length in bytes.

        Raises:
            SettingsError: (a `ValueError`) an earlier call was interrupted.
        """
        stream = self._stream()
        if self._compressor is None:
            raise io.UnsupportedOperation("file is not open for writing")
        view = byte_view(data)
        self._begin()
        write_all(stream, self._compressor.compress(view))
        size = len(view)
        self._written += size
        self._unfinished = False
        return size

    def writelines(self, lines: Iterable[Buffer]) -> None:
        """Write each of `lines`."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """End the frame, so that everything written so far can be read from the file.

        That costs some 50 bytes, and what follows is coded without what stands before: do it
        where others wait for the data, not after every line.
        """
        stream = self._stream()
        if self._compressor is None or self._closing:
            return
        self._begin()
        write_all(stream, self._compressor.end_frame())
        flush(stream)
        self._unfinished = False


class _Text(io.TextIOWrapper):
    """Text over an `EdgezipFile`: closing it does not end a frame before it ends the member."""

    def close(self) -> None:
        if not self.closed and isinstance(self.buffer, EdgezipFile):
            self.buffer._closing = True  # noqa: SLF001 (between these two, and no one else's)
        super().close()


def _end_of(file: BinaryIO) -> int | None:
    """Where a file ends, if it can be cut off there and stands there."""
    if not is_seekable(file) or not hasattr(file, "truncate"):
        return None
    position = file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(position)
    return end if position == end else None


def _expect(options: PackOptions | UnpackOptions | None, wanted: type[AnyOptions]) -> AnyOptions:
    if options is None:
        return wanted()
    if not isinstance(options, wanted):
        raise SettingsError(f"options must be {wanted.__name__} in this mode")
    return options


@overload
def open(
    file: Name | BinaryIO,
    mode: Literal["r", "w", "a", "x", "rb", "wb", "ab", "xb"] = "rb",
    *,
    model: str | Path | None = None,
    options: PackOptions | UnpackOptions | None = None,
) -> EdgezipFile: ...


@overload
def open(
    file: Name | BinaryIO,
    mode: Literal["rt", "wt", "at", "xt"],
    *,
    model: str | Path | None = None,
    options: PackOptions | UnpackOptions | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> TextIO: ...


def open(
    file: Name | BinaryIO,
    mode: str = "rb",
    *,
    model: str | Path | None = None,
    options: PackOptions | UnpackOptions | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> EdgezipFile | TextIO:
    """Open a packed file in binary ("rb", the default) or text mode ("rt", "wt", ...).

    Args:
        file: as `EdgezipFile`.
        mode: as `EdgezipFile`, or with t.
        model: as `EdgezipFile`.
        options: as `EdgezipFile`.
        encoding: as `io.TextIOWrapper`; only in text modes, like the next two.
        errors: as `io.TextIOWrapper`.
        newline: as `io.TextIOWrapper`.

    Raises:
        SettingsError: (a `ValueError`) an impossible mode or combination.
        OSError: the file cannot be opened.
    """
    if "t" not in mode:
        if (encoding, errors, newline) != (None, None, None):
            raise SettingsError("encoding, errors and newline are for text modes")
        return EdgezipFile(file, mode, model=model, options=options)
    if "b" in mode:
        raise SettingsError(f"invalid mode {mode!r}: t and b exclude each other")
    binary = EdgezipFile(file, mode.replace("t", ""), model=model, options=options)
    try:
        return _Text(binary, encoding, errors, newline)
    except BaseException:
        binary.close()
        raise
