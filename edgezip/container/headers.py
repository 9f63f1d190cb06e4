"""Parsing coroutines for the parts of a member that are not payload."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edgezip.container import constants as c
from edgezip.container.source import Parse, Source, run
from edgezip.container.types import (
    SETTING_TAGS,
    Channel,
    EngineField,
    Header,
    Settings,
    Span,
    crc32,
    defaults,
    model_name_problem,
)
from edgezip.errors import ChecksumError, FormatError, TruncatedError, UnsupportedError

NOT_OURS = "not an edgezip file (wrong first bytes)"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a parser accepts. verify=False skips checksums, for fuzzing only."""

    coders: frozenset[int] = c.KNOWN_CODERS
    transforms: frozenset[int] = c.KNOWN_TRANSFORMS
    verify: bool = True


@dataclass(frozen=True, slots=True)
class ChannelHead:
    """A channel without its payload, of which `payload_size` bytes follow."""

    coder: int
    transform: int
    params: bytes
    raw_size: int
    payload_size: int


@dataclass(frozen=True, slots=True)
class FrameHead:
    """A frame's header."""

    offset: int
    raw_size: int
    spans: tuple[Span, ...]
    channels: tuple[ChannelHead, ...]
    tag: bytes = b""

    @property
    def payload_size(self) -> int:
        """Bytes of all payloads."""
        return sum(channel.payload_size for channel in self.channels)


def read_header(source: Source, rules: Rules, first: bool = True) -> Parse[Header]:
    """The header of a member; `first` is False for what follows another member."""
    message = NOT_OURS
    if not first:
        message = f"trailing garbage after byte {source.position}; {c.RECOVER_HINT}"
    seen = source.seen = bytearray()
    yield from source.expect(c.MAGIC, message)
    version_flags = yield from source.byte()
    version, flags = version_flags >> 4, version_flags & 15
    if version != c.VERSION:
        raise UnsupportedError(
            f"format version {version} is not known; this edgezip reads version {c.VERSION}"
        )
    short = bool(flags & c.FLAG_SHORT)
    id_size = c.SHORT_ID_SIZE if short else c.LONG_ID_SIZE
    engine, model = None, None
    if flags & c.FLAG_NO_MODEL:
        if flags & c.FLAG_NATIVE:
            raise FormatError("damaged header: an engine without a model")
    else:
        engine = yield from _read_engine(source, bool(flags & c.FLAG_NATIVE))
        model = yield from source.take(id_size)
    header = Header(short, engine, model)
    if flags & c.FLAG_EXTRAS:
        header = yield from _read_extras(source, header, id_size)
    if not short:
        yield from read_crc(source, bytes(seen), rules, "header")
    return header


def _read_engine(source: Source, native: bool) -> Parse[EngineField]:
    if native:
        return EngineField("native", 0, (yield from source.take(c.FINGERPRINT_SIZE)))
    return EngineField("strict", (yield from source.varint()))


def _read_extras(source: Source, header: Header, id_size: int) -> Parse[Header]:
    size = yield from source.varint()
    if not 2 <= size <= c.MAX_EXTRAS:
        raise FormatError(f"damaged header: an extras block of {size} bytes")
    block = Source((yield from source.take(size)), closed=True)
    try:
        return run(_read_block(block, header, id_size))
    except TruncatedError as error:
        raise FormatError("damaged header: its extras block is too short") from error


