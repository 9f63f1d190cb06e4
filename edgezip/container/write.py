"""Writing: every function returns the bytes that come next in the file."""

from __future__ import annotations

from collections.abc import Sequence

from edgezip.container import constants as c
from edgezip.container.types import (
    SETTING_TAGS,
    Channel,
    Header,
    Settings,
    Span,
    crc32,
    defaults,
    frame_digest,
    member_tag,
    model_name_problem,
    short_check,
    short_digest,
)
from edgezip.container.varint import encode, encode_all
from edgezip.errors import SettingsError


def encode_kind(channel: Channel) -> bytes:
    """The kind byte of a channel, its extensions and its params."""
    coder, transform = channel.coder, channel.transform
    low = min(coder, c.CODER_EXTENSION)
    high = min(transform, c.TRANSFORM_EXTENSION)
    if coder in c.BARE_CODERS and (transform or channel.params):
        raise SettingsError(f"coder {coder} has no transform and no params")
    if len(channel.params) > c.max_params(transform):
        raise SettingsError(f"channel params are limited to {c.max_params(transform)} bytes")
    out = bytearray([low | high << 4 | (c.KIND_PARAMS if channel.params else 0)])
    if low == c.CODER_EXTENSION:
        out += encode(coder)
    if high == c.TRANSFORM_EXTENSION:
        out += encode(transform)
    if channel.params:
        out += encode(len(channel.params)) + channel.params
    return bytes(out)


def encode_settings(settings: Settings) -> bytes:
    """Tag and value of every setting that differs from its default, tags ascending."""
    problem = settings.problem()
    if problem:
        raise SettingsError(f"cannot write {problem}")
    default = defaults(settings.window)
    out = bytearray()
    for tag, name in sorted(SETTING_TAGS.items()):
        value: int = getattr(settings, name)
        if value != getattr(default, name):
            out += encode_all(tag, value)
    return bytes(out)


def _encode_extras(header: Header, id_size: int) -> bytes:
    bits, fields = 0, bytearray()
    if header.known_answer is not None:
        bits |= c.EXTRA_KNOWN_ANSWER
        fields += _prefix(header.known_answer, c.KNOWN_ANSWER_SIZE, "known answer")
    if header.total_size is not None:
        if header.short:
            raise SettingsError("a short member has no total size field")
        bits |= c.EXTRA_TOTAL_SIZE
        fields += encode(header.total_size)
    if header.primer is not None:
        bits |= c.EXTRA_PRIMER
        fields += _prefix(header.primer, id_size, "primer id")
    if header.auxiliary is not None:
        if header.short:
            raise SettingsError("an auxiliary member has the long layout")
        bits |= c.EXTRA_AUXILIARY
        fields += encode(header.auxiliary)
    if header.model_name is not None:
        bits |= c.EXTRA_MODEL_NAME
        fields += _model_name(header)
    fields += encode_settings(header.settings)
    return encode(bits) + fields if fields else b""


def _model_name(header: Header) -> bytes:
    name = header.model_name or ""
    problem = model_name_problem(name)
    if problem or header.model is None:
        raise SettingsError(problem or "a model's name without a model")
    raw = name.encode("utf-8")
    return encode(len(raw)) + raw


def _prefix(value: bytes, size: int, name: str) -> bytes:
    if len(value) < size:
        raise SettingsError(f"the {name} needs at least {size} bytes")
    return value[:size]


def encode_header(header: Header) -> bytes:
    """The header of a member, in the long layout with its CRC32. SettingsError if invalid."""
    if (header.engine is None) != (header.model is None):
        raise SettingsError("a member names an engine and a model, or neither")
    id_size = c.SHORT_ID_SIZE if header.short else c.LONG_ID_SIZE
    flags = c.FLAG_SHORT if header.short else 0
    body = bytearray()
    if header.engine is None or header.model is None:
        flags |= c.FLAG_NO_MODEL
    else:
        problem = header.engine.problem()
        if problem:
            raise SettingsError(problem)
        if header.engine.kind == "native":
            flags |= c.FLAG_NATIVE
            body += header.engine.fingerprint
        else:
            body += encode(header.engine.version)
        body += _prefix(header.model, id_size, "model id")
    extras = _encode_extras(header, id_size)
    if extras:
        flags |= c.FLAG_EXTRAS
        body += encode(len(extras)) + extras
    out = c.MAGIC + bytes([c.VERSION << 4 | flags]) + body
    return out if header.short else out + crc32(out)


def _check_channel(header: Header, channel: Channel) -> None:
    if channel.coder in c.MODEL_CODERS and header.model is None:
        raise SettingsError(f"coder {channel.coder} needs a model in the header")
    if channel.coder == c.STORED:
        if len(channel.payload) != channel.raw_size:
            raise SettingsError("a stored channel's payload is its content")
    elif len(channel.payload) > c.max_payload(channel.raw_size):
        raise SettingsError("a payload is far larger than its content: store it instead")


def write_short(header: Header, channel: Channel, raw: bytes) -> bytes:
    """A whole member in the short layout: one channel with content `raw`.

    raw: at most 64 MiB, or any size if the channel is stored (see also `StoredWriter`).
    """
    if not header.short:
        raise SettingsError("write_short needs a header with short=True")
    if len(raw) != channel.raw_size:
        raise SettingsError("the raw size of the channel is not that of the content")
    if channel.coder != c.STORED and not 1 <= len(raw) <= c.MAX_FRAME_SIZE:
        raise SettingsError("a coded short member holds 1 byte to 64 MiB")
    _check_channel(header, channel)
    prefix = encode_header(header) + encode_kind(channel) + encode(len(raw))
    if channel.coder != c.STORED:
        prefix += encode(len(channel.payload))
    return b"".join((prefix, channel.payload, short_check(prefix, raw)))


