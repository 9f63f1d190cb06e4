"""One channel: its bytes through a transform and a coder, and back; and all those of a frame back.

Nothing of what only packing needs is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edgezip.container import Channel, Frame
from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline import layout
from edgezip.pipeline.coders.coder import Coder, Progress
from edgezip.pipeline.coders.table import TABLE, coder_of
from edgezip.pipeline.context import Context
from edgezip.pipeline.progress import Scaled
from edgezip.pipeline.transforms.table import transform_of
from edgezip.pipeline.transforms.transform import Changed, join_params, split_params

CODERS = frozenset(TABLE) | {c.REPEAT}
"""Coder numbers that can be decoded; the parser refuses others by name."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A channel and the number of tokens it took, 0 without a language model."""

    channel: Channel
    tokens: int = 0

    @property
    def size(self) -> int:
        """Bytes of payload and params, what candidates are compared by."""
        return len(self.channel.payload) + len(self.channel.params)


def encode_channel(
    data: bytes,
    coder: Coder,
    settings: Any,
    context: Context,
    progress: Progress,
    changed: Changed | None = None,
) -> Coded:
    """Code `data` with `coder` and its `settings`; instead of it what a transform made of it."""
    if changed is None:
        coded = coder.encode(data, settings, context, progress)
        channel = Channel(coder.number, coded.payload, len(data), params=coded.params)
        return Coded(channel, coded.tokens)
    done = Scaled(len(changed.data), len(data), progress)
    coded = coder.encode(changed.data, settings, context, done)
    done.finish()
    params = join_params(len(changed.data), changed.params, coded.params)
    channel = Channel(coder.number, coded.payload, len(data), changed.number, params)
    return Coded(channel, coded.tokens)


def coded_size(channel: Channel) -> int:
    """The bytes that the coder of `channel` gives: those that a transform made, if there is one.

    Raises:
        FormatError: damaged params.
    """
    plain = channel.transform == c.NO_TRANSFORM
    return channel.raw_size if plain else split_params(channel.params)[0]


def decode_channel(channel: Channel, context: Context, progress: Progress) -> bytes:
    """The raw bytes of one channel.

    Raises:
        FormatError: the payload cannot be one of this channel.
        ModelError: the channel needs a model and the context has none.
    """
    coder, raw_size = coder_of(channel.coder), channel.raw_size
    context = replace(context, decode_inner=decode_channels)
    if channel.transform == c.NO_TRANSFORM:
        return coder.decode(channel.payload, channel.params, raw_size, context, progress)
    transform = transform_of(channel.transform)
    if channel.transform == c.TARRED:
        context = replace(context, with_sizes=True)
    size, own, params = split_params(channel.params)
    if size > transform.most_changed(raw_size):
        raise FormatError(f"damaged: {size} bytes are too many for {raw_size} transformed ones")
    done = Scaled(size, raw_size, progress)
    inner = coder.decode(channel.payload, params, size, context, done)
    done.finish()
    return transform.undo(inner, own, raw_size)


def check_channels(frame: Frame) -> None:
    """Raise FormatError if the channels of `frame` cannot be those of one, before any is decoded.
    What it takes to decode them is bounded then."""
    if sum(channel.coder == c.REPEAT for channel in frame.channels) > 1:
        raise FormatError("damaged: a frame with more than one channel of repeats")
    # Else frames inside of frames would multiply: what one holds in memory and the work it is.
    if len(frame.channels) > 1 and any(channel.coder == c.NESTED for channel in frame.channels):
        raise FormatError("damaged: a nested frame beside other channels")
    if sum(map(coded_size, frame.channels)) > c.MAX_TRANSFORMED:
        raise FormatError("damaged: the channels of a frame hold too much for their transforms")


def decode_channels(frame: Frame, context: Context, progress: Progress) -> bytes:
    """The raw bytes of `frame`, not verified.

    Raises:
        FormatError, ModelError: as `decode_channel`.
    """
    check_channels(frame)
    repeats = [i for i, channel in enumerate(frame.channels) if channel.coder == c.REPEAT]
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
    return layout.join(frame, contents, repeats[0] if repeats else None)


def decode_frame(frame: Frame, context: Context, progress: Progress) -> bytes:
    """The verified raw bytes of `frame`.

    Raises:
        FormatError: a channel is damaged or the checksum does not match.
        ModelError: the frame needs a model and the context has none.
    """
    raw = decode_channels(frame, context, progress)
    frame.verify(raw)
    return raw
