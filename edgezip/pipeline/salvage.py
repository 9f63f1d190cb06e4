"""Members of a tar that are whole in a frame that is not: it was cut off, or it is damaged.

What comes before the damage can be decoded as always, and the checks in the head of the frame
(`archive.members`) tell which contents are right. Of a frame that was cut off, what is decoded
before a decoder needs a byte that is not there is right, too, if nothing else is wrong with it:
such contents are given on request, and counted. Nothing else is given.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgezip.archive import members
from edgezip.container import Channel, Frame, varint
from edgezip.container import constants as c
from edgezip.container.nested import start_of_nested
from edgezip.errors import FormatError
from edgezip.pipeline.channels import check_channels, decode_channel
from edgezip.pipeline.coders.coder import Start
from edgezip.pipeline.coders.nested import MOST_DEPTH
from edgezip.pipeline.coders.table import coder_of
from edgezip.pipeline.context import Context
from edgezip.pipeline.repeats import copy_repeat
from edgezip.pipeline.transforms.table import transform_of
from edgezip.pipeline.transforms.transform import split_params

_BLOCK = 512
_NOTHING = Start(b"", ())


_MISSING, _MAYBE, _SETTLED = 0, 1, 2
_TRAILER = 24
"""Bytes behind the last one that content depends on, at most: what ends a stream of the standard
library's codecs, and the digest of a frame."""


@dataclass(slots=True)
class _Part:
    """Content of which some is known: `known` says of each byte of `data` whether it is there, and
    settled, so that it is right unless more is wrong than that the end is missing."""

    data: bytearray
    known: bytearray

    def add(self, data: bytes, size: int, settled: Sequence[tuple[int, int]] = ()) -> None:
        """The next `size` bytes, of which the first are known."""
        data = data[:size]
        begin = len(self.data)
        self.data += data + bytes(size - len(data))
        self.known += b"\1" * len(data) + bytes(size - len(data))
        for start, stop in settled:
            count = max(min(stop, len(data)) - start, 0)
            self.known[begin + start : begin + start + count] = b"\2" * count

    def knows(self, start: int, end: int) -> bool:
        """Whether all bytes of a range are known."""
        return end <= len(self.data) and self.known.find(_MISSING, start, end) < 0

    def settles(self, start: int, end: int) -> bool:
        """Whether all bytes of a range are settled."""
        if end > len(self.data):
            return False
        return self.known.count(_SETTLED, start, end) == max(end - start, 0)


def salvage(
    channel: Channel,
    context: Context,
    lost: Callable[[bytes], None],
    missing: int = 0,
    unchecked: Callable[[bytes], None] | None = None,
) -> Iterator[tuple[int, bytes]]:
    """Whole members in a frame, as many in a row as there are: where in the frame they start, and
    headers and contents. Nothing where the frame is none of an archive.

    Args:
        channel: the only one of the frame; its payload may end too early.
        context: model, settings, primer.
        lost: called with the header of each member that begins in the frame and is not given.
        missing: bytes of the frame that were cut off, its digest included; 0: it is damaged, or
            nobody knows.
        unchecked: called with the header of each member that is given because it comes before the
            cut, although no check says that it is right; None if there must be none.
    """
    if channel.transform != c.TARRED:
        return
    try:
        size, own, _ = split_params(channel.params)
        tar = members.decode(own, channel.raw_size)
        items = list(tar.items())
        if not 0 <= size <= channel.raw_size:
            return
    except FormatError:
        return
    part = _inside(channel, size, replace(context, with_sizes=True), missing)
    right = bytearray(size)
    # What is complete without the bytes that are missing is none that was merely cut off.
    merely_cut = missing > 0 and not (missing > _TRAILER and part.settles(0, size))
    for (start, end), check in zip(tar.stretches(channel.raw_size), tar.checks, strict=False):
        if part.knows(start, end) and zlib.crc32(part.data[start:end]) == check:
            right[start:end] = b"\1" * (end - start)
        elif part.settles(start, end):
            merely_cut = False

    def is_given(start: int, end: int, header: bytes) -> bool:
        """Whether contents are right, or settled."""
        if right.find(0, start, end) < 0:
            return True
        if unchecked is None or not merely_cut or not part.settles(start, end):
            return False
        unchecked(header)
        return True

    run, first = bytearray(), 0
    if tar.lead and is_given(0, tar.lead, b""):
        run += part.data[: tar.lead]
    place = tar.lead
    for item in items:
        stop = place + item.size
        # What follows on the last one belongs to it: its size is in an extended header.
        fits = stop == size if item is items[-1] else stop <= size
        if fits and item.end <= channel.raw_size and is_given(place, stop, item.header):
            if not run:
                first = item.place
            run += item.header + part.data[place:stop] + bytes(-item.size % _BLOCK)
        else:
            lost(item.header)
            if run:
                yield first, bytes(run[: channel.raw_size - first])
                run.clear()
        place = stop
    if run:
        if place == size:  # zeros are all that follows
            run += bytes(max(channel.raw_size - first - len(run), 0))
        yield first, bytes(run[: channel.raw_size - first])


