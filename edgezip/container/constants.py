"""Numbers of format version 1. docs/format.md explains each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MAGIC: Final = b"\x9eEZ"
VERSION: Final = 1

FLAG_SHORT: Final = 1
FLAG_EXTRAS: Final = 2
FLAG_NO_MODEL: Final = 4
FLAG_NATIVE: Final = 8

EXTRA_KNOWN_ANSWER: Final = 1
EXTRA_TOTAL_SIZE: Final = 2
EXTRA_PRIMER: Final = 4
EXTRA_AUXILIARY: Final = 8
EXTRA_MODEL_NAME: Final = 16
EXTRA_KNOWN_BITS: Final = (
    EXTRA_KNOWN_ANSWER | EXTRA_TOTAL_SIZE | EXTRA_PRIMER | EXTRA_AUXILIARY | EXTRA_MODEL_NAME
)

# No UTF-8 text contains them: 0x9e cannot follow or start an ASCII letter, 0xf5 never occurs.
FRAME_MARK: Final = b"\x9eFR\xf5"
END_MARK: Final = b"\x9eEN\xf5"
TAIL_MARK: Final = b"\x9eOK\xf5"

FRAME_PERSON: Final = b"edgezip frame"
MEMBER_PERSON: Final = b"edgezip member"
SHORT_PERSON: Final = b"edgezip short"

CRC_SIZE: Final = 4
DIGEST_SIZE: Final = 8
FINGERPRINT_SIZE: Final = 8
KNOWN_ANSWER_SIZE: Final = 4
TAG_SIZE: Final = 4
SHORT_ID_SIZE: Final = 4
LONG_ID_SIZE: Final = 8
TAIL_SIZE: Final = 12
"""Bytes of the fixed end of an end record: record size (4), CRC32 (4), tail mark (4)."""

SMALL_SIZE: Final = 1 << 16
"""A short member with fewer raw bytes is checked by a CRC32, any other by an 8-byte digest."""
MAX_FRAME_SIZE: Final = 64 << 20
MAX_TRANSFORMED: Final = 2 * MAX_FRAME_SIZE
"""What the channels of a frame give to their coders, together: transformed content may be longer
than the raw size."""
MAX_CHANNELS: Final = 64
MAX_SPANS: Final = 1 << 16
MAX_PARAMS: Final = 4096
MAX_TARRED_PARAMS: Final = 16 << 20
"""Params of a channel whose transform has the headers of a tar in them."""
MAX_EXTRAS: Final = 256
MAX_MODEL_NAME: Final = 64
"""Bytes of UTF-8 of the name that a header has for its model."""
MAX_FRAMES: Final = 1 << 20
MAX_STREAMS: Final = 64
MIN_WINDOW: Final = 16
MAX_WINDOW: Final = 1 << 24
LONGEST_ESCAPE: Final = 3
"""Bytes, and so tokens, that a byte without a token becomes at most."""

STORED: Final = 0
DEFLATE: Final = 1
BZIP2: Final = 2
LZMA: Final = 3
LM: Final = 4
CM: Final = 5
LM_MIX: Final = 6
IMAGE: Final = 7
AUDIO: Final = 8
REPEAT: Final = 9
JPEG: Final = 10
NESTED: Final = 11

CODER_NAMES: Final[dict[int, str]] = {
    STORED: "stored",
    DEFLATE: "deflate",
    BZIP2: "bzip2",
    LZMA: "lzma",
    LM: "lm",
    CM: "cm",
    LM_MIX: "lm-mix",
    IMAGE: "image",
    AUDIO: "audio",
    REPEAT: "repeat",
    JPEG: "jpeg",
    NESTED: "nested",
}
KNOWN_CODERS: Final = frozenset(CODER_NAMES)
MODEL_CODERS: Final = frozenset({LM, LM_MIX})
"""Coders that need a language model, so that the header has to name one."""
BARE_CODERS: Final = frozenset({STORED, REPEAT})
"""Coders that have neither a transform nor params."""

NO_TRANSFORM: Final = 0
LINE_ENDS: Final = 1
DEFLATED: Final = 2
BASE64: Final = 3
LOWER_HEX: Final = 4
UTF16: Final = 5
UPPER_HEX: Final = 6
LONE_CR: Final = 7
LATIN1: Final = 8
X86: Final = 9
TARRED: Final = 10
WRAPS: Final = 11
DEFLATED_GROWTH: Final = 1100
"""Times that what a deflate stream holds may be larger: deflate reaches 1032."""
TRANSFORM_NAMES: Final[dict[int, str]] = {
    NO_TRANSFORM: "none",
    LINE_ENDS: "line ends",
    DEFLATED: "deflate undone",
    BASE64: "base64",
    LOWER_HEX: "hex",
    UTF16: "UTF-16",
    UPPER_HEX: "upper-case hex",
    LONE_CR: "CR line ends",
    LATIN1: "ISO 8859-1",
    X86: "x86 code",
    TARRED: "tar members",
    WRAPS: "wrapped lines",
}
KNOWN_TRANSFORMS: Final = frozenset(TRANSFORM_NAMES)

CODER_EXTENSION: Final = 15
TRANSFORM_EXTENSION: Final = 7
KIND_PARAMS: Final = 0x80

RECOVER_HINT: Final = "`unpack --recover` gives what is intact"
"""What messages about damage end with."""


def max_params(transform: int) -> int:
    """Bytes of params that a channel with this transform may have."""
    return MAX_TARRED_PARAMS if transform == TARRED else MAX_PARAMS


def payload_order(coders: Sequence[int]) -> list[int]:
    """The numbers of the channels of a frame, in the order of their payloads: the few bytes of
    repeats come first, as all of a frame that was cut off needs them."""
    return sorted(range(len(coders)), key=lambda number: coders[number] != REPEAT)


def max_payload(raw_size: int) -> int:
    """The largest payload (bytes) that a channel of `raw_size` bytes may have.

    A writer stores what does not shrink. The bound only keeps damaged sizes from asking for
    memory, and leaves room for a caller that insists on a coder that enlarges its input.
    """
    return 4 * raw_size + 64
