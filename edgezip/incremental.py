"""Compression and decompression piece by piece, after `compression.zstd` and `lzma`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edgezip.errors import EdgezipError, SettingsError, TruncatedError
from edgezip.pipeline.options import PackOptions, UnpackOptions
from edgezip.streams import byte_view
from edgezip.unbroken import Unbroken

if TYPE_CHECKING:
    from typing_extensions import Buffer

AnyOptions = TypeVar("AnyOptions", PackOptions, UnpackOptions)


class Compressor(Unbroken):
    """Compresses data that comes in pieces into one member.

    After a call that was interrupted it refuses to go on, as the data would have a hole.

    Args:
        model: as `PackOptions.model`, which it overrides.
        options: how to compress.
    """

    def __init__(self, model: str | Path | None = None, options: PackOptions | None = None) -> None:
        from edgezip.pipeline.writer import Packer

        self._packer = Packer(with_model(options or PackOptions(), model))
        self._flushed = False

    def compress(self, data: Buffer) -> bytes:
        """Take `data` and return what is coded so far, often nothing: frames are coded whole.

        Raises:
            SettingsError: (a `ValueError`) after `flush`.
        """
        self._check()
        view = byte_view(data)
        self._begin()
        packed = self._packer.feed(view)
        self._unfinished = False
        return packed

    def end_frame(self) -> bytes:
        """End the frame, so that all data so far can be read from what is returned up to here.

        Every frame costs some 50 bytes and is coded without what stands before it.

        Raises:
            SettingsError: (a `ValueError`) after `flush`.
        """
        self._check()
        self._begin()
        packed = self._packer.end_frame()
        self._unfinished = False
        return packed

    def flush(self) -> bytes:
        """Finish the member and return the rest of it. The compressor cannot be used afterwards.

        Raises:
            SettingsError: (a `ValueError`) when called twice.
        """
        self._check()
        self._begin()
        packed = self._packer.finish()
        self._flushed = True
        self._unfinished = False
        return packed

    def _check(self) -> None:
        if self._flushed:
            raise SettingsError("the compressor has been flushed; make a new one")


class Decompressor(Unbroken):
    """Decompresses one member that comes in pieces.

    After a call that failed or was interrupted it refuses to go on, and `eof` stays false.

    What follows the member is left in `unused_data`; concatenated members need one decompressor
    each (`edgezip.decompress` and `edgezip.open` do that).

    Args:
        model: as `UnpackOptions.model`, which it overrides.
        options: how to decompress.
    """

    def __init__(
        self, model: str | Path | None = None, options: UnpackOptions | None = None
    ) -> None:
        from edgezip.pipeline.reader import Unpacker

        self._unpacker = Unpacker(with_model(options or UnpackOptions(), model), single=True)
        self._output = bytearray()
        self._fresh = True

    @property
    def eof(self) -> bool:
        """True when the end of the member was reached and everything was returned."""
        return not self._unfinished and self._unpacker.eof and not self._output

    @property
    def needs_input(self) -> bool:
        """False if `decompress(b"")` can return more before new input is needed."""
        return (
            not self._unfinished
            and not self._output
            and not self._unpacker.eof
            and (self._fresh or self._unpacker.needs_input)
        )

    @property
    def unused_data(self) -> bytes:
        """Input after the end of the member; empty before the end."""
        return self._unpacker.unused_data if self.eof else b""

    def decompress(self, data: Buffer, max_length: int = -1) -> bytes:
        """Take `data` and return up to `max_length` bytes of output (no limit if negative).

        Args:
            data: the next part of the file; may be empty.
            max_length: most bytes to return. When it stops the output, `needs_input` is false and
                the next call continues, with `b""` for instance.

        Raises:
            EOFError: the end of the member was reached before.
            FormatError: the data is not a valid file. Further calls raise the same error.
            SettingsError: (a `ValueError`) an earlier call was interrupted.
        """
        if self.eof:
            raise EOFError("the end of the member was reached already")
        piece = byte_view(data)
        self._begin()
        self._fresh = False
        try:
            self._unpacker.push(piece)
            self._produce(max_length)
        except EdgezipError as error:
            self._error = error
            raise
        result = self._take(max_length)
        self._unfinished = False
        return result

    def check_end(self) -> None:
        """Say that no more input will come.

        Raises:
            TruncatedError: (an `EOFError`) the member is not complete.
        """
        if self._unpacker.eof and not self._unfinished:
            return
        self._begin()
        try:
            self._unpacker.push_eof()
            self._produce(-1)
            if not self._unpacker.eof:
                raise TruncatedError("the file ends before its end mark: it is truncated")
        except EdgezipError as error:
            self._error = error
            raise
        self._unfinished = False

    def _produce(self, max_length: int) -> None:
        """Decode until the output suffices, the input is used up or the member ends."""
        while max_length < 0 or len(self._output) < max_length:
            raw = self._unpacker.pull()
            if raw is None:
                break
            self._output += raw

    def _take(self, max_length: int) -> bytes:
        if max_length < 0 or max_length >= len(self._output):
            result = bytes(self._output)
            self._output.clear()
        else:
            result = bytes(self._output[:max_length])
            del self._output[:max_length]
        return result


def with_model(options: AnyOptions, model: str | Path | None) -> AnyOptions:
    """`options` with `model`, unless that is None."""
    return options if model is None else dataclasses.replace(options, model=model)
