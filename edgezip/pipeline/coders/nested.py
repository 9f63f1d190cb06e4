"""Coder 11: a frame with channels of its own, of what a transform made of the content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgezip.container import Channel, Span
from edgezip.container import constants as c
from edgezip.container.nested import decode_nested, encode_nested
from edgezip.errors import FormatError
from edgezip.pipeline.coders.coder import Coder, Encoded, Progress
from edgezip.pipeline.context import Context

MOST_DEPTH = 3
"""Frames inside of each other, besides the outermost: each holds its content in memory."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A frame that was coded already."""

    channels: Sequence[Channel]
    spans: Sequence[Span]
    tokens: int


def encode(data: bytes, settings: Parts, context: Context, progress: Progress) -> Encoded:
    """As `Encode`; `settings` are what `data` was coded as."""
    progress(len(data))
    payload = encode_nested(len(data), settings.channels, settings.spans)
    return Encoded(payload, tokens=settings.tokens)


def decode(payload: bytes, params: bytes, size: int, context: Context, progress: Progress) -> bytes:
    """As `Decode`."""
    if params:
        raise FormatError("damaged: a nested frame with params")
    if context.depth >= MOST_DEPTH:
        raise FormatError(f"damaged: more than {MOST_DEPTH} frames inside of each other")
    frame = decode_nested(payload, size, context.model is not None)
    assert context.decode_inner is not None
    return context.decode_inner(frame, replace(context, depth=context.depth + 1), progress)


NESTED = Coder(c.NESTED, encode, decode)