def _inside(channel: Channel, size: int, context: Context, missing: int) -> _Part:
    """What the coder of a channel gives, before its transform is undone: `size` bytes. missing:
    of its payload, and maybe of what stands behind it."""
    if channel.coder == c.NESTED and context.depth < MOST_DEPTH and size:
        try:
            found = start_of_nested(channel.payload, size, context.model is not None)
            check_channels(found[0])
        except FormatError:
            return _Part(bytearray(size), bytearray(size))
        return _joined(*found, replace(context, depth=context.depth + 1))
    part = _Part(bytearray(), bytearray())
    _, _, params = split_params(channel.params)
    plain = replace(channel, transform=c.NO_TRANSFORM, params=params, raw_size=size)
    start = _start(plain, context, missing)
    part.add(start.data, size, start.settled)
    return part


def _joined(frame: Frame, missing: list[int], context: Context) -> _Part:
    """A frame from what is known of its channels. missing: bytes of each payload."""
    contents = [
        _content(channel, context, absent)
        for channel, absent in zip(frame.channels, missing, strict=True)
    ]
    repeats = _repeats(frame)
    used = [0] * len(contents)
    out = _Part(bytearray(), bytearray())
    for span in frame.spans:
        channel = frame.channels[span.channel]
        start, end = used[span.channel], used[span.channel] + span.length
        used[span.channel] = end
        if channel.coder == c.REPEAT:
            _copy(out, repeats, span.length)
            continue
        part = contents[span.channel]
        out.data += part.data[start:end]
        out.known += part.known[start:end]
    return out


def _repeats(frame: Frame) -> list[tuple[int, int]]:
    """Length and distance of each repeat of a frame, the last one first."""
    payloads = [channel.payload for channel in frame.channels if channel.coder == c.REPEAT]
    values: list[int] = []
    with contextlib.suppress(FormatError):
        values = varint.decode_all(b"".join(payloads))
    return list(zip(values[::2], values[1::2], strict=False))[::-1]


def _copy(out: _Part, repeats: list[tuple[int, int]], length: int) -> None:
    """The next `length` bytes, as the next repeats say."""
    end = len(out.data) + length
    while len(out.data) < end:
        size, distance = repeats.pop() if repeats else (0, 0)
        if not (1 <= size <= end - len(out.data) and 1 <= distance <= len(out.data)):
            repeats.clear()
            break
        copy_repeat(out.data, distance, size)
        copy_repeat(out.known, distance, size)
    out.add(b"", end - len(out.data))


def _content(channel: Channel, context: Context, missing: int) -> _Part:
    """What is known of a channel. missing: bytes of its payload."""
    part = _Part(bytearray(), bytearray())
    if channel.coder == c.REPEAT:
        return part
    if channel.transform == c.DEFLATED:
        try:
            return _streams(channel, context, missing)
        except FormatError:
            pass
    start = _start(channel, context, missing)
    part.add(start.data, channel.raw_size, start.settled)
    return part


def _start(channel: Channel, context: Context, missing: int) -> Start:
    """The first bytes of a channel: all, where it is whole, or as many as can be had."""
    if not missing:
        with contextlib.suppress(FormatError):
            return Start.first(decode_channel(channel, context, _untold))
    if not channel.payload:
        return _NOTHING
    try:
        begun = _begun(channel, context)
    except FormatError:
        return _NOTHING
    return begun if missing else replace(begun, settled=())  # what is damaged is never settled


def _begun(channel: Channel, context: Context) -> Start:
    """The first bytes of a channel whose payload is not whole."""
    start = coder_of(channel.coder).start
    if start is None:
        return _NOTHING
    payload, params, size = channel.payload, channel.params, channel.raw_size
    if channel.transform == c.NO_TRANSFORM:
        return start(payload, params, size, context, _untold)
    transform = transform_of(channel.transform)
    inner_size, own, params = split_params(params)
    if transform.undo_start is None or inner_size > transform.most_changed(size):
        return _NOTHING
    begun = start(payload, params, inner_size, context, _untold)
    settled = next((stop for first, stop in begun.settled if not first), 0)
    return Start.first(transform.undo_start(begun.data[:settled], own, size))


