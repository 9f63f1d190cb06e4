"""What the coders from the standard library share.

Their parameters are fixed by format version 1 (docs/format.md), so they have neither settings nor
params.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from edgezip.errors import FormatError
from edgezip.pipeline.coders.coder import Coder, Encoded, Progress, Start
from edgezip.pipeline.context import Context

PORTION = 1 << 16
"""Bytes compressed at once, so that signals are answered and progress is told in between. Fixed, so
that what comes out cannot depend on time."""
_DAMAGED = 1 << 9
DECODED = 1 << 20
"""The same for decompression."""


class Compressor(Protocol):
    """The incremental compressors of zlib, bz2 and lzma, as far as they are alike."""

    def compress(self, data: memoryview, /) -> bytes:
        """Take `data`; what is ready."""

    def flush(self) -> bytes:
        """The rest."""


class Decompressor(Protocol):
    """The incremental decompressors of zlib, bz2 and lzma, as far as they are alike."""

    @property
    def eof(self) -> bool:
        """The stream is complete."""

    @property
    def unused_data(self) -> bytes:
        """What stands behind the stream."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """At most `max_length` bytes of content."""


def classical_coder(
    number: int,
    compressor: Callable[[int], Compressor],
    decompressor: Callable[[int], Decompressor],
    error: type[Exception],
) -> Coder:
    """A row of the table for a codec of the standard library.

    Args:
        number: of the coder.
        compressor: takes the size of the content.
        decompressor: takes the size of the content.
        error: what the decompressor raises for damaged data.
    """

    def encode(data: bytes, settings: Any, context: Context, progress: Progress) -> Encoded:
        encoder, view = compressor(len(data)), memoryview(data)
        parts = []
        for start in range(0, len(data), PORTION):
            piece = view[start : start + PORTION]
            parts.append(encoder.compress(piece))
            progress(len(piece))
        return Encoded(b"".join([*parts, encoder.flush()]))

    def decode(
        payload: bytes, params: bytes, size: int, context: Context, progress: Progress
    ) -> bytes:
        if params:
            raise FormatError("damaged: a classical codec has no params")
        decoder = decompressor(size)
        data = bytearray()
        try:
            for piece in _pieces(decoder, payload, size):
                data += piece
                if len(data) <= size:
                    progress(len(piece))
        except (error, EOFError, ValueError) as problem:
            raise FormatError(f"damaged data in a channel ({problem})") from problem
        if len(data) != size or not decoder.eof or decoder.unused_data:
            raise FormatError("damaged data: a channel does not have the size it states")
        return bytes(data)

    def start(
        payload: bytes, params: bytes, size: int, context: Context, progress: Progress
    ) -> Start:
        decoder = decompressor(size)
        data = bytearray()
        with contextlib.suppress(error, EOFError, ValueError):
            # In small portions: what a damaged one holds is lost as a whole.
            for at in range(0, len(payload), _DAMAGED):
                data += decoder.decompress(payload[at : at + _DAMAGED], size + 1 - len(data))
                if decoder.eof or len(data) > size:
                    break
        return Start.first(bytes(data[:size]))

    return Coder(number, encode, decode, start)


def _pieces(decoder: Decompressor, payload: bytes, size: int) -> Iterator[bytes]:
    """The content of `payload`, never more than `size` bytes and one, whatever it claims."""
    left, rest = size + 1, payload
    while left and not decoder.eof:
        piece = decoder.decompress(rest, min(left, DECODED))
        # zlib gives back what it did not need yet, the others keep it.
        rest = getattr(decoder, "unconsumed_tail", b"")
        if not piece:
            break
        left -= len(piece)
        yield piece