class StoredWriter:
    """A stored short member of a known size, written piece by piece.

    It costs 10 to 22 bytes for any size. Call `begin`, `update` with all content, `finish`.
    """

    def __init__(self, size: int) -> None:
        self._left = size
        header = encode_header(Header(short=True))
        self._prefix = header + bytes([c.STORED]) + encode(size)
        self._digest = short_digest(self._prefix) if size >= c.SMALL_SIZE else None
        self._small = bytearray()

    def begin(self) -> bytes:
        """The bytes before the content."""
        return self._prefix

    def update(self, data: bytes) -> bytes:
        """Take the next content; returns the bytes to write, which are `data`."""
        self._left -= len(data)
        if self._left < 0:
            raise SettingsError("more content than the announced size")
        if self._digest is not None:
            self._digest.update(data)
        else:
            self._small += data
        return data

    def finish(self) -> bytes:
        """The bytes after the content. SettingsError if content is missing."""
        if self._left:
            raise SettingsError(f"{self._left} bytes less content than the announced size")
        if self._digest is not None:
            return self._digest.digest()
        return short_check(self._prefix, self._small)


class MemberWriter:
    """A member in the long layout. Call `begin`, `frame` for every frame, `finish`."""

    def __init__(self, header: Header) -> None:
        if header.short:
            raise SettingsError("MemberWriter needs a header with short=False")
        self._header = header
        self._header_bytes = encode_header(header)
        self._index = bytearray()
        self._frames = 0
        self._offset = 0
        self._tag = b""

    @property
    def full(self) -> bool:
        """No further frame fits; another member has to follow."""
        return self._frames >= c.MAX_FRAMES

    def begin(self) -> bytes:
        """The header."""
        return self._header_bytes

    def frame(
        self,
        raw: bytes | bytearray | memoryview,
        channels: Sequence[Channel],
        spans: Sequence[Span] = (),
    ) -> bytes:
        """The next frame: content `raw` (1 byte to 64 MiB), cut into `spans` of `channels`.

        Channels are numbered in the order of their first span; neighbouring spans have different
        channels. spans may be empty for a single channel.
        """
        if not 1 <= len(raw) <= c.MAX_FRAME_SIZE:
            raise SettingsError("a frame holds 1 byte to 64 MiB")
        if self._frames >= c.MAX_FRAMES:
            raise SettingsError(f"a member holds at most {c.MAX_FRAMES} frames")
        for channel in channels:
            _check_channel(self._header, channel)
        spans = tuple(spans) or (Span(0, len(raw)),)
        head = bytearray(c.FRAME_MARK) + encode(self._offset) + self._tag
        head += encode(len(raw)) + encode_channels(len(raw), channels, spans)
        digest = frame_digest(self._offset, raw)
        out = b"".join((head, crc32(head), *payloads_of(channels), digest))
        self._offset += len(raw)
        self._frames += 1
        self._index += encode_all(len(out), len(raw)) + digest
        self._tag = self._tag or member_tag(self._header_bytes, digest)
        return out

    def finish(self) -> bytes:
        """The end record. SettingsError if the content is not the announced size."""
        total = self._header.total_size
        if total is not None and total != self._offset:
            raise SettingsError(f"content of {self._offset} bytes instead of {total}")
        out = bytearray(c.END_MARK) + encode(len(self._header_bytes)) + self._header_bytes
        out += encode(self._frames) + self._index
        out += (len(out) + c.TAIL_SIZE).to_bytes(4, "little")
        return bytes(out + crc32(out) + c.TAIL_MARK)


def payloads_of(channels: Sequence[Channel]) -> list[bytes]:
    """The payloads of a frame in their order."""
    order = c.payload_order([channel.coder for channel in channels])
    return [channels[number].payload for number in order]


def encode_channels(raw_size: int, channels: Sequence[Channel], spans: Sequence[Span]) -> bytes:
    """Their number, the spans, and each channel without its payload."""
    out = bytearray(encode(len(channels)))
    out += _encode_spans(raw_size, channels, spans)
    for channel in channels:
        out += encode_kind(channel)
        if channel.coder != c.STORED:
            out += encode(len(channel.payload))
    return bytes(out)


def _encode_spans(raw_size: int, channels: Sequence[Channel], spans: Sequence[Span]) -> bytes:
    """Span list of a frame, empty for one channel. SettingsError unless canonical."""
    count = len(channels)
    if not 1 <= count <= c.MAX_CHANNELS or len(spans) > c.MAX_SPANS:
        raise SettingsError(f"{count} channels, {len(spans)} spans: more than a frame can hold")
    sizes = [0] * count
    out = bytearray()
    previous, seen = -1, 0
    for span in spans:
        if not 0 <= span.channel <= min(seen, count - 1) or span.length < 1:
            raise SettingsError("spans must be 1 byte or more, channels numbered as they appear")
        if span.channel == previous:
            raise SettingsError("neighbouring spans of one channel must be merged")
        seen = max(seen, span.channel + 1)
        sizes[span.channel] += span.length
        if count > 1:
            out += encode(span.length * (count - 1) + (span.channel - previous - 1) % count)
        previous = span.channel
    if sizes != [channel.raw_size for channel in channels] or sum(sizes) != raw_size:
        raise SettingsError("the spans do not add up to the sizes of the channels and the frame")
    return encode(len(spans)) + bytes(out) if count > 1 else b""
