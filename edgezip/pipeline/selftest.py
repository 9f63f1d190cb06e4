"""Known answers of the coders: do their kernels compute here what they compute everywhere?

Kernels are compiled on each machine. One that computes something else writes payloads that only
this machine can read, and a check that reads them back with the same kernels sees nothing. So
before a process codes with a coder for the first time, the coder has to make the known payload of a
small sample; before it decodes, it has to make the sample of the payload. That takes some
milliseconds, once, with kernels that are needed anyway. The payloads are in known_payloads.json,
which `python scripts/known_answers.py` renews where the format of a coder changes on purpose.

Plain Python (NUMBA_DISABLE_JIT=1) is the reference itself, and is not asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import jit
from edgezip.coding.protocols import TokenDecoder, TokenEncoder
from edgezip.container import Settings
from edgezip.container import constants as c
from edgezip.errors import EngineError, FormatError

PAYLOADS = Path(__file__).with_name("known_payloads.json")
_REST = "rest"
"""The sample of bytes that fill no row of a picture, which have a kernel of their own."""
TOKENS, STREAMS, TOP_K = 32, 2, Settings().top_k


@dataclass(frozen=True, slots=True)
class Sample:
    """What a coder is asked. encode: the payload. decode: whether a payload gives the content."""

    encode: Callable[[], bytes]
    decode: Callable[[bytes], bool]


def before_encoding(number: int, variant: int = 0) -> None:
    """Raise EngineError unless the coder `number` codes its sample as it must. Only the first call
    of a process works.

    variant: which kernels are needed, where a coder has several samples: the profile of coder 5,
        the bits of a sample of coder 7.
    """
    if not jit.PLAIN:
        for name in _names(number, variant):
            _encoded(name)


def before_decoding(number: int, variant: int = 0) -> None:
    """The same for decoding."""
    if not jit.PLAIN:
        for name in _names(number, variant):
            _decoded(name)


def check_all() -> int:
    """Ask all coders, in both directions; how many there are."""
    for name in makers():
        _encoded(name)
        _decoded(name)
    return len(makers())


def _names(number: int, variant: int) -> list[str]:
    from edgezip.coding.mixing.profile import PROFILES

    name = c.CODER_NAMES[number]
    if number == c.IMAGE:
        return [f"{name}-{variant}", f"{name}-{_REST}"]
    return [f"{name}-{PROFILES[variant].name}" if number == c.CM else name]


@cache
def _encoded(name: str) -> None:
    if sample(name).encode() != known()[name]:
        raise _failed(name, "codes")


@cache
def _decoded(name: str) -> None:
    try:
        right = sample(name).decode(known()[name])
    except FormatError:
        right = False
    if not right:
        raise _failed(name, "decodes")


def _failed(name: str, what: str) -> EngineError:
    return EngineError(
        f"the self-test of coder {name} failed: it {what} something else here than elsewhere;"
        " nothing was written. Run edgezip doctor, and install edgezip again"
    )


@cache
def known() -> dict[str, bytes]:
    """The payloads by the names of the samples."""
    stored = json.loads(PAYLOADS.read_text(encoding="utf-8"))
    return {name: bytes.fromhex(payload) for name, payload in stored.items()}


@cache
def makers() -> dict[str, Callable[[], Sample]]:
    """What makes the sample of each coder that has kernels, and of each profile of coder 5. Making
    one imports the coder, so nobody makes those that he does not use."""
    from edgezip.coding.mixing.profile import PROFILES

    return {
        **{f"cm-{profile.name}": partial(_mixing, profile.number) for profile in PROFILES},
        "lm": lambda: Sample(lambda: _code_tokens(_plain_encoder()), _decodes(_plain_decoder)),
        "lm-mix": lambda: Sample(
            lambda: _code_tokens(_mixing_encoder()), _decodes(_mixing_decoder)
        ),
        **{f"image-{bits}": partial(_image, bits) for bits in (1, 8, 16)},
        f"image-{_REST}": partial(_image, 8, rows=False),
        "audio": _audio,
    }


@cache
def sample(name: str) -> Sample:
    """The sample of that name."""
    return makers()[name]()


def _mixing(profile: int) -> Sample:
    from edgezip.coding.mixing.bytecodec import cm_decode, cm_encode
    from edgezip.coding.mixing.params import MixParams

    lines = b"".join(b'%d, "item": %d,%s\n' % (i, i % 3, b"xyz"[i % 3 :]) for i in range(6))
    content = lines + bytes((i * i >> 2) & 255 for i in range(40))
    params = MixParams(16, profile)
    return Sample(
        partial(cm_encode, content, params),
        lambda payload: cm_decode(payload, len(content), params) == content,
    )


_PIECES: list[bytes | None] = [None, *(bytes([i]) for i in range(256)), b"the ", b"item", b"ite"]


def _tokens() -> NDArray[np.int32]:
    """int32 (TOKENS,)."""
    return np.array([(i * i) % 259 + 1 for i in range(TOKENS)], np.int32)


def _logits() -> NDArray[np.float32]:
    """float32 (TOKENS, pieces), exact in any arithmetic."""
    steps = np.outer(np.arange(TOKENS), np.arange(len(_PIECES))) % 97
    return (steps / np.float32(8)).astype(np.float32)


def _code_tokens(encoder: TokenEncoder[Any]) -> bytes:
    measured = encoder.measure(_logits(), _tokens())
    encoder.add(measured, _tokens(), np.arange(TOKENS, dtype=np.int64))
    return encoder.finish()


def _decodes(make: Callable[[bytes], TokenDecoder]) -> Callable[[bytes], bool]:
    def decode(payload: bytes) -> bool:
        decoder, rows = make(payload), _logits()
        streams = np.arange(STREAMS, dtype=np.int64)
        found = [
            decoder.decode_rows(rows[i : i + STREAMS], streams) for i in range(0, TOKENS, STREAMS)
        ]
        decoder.finish()
        return np.array_equal(np.concatenate(found), _tokens())

    return decode


def _banned() -> NDArray[np.bool_]:
    return np.array([piece is None for piece in _PIECES], np.bool_)


def _plain_encoder() -> TokenEncoder[Any]:
    from edgezip.coding.plain import PlainEncoder

    return PlainEncoder(TOKENS, len(_PIECES), TOP_K, _banned())


def _plain_decoder(payload: bytes) -> TokenDecoder:
    from edgezip.coding.plain import PlainDecoder

    return PlainDecoder(payload, TOKENS, len(_PIECES), TOP_K, _banned())


def _mixing_encoder() -> TokenEncoder[Any]:
    from edgezip.coding.mixing.params import MixParams
    from edgezip.coding.mixing.token_mixing import MixingEncoder

    return MixingEncoder(TOKENS, STREAMS, _PIECES, MixParams(16))


def _mixing_decoder(payload: bytes) -> TokenDecoder:
    from edgezip.coding.mixing.params import MixParams
    from edgezip.coding.mixing.token_decoding import MixingDecoder

    return MixingDecoder(payload, TOKENS, STREAMS, _PIECES, MixParams(16))


def _image(bits: int, rows: bool = True) -> Sample:
    """A picture; without rows it consists of bytes that do not fill one."""
    from edgezip.coding.image import codec
    from edgezip.coding.image.geometry import ImageGeometry

    width, height, channels = {1: (96, 12, 1), 8: (12, 8, 3), 16: (16, 12, 1)}[bits]
    cells = [
        (5 * x + 7 * y + 3 * channel ^ x * y & 3) & 255
        for y in range(height)
        for x in range(width if bits > 1 else width // 8)
        for channel in range(channels)
    ]
    if bits == 16:  # so smooth that it is coded as differences
        cells = [byte for cell in cells for byte in divmod(20_000 + 37 * cell, 256)]
    content = bytes(cells) if rows else b"less than a row is coded as bytes"
    geometry = ImageGeometry(width, channels, bits, big_endian=bits == 16)
    return Sample(
        partial(codec.encode, content, geometry),
        lambda payload: codec.decode(payload, len(content), geometry) == content,
    )


def _audio() -> Sample:
    from edgezip.coding.audio import codec
    from edgezip.coding.audio.geometry import AudioGeometry

    content = np.array(
        [[40 * i - i * i // 3 + (i * 7) % 5, 30 * i - i * i // 4] for i in range(100)], "<i2"
    ).tobytes()
    geometry = AudioGeometry(2, 16)
    return Sample(
        partial(codec.encode, content, geometry),
        lambda payload: codec.decode(payload, len(content), geometry) == content,
    )
