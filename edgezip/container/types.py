"""What a file consists of, as plain values. Sizes and offsets are in bytes."""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass, field, replace
from typing import Literal

from edgezip.container import constants as c
from edgezip.errors import ChecksumError


@dataclass(frozen=True, slots=True)
class EngineField:
    """Which engine's arithmetic the file needs.

    kind "strict": `version` counts changes of the arithmetic, `fingerprint` is empty.
    kind "native": `fingerprint` is 8 bytes that only an equal engine has, `version` is 0.
    """

    kind: Literal["strict", "native"]
    version: int = 0
    fingerprint: bytes = b""

    def problem(self) -> str | None:
        """What is wrong with the values, or None."""
        if self.kind == "native":
            if len(self.fingerprint) != c.FINGERPRINT_SIZE or self.version:
                return "a native engine has a fingerprint of 8 bytes and no version"
        elif self.fingerprint or self.version < 0:
            return "a strict engine has a version of 0 or more and no fingerprint"
        return None


BY_WINDOW = -1
"""Of a setting that is to have its default."""
SHORTEST_SPAN = 8192
"""Positions after which a context is renewed by default, unless the window is longer."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the language model coders that hold for a whole member.

    The defaults belong to format version 1 and are not written. Where `BY_WINDOW` is given, the
    value becomes the default, which follows from the window.
    window: cells of a stream's context; keep: tokens evaluated again when a context is renewed, a
    quarter of the window by default; top_k: size of the coded part of the vocabulary, 0 for all of
    it; evict: tokens that leave a full context at a time, the oldest, by default an eighth of it;
    span: positions after which a context is renewed, if those that the model was trained for are
    not fewer; by default `SHORTEST_SPAN`, or the window if that is larger.
    """

    window: int = 384
    keep: int = BY_WINDOW
    top_k: int = 0
    evict: int = BY_WINDOW
    span: int = BY_WINDOW

    def __post_init__(self) -> None:
        """Fill in what follows from the window."""
        for name, value in (
            ("keep", self.window // 4),
            ("evict", self.window // 8),
            ("span", max(self.window, SHORTEST_SPAN)),
        ):
            if getattr(self, name) == BY_WINDOW:
                object.__setattr__(self, name, value)

    def problem(self) -> str | None:
        """What is wrong with the values, or None."""
        if not c.MIN_WINDOW <= self.window <= c.MAX_WINDOW:
            return (
                f"a window of {self.window} cells ({c.MIN_WINDOW} to {c.MAX_WINDOW} are possible)"
            )
        if not 0 <= self.keep <= self.window - 2:
            return f"{self.keep} kept tokens in a window of {self.window} cells"
        if not 1 <= self.evict <= self.window - 2:
            return f"{self.evict} tokens that leave a window of {self.window} cells"
        if not self.window <= self.span <= c.MAX_WINDOW:
            return f"a span of {self.span} for a window of {self.window} ({c.MAX_WINDOW} at most)"
        if not 0 <= self.top_k < 1 << 31:
            return f"a top k of {self.top_k} (0 to 2**31 - 1 are possible)"
        return None


def defaults(window: int) -> Settings:
    """What a header means that says nothing, or nothing but that window."""
    return replace(Settings(window), window=Settings().window)


_NOT_IN_NAMES = re.compile("[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def model_name_problem(name: str) -> str | None:
    """What is wrong with `name` as the model's name in a header, or None."""
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "the model's name is not valid UTF-8"
    if not 1 <= size <= c.MAX_MODEL_NAME:
        return f"the model's name has {size} bytes (1 to {c.MAX_MODEL_NAME} fit)"
    if _NOT_IN_NAMES.search(name):
        return "the model's name contains a control character"
    return None


SETTING_TAGS: dict[int, str] = {1: "window", 2: "keep", 3: "top_k", 4: "evict", 5: "span"}
"""Tag of every setting; a tag is never given to another meaning."""


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a member.

    engine and model are both None in a member that needs no language model. model and primer
    are prefixes of SHA-256 digests (of the GGUF, of the priming text): 4 bytes in the short
    layout, 8 in the long one; writers cut longer ones. known_answer: the first 4 bytes of the
    engine's known-answer digest for this model. total_size: raw size of the member, only in
    the long layout, None if the writer did not know it. auxiliary: kind of a member whose content
    is not part of the content of the file, only in the long layout; None for any other member.
    model_name: what the writer called the model, for people who do not have it; a hint, by which
    nothing is chosen.
    """

    short: bool = False
    engine: EngineField | None = None
    model: bytes | None = None
    settings: Settings = field(default_factory=Settings)
    known_answer: bytes | None = None
    total_size: int | None = None
    primer: bytes | None = None
    auxiliary: int | None = None
    model_name: str | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """One coded sequence of a frame: the spans of the channel, concatenated.

    raw_size: bytes of those spans. params: parameters of coder and transform, empty if none.
    """

    coder: int
    payload: bytes = field(repr=False)
    raw_size: int
    transform: int = c.NO_TRANSFORM
    params: bytes = b""


@dataclass(frozen=True, slots=True)
class Span:
    """The next `length` bytes of a frame come from channel number `channel`."""

    channel: int
    length: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A part of a member that is coded on its own.

    offset: where its raw content starts in the raw content of the member; raw_size: its length.
    check: the stored check of the raw content, see `verify`; prefix: header bytes that the
    check of a short member covers as well. position, size: the bytes it takes in the file. tag:
    member tag, empty in the first frame and in a short member.
    """

    offset: int
    raw_size: int
    channels: tuple[Channel, ...]
    spans: tuple[Span, ...]
    check: bytes
    prefix: bytes = field(default=b"", repr=False)
    position: int = 0
    size: int = 0
    tag: bytes = b""

    def join(self, contents: list[bytes]) -> bytes:
        """The raw content of the frame from the decoded content of each channel, in order.

        ChecksumError if a channel does not have the length that the spans give it.
        """
        wanted = [channel.raw_size for channel in self.channels]
        if [len(content) for content in contents] != wanted:
            raise ChecksumError("damaged: a channel decodes to another length than stored")
        if len(contents) == 1:
            return contents[0]
        views = [memoryview(content) for content in contents]
        used = [0] * len(views)
        parts: list[memoryview] = []
        for span in self.spans:
            start = used[span.channel]
            parts.append(views[span.channel][start : start + span.length])
            used[span.channel] = start + span.length
        return b"".join(parts)

    def verify(self, raw: bytes | bytearray | memoryview) -> None:
        """ChecksumError unless `raw` is the content that the frame was made from."""
        if len(raw) != self.raw_size:
            raise ChecksumError(
                f"damaged: a frame decodes to {len(raw)} bytes instead of {self.raw_size}"
            )
        prefix = self.prefix
        found = short_check(prefix, raw) if prefix else frame_digest(self.offset, raw)
        if found != self.check:
            raise ChecksumError(
                f"damaged: wrong checksum in bytes {self.offset} to {self.offset + self.raw_size}"
                f" of the content; {c.RECOVER_HINT}"
            )


def frame_digest(offset: int, raw: bytes | bytearray | memoryview) -> bytes:
    """8-byte digest of a frame's raw content that depends on its place in the member."""
    return hashlib.blake2b(
        raw, digest_size=c.DIGEST_SIZE, salt=offset.to_bytes(8, "little"), person=c.FRAME_PERSON
    ).digest()


def member_tag(header_bytes: bytes, check: bytes) -> bytes:
    """What binds further frames to the header of their member and its first frame, 4 bytes.

    header_bytes: the header with its CRC32; check: the digest of the first frame.
    """
    digest = hashlib.blake2b(header_bytes, digest_size=c.DIGEST_SIZE, person=c.MEMBER_PERSON)
    digest.update(check)
    return digest.digest()[: c.TAG_SIZE]


def short_check(prefix: bytes, raw: bytes | bytearray | memoryview) -> bytes:
    """Check of a short member: over its header bytes and its raw content.

    A CRC32 (4 bytes, little-endian) under 64 KiB of content, an 8-byte BLAKE2b digest above.
    """
    if len(raw) < c.SMALL_SIZE:
        return zlib.crc32(raw, zlib.crc32(prefix)).to_bytes(c.CRC_SIZE, "little")
    digest = short_digest(prefix)
    digest.update(raw)
    return digest.digest()


def short_digest(prefix: bytes) -> hashlib.blake2b:
    """The digest of a short member of 64 KiB or more, fed with its header bytes."""
    return hashlib.blake2b(prefix, digest_size=c.DIGEST_SIZE, person=c.SHORT_PERSON)


def crc32(data: bytes | bytearray) -> bytes:
    """CRC32 of `data` (polynomial of zlib and gzip), 4 bytes little-endian."""
    return zlib.crc32(data).to_bytes(c.CRC_SIZE, "little")


@dataclass(frozen=True, slots=True)
class HeaderEvent:
    """A member starts at byte `position` of the file. size: bytes of its header."""

    header: Header
    position: int
    size: int


@dataclass(frozen=True, slots=True)
class FrameEvent:
    """A whole frame. The parser has checked its header; `frame.verify` checks the content."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """Content of a large stored short member. It is verified when the EndEvent has come."""

    data: bytes = field(repr=False)
    offset: int


@dataclass(frozen=True, slots=True)
class EndEvent:
    """A member is complete: `size` bytes in the file for `raw_size` bytes of content."""

    raw_size: int
    size: int
    frames: int


Event = HeaderEvent | FrameEvent | StoredChunk | EndEvent
