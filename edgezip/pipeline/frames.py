"""One frame: raw bytes to channels (the way back is in `channels`).

Long repeats go first; detectors cut what is left into pieces, and pieces of equal content share a
channel. How each channel is coded is measured (`choice`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from edgezip.container import Channel, Span
from edgezip.container import constants as c
from edgezip.pipeline import layout
from edgezip.pipeline.channels import Coded, encode_channel
from edgezip.pipeline.choice import Verdict, encode_part, make_part
from edgezip.pipeline.coders.deflate import DEFLATE
from edgezip.pipeline.coders.nested import MOST_DEPTH, NESTED, Parts
from edgezip.pipeline.coders.table import MEDIA
from edgezip.pipeline.context import Context
from edgezip.pipeline.detect.content import BINARY, REPEAT, Content, Found, Kind
from edgezip.pipeline.detect.media import MediaFinder
from edgezip.pipeline.detect.streams import START
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.parts import Part, untold
from edgezip.pipeline.plan import Plan, media_finder, plan_frame
from edgezip.pipeline.progress import Scaled
from edgezip.pipeline.transforms.transform import Changed


class TarFrame(NamedTuple):
    """What is known of a frame of a tar.

    headers: start and size of each header, with the extended ones before it. end: where the content
    of a member ends that began in an earlier frame, if its size is a multiple of 512; else 0.
    """

    headers: Sequence[tuple[int, int]] = ()
    end: int = 0


CHANNEL_COST = 16
SPAN_COST = 4
"""Bytes that a further channel and a further span cost at most, besides the payload."""
SMALL_FRAME = 1 << 16
"""Raw bytes up to which one channel for all is tried beside samples: what the rest repeats of them
is then too short for the search for repeats."""
MODEL_COST = 24
"""Bytes that the long header takes at least to name a model: what it must save to be used beside
other channels."""
MIXED_SHARE = 16
"""Where a 1/`MIXED_SHARE` or more is not for the model, one channel for all is tried too."""


@dataclass(frozen=True, slots=True)
class FrameContent:
    """Channels and spans of a frame, before the container gives it a place.

    tokens: number of tokens that went through the language model's coder. model: a frame inside of
    a channel needs the language model.
    """

    channels: tuple[Channel, ...]
    spans: tuple[Span, ...]
    tokens: int = 0
    model: bool = False

    @property
    def uses_model(self) -> bool:
        """Whether a language model is needed to decode it."""
        return self.model or any(channel.coder in c.MODEL_CODERS for channel in self.channels)

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
    tar: TarFrame | None = None,
) -> FrameContent:
    """Code `raw`.

    Args:
        raw: content of the frame, at least one byte.
        context: model, settings, primer.
        options: how to pack.
        progress: gets the raw bytes done since its last call, len(raw) in total.
        finder: remembers what the frames before this one left open; None for the only frame.
        more: further frames follow.
        tar: what is known of it if this is of a tar.
    """
    finder = finder or media_finder(options)
    made = None
    if tar is not None:
        from edgezip.pipeline.transforms import tarred

        made = tarred.shorten(raw, tar.headers, tar.end)
    if made is None:
        return _encode(raw, context, options, progress, finder, more, _Known())
    if not made.data:  # nothing but headers; a frame has at least a byte
        only = Changed(c.TARRED, b"", made.params(0))
        return _single(encode_channel(raw, DEFLATE, None, context, progress, only))
    known = _Known(files=made.files)
    context = replace(context, with_sizes=True)
    inner = _inner(made.data, len(raw), context, options, progress, finder, more, known)
    changed = Changed(c.TARRED, made.data, made.params(inner.size))
    return _wrapped(raw, inner, changed, context)


def _inner(
    data: bytes,
    size: int,
    context: Context,
    options: PackOptions,
    progress: Callable[[int], None],
    finder: MediaFinder,
    more: bool,
    known: _Known,
) -> FrameContent:
    """A frame inside of a channel: `data` is what a transform made of `size` bytes."""
    deeper = replace(context, depth=context.depth + 1)
    done = Scaled(len(data), size, progress)
    inner = _encode(data, deeper, options, done, finder, more, known)
    done.finish()
    return inner


def _wrapped(raw: bytes, inner: FrameContent, changed: Changed, context: Context) -> FrameContent:
    """`raw` as one channel that holds a frame of what a transform made of it."""
    parts = Parts(inner.channels, inner.spans, inner.tokens)
    coded = encode_channel(raw, NESTED, parts, context, untold, changed)
    return replace(_single(coded), model=inner.uses_model)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a frame that was made by undoing streams, or of members of a tar.

    pictures: in it. contents: start and end of what streams held, where more may be; None: all.
    files: start and end of members; None if nobody knows.
    """

    pictures: Sequence[Found] = ()
    contents: Sequence[tuple[int, int]] | None = None
    files: Sequence[tuple[int, int]] | None = None


