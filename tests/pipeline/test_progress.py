"""Progress comes from every coder while it works, adds up, and is where an interrupt gets in."""

from __future__ import annotations

import io
import random

import pytest

from edgezip import PackOptions, UnpackOptions, api
from edgezip.pipeline.coders.table import CLASSICAL
from edgezip.pipeline.context import Context

NOISE = random.Random(3).randbytes(400_000)
SMALL = bytes(byte & 15 for byte in NOISE)
"""Half as many bits: context mixing is tried."""
RUNS = b"".join(bytes([number & 255]) * 3000 for number in range(3000))


def packing(data: bytes) -> tuple[bytes, list[int]]:
    target, told = io.BytesIO(), list[int]()
    api.pack_stream(io.BytesIO(data), target, PackOptions(model="none"), progress=told.append)
    return target.getvalue(), told


def unpacking(packed: bytes) -> list[int]:
    told: list[int] = []
    api.unpack_stream(io.BytesIO(packed), None, UnpackOptions(), progress=told.append)
    return told


@pytest.mark.parametrize(("data", "coder"), [(SMALL[:150_000], "cm"), (NOISE, "stored")])
def test_one_frame_of_binary_data_moves_the_bar(data: bytes, coder: str) -> None:
    """It stood at 0 % until the frame was done."""
    packed, told = packing(data)
    (member,) = api.inspect_stream(io.BytesIO(packed))
    assert [part.coder for frame in member.frames for part in frame.channels] == [coder]
    between = {count for count in told if 0 < count < len(data)}
    assert len(between) >= 5
    assert told == sorted(told)
    assert told[-1] == len(data)
    told = unpacking(packed)
    assert told[-1] == len(data)
    if coder == "cm":
        assert len({count for count in told if 0 < count < len(data)}) >= 3


@pytest.mark.parametrize("coder", CLASSICAL, ids=lambda coder: coder.name)
def test_classical_coders_tell_and_stop(coder: object) -> None:
    for data in (RUNS, NOISE):
        told: list[int] = []
        encoded = coder.encode(data, None, Context(), told.append)  # type: ignore[attr-defined]
        assert sum(told) == len(data)
        assert max(told) < len(data) / 5
        told.clear()
        arguments = (encoded.payload, b"", len(data), Context())
        assert coder.decode(*arguments, told.append) == data  # type: ignore[attr-defined]
        assert sum(told) == len(data)
        assert data is NOISE or max(told) < len(data) / 5

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        coder.encode(RUNS, None, Context(), stop)  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        coder.decode(*arguments, stop)  # type: ignore[attr-defined]
