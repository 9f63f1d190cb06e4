"""One-shot and stream functions of the Python API.

The heavy imports happen in the functions: `import edgezip` must stay cheap.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from edgezip.errors import InputError, SettingsError
from edgezip.streams import WholeReads, as_bytes, byte_view, chunks, first, is_seekable, write_all

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from edgezip.pipeline.options import (
        MemberInfo,
        PackOptions,
        PackReport,
        UnpackOptions,
        UnpackReport,
    )
    from edgezip.pipeline.reader import Unpacker
    from edgezip.pipeline.score import Score

MOST_GROWTH = 32
"""Bytes by which a packed file may be larger than its content before it is stored instead."""


def compress(
    data: Buffer,
    *,
    model: str | Path | None = None,
    options: PackOptions | None = None,
) -> bytes:
    """Compress `data` into one edgezip member, at most `MOST_GROWTH` bytes larger than `data`.

    Args:
        data: what to compress, a buffer of any type; its bytes count.
        model: GGUF path, name or SHA-256 prefix; "none" for no language model. Wins over
            `options.model`.
        options: all other settings.

    Raises:
        ModelError: the model is missing or unusable.
        EngineError: the engine is missing or fails its self-test.
    """
    from edgezip.pipeline.writer import Packer, pack_stored

    raw = byte_view(data)
    packer = Packer(_pack_options(model, options), len(raw))
    packed = packer.feed(raw) + packer.finish()
    stored = pack_stored(bytes(raw)) if len(packed) > len(raw) else packed
    return min(packed, stored, key=len)


def decompress(
    data: Buffer,
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
    unpacker.push(data)
    unpacker.push_eof()
    return b"".join(iter(unpacker.pull, None))


def compress_bare(
    data: Buffer,
    *,
    model: str | Path | None = None,
    options: PackOptions | None = None,
) -> bytes:
    """Compress a message without header, size and checksum: at most one byte larger than `data`.

    For callers that keep those themselves. `decompress_bare` must be given the size and the same
    model and options; damage gives wrong bytes without a word.
    """
    from edgezip.pipeline import bare

    return bare.compress_bare(as_bytes(data), _pack_options(model, options))


def decompress_bare(
    data: Buffer,
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

    return bare.decompress_bare(as_bytes(data), size, _pack_options(model, options))


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
        source: readable binary file, or an object with `read`. It may give less than is asked for,
            and None for "nothing yet".
        target: writable binary file, or an object with `write`.
        options: how to pack.
        size: the raw size that is expected. Where `source` gives another number of bytes, those are
            packed, with a warning (`RuntimeWarning`).
        progress: called with the raw bytes done so far.
    """
    from edgezip.pipeline.writer import Packer

    started = time.monotonic()
    start = _positions(source, target)
    # The size is not told to the packer: a header that promises what does not come is a lost file.
    packer = Packer(options, progress=progress)
    digest = hashlib.blake2b()
    for chunk in chunks(source):
        if start is not None:
            digest.update(chunk)
        write_all(target, packer.feed(chunk))
    write_all(target, packer.finish())
    report = packer.report(time.monotonic() - started)
    if size is not None and size != report.raw_size:
        what = f"{report.raw_size} bytes were read and packed, {size} were expected"
        warnings.warn(what, RuntimeWarning, stacklevel=2)
    if start is None or report.packed_size <= report.raw_size + MOST_GROWTH:
        return report
    source.seek(start[0])
    if _digest(source, report.raw_size) != digest.digest():
        return report  # it was written to meanwhile: what was read first is packed already
    source.seek(start[0])
    target.seek(start[1])
    target.truncate()
    return store_stream(source, target, report.raw_size)


def _positions(source: BinaryIO, target: BinaryIO) -> tuple[int, int] | None:
    """Where both files stand, or None unless both can be gone over again."""
    # A file opened for appending can be sought in, but it would be cut off where it began.
    if "a" in str(getattr(target, "mode", "")) or not hasattr(target, "truncate"):
        return None
    try:
        ready = is_seekable(source) and is_seekable(target)
        return (source.tell(), target.tell()) if ready else None
    except OSError:
        return None