def _read_block(block: Source, header: Header, id_size: int) -> Parse[Header]:
    bits = yield from block.varint()
    if bits & ~c.EXTRA_KNOWN_BITS:
        raise UnsupportedError(f"header flags {bits:#x} are not known; use a newer edgezip")
    known_answer, total_size, primer, auxiliary, model_name = None, None, None, None, None
    if bits & c.EXTRA_KNOWN_ANSWER:
        known_answer = yield from block.take(c.KNOWN_ANSWER_SIZE)
    if bits & c.EXTRA_TOTAL_SIZE:
        if header.short:
            raise FormatError("damaged header: a short member with a total size field")
        total_size = yield from block.varint()
    if bits & c.EXTRA_PRIMER:
        primer = yield from block.take(id_size)
    if bits & c.EXTRA_AUXILIARY:
        if header.short:
            raise FormatError("damaged header: a short member that is auxiliary")
        auxiliary = yield from block.varint()
    if bits & c.EXTRA_MODEL_NAME:
        model_name = yield from _read_model_name(block, header)
    settings = yield from _read_settings(block)
    return replace(
        header,
        settings=settings,
        known_answer=known_answer,
        total_size=total_size,
        primer=primer,
        auxiliary=auxiliary,
        model_name=model_name,
    )


def _read_model_name(block: Source, header: Header) -> Parse[str]:
    if header.model is None:
        raise FormatError("damaged header: a model's name without a model")
    size = yield from block.varint()
    if not 1 <= size <= c.MAX_MODEL_NAME:
        raise FormatError(f"damaged header: a model's name of {size} bytes")
    raw = yield from block.take(size)
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("damaged header: the model's name is not valid UTF-8") from error
    problem = model_name_problem(name)
    if problem:
        raise FormatError(f"damaged header: {problem}")
    return name


def _read_settings(block: Source) -> Parse[Settings]:
    default = defaults(Settings().window)
    values: dict[str, int] = {}
    previous = 0
    while block.buffer:
        tag = yield from block.varint()
        value = yield from block.varint()
        if tag <= previous:
            raise FormatError("damaged header: settings are not in order")
        if tag not in SETTING_TAGS:
            raise UnsupportedError(f"setting {tag} is not known; use a newer edgezip")
        name = SETTING_TAGS[tag]
        if value == getattr(default, name):
            raise FormatError(f"damaged header: setting {name} repeats its default")
        values[name] = value
        default = defaults(values.get("window", default.window))  # the window comes first
        previous = tag
    settings = Settings(**values)
    problem = settings.problem()
    if problem:
        raise FormatError(f"damaged header: {problem}")
    return settings


def read_crc(source: Source, covered: bytes, rules: Rules, what: str) -> Parse[None]:
    """Compare the next 4 bytes with the CRC32 of `covered`."""
    stored = yield from source.take(c.CRC_SIZE)
    if rules.verify and stored != crc32(covered):
        raise ChecksumError(f"damaged {what}: wrong checksum; restore the file from a copy")


def read_channel(
    source: Source, header: Header, rules: Rules, raw_size: int | None = None
) -> Parse[ChannelHead]:
    """A kind byte with extensions and params, the raw size if not known, the payload size."""
    coder, transform, params = yield from read_kind(source, rules)
    if coder in c.MODEL_CODERS and header.model is None:
        raise FormatError(f"damaged: coder {coder} in a file without a model")
    if coder in c.BARE_CODERS and (transform or params):
        raise FormatError(f"damaged: coder {coder} with a transform or params")
    if coder == c.STORED:
        if raw_size is None:
            raw_size = yield from source.varint()
        return ChannelHead(coder, transform, params, raw_size, raw_size)
    if raw_size is None:
        raw_size = yield from source.varint()
        if not 1 <= raw_size <= c.MAX_FRAME_SIZE:
            raise FormatError(f"damaged: {raw_size} coded bytes (1 to {c.MAX_FRAME_SIZE} fit)")
    payload_size = yield from source.varint()
    if payload_size > c.max_payload(raw_size):
        raise FormatError(f"damaged: a payload of {payload_size} bytes for {raw_size} bytes")
    return ChannelHead(coder, transform, params, raw_size, payload_size)


