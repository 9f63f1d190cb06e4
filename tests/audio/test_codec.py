"""The audio coder: what goes in comes out, at the size that its predictors deserve."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgezip.coding.audio import codec, values
from edgezip.coding.audio.codec import decode, encode
from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.audio.levels import LEVELS
from edgezip.errors import FormatError, SettingsError

from .sounds import noise, pack, resonant

MONO = AudioGeometry(1, 16)
STEREO = AudioGeometry(2, 16)


def round_trip(data: bytes, geometry: AudioGeometry, level: int = 1) -> int:
    """Bytes of the payload, after it was decoded and compared."""
    payload = encode(data, geometry, level)
    assert decode(payload, len(data), geometry, level) == data
    return len(payload)


@pytest.mark.parametrize("level", range(len(LEVELS)))
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_round_trip(channels: int, bits: int, level: int) -> None:
    samples = np.stack([resonant(500, seed) for seed in range(channels)], 1)
    samples = samples >> 8 if bits == 8 else samples << (bits - 16)
    for big_endian in {False, bits > 8}:
        for signed in (False, True):
            data = pack(samples, bits, big_endian=big_endian, signed=signed)
            geometry = AudioGeometry(channels, bits, big_endian, signed)
            assert round_trip(data, geometry, level) < len(data)


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=400),
    st.integers(1, 5),
    st.sampled_from([8, 16, 24, 32]),
    st.booleans(),
    st.integers(0, len(LEVELS) - 1),
)
def test_any_bytes_as_any_sound(
    data: bytes, channels: int, bits: int, signed: bool, level: int
) -> None:
    size = round_trip(data, AudioGeometry(channels, bits, signed=signed), level)
    assert size <= len(data) * 5 // 4 + 16 * channels


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 4096 * 4, 4096 * 4 + 3])
def test_sizes_that_are_no_multiple_of_a_frame(size: int) -> None:
    data = pack(resonant(9000), 16)[:size]
    round_trip(data, STEREO)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("shape", ["square", "alternating", "impulse", "noise", "steps"])
def test_extremes(shape: str, bits: int) -> None:
    t = np.arange(3000)
    top, bottom = (1 << (bits - 1)) - 1, -(1 << (bits - 1))
    samples = {
        "square": np.where(t // 50 % 2, top, bottom),
        "alternating": np.where(t % 2, top, bottom),
        "impulse": np.where(t == 2000, bottom, 0),
        "noise": noise(3000, 5) << 16 >> (32 - bits),
        "steps": np.where(t < 1000, 1, np.where(t < 2000, top, bottom)),
    }[shape]
    size = round_trip(pack(samples, bits), AudioGeometry(1, bits))
    assert size < 3000 * bits // 8 * 1.05 if shape == "noise" else size < 700


def test_silence_is_almost_free() -> None:
    assert round_trip(bytes(400_000), STEREO) < 16


def test_a_constant_is_almost_free() -> None:
    assert round_trip(pack(np.full(20_000, -12345), 16), MONO) < 16


def test_a_resonator_costs_its_noise() -> None:
    """The excitation is uniform over 1024 values: 10 bits a sample, and no coder takes less."""
    samples = resonant(20_000, gain=8)
    assert 25_000 * 0.97 < round_trip(pack(samples, 16), MONO) < 25_000 * 1.03


def test_channels_predict_each_other() -> None:
    first, second = noise(6000, 1) >> 3, noise(6000, 2) >> 9
    apart = round_trip(pack(np.stack([first, noise(6000, 7) >> 3], 1), 16), STEREO)
    now = round_trip(pack(np.stack([first, first // 2 + second], 1), 16), STEREO)
    delayed = np.concatenate([[0, 0, 0], first[:-3]])
    later = round_trip(pack(np.stack([delayed, first], 1), 16), STEREO)
    assert now < apart * 0.80
    assert later < apart * 0.62


def test_bits_that_are_always_zero_cost_nothing() -> None:
    samples = resonant(4000)
    narrow = round_trip(pack(samples, 16), MONO)
    assert abs(round_trip(pack(samples << 8, 24), AudioGeometry(1, 24)) - narrow) <= 2
    assert abs(round_trip(pack(samples << 16, 32), AudioGeometry(1, 32)) - narrow) <= 2


def test_holes_between_values_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = (resonant(12_000) >> 6) * 37 // 10
    data = pack(samples, 16)
    listed = round_trip(data, MONO)
    monkeypatch.setattr(codec, "list_values", lambda _samples, plain: plain)
    plain = round_trip(data, MONO)
    assert listed < plain * 0.85
    assert values.values_of(samples.astype(np.int32)).places.size == 0


@pytest.mark.parametrize("cut", [0, 1, 20, 500, -9])
def test_cut_payloads_are_refused(cut: int) -> None:
    data = pack(resonant(4000), 16)
    payload = encode(data, MONO)
    with pytest.raises(FormatError):
        decode(payload[:cut], len(data), MONO)


def test_longer_payloads_are_refused() -> None:
    data = pack(resonant(1000), 16)
    with pytest.raises(FormatError):
        decode(encode(data, MONO) + b"\0", len(data), MONO)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 100_000), st.integers(1, 3))
def test_foreign_payloads_are_refused_or_decoded(payload: bytes, size: int, channels: int) -> None:
    geometry = AudioGeometry(channels, 16)
    with suppress(FormatError):
        assert len(decode(payload, size, geometry)) == size


def test_a_lying_size_ends_with_the_payload() -> None:
    told: list[int] = []
    with pytest.raises(FormatError, match="ends before"):
        decode(encode(pack(noise(1000, 4), 16), MONO), 200_000_000, MONO, progress=told.append)
    assert sum(told) <= 2 * 4096


def test_progress_adds_up_and_may_interrupt() -> None:
    data = pack(resonant(10_000), 16) + b"x"
    told: list[int] = []
    payload = encode(data, STEREO, 1, told.append)
    assert sum(told) == len(data)
    assert max(told) <= 2 * 2 * 4096
    again: list[int] = []
    decode(payload, len(data), STEREO, 1, again.append)
    assert again == told

    def interrupt(_count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(data, STEREO, 1, interrupt)


PINNED = {
    0: "f4ecef3e4e13e07d2cceef56cd6b15f5",
    1: "11769808b5fcd72bd73a42db7e18f410",
    2: "43b88410882266baa6e929529a10630c",
}


@pytest.mark.parametrize("level", PINNED)
def test_payloads_stay_the_same(level: int) -> None:
    """A change here is a change of the format: CHANGELOG, vectors, docs/media.md."""
    repeated = np.concatenate([resonant(1500, 2)] * 4)
    data = pack(np.stack([repeated, resonant(6000, 3)], 1), 16)
    payload = encode(data, STEREO, level)
    assert hashlib.sha256(payload).hexdigest()[:32] == PINNED[level]


def test_unknown_level() -> None:
    with pytest.raises(SettingsError, match="choose 0 to"):
        encode(b"\0\0", MONO, len(LEVELS))


_PLAIN = """
import warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", module="edgezip.coding.rangecoder")  # it means to wrap around
import numpy as np
from edgezip.coding.audio.codec import encode, decode
from edgezip.coding.audio.geometry import AudioGeometry
import sys
data = sys.stdin.buffer.read()
geometry = AudioGeometry(2, int(sys.argv[1]))
sys.stdout.buffer.write(encode(data, geometry))
"""


@pytest.mark.parametrize("bits", [16, 24])
def test_plain_python_gives_the_same_payload_without_overflow(bits: int) -> None:
    """NumPy warns where a 64-bit product wraps around, and warnings are errors here."""
    pair = np.stack([resonant(60, 3), np.where(np.arange(60) % 7 < 3, 32767, -32768)], 1)
    data = pack(pair << (bits - 16), bits)
    root = Path(codec.__file__).parents[3]
    ran = subprocess.run(
        [sys.executable, "-c", _PLAIN, str(bits)],
        input=data,
        capture_output=True,
        cwd=root,
        env={"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(root)},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stdout == encode(data, AudioGeometry(2, bits))
