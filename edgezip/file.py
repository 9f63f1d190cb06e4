"""File objects over packed files, after `compression.zstd.ZstdFile` and `lzma.LZMAFile`."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TextIO, cast, overload

from edgezip.errors import LimitError, SettingsError
from edgezip.incremental import AnyOptions, Compressor, Decompressor, with_model
from edgezip.pipeline.options import PackOptions, UnpackOptions
from edgezip.streams import byte_view, flush, is_seekable, read_some, write_all

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Name = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_READ_SIZE = 1 << 14


class EdgezipFile(io.BufferedIOBase):
    """A packed file that is read or written as if it were not packed.

    Reading decodes concatenated members one after the other. Seeking decodes: backwards it starts
    again at the beginning, so it is as slow as reading.

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
        self._reader: io.BufferedReader | None = None
        self._compressor: Compressor | None = None
        self._position = 0
        base = mode.replace("b", "")
        if base not in {"r", "w", "x", "a"} or mode.count("b") > 1:
            raise SettingsError(f"invalid mode {mode!r}: use r, w, x or a, with b if you like")
        self._mode: Literal["rb", "wb"] = "rb" if base == "r" else "wb"
        if base == "r":
            unpack = with_model(_expect(options, UnpackOptions), model)
            self._open(file, base)
            self._reader = io.BufferedReader(_RawReader(self._stream(), unpack), _READ_SIZE)
        else:
            pack = with_model(_expect(options, PackOptions), model)
            self._compressor = Compressor(options=pack)
            self._open(file, base)

    def _open(self, file: Name | BinaryIO, base: str) -> None:
        if isinstance(file, (str, bytes, os.PathLike)):
            self._file = cast(BinaryIO, builtins.open(file, base + "b"))  # noqa: SIM115
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

    def _decoded(self) -> io.BufferedReader:
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
        """ "rb" or "wb"."""
        return self._mode

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._file is None

    def close(self) -> None:
        """Finish what is being written and close. May be called again."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            if self._compressor is not None:
                write_all(file, self._compressor.flush())
            elif self._reader is not None:
                self._reader.close()
        finally:
            self._compressor = None
            if self._owned:
                file.close()

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
        return self.readable() and self._decoded().seekable()

    def peek(self, size: int = -1) -> bytes:
        """Bytes that come next, at least one unless at the end, without advancing."""
        return self._decoded().peek(size)

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes, or all that remain. Raises EdgezipError for a bad file."""
        return self._decoded().read(size)

    def read1(self, size: int = -1) -> bytes:
        """Up to `size` bytes with few reads of the file underneath."""
        return self._decoded().read1(_READ_SIZE if size < 0 else size)

    def readinto(self, buffer: Buffer) -> int:
        """Fill `buffer` and return the number of bytes."""
        return self._decoded().readinto(buffer)

    def readinto1(self, buffer: Buffer) -> int:
        """Fill `buffer` with few reads of the file underneath; return the number of bytes."""
        return self._decoded().readinto1(buffer)

    def readline(self, size: int | None = -1) -> bytes:
        """The next line with its newline."""
        return self._decoded().readline(-1 if size is None else size)

    def __iter__(self) -> EdgezipFile:
        self._decoded()
        return self

    def __next__(self) -> bytes:
        line = self._decoded().readline()
        if not line:
            raise StopIteration
        return line

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position of the content. Backwards decodes again from the start."""
        return self._decoded().seek(offset, whence)

    def tell(self) -> int:
        """Position in the content, bytes."""
        self._stream()
        return self._position if self._reader is None else self._reader.tell()

    def write(self, data: Buffer) -> int:
        """Take `data` and return its length in bytes."""
        stream = self._stream()
        if self._compressor is None:
            raise io.UnsupportedOperation("file is not open for writing")
        view = byte_view(data)
        write_all(stream, self._compressor.compress(view))
        self._position += len(view)
        return len(view)

    def writelines(self, lines: Iterable[Buffer]) -> None:
        """Write each of `lines`."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the file underneath. Data of an unfinished frame stays in memory until `close`."""
        stream = self._stream()
        if self._mode == "wb":
            flush(stream)


class _RawReader(io.RawIOBase):
    """The content of a packed file; restarts at the beginning to seek backwards."""

    def __init__(self, file: BinaryIO, options: UnpackOptions) -> None:
        self._file = file
        self._options = options
        self._start = file.tell() if is_seekable(file) else 0
        self._begin()

    def _begin(self) -> None:
        self._decompressor: Decompressor | None = Decompressor(options=self._options)
        self._position = 0
        self._at_end = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return is_seekable(self._file)

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        with memoryview(buffer) as view, view.cast("B") as target:
            data = self._decode(len(target))
            target[: len(data)] = data
        return len(data)

    def _decode(self, size: int) -> bytes:
        """1 to `size` bytes, or none at the end of the last member."""
        while not self._at_end and size:
            decompressor = self._member()
            if decompressor is None:
                break
            piece = read_some(self._file, _READ_SIZE) if decompressor.needs_input else b""
            if not piece and decompressor.needs_input:
                decompressor.check_end()
            data = decompressor.decompress(piece, size) if not decompressor.eof else b""
            if data:
                self._position += len(data)
                self._check_limit()
                return data
        return b""

    def _member(self) -> Decompressor | None:
        """The decompressor of the current member, a new one after the end of the last."""
        if self._decompressor is None or not self._decompressor.eof:
            return self._decompressor
        rest = self._decompressor.unused_data or read_some(self._file, _READ_SIZE)
        if not rest:
            self._at_end = True
            return None
        self._decompressor = Decompressor(options=self._options)
        self._decompressor.decompress(rest, 0)
        return self._decompressor

    def _check_limit(self) -> None:
        """`max_output` counts the whole file, of which a decompressor only sees one member."""
        limit = self._options.max_output
        if limit is not None and self._position > limit:
            raise LimitError(f"the content is larger than the limit of {limit} bytes")

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            while self._decode(_READ_SIZE):
                pass
            offset += self._position
        elif whence != io.SEEK_SET:
            raise ValueError(f"invalid whence: {whence}")
        if offset < self._position:
            self._file.seek(self._start)
            self._begin()
        while self._position < offset and self._decode(min(offset - self._position, _READ_SIZE)):
            pass
        return self._position


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
        file, mode, model, options: as `EdgezipFile`.
        encoding, errors, newline: as `io.TextIOWrapper`; only in text modes.

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
        return io.TextIOWrapper(cast(BinaryIO, binary), encoding, errors, newline)
    except BaseException:
        binary.close()
        raise
