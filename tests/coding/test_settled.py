"""What is decoded of a payload that was cut off: all that no following byte can change."""

from __future__ import annotations

import random

import numpy as np
import pytest

from edgezip.coding import rangecoder
from edgezip.coding.audio import codec as audio
from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.image import codec as image
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.coding.mixing import bytecodec
from edgezip.coding.mixing.params import MixParams

BITS = 16


def decoded(payload: bytes, odds: list[int]) -> list[int]:
    data = np.frombuffer(payload, np.uint8).copy()
    state = rangecoder.new_decoder(data)
    return [int(rangecoder.decode_bit(state, data, p, BITS)) for p in odds]


def common(first: list[int], second: list[int]) -> int:
    pairs = zip(first, second, strict=True)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), len(first))


@pytest.mark.parametrize("seed", range(6))
def test_settled_is_what_neither_zeros_nor_ones_change(seed: int) -> None:
    rng = random.Random(seed)
    odds = [rng.choice([9, 700, 32768, 65000, 65530]) for _ in range(400)]
    bits = [int(rng.random() * 65536 < p) for p in odds]
    out = np.zeros(rangecoder.output_bound(len(odds), BITS), np.uint8)
    coder = rangecoder.new_encoder()
    for p, bit in zip(odds, bits, strict=True):
        rangecoder.encode_bit(coder, out, p, BITS, bit)
    payload = out[: rangecoder.encode_finish(coder, out)].tobytes()
    for cut in range(len(payload)):
        there = payload[:cut]
        known = common(decoded(there + bytes(80), odds), decoded(there + b"\xff" * 80, odds))
        data = np.frombuffer(there, np.uint8).copy()
        state = rangecoder.new_decoder(data)
        settled = 0
        for p in odds:
            rangecoder.decode_bit(state, data, p, BITS)
            if not rangecoder.is_settled(state, data.size):
                break
            settled += 1
        assert settled == known
        assert decoded(there + bytes(80), odds)[:settled] == bits[:settled]


def test_bytes_that_are_settled() -> None:
    """Down to the byte: as much as is the same with zeros and with ones behind it."""
    rng = random.Random(4)
    text = b" ".join(rng.choice([b"once", b"upon", b"a", b"time", b"there"]) for _ in range(200))
    params = MixParams.for_size(len(text))
    payload = bytecodec.cm_encode(text, params)
    size = len(text)
    for cut in range(0, len(payload), 17):
        there = payload[:cut]
        known = [
            bytecodec._decoded(there + fill * 80, size, params, b"", None)[0].tobytes()
            for fill in (b"\0", b"\xff")
        ]
        settled = common(list(known[0].ljust(size)), list(known[1].ljust(size)))
        assert bytecodec.cm_start(there, size, params) == text[:settled]


def test_rows_that_are_settled() -> None:
    rng = np.random.default_rng(3)
    rows = np.cumsum(rng.integers(-3, 4, (40, 30 * 3)), axis=0).astype(np.uint8)
    for geometry, data in (
        (ImageGeometry(30, 3), rows.tobytes()),
        (ImageGeometry(240, bits=1), rows[:, :30].tobytes()),
        (ImageGeometry(45, bits=16), rows.tobytes() + b"cut"),
    ):
        payload = image.encode(data, geometry)
        last = 0
        for cut in range(8, len(payload), len(payload) // 11):
            made, settled = image.decode_start(payload[:cut], len(data), geometry)
            assert made[:settled] == data[:settled]
            assert settled >= last
            last = settled
            assert abs(settled / len(data) - cut / len(payload)) < 0.2
        assert last > len(data) // 2


def test_padding_is_settled_behind_all_rows() -> None:
    data = bytes(random.Random(1).choices(range(40), k=24 * 20))
    geometry = ImageGeometry(22, padding=2)
    payload = image.encode(data, geometry)
    for cut in range(8, len(payload), 20):
        made, settled = image.decode_start(payload[:cut], len(data), geometry)
        assert made[:settled] == data[:settled]
    assert image.decode_start(payload[: len(payload) // 2], len(data), geometry)[1] == 0


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_frames_that_are_settled(channels: int) -> None:
    rng = np.random.default_rng(5)
    samples = np.cumsum(rng.integers(-40, 41, (6000, channels)), axis=0).astype("<i2")
    data = samples.tobytes() + b"x"
    geometry = AudioGeometry(channels, 16)
    payload = audio.encode(data, geometry)
    last = 0
    for cut in range(8, len(payload), len(payload) // 9):
        made, settled = audio.decode_start(payload[:cut], len(data), geometry)
        assert made[:settled] == data[:settled]
        assert settled >= last
        last = settled
        if channels < 3:
            assert abs(settled / len(data) - cut / len(payload)) < 0.1
        elif cut < len(payload) // 2:
            assert settled == 0  # the third channel is coded behind the others
    assert last > len(data) // 2
