"""One frame: raw bytes to channels and back.

Long repeats go first; what is left is cut into text, one channel for the language model, and the
rest, one channel for a byte codec. What the model would enlarge goes to the byte codec as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgezip.container import Channel, Frame, Span
from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline import layout, spans
from edgezip.pipeline.channels import (
    BYTE_CODERS,
    Coded,
    decode_channel,
    encode_bytes,
    encode_text,
)
from edgezip.pipeline.context import Context
from edgezip.pipeline.layout import Kind
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.repeats import find_repeats, remove_repeats

CODERS = BYTE_CODERS | {c.LM, c.LM_MIX, c.CM, c.REPEAT}
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
) -> FrameContent:
    """Code `raw`. `progress` gets the raw bytes done since its last call, len(raw) in total."""
    model = context.model
    repeats = find_repeats(raw) if len(raw) >= REPEATS_FROM else []
    fresh = remove_repeats(raw, repeats)
    pieces = layout.cut(len(raw), repeats, _spans(fresh, model))
    rest = layout.select(raw, pieces, Kind.BINARY)
    text = layout.select(raw, pieces, Kind.TEXT)
    if len(rest) == len(raw):
        progress(len(raw))
        return _single(encode_bytes(raw, context, thorough=True))
    whole = encode_bytes(raw, context, thorough=False)
    coded: dict[Kind, Coded] = {}
    if rest:
        coded[Kind.BINARY] = encode_bytes(rest, context, thorough=True)
    progress(len(raw) - len(text))
    if text and model is not None:
        plain = whole if len(text) == len(raw) else encode_bytes(text, context, thorough=False)
        coded[Kind.TEXT] = encode_text(text, model, context, options, progress, plain.size)
        # Records that are all alike are known from the primer better than to any model.
        if options.coder == "auto" and context.prime:
            coded[Kind.TEXT] = min(
                coded[Kind.TEXT], encode_bytes(text, context, thorough=True), key=_size
            )
    if repeats:
        copied = sum(repeat.length for repeat in repeats)
        coded[Kind.REPEAT] = Coded(Channel(c.REPEAT, layout.encode_repeats(repeats), copied))
    kinds, spans_ = layout.number(pieces)
    split = FrameContent(
        tuple(coded[kind].channel for kind in kinds),
        tuple(spans_),
        sum(part.tokens for part in coded.values()),
    )
    return min(split, _single(whole), key=lambda content: content.size)


def _spans(data: bytes, model: LanguageModel | None) -> list[spans.Span]:
    if model is None:
        return [spans.Span(0, len(data), text=False)] if data else []
    return spans.find_spans(data)


def _size(coded: Coded) -> int:
    return coded.size


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
