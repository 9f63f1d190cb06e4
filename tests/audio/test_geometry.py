"""The layout of samples: stored form, errors, bytes to integers and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgezip.coding.audio.geometry import AudioGeometry, join, split
from edgezip.errors import FormatError, SettingsError

geometries = st.builds(
    lambda channels, bits, big, signed: AudioGeometry(channels, bits, big and bits > 8, signed),
    st.integers(1, 255),
    st.sampled_from([8, 16, 24, 32]),
    st.booleans(),
    st.booleans(),
)


@given(geometries)
def test_stored_form_comes_back(geometry: AudioGeometry) -> None:
    assert AudioGeometry.from_bytes(geometry.to_bytes()) == geometry
    assert len(geometry.to_bytes()) == 2


@pytest.mark.parametrize("stored", [b"", b"\x01", b"\x01\x01\x01", b"\x11\x01", b"\x01\0", b"\4\1"])
def test_damaged_form_is_refused(stored: bytes) -> None:
    with pytest.raises(FormatError, match="layout of a sound"):
        AudioGeometry.from_bytes(stored)


@pytest.mark.parametrize(("channels", "bits"), [(0, 16), (256, 16), (1, 12), (1, 0), (-1, 8)])
def test_no_such_sound(channels: int, bits: int) -> None:
    with pytest.raises(SettingsError):
        AudioGeometry(channels, bits)


@pytest.mark.parametrize(
    ("geometry", "data", "samples"),
    [
        (AudioGeometry(1, 8, signed=False), b"\x00\x80\xff", [-128, 0, 127]),
        (AudioGeometry(1, 8), b"\x00\x80\xff", [0, -128, -1]),
        (AudioGeometry(1, 16), b"\x01\x02\xff\xff", [0x201, -1]),
        (AudioGeometry(1, 16, big_endian=True), b"\x01\x02\xff\xff", [0x102, -1]),
        (AudioGeometry(1, 16, signed=False), b"\x00\x80\x00\x00", [0, -32768]),
        (AudioGeometry(1, 24), b"\x01\x02\x80", [-0x7FFDFF]),
        (AudioGeometry(1, 24, big_endian=True, signed=False), b"\x80\x00\x07", [7]),
        (AudioGeometry(1, 32), b"\x01\x00\x00\x80", [-0x7FFFFFFF]),
        (AudioGeometry(1, 32, big_endian=True), b"\x7f\xff\xff\xff", [0x7FFFFFFF]),
    ],
)
def test_samples_are_read_as_written(
    geometry: AudioGeometry, data: bytes, samples: list[int]
) -> None:
    cells, tail = split(data, geometry)
    assert cells.reshape(-1).tolist() == samples
    assert tail == b""


@given(geometries, st.binary(max_size=600))
def test_split_and_join(geometry: AudioGeometry, data: bytes) -> None:
    samples, tail = split(data, geometry)
    assert samples.dtype == np.int32
    assert samples.shape[1] == geometry.channels
    assert len(tail) < geometry.frame_size
    assert join(samples, tail, geometry) == data
