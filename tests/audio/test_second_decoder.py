"""The specification in docs/media.md gives the same bytes as the package."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from edgezip.coding.audio.codec import encode
from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.audio.levels import LEVELS

from . import second_decoder
from .sounds import noise, pack, resonant

STEREO = np.stack([resonant(90, 3), resonant(90, 4) // 2 + resonant(90, 3) // 3], 1)
STEPS = (resonant(400) >> 6) * 37 // 10

SOUNDS = {
    "mono, fast": (resonant(200), AudioGeometry(1, 16), 0),
    "mono": (resonant(80), AudioGeometry(1, 16), 1),
    "mono, strong": (resonant(33), AudioGeometry(1, 16, big_endian=True), 2),
    "stereo": (STEREO[:45], AudioGeometry(2, 16), 1),
    "stereo, strong": (STEREO[:18] << 8, AudioGeometry(2, 24), 2),
    "three channels": (np.hstack([STEREO, STEREO[:, :1]])[:50] >> 8, AudioGeometry(3, 8), 0),
    "loud": (np.where(noise(70, 2) > 0, 32767, -32768), AudioGeometry(1, 16, signed=False), 1),
    "silence": (np.zeros(50, np.int64), AudioGeometry(1, 8, signed=False), 1),
    "holes": (np.concatenate([STEPS] * 3), AudioGeometry(1, 16), 0),
    "32 bits": (noise(60, 1) << 16 | noise(60, 2) & 0xFFFF, AudioGeometry(1, 32), 0),
    "multiples": (resonant(60) << 4, AudioGeometry(1, 24), 1),
}


def check(samples: np.ndarray, geometry: AudioGeometry, level: int, tail: bytes = b"") -> bytes:
    data = (
        pack(samples, geometry.bits, big_endian=geometry.big_endian, signed=geometry.signed) + tail
    )
    payload = encode(data, geometry, level)
    params = bytes([level]) + geometry.to_bytes()
    assert second_decoder.decode(payload, len(data), params) == data
    return payload


@pytest.mark.parametrize("name", SOUNDS)
def test_second_decoder(name: str) -> None:
    samples, geometry, level = SOUNDS[name]
    tail = b"\x07" if geometry.frame_size > 1 else b""
    check(samples, geometry, level, tail)


def test_lists_are_used_where_the_holes_are() -> None:
    samples, geometry, _ = SOUNDS["holes"]
    coder = second_decoder.RangeDecoder(encode(pack(samples, 16), geometry, 0))
    assert second_decoder.Pair(coder, 0, 1).listed


@pytest.mark.slow
def test_second_decoder_follows_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    once = noise(1200, 5) >> 9
    samples = np.concatenate([once] * 4)[:4250]
    asked: list[int] = []
    first = second_decoder.RangeDecoder.number

    def number(self: second_decoder.RangeDecoder, bits: int) -> int:
        asked.append(bits)
        return first(self, bits)

    monkeypatch.setattr(second_decoder.RangeDecoder, "number", number)
    check(samples, AudioGeometry(1, 16), 0)
    assert 17 in asked[3:]


def test_levels_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "media.md").read_text(encoding="utf-8")
    audio = page.split("\n## Audio\n")[1].split("\n## ")[0]
    for number, level in enumerate(LEVELS):
        (row,) = re.findall(rf"^\| {number} \w+ \|(.*)\|$", audio, re.MULTILINE)
        cells = [
            [tuple(map(int, item.split(","))) for item in re.findall(r"\(([\d, ]+)\)", cell)]
            for cell in row.split("|")
        ]
        squares = [
            [(s.own, s.other, s.lagged, s.decay, s.every) for s in side]
            for side in (level.mono, level.stereo)
        ]
        assert cells == [*squares, list(level.filters), list(level.combiners)]
        own = second_decoder.LEVELS[number]
        assert cells == [own[1], own[2], own["filters"], own["combiners"]]
