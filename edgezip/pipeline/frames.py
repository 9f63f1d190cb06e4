"""One frame: raw bytes to channels and back.

Long repeats go first; detectors cut what is left into pieces, and pieces of equal content share a
channel. How each channel is coded is measured (`choice`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgezip.container import Channel, Frame, Span
from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline import layout
from edgezip.pipeline.channels import Coded, decode_channel
from edgezip.pipeline.choice import Part, encode_part, pays
from edgezip.pipeline.coders.table import MEDIA, TABLE
from edgezip.pipeline.context import Context
from edgezip.pipeline.detect.content import BINARY, REPEAT, Content, Found, Piece
from edgezip.pipeline.detect.given import parse_given
from edgezip.pipeline.detect.media import MediaFinder
from edgezip.pipeline.detect.text import find_text
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.repeats import Repeat, find_repeats, outside_of, without_copies

CODERS = frozenset(TABLE) | {c.REPEAT}
"""Coder numbers that can be decoded; the parser refuses others by name."""

REPEATS_FROM = 1 << 14
"""Raw bytes from which long repeats are looked for; in less, a channel for them costs too much."""

CHANNEL_COST = 16
SPAN_COST = 4
"""Bytes that a further channel and a further span cost at most, besides the payload."""


@dataclass(frozen=True, slots=True)
class FrameContent:
    """Channels and spans of a frame, before the container gives it a place.

    tokens: number of tokens that went through the language model's coder.
    """

    channels: tuple[Channel, ...]
    spans: tuple[Span, ...]
    tokens: int = 0

    @property
    def size(self) -> int:
        """About the bytes this takes in a file, to compare it with other ways."""
        payload = sum(len(channel.payload) + len(channel.params) for channel in self.channels)
        return payload + CHANNEL_COST * (len(self.channels) - 1) + SPAN_COST * len(self.spans)


def encode_frame(
    raw: bytes,
    context: Context,
    options: PackOptions,
    progress: Callable[[int], None],
    finder: MediaFinder | None = None,
    more: bool = False,
) -> FrameContent:
    """Code `raw`.

    Args:
        raw: content of the frame, at least one byte.
        context: model, settings, primer.
        options: how to pack.
        progress: gets the raw bytes done since its last call, len(raw) in total.
        finder: remembers what the frames before this one left open; None for the only frame.
        more: further frames follow.
    """
    finder = finder or media_finder(options)
    repeats = find_repeats(raw) if len(raw) >= REPEATS_FROM else []
    found = finder.find(raw, lambda samples, content: pays(samples, content, context), more)
    found = without_copies(found, repeats)
    repeats = outside_of(found, repeats)
    copies = [Found(repeat.start, repeat.length, REPEAT) for repeat in repeats]
    taken = sorted([*found, *copies], key=lambda item: item.start)
    pieces = layout.cut(len(raw), taken, _pieces(layout.outside(raw, taken), context))
    if all(piece.content == BINARY for piece in pieces):
        return _single(Part(raw, context, progress).compact)
    whole = Part(raw, context)
    split = _split(whole, pieces, repeats, options, progress)
    if 2 * sum(item.length for item in found) > len(raw):
        return split  # samples that were tried: no codec for everything takes less
    return min(split, _single(whole.classical), key=lambda content: content.size)


def media_finder(options: PackOptions) -> MediaFinder:
    """A finder for one member.

    Raises:
        SettingsError: `options.content` describes no samples.
    """
    given = parse_given(options.content) if options.content is not None else None
    return MediaFinder(MEDIA, given)


def _pieces(data: bytes, context: Context) -> list[Piece]:
    if context.model is None:
        return [Piece(BINARY, len(data))] if data else []
    return find_text(data)


def _split(
    whole: Part,
    pieces: Sequence[Piece],
    repeats: Sequence[Repeat],
    options: PackOptions,
    progress: Callable[[int], None],
) -> FrameContent:
    """A channel for each content."""
    coded: dict[Content, Coded] = {}
    for content, data in layout.group(whole.data, pieces).items():
        if content == REPEAT:
            payload = layout.encode_repeats(repeats)
            coded[content] = Coded(Channel(c.REPEAT, payload, len(data)))
            progress(len(data))
        else:
            part = whole if len(data) == len(whole.data) else Part(data, whole.context)
            coded[content] = encode_part(part, content, options, progress)
    return FrameContent(
        tuple(part.channel for part in coded.values()),
        tuple(layout.number(pieces)),
        sum(part.tokens for part in coded.values()),
    )


def _single(coded: Coded) -> FrameContent:
    return FrameContent((coded.channel,), (Span(0, coded.channel.raw_size),), coded.tokens)


def decode_frame(frame: Frame, context: Context, progress: Callable[[int], None]) -> bytes:
    """The verified raw bytes of `frame`.

    Raises:
        FormatError: a channel is damaged or the checksum does not match.
        ModelError: the frame needs a model and the context has none.
    """
    repeats = [i for i, channel in enumerate(frame.channels) if channel.coder == c.REPEAT]
    if len(repeats) > 1:
        raise FormatError("damaged: a frame with more than one channel of repeats")
    contents = []
    for channel in frame.channels:
        if channel.coder == c.REPEAT:
            contents.append(b"")
            progress(channel.raw_size)
            continue
        data = decode_channel(channel, context, progress)
        if len(data) != channel.raw_size:
            raise FormatError("damaged: a channel decodes to another length than stored")
        contents.append(data)
    raw = layout.join(frame, contents, repeats[0] if repeats else None)
    frame.verify(raw)
    return raw
