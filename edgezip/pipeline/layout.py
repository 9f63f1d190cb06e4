"""How the pieces of a frame are dealt out to channels and put together again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgezip.container import Frame, Span, varint
from edgezip.errors import FormatError
from edgezip.pipeline.detect.content import Content, Found, Piece
from edgezip.pipeline.repeats import Repeat, copy_repeat


def cut(size: int, taken: Sequence[Found], fresh: Sequence[Piece]) -> list[Piece]:
    """Pieces of a frame of `size` bytes, neighbours of equal content merged.

    Args:
        size: raw bytes of the frame.
        taken: repeats, pictures and sounds, in order and apart from each other.
        fresh: pieces of what is left without those.
    """
    pieces: list[Piece] = []
    rest = list(reversed(fresh))
    position = 0
    for found in taken:
        _take(pieces, rest, found.start - position)
        _add(pieces, Piece(found.content, found.length))
        position = found.end
    _take(pieces, rest, size - position)
    return pieces


def outside(data: bytes, taken: Sequence[Found]) -> bytes:
    """The bytes of `data` that nothing has taken."""
    parts, position = [], 0
    for found in taken:
        parts.append(data[position : found.start])
        position = found.end
    return b"".join([*parts, data[position:]])


def merge(pieces: Iterable[Piece]) -> list[Piece]:
    """`pieces` with neighbours of equal content as one."""
    merged: list[Piece] = []
    for piece in pieces:
        _add(merged, piece)
    return merged


def _take(pieces: list[Piece], rest: list[Piece], length: int) -> None:
    """Move pieces of `length` bytes in total from the end of `rest` to `pieces`."""
    while length:
        piece = rest.pop()
        if piece.length > length:
            rest.append(Piece(piece.content, piece.length - length))
            piece = Piece(piece.content, length)
        length -= piece.length
        _add(pieces, piece)


def _add(pieces: list[Piece], piece: Piece) -> None:
    """Append `piece`, merged with a neighbour of equal content.

    Two repeats that touch share a span too; `encode_repeats` keeps their lengths apart.
    """
    if pieces and pieces[-1].content == piece.content:
        pieces[-1] = Piece(piece.content, pieces[-1].length + piece.length)
    else:
        pieces.append(piece)


def group(data: bytes, pieces: Sequence[Piece]) -> dict[Content, bytes]:
    """The bytes of `data` by content, in the order of first appearance: that of the channels."""
    parts: dict[Content, list[bytes]] = {}
    position = 0
    for piece in pieces:
        end = position + piece.length
        parts.setdefault(piece.content, []).append(data[position:end])
        position = end
    return {content: b"".join(found) for content, found in parts.items()}


def number(pieces: Sequence[Piece]) -> list[Span]:
    """The container's spans; it numbers channels by first appearance."""
    channels: dict[Content, int] = {}
    return [
        Span(channels.setdefault(piece.content, len(channels)), piece.length) for piece in pieces
    ]


def encode_repeats(repeats: Sequence[Repeat]) -> bytes:
    """Payload of a repeat channel: length and distance of each repeat as varints."""
    return varint.encode_all(*(value for r in repeats for value in (r.length, r.distance)))


def join(frame: Frame, contents: Sequence[bytes], repeat_channel: int | None) -> bytes:
    """The raw content of `frame` from its channels' contents.

    Args:
        frame: as parsed.
        contents: decoded content by channel; that of the repeat channel is not looked at.
        repeat_channel: index of the channel whose payload lists repeats, if there is one.

    Raises:
        FormatError: repeats that do not fit the spans or reach before the frame.
    """
    if repeat_channel is None:
        return frame.join(list(contents))
    values = varint.decode_all(frame.channels[repeat_channel].payload)
    if len(values) % 2:
        raise FormatError("damaged: a repeat without a distance")
    repeats = list(zip(values[::2], values[1::2], strict=True))[::-1]
    used = [0] * len(contents)
    out = bytearray()
    for span in frame.spans:
        if span.channel == repeat_channel:
            _copy(out, repeats, span.length)
            continue
        start = used[span.channel]
        out += memoryview(contents[span.channel])[start : start + span.length]
        used[span.channel] = start + span.length
    if repeats:
        raise FormatError("damaged: more repeats than spans for them")
    return bytes(out)


def _copy(out: bytearray, repeats: list[tuple[int, int]], length: int) -> None:
    while length > 0:
        if not repeats or not 1 <= repeats[-1][0] <= length:
            raise FormatError("damaged: repeats do not fill their span")
        size, distance = repeats.pop()
        copy_repeat(out, distance, size)
        length -= size
