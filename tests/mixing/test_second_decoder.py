"""What the package writes, a decoder written from the pages alone reads."""

from __future__ import annotations

import random

import numpy as np
import pytest

from edgezip.coding.mixing.bytecodec import cm_encode
from edgezip.coding.mixing.layout import FAR
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.profile import PROFILES, RECORDS, Profile
from edgezip.coding.mixing.token_mixing import MixingEncoder

from .second_decoder import Decoder
from .second_token_decoder import TokenDecoder

_ROWS = b"".join(b'%d,"ab (c%d)", x/%d\t{k=%d}\n' % (i, i % 3, i * 7, i % 5) for i in range(14))
_RECORDS = b"".join(bytes([i, 7, i * i % 251, 0, 255, i // 2]) for i in range(60))
_MIXED = random.Random(4).randbytes(60) + b"The the THE; caf\xc3\xa9 12.5 12.7\n" * 3

# x86: prefixes, a REX.W immediate, SIB, both groups of tests, maps 0F, 0F 38 and 0F 3A, VEX, calls.
_CODE = (
    bytes.fromhex(
        "554889e54883ec20488b05a0120000e8a4ffffff0f84100000006648b83412785600000000"
        "8b44240c8d0c8dffeeddccf6c301f7d8f7c700010000660f381c c0660f3a0fc108c5f96fc1"
        "c4e27d18c0c4e37d39c101c8100001c3a10011223366c7000102f390c9c2080064a128000000"
    )
    * 4
)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@pytest.mark.parametrize("level", [0, 2])
def test_the_second_decoder_agrees(profile: Profile, level: int) -> None:
    for data in (_ROWS, _RECORDS, _MIXED, _CODE):
        payload = cm_encode(data, MixParams(16, profile.number, level))
        assert Decoder(16, profile.number, level).decode(payload, len(data)) == data


def test_the_second_decoder_agrees_on_residuals_that_are_many() -> None:
    # Longer than the greatest distance, and with more residuals of a kind than are counted.
    many = b"".join((7 * i).to_bytes(2, "big") + b"\t\0" for i in range(512))
    data = many + random.Random(6).randbytes(40) + many[-40:]
    payload = cm_encode(data, MixParams(16, RECORDS, 2))
    decoder = Decoder(16, RECORDS, 2)
    assert decoder.decode(payload, len(data)) == data
    assert decoder.residuals.halved > 0
    assert len(data) > FAR


_PIECES: list[bytes | None] = [
    None, *(bytes([i]) for i in range(10, 123)), b"the ", b"the", b"then", b"a", b"item", b"ite",
    b"=1\n", b"a",
]  # fmt: skip


def _tokens(text: bytes) -> list[int]:
    """The longest pieces of `text`, now and then another of the same spelling."""
    found: list[int] = []
    at = 0
    while at < len(text):
        fits = [i for i, p in enumerate(_PIECES) if p is not None and text.startswith(p, at)]
        longest = max(len(_PIECES[i] or b"") for i in fits)
        found.append([i for i in fits if len(_PIECES[i] or b"") == longest][-(len(found) % 2)])
        at += longest
    return found


@pytest.mark.parametrize("sharpness", [3.0, 12.0])
@pytest.mark.parametrize("level", [0, 2])
def test_the_second_decoder_of_tokens_agrees(level: int, sharpness: float) -> None:
    tokens = _tokens(b"".join(b"item%d=1\nthe then the (a): %d\n" % (i % 3, i) for i in range(9)))
    rows = np.random.default_rng(2).normal(0, sharpness, (len(tokens), len(_PIECES)))
    rows[np.arange(len(tokens)), tokens] += 2 * sharpness
    logits = rows.astype(np.float32)
    encoder = MixingEncoder(len(tokens), 1, _PIECES, MixParams(16, 0, level))
    numbers = np.array(tokens, np.int32)
    encoder.add(encoder.measure(logits, numbers), numbers, np.arange(len(tokens), dtype=np.int64))
    payload = encoder.finish()
    decoder = TokenDecoder(16, level, _PIECES)
    read = decoder.decode_tokens(payload, len(tokens), lambda done: logits[len(done)].tolist())
    assert read == tokens
    assert decoder.wrong > 0 or sharpness < 10