def _encode(
    raw: bytes,
    context: Context,
    options: PackOptions,
    progress: Callable[[int], None],
    finder: MediaFinder,
    more: bool,
    known: _Known,
) -> FrameContent:
    """As `encode_frame`; streams are undone first, and what they hold is a frame of its own."""
    opened = None
    if options.content is None and context.depth < MOST_DEPTH and START.search(raw):
        from edgezip.pipeline import deflated  # kernels, which few files need

        opened = deflated.undo(raw, known.contents)
    if opened is not None:
        moved = (opened.moved(picture) for picture in known.pictures)
        pictures = [*opened.pictures, *(picture for picture in moved if picture is not None)]
        files = None if known.files is None else opened.moved_files(known.files)
        inside = _Known(sorted(pictures, key=lambda item: item.start), opened.contents, files)
        size = len(raw)
        held = _inner(opened.data, size, context, options, progress, finder, more, inside)
        return _wrapped(raw, held, Changed(c.DEFLATED, opened.data, b""), context)
    plan = plan_frame(raw, context, options, finder, more, known.pictures, known.files)
    alone = len(plan.pieces) == 1 and list(plan.ways.values())
    whole = alone[0].part if alone else make_part(raw, BINARY, context)
    split = _split(raw, plan, options, progress)
    return min([split, *_alternatives(whole, plan, options)], key=lambda content: content.size)


def _split(
    raw: bytes, plan: Plan, options: PackOptions, progress: Callable[[int], None]
) -> FrameContent:
    """A channel for each content."""
    coded: dict[Content, Coded] = {}
    for content, data in layout.group(raw, plan.pieces).items():
        if content == REPEAT:
            payload = layout.encode_repeats(plan.repeats)
            coded[content] = Coded(Channel(c.REPEAT, payload, len(data)))
            progress(len(data))
        else:
            way = plan.ways[content]
            coded[content] = encode_part(way.part, content, way.verdict, options, progress)
    parts = _without_model(coded, plan) if len(coded) > 1 else list(coded.values())
    channels = tuple(part.channel for part in parts)
    spans = tuple(layout.number(plan.pieces))
    return FrameContent(channels, spans, sum(part.tokens for part in parts))


def _without_model(coded: dict[Content, Coded], plan: Plan) -> list[Coded]:
    """The channels, without the language model where it saves less than its name takes."""
    parts = list(coded.values())
    verdicts = {way.verdict for way in plan.ways.values()}
    if Verdict.MODEL in verdicts or Verdict.BOTH not in verdicts:
        return parts
    others = [
        plan.ways[content].part.compact
        if content != REPEAT and plan.ways[content].verdict is Verdict.BOTH
        else part
        for content, part in coded.items()
    ]
    saved = sum(part.size for part in others) - sum(part.size for part in parts)
    return parts if saved >= MODEL_COST else others


def _alternatives(whole: Part, plan: Plan, options: PackOptions) -> list[FrameContent]:
    """The frame as one channel, as far as that may be smaller than `plan`."""
    size = len(whole.data)
    if len(plan.pieces) == 1 and not plan.share(Kind.TEXT):
        return []
    if 2 * plan.share(Kind.JPEG) > size:
        return []
    apart = plan.share(*MEDIA, Kind.ENCODED)
    if apart and size <= SMALL_FRAME:
        return [_single(whole.compact)]
    if 2 * apart > size:
        return []  # tried already: no codec for everything takes less
    # Text in between of something else is seldom worth the context that is lost by taking it out.
    mixed = plan.share(Kind.TEXT) and MIXED_SHARE * plan.share(Kind.BINARY) > size
    return [_single(whole.compact if mixed and options.coder == "auto" else whole.classical)]


def _single(coded: Coded) -> FrameContent:
    return FrameContent((coded.channel,), (Span(0, coded.channel.raw_size),), coded.tokens)