def _digest(source: BinaryIO, size: int) -> bytes:
    digest = hashlib.blake2b()
    for chunk in first(source, size):
        digest.update(chunk)
    return digest.digest()


def store_stream(source: BinaryIO, target: BinaryIO, size: int) -> PackReport:
    """Write the next `size` bytes of `source` as a stored member: 10 to 22 bytes larger.

    Raises:
        InputError: there are fewer.
    """
    from edgezip.container import StoredWriter
    from edgezip.pipeline.options import ChannelReport, PackReport

    started = time.monotonic()
    writer = StoredWriter(size)
    written = write_all(target, writer.begin())
    left = size
    for chunk in first(source, size):
        written += write_all(target, writer.update(chunk))
        left -= len(chunk)
    if left:
        raise InputError(f"was cut off while it was packed, by {left} bytes; pack it again")
    written += write_all(target, writer.finish())
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
    for chunk in chunks(source):
        packed += len(chunk)
        unpacker.push(chunk)
        _pull_all(unpacker, target)
    unpacker.push_eof()
    _pull_all(unpacker, target)
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
        if not is_seekable(source):
            source = _spooled(source, stack.enter_context(tempfile.TemporaryFile()))
        source = cast(BinaryIO, WholeReads(source))
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
    for chunk in chunks(pipe):
        spool.write(chunk)
    return spool


def release_models() -> None:
    """Let go of the language models that are kept open for the next call: the last two used, one
    where they are large. Memory is free once no object or call uses them any more.
    """
    from edgezip.pipeline.opening import release_models as release

    release()


def score(
    data: Buffer,
    *,
    model: str | Path | None = None,
    options: PackOptions | None = None,
    tokens: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Score:
    """What a language model alone would make of `data`: bits, their margin, the curve by position.

    Args:
        data: any bytes; all of them are given to the model.
        model: GGUF path, name or SHA-256 prefix. Wins over `options.model`.
        options: engine, threads, window and keep.
        tokens: also tell of every token its bits alone and after mixing, its rank and what would
            have been likelier (`Score.details`).
        progress: called with the bytes done so far.

    Raises:
        SettingsError: the model is "none".
        ModelError: the model is missing or unusable.
        EngineError: the engine is missing or fails its self-test.
    """
    from edgezip.pipeline.opening import open_for_packing
    from edgezip.pipeline.score import score as measure

    chosen = _pack_options(model, options)
    opened = open_for_packing(chosen)
    if opened is None:
        raise SettingsError("score needs a language model; name a GGUF")
    settings = opened.settings(chosen)
    return measure(as_bytes(data), opened, settings, progress or (lambda done: None), tokens)


def inspect_stream(source: BinaryIO) -> list[MemberInfo]:
    """Describe the members of an edgezip file without decoding it; no model is needed.

    Raises:
        FormatError: the file is damaged, truncated or foreign.
    """
    from edgezip.pipeline.inspect import inspect_chunks

    return inspect_chunks(chunks(source))


def _pull_all(unpacker: Unpacker, target: BinaryIO | None) -> None:
    for raw in iter(unpacker.pull, None):
        _write(target, raw)


def _write(target: BinaryIO | None, data: bytes) -> None:
    if target is not None and data:
        write_all(target, data)


def _pack_options(model: str | Path | None, options: PackOptions | None) -> PackOptions:
    from edgezip.pipeline.options import PackOptions

    options = options or PackOptions()
    return options if model is None else replace(options, model=model)


def _unpack_options(model: str | Path | None, options: UnpackOptions | None) -> UnpackOptions:
    from edgezip.pipeline.options import UnpackOptions

    options = options or UnpackOptions()
    return options if model is None else replace(options, model=model)