def read_kind(source: Source, rules: Rules) -> Parse[tuple[int, int, bytes]]:
    """Coder number, transform number and params. UnsupportedError for unknown numbers."""
    kind = yield from source.byte()
    coder, transform = kind & 15, kind >> 4 & 7
    if coder == c.CODER_EXTENSION:
        coder = yield from source.varint()
        if coder < c.CODER_EXTENSION:
            raise FormatError("damaged: a coder number in the wrong form")
    if transform == c.TRANSFORM_EXTENSION:
        transform = yield from source.varint()
        if transform < c.TRANSFORM_EXTENSION:
            raise FormatError("damaged: a transform number in the wrong form")
    if coder not in rules.coders:
        name = c.CODER_NAMES.get(coder, "unknown")
        raise UnsupportedError(f"coder {coder} ({name}) is not supported; use a newer edgezip")
    if transform not in rules.transforms:
        name = c.TRANSFORM_NAMES.get(transform, "unknown")
        raise UnsupportedError(
            f"transform {transform} ({name}) is not supported; use a newer edgezip"
        )
    if not kind & c.KIND_PARAMS:
        return coder, transform, b""
    size = yield from source.varint()
    if not 1 <= size <= c.max_params(transform):
        raise FormatError(f"damaged: channel params of {size} bytes")
    return coder, transform, (yield from source.take(size))


def read_frame_head(source: Source, header: Header, rules: Rules) -> Parse[FrameHead]:
    """A frame's header; its mark has been taken and is in source.seen."""
    seen = source.seen
    assert seen is not None
    offset = yield from source.varint()
    tag = b""
    if offset:
        tag = yield from source.take(c.TAG_SIZE)
    raw_size = yield from source.varint()
    if not 1 <= raw_size <= c.MAX_FRAME_SIZE:
        raise FormatError(f"damaged: a frame of {raw_size} bytes (1 to {c.MAX_FRAME_SIZE} fit)")
    spans, channels = yield from read_channels(source, header, rules, raw_size)
    yield from read_crc(source, bytes(seen), rules, "frame header")
    return FrameHead(offset, raw_size, spans, channels, tag)


def read_channels(
    source: Source, header: Header, rules: Rules, raw_size: int
) -> Parse[tuple[tuple[Span, ...], tuple[ChannelHead, ...]]]:
    """Spans and channels of a frame of `raw_size` bytes."""
    count = yield from source.varint()
    if not 1 <= count <= c.MAX_CHANNELS:
        raise FormatError(f"damaged: a frame of {count} channels (1 to {c.MAX_CHANNELS} fit)")
    spans: tuple[Span, ...] = (Span(0, raw_size),)
    if count > 1:
        spans = yield from _read_spans(source, raw_size, count)
    sizes = [0] * count
    for span in spans:
        sizes[span.channel] += span.length
    channels: list[ChannelHead] = []
    for size in sizes:
        channel = yield from read_channel(source, header, rules, size)
        channels.append(channel)
    return spans, tuple(channels)


def with_payloads(
    heads: Sequence[ChannelHead], take: Callable[[int], bytes]
) -> tuple[Channel, ...]:
    """The channels of a frame; `take` gives so many bytes of the payloads."""
    order = c.payload_order([head.coder for head in heads])
    payloads = {number: take(heads[number].payload_size) for number in order}
    return tuple(
        Channel(head.coder, payloads[number], head.raw_size, head.transform, head.params)
        for number, head in enumerate(heads)
    )


def _read_spans(source: Source, raw_size: int, count: int) -> Parse[tuple[Span, ...]]:
    number = yield from source.varint()
    if not count <= number <= min(c.MAX_SPANS, raw_size):
        raise FormatError(f"damaged: {number} spans for {count} channels and {raw_size} bytes")
    spans: list[Span] = []
    previous, seen, left = -1, 0, raw_size
    for _ in range(number):
        value = yield from source.varint()
        length, skip = divmod(value, count - 1)
        channel = (previous + 1 + skip) % count
        if channel > seen or not 1 <= length <= left:
            raise FormatError("damaged: impossible spans in a frame header")
        seen = max(seen, channel + 1)
        left -= length
        spans.append(Span(channel, length))
        previous = channel
    if left or seen != count:
        raise FormatError("damaged: the spans do not fill their frame")
    return tuple(spans)
