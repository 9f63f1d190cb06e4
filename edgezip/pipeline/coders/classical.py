"""What the coders from the standard library share.

Their parameters are fixed by format version 1 (docs/format.md), so they have neither settings nor
params.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from edgezip.errors import FormatError
from edgezip.pipeline.coders.coder import Coder, Encoded, Progress
from edgezip.pipeline.context import Context


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
    compress: Callable[[bytes], bytes],
    decompressor: Callable[[int], Decompressor],
    error: type[Exception],
) -> Coder:
    """A row of the table for a codec of the standard library.

    Args:
        number: of the coder.
        compress: payload of some bytes.
        decompressor: takes the size of the content.
        error: what the decompressor raises for damaged data.
    """

    def encode(data: bytes, settings: Any, context: Context, progress: Progress) -> Encoded:
        payload = compress(data)
        progress(len(data))
        return Encoded(payload)

    def decode(
        payload: bytes, params: bytes, size: int, context: Context, progress: Progress
    ) -> bytes:
        if params:
            raise FormatError("damaged: a classical codec has no params")
        decoder = decompressor(size)
        try:
            # Never more than one byte too many, whatever the payload claims.
            data = decoder.decompress(payload, size + 1)
        except (error, EOFError, ValueError) as problem:
            raise FormatError(f"damaged data in a channel ({problem})") from problem
        if len(data) != size or not decoder.eof or decoder.unused_data:
            raise FormatError("damaged data: a channel does not have the size it states")
        progress(size)
        return data

    return Coder(number, encode, decode)
