"""How the pieces of a frame are dealt out to channels and put together again."""

from __future__ import annotations

from collections.abc import Sequence

from edgezip.container import Frame, Span, varint
from edgezip.errors import FormatError
from edgezip.pipeline.detect.content import REPEAT, Content, Piece
from edgezip.pipeline.repeats import Repeat, copy_repeat


def cut(size: int, repeats: Sequence[Repeat], fresh: Sequence[Piece]) -> list[Piece]:
    """Pieces of a frame of `size` bytes, neighbours of equal content merged.

    Args:
        size: raw bytes of the frame.
        repeats: in order.
        fresh: pieces of what is left when the repeats are taken out.
    """
    pieces: list[Piece] = []
    rest = list(reversed(fresh))
    position = 0
    for repeat in repeats:
        _take(pieces, rest, repeat.start - position)
        # Two repeats that touch stay two: each has a distance of its own.
        pieces.append(Piece(REPEAT, repeat.length))
        position = repeat.start + repeat.length
    _take(pieces, rest, size - position)
    return pieces


def _take(pieces: list[Piece], rest: list[Piece], length: int) -> None:
    """Move pieces of `length` bytes in total from the end of `rest` to `pieces`."""
    while length:
        piece = rest.pop()
        if piece.length > length:
            rest.append(Piece(piece.content, piece.length - length))
            piece = Piece(piece.content, length)
        length -= piece.length
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
    """The container's spans.

    The container numbers channels by first appearance and knows no neighbours of one channel, so
    repeats that touch share a span; `encode_repeats` keeps their lengths apart.
    """
    channels: dict[Content, int] = {}
    spans: list[Span] = []
    for piece in pieces:
        channel = channels.setdefault(piece.content, len(channels))
        if spans and spans[-1].channel == channel:
            spans[-1] = Span(channel, spans[-1].length + piece.length)
        else:
            spans.append(Span(channel, piece.length))
    return spans


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
