"""One-shot and stream functions of the Python API.

The heavy imports happen in the functions: `import edgezip` must stay cheap.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from edgezip.pipeline.options import (
        MemberInfo,
        PackOptions,
        PackReport,
        UnpackOptions,
        UnpackReport,
    )

CHUNK = 1 << 20
MOST_GROWTH = 32
"""Bytes by which a packed file may be larger than its content before it is stored instead."""


def compress(
    data: bytes | bytearray | memoryview,
    *,
    model: str | Path | None = None,
    options: PackOptions | None = None,
) -> bytes:
    """Compress `data` into one edgezip member, at most `MOST_GROWTH` bytes larger than `data`.

    Args:
        data: what to compress.
        model: GGUF path, name or SHA-256 prefix; "none" for no language model. Wins over
            `options.model`.
        options: all other settings.

    Raises:
        ModelError: the model is missing or unusable.
        EngineError: the engine is missing or fails its self-test.
    """
    from edgezip.pipeline.writer import Packer, pack_stored

    packer = Packer(_pack_options(model, options), len(data))
    packed = packer.feed(data) + packer.finish()
    stored = pack_stored(bytes(data)) if len(packed) > len(data) else packed
    return min(packed, stored, key=len)


def decompress(
    data: bytes | bytearray | memoryview,
    *,
    model: str | Path | None = None,
    options: UnpackOptions | None = None,
) -> bytes:
    """Decompress one or more concatenated edgezip members.

    Args:
        data: the whole file.
        model: a GGUF to look at before the usual places. Wins over `options.model`.
        options: limits and other settings.

    Raises:
        TruncatedError: `data` ends too early.
        FormatError: damaged or foreign data.
        ModelError: the model that the file names is missing.
        EngineError: the file needs another engine.
        LimitError: the output would exceed `options.max_output`.
    """
    from edgezip.pipeline.reader import Unpacker

    unpacker = Unpacker(_unpack_options(model, options))
    return unpacker.feed(data) + unpacker.feed_eof()


def compress_bare(
    data: bytes | bytearray | memoryview,
    *,
    model: str | Path | None = None,
    options: PackOptions | None = None,
) -> bytes:
    """Compress a message without header, size and checksum: at most one byte larger than `data`.

    For callers that keep those themselves. `decompress_bare` must be given the size and the same
    model and options; damage gives wrong bytes without a word.
    """
    from edgezip.pipeline import bare

    return bare.compress_bare(bytes(data), _pack_options(model, options))


def decompress_bare(
    data: bytes | bytearray | memoryview,
    size: int,
    *,
    model: str | Path | None = None,
    options: PackOptions | None = None,
) -> bytes:
    """The `size` bytes that `compress_bare` was given, under the same model and options.

    Raises:
        FormatError: the message cannot be one of that size.
    """
    from edgezip.pipeline import bare

    return bare.decompress_bare(bytes(data), size, _pack_options(model, options))


def pack_stream(
    source: BinaryIO,
    target: BinaryIO,
    options: PackOptions,
    *,
    size: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> PackReport:
    """Compress everything that `source` gives into `target`.

    Where both are seekable the result is at most `MOST_GROWTH` bytes larger than the input; a pipe
    that cannot be compressed grows by some 30 bytes for each frame.

    Args:
        source: readable binary file.
        target: writable binary file.
        options: how to pack.
        size: raw size if it is known.
        progress: called with the raw bytes done so far.
    """
    from edgezip.pipeline.writer import Packer

    started = time.monotonic()
    start = (source.tell(), target.tell()) if _both_seekable(source, target) else None
    packer = Packer(options, size, progress)
    while chunk := source.read(CHUNK):
        target.write(packer.feed(chunk))
    target.write(packer.finish())
    report = packer.report(time.monotonic() - started)
    if start is None or report.packed_size <= report.raw_size + MOST_GROWTH:
        return report
    source.seek(start[0])
    target.seek(start[1])
    target.truncate()
    return store_stream(source, target, report.raw_size)


def _both_seekable(source: BinaryIO, target: BinaryIO) -> bool:
    # A file opened for appending can be sought in, but it would be cut off where it began.
    appending = "a" in str(getattr(target, "mode", ""))
    return source.seekable() and target.seekable() and not appending


def store_stream(source: BinaryIO, target: BinaryIO, size: int) -> PackReport:
    """Write `source`, exactly `size` bytes, as a stored member: 10 to 22 bytes larger."""
    from edgezip.container import StoredWriter
    from edgezip.pipeline.options import ChannelReport, PackReport

    started = time.monotonic()
    writer = StoredWriter(size)
    written = target.write(writer.begin())
    while chunk := source.read(CHUNK):
        written += target.write(writer.update(chunk))
    written += target.write(writer.finish())
    channel = ChannelReport("stored", size, size)
    return PackReport(size, written, 1, None, None, 0, None, (channel,), time.monotonic() - started)


def unpack_stream(
    source: BinaryIO,
    target: BinaryIO | None,
    options: UnpackOptions,
    *,
    progress: Callable[[int], None] | None = None,
) -> UnpackReport:
    """Decompress all members of `source` into `target`, or only check them if it is None.

    The output is complete and verified only when this returns; after an exception discard it.
    """
    from edgezip.pipeline.options import UnpackReport
    from edgezip.pipeline.reader import Unpacker

    if options.recover:
        return _recover_stream(source, target, options, progress)
    started = time.monotonic()
    unpacker = Unpacker(options, progress=progress)
    packed = 0
    while chunk := source.read(CHUNK):
        packed += len(chunk)
        _write(target, unpacker.feed(chunk))
    _write(target, unpacker.feed_eof())
    return UnpackReport(
        unpacker.raw_size,
        packed,
        unpacker.members,
        unpacker.frames,
        time.monotonic() - started,
    )


def _recover_stream(
    source: BinaryIO,
    target: BinaryIO | None,
    options: UnpackOptions,
    progress: Callable[[int], None] | None,
) -> UnpackReport:
    import tempfile

    from edgezip.pipeline.options import UnpackReport
    from edgezip.pipeline.recover import Recovery, recovered

    started = time.monotonic()
    result = Recovery()
    with contextlib.ExitStack() as stack:
        if not source.seekable():
            source = _spooled(source, stack.enter_context(tempfile.TemporaryFile()))
        for raw in recovered(source, options, result, progress):
            _write(target, raw)
        packed = source.seek(0, 2)
    return UnpackReport(
        result.raw_size,
        packed,
        result.members,
        result.frames,
        time.monotonic() - started,
        tuple(result.lost),
    )


def _spooled(pipe: BinaryIO, spool: BinaryIO) -> BinaryIO:
    """All of `pipe` in a temporary file: recovery reads in several places."""
    while chunk := pipe.read(CHUNK):
        spool.write(chunk)
    return spool


def inspect_stream(source: BinaryIO) -> list[MemberInfo]:
    """Describe the members of an edgezip file without decoding it; no model is needed.

    Raises:
        FormatError: the file is damaged, truncated or foreign.
    """
    from edgezip.pipeline.inspect import inspect_chunks

    return inspect_chunks(iter(lambda: source.read(CHUNK), b""))


def _write(target: BinaryIO | None, data: bytes) -> None:
    if target is not None and data:
        target.write(data)


def _pack_options(model: str | Path | None, options: PackOptions | None) -> PackOptions:
    from edgezip.pipeline.options import PackOptions

    options = options or PackOptions()
    return options if model is None else replace(options, model=model)


def _unpack_options(model: str | Path | None, options: UnpackOptions | None) -> UnpackOptions:
    from edgezip.pipeline.options import UnpackOptions

    options = options or UnpackOptions()
    return options if model is None else replace(options, model=model)
