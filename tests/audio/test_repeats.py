"""Repeated stretches are found, exactly, and pay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgezip.coding.audio import codec, repeats
from edgezip.coding.audio.codec import decode, encode
from edgezip.coding.audio.geometry import AudioGeometry

from .sounds import noise, pack

MONO = AudioGeometry(1, 16)


def looped(period: int, count: int) -> np.ndarray:
    """A stretch of noise again and again, under a new noise a quarter as loud."""
    once = noise(period, 3) >> 3
    made: np.ndarray = np.concatenate([once] * (count // period + 1))[:count]
    made += noise(count, 8) >> 5
    return made


def lag_of(samples: np.ndarray, start: int, end: int) -> int:
    return repeats.find_lag(samples.astype(np.int32).reshape(len(samples), -1), start, end)


@pytest.mark.parametrize("period", [100, 3000, 7001])
def test_the_lag_is_the_period_or_a_multiple(period: int) -> None:
    lag = lag_of(looped(period, 20_000), 16_000, 20_000)
    assert lag
    assert lag % period == 0


def test_noise_repeats_nothing() -> None:
    assert lag_of(noise(20_000, 1), 16_000, 20_000) == 0


def test_the_first_block_repeats_nothing() -> None:
    assert lag_of(looped(100, 4000), 0, 4000) == 0
    assert lag_of(looped(100, 4000), 12, 4000) == 0


def test_the_loudest_samples_do_not_overflow() -> None:
    extremes = np.where(noise(9000, 2) > 0, 2**31 - 1, -(2**31))
    white = repeats.whitened(np.stack([extremes, extremes], 1).astype(np.int32))
    assert np.abs(white).max() <= 127
    assert lag_of(np.zeros(9000, np.int64), 4096, 8192) == 0


@given(st.integers(1, 400), st.integers(1, 300), st.integers(0, 1000))
def test_correlations_are_exact(length: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    past, block = rng.integers(-127, 128, length), rng.integers(-127, 128, width)
    padded = np.concatenate([past, np.zeros(width, np.int64)])
    exact = [int((padded[k : k + width] * block).sum()) for k in range(length)]
    assert repeats._correlate(past, block).tolist() == exact


def test_repeats_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pack(looped(3000, 24_000), 16)
    payload = encode(data, MONO)
    assert decode(payload, len(data), MONO) == data
    monkeypatch.setattr(codec, "find_lag", lambda samples, start, end: 0)
    assert len(payload) < len(encode(data, MONO)) * 0.92