def _untold(_count: int) -> None:
    """Nobody asks how far it is."""


def _streams(channel: Channel, context: Context, missing: int) -> _Part:
    """A channel of undone deflate streams: from its start and from its end on what is known up to
    the first stream that is not, as nobody knows how long it is."""
    from edgezip.pipeline.transforms import deflated  # kernels, which few files need

    size, own, _ = split_params(channel.params)
    if own or size > c.DEFLATED_GROWTH * channel.raw_size or size > c.MAX_TRANSFORMED:
        raise FormatError("damaged: undone deflate streams with params")
    part = _inside(channel, size, context, missing)
    length, position = varint.decode(part.data, 0)
    entries = deflated.read_list(bytes(part.data[position : position + length]))
    if not part.knows(0, position + length):
        raise FormatError("damaged: a list of deflate streams that ends too early")
    data, known = bytes(part.data), bytes(part.known)
    content = np.frombuffer(data, np.uint8)
    begin = position + length
    end = begin + sum(entry.gap + entry.size for entry in entries)
    if end > size:
        raise FormatError("damaged: undone deflate streams beyond their content")

    def gap(start: int, stop: int) -> _Piece:
        return _Piece(data[start:stop], known[start:stop])

    def stream(entry: deflated.Entry, start: int) -> _Piece | None:
        stop = start + entry.size
        if not part.knows(start, stop):
            return None
        try:
            made = deflated.written(content[start:stop], entry, channel.raw_size)
        except FormatError:  # nothing can be made of bytes that are not the right ones
            return None
        settled = part.settles(start, stop)
        return _Piece(made, bytes([_SETTLED if settled else _MAYBE]) * len(made), settled)

    def forwards() -> Iterator[_Piece | None]:
        place = begin
        for entry in entries:
            yield gap(place, place + entry.gap)
            yield stream(entry, place + entry.gap)
            place += entry.gap + entry.size
        yield gap(end, size)

    def backwards() -> Iterator[_Piece | None]:
        yield gap(end, size)
        place = end
        for entry in reversed(entries):
            yield stream(entry, place - entry.size)
            place -= entry.gap + entry.size
            yield gap(place, place + entry.gap)

    listed = part.settles(0, begin)
    front = _row(forwards(), listed, channel.raw_size)
    back = _row(backwards(), listed, channel.raw_size)[::-1]
    return _overlaid(front, back, channel.raw_size)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some bytes and whether they are known, as in `_Part`. placed: they are as many as they were,
    which bytes that are not settled need not be when they are packed again."""

    data: bytes
    known: bytes
    placed: bool = True

    def unplaced(self) -> _Piece:
        """With nothing settled: nobody knows where it belongs."""
        return _Piece(self.data, self.known.replace(bytes([_SETTLED]), bytes([_MAYBE])), False)


def _row(pieces: Iterator[_Piece | None], placed: bool, room: int) -> list[_Piece]:
    """Pieces one behind the other, up to one that is not there, or until they fill `room`. Behind
    one of an unknown length nothing is settled. placed: whether the lengths are those of a list
    that is settled."""
    found: list[_Piece] = []
    for piece in pieces:
        if piece is None or room < 0:
            break
        found.append(piece if placed else piece.unplaced())
        placed = placed and piece.placed
        room -= len(piece.data)
    return found


def _overlaid(front: list[_Piece], back: list[_Piece], size: int) -> _Part:
    """`size` bytes of which the first and the last are known: where both are, what is settled."""
    part = _Part(bytearray(), bytearray())
    behind = _Part(bytearray(), bytearray())
    for out, pieces in ((part, front), (behind, back)):
        for piece in pieces:
            out.data += piece.data
            out.known += piece.known
    missing = max(size - len(part.data), 0)
    part.data = part.data[:size] + bytes(missing)
    part.known = part.known[:size] + bytes(missing)
    start = max(len(behind.data) - size, 0)
    last = slice(size - (len(behind.data) - start), size)
    known = np.frombuffer(part.known, np.uint8)[last]
    better = np.frombuffer(behind.known, np.uint8)[start:] > known
    np.copyto(known, np.frombuffer(behind.known, np.uint8)[start:], where=better)
    into = np.frombuffer(part.data, np.uint8)[last]
    np.copyto(into, np.frombuffer(behind.data, np.uint8)[start:], where=better)
    return part
