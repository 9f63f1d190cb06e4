"""Sounds through the whole of edgezip: the audio coder is used where it pays, and only there."""

from __future__ import annotations

import io
import random
import struct
import tarfile
import wave

import numpy as np
import pytest

import edgezip
from edgezip import api
from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline.coders.audio import AUDIO
from edgezip.pipeline.context import Context
from edgezip.pipeline.options import PackOptions
from tests.audio.sounds import pack, resonant

NO_MODEL = PackOptions(model="none")


def coders(packed: bytes) -> list[str]:
    members = api.inspect_stream(io.BytesIO(packed))
    return [part.coder for m in members for frame in m.frames for part in frame.channels]


def samples(channels: int, count: int = 6000) -> np.ndarray:
    return np.stack([resonant(count, seed) for seed in range(1, channels + 1)], 1)


def wav(bits: int, channels: int) -> bytes:
    """A WAV file as the standard library writes it."""
    content = samples(channels) >> 8 if bits == 8 else samples(channels) << (bits - 16)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, bits // 8, 16000, 0, "NONE", "not compressed"))
        writer.writeframes(pack(content, bits, signed=bits > 8))
    return file.getvalue()


def au(bits: int, channels: int) -> bytes:
    body = pack(samples(channels) << (bits - 16), bits, big_endian=True)
    return struct.pack(">4s5L", b".snd", 24, len(body), bits // 8 + 1, 16000, channels) + body


SOUNDS = {
    **{
        f"{bits} bits, {n} channels": wav(bits, n)
        for bits, n in ((8, 1), (16, 1), (16, 2), (24, 2))
    },
    "au": au(16, 2),
    "cut": wav(16, 2)[:-1],
}


@pytest.mark.parametrize("name", SOUNDS)
def test_sounds_use_the_audio_coder(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = SOUNDS[name]
    packed = edgezip.compress(sound, options=NO_MODEL)
    assert "audio" in coders(packed)
    assert edgezip.decompress(packed) == sound
    monkeypatch.setattr("edgezip.pipeline.frames.MEDIA", {})
    monkeypatch.setattr("edgezip.pipeline.choice.MEDIA", {})
    without = edgezip.compress(sound, options=NO_MODEL)
    assert "audio" not in coders(without)
    assert len(packed) < len(without)


def test_a_sound_in_a_tar_costs_as_much_as_alone() -> None:
    sound, text = SOUNDS["16 bits, 2 channels"], b"a text beside it\n" * 100
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in (("a.txt", text), ("sound.bin", sound), ("b.txt", text)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    packed = edgezip.compress(file.getvalue(), options=NO_MODEL)
    assert "audio" in coders(packed)
    assert edgezip.decompress(packed) == file.getvalue()
    assert len(packed) < len(edgezip.compress(sound, options=NO_MODEL)) + 500


def test_noise_under_a_header_is_not_coded_as_sound() -> None:
    header = wav(16, 2)[:44]
    packed = edgezip.compress(header + random.Random(3).randbytes(24_000), options=NO_MODEL)
    assert "audio" not in coders(packed)


@pytest.mark.parametrize(
    "params", [b"", b"\xff\x01\x01", b"\x01\x01", b"\x01\x01\x00", b"\x01\x11\x01"]
)
def test_damaged_params_are_refused(params: bytes) -> None:
    assert AUDIO.number == c.AUDIO
    with pytest.raises(FormatError):
        AUDIO.decode(b"abc", params, 100, Context(), lambda count: None)
