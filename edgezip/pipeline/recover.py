"""What can still be decoded of a damaged file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from edgezip.container import Header
from edgezip.container.headers import Rules
from edgezip.container.index import load_frame
from edgezip.container.recover import FoundMember, find_members, lost_ranges
from edgezip.errors import FormatError, LimitError
from edgezip.pipeline.context import Context, check_primer
from edgezip.pipeline.frames import CODERS, decode_frame
from edgezip.pipeline.opening import open_for_unpacking
from edgezip.pipeline.options import UnpackOptions
from edgezip.pipeline.reader import Unpacker

CHUNK = 1 << 20
_RULES = Rules(coders=CODERS)


@dataclass(slots=True)
class Recovery:
    """Counts what `recovered` gave; `lost` are raw byte ranges, stop None where unknown."""

    raw_size: int = 0
    members: int = 0
    frames: int = 0
    lost: list[tuple[int, int | None]] = field(default_factory=list)


def recovered(
    source: BinaryIO,
    options: UnpackOptions,
    result: Recovery,
    progress: Callable[[int], None] | None = None,
) -> Iterator[bytes]:
    """Yield the verified content of every frame of a seekable file that can be read.

    A file that is not damaged comes out as without recovery. `result` is filled in on the way.

    Raises:
        FormatError: nothing could be recovered.
        ModelError, EngineError: as for unpacking.
    """
    members = [member for member in find_members(source, _RULES) if member.frames]
    if not members:
        yield from _plain(source, options, result)
        return
    for member in members:
        yield from _member(source, member, options, result, progress)
        result.members += 1
    if not result.frames:
        raise FormatError("no frame of this file can be read; restore it from a copy")


def _plain(source: BinaryIO, options: UnpackOptions, result: Recovery) -> Iterator[bytes]:
    """Short members: each is intact or not; stops at the first damaged one."""
    source.seek(0, io.SEEK_SET)
    unpacker = Unpacker(options)
    while chunk := source.read(CHUNK):
        yield unpacker.feed(chunk)
    yield unpacker.feed_eof()
    result.raw_size, result.members, result.frames = (
        unpacker.raw_size,
        unpacker.members,
        unpacker.frames,
    )


def _member(
    source: BinaryIO,
    member: FoundMember,
    options: UnpackOptions,
    result: Recovery,
    progress: Callable[[int], None] | None,
) -> Iterator[bytes]:
    header = member.header
    if header is None:
        raise FormatError(
            "header and end of the file are both damaged: the model it needs is not known"
        )
    prime = check_primer(header, options.prime)
    indexed = member.indexed(Header())
    context = Context(open_for_unpacking(header, options), header.settings, prime)
    base = result.raw_size + sum(last - first for first, last in result.lost if last is not None)
    good = []
    for entry in member.frames:
        try:
            frame = load_frame(source, indexed, entry, _RULES)
            raw = decode_frame(frame, context, lambda count: None)
        except FormatError:
            continue
        if options.max_output is not None and result.raw_size + len(raw) > options.max_output:
            raise LimitError(f"the output would exceed the limit of {options.max_output} bytes")
        good.append(entry)
        result.frames += 1
        result.raw_size += len(raw)
        if progress is not None:
            progress(result.raw_size)
        yield raw
    for first, last in lost_ranges(good, member.total_size):
        result.lost.append((base + first, None if last is None else base + last))
