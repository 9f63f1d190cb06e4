"""Integer least squares against exact solutions, and its bounds at the extremes."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgezip.coding.audio import leastsquares as ls
from edgezip.coding.roots import integer_root

from .sounds import noise, resonant

SIDE = ls.MAX_ORDER + 1


def _scratch() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros((SIDE, SIDE), np.int32), np.zeros(SIDE, np.int64), np.zeros(SIDE, np.int64)


def _learned(signal: np.ndarray, order: int, weight: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Sums over `signal`, nothing fades, and the coefficients solved from them."""
    sums = np.zeros((SIDE, SIDE), np.int64)
    scaled = np.zeros(SIDE, np.int32)
    for t in range(order, len(signal)):
        v = signal[t - order : t + 1][::-1].astype(np.int32)
        v = np.concatenate([v[1:], v[:1]])
        ls.accumulate(sums, v, scaled, order, 0, weight)
    beta = np.zeros(ls.MAX_ORDER, np.int32)
    ls.solve(sums, *_scratch(), beta, order, 40)
    return sums, beta[:order]


def _exact(sums: np.ndarray, order: int) -> list[float]:
    """The solution of the normal equations, by elimination of fractions."""
    rows = [
        [Fraction(int(sums[max(i, j), min(i, j)])) for j in range(order + 1)] for i in range(order)
    ]
    for i in range(order):
        for k in range(order):
            if k != i:
                factor = rows[k][i] / rows[i][i]
                rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [float(rows[i][order] / rows[i][i]) for i in range(order)]


@pytest.mark.parametrize("order", [1, 2, 5, 12])
def test_solution_is_that_of_exact_fractions(order: int) -> None:
    sums, beta = _learned(resonant(400), order)
    assert beta / 2**20 == pytest.approx(_exact(sums, order), abs=2e-3)


def test_resonator_is_identified() -> None:
    _, beta = _learned(resonant(2000), 2)
    assert beta / 2**20 == pytest.approx([245 / 128, -125 / 128], abs=0.02)


def test_fading_forgets() -> None:
    sums, _ = _learned(noise(200, 3), 4)
    before = sums.copy()
    for _ in range(4096):
        ls.fade(sums, 4, 16)
    assert np.abs(sums).max() <= max(4096, np.abs(before).max() >> 16)


@given(st.integers(0, 2**61 - 1))
def test_roots_are_exact(value: int) -> None:
    assert integer_root(value) == isqrt(value)


@given(st.integers(0, 2**62 - 1))
def test_bit_length(value: int) -> None:
    assert ls.bit_length(value) == value.bit_length()


@pytest.mark.parametrize("kind", ["loud", "silent", "equal", "one"])
def test_extreme_sums_stay_within_the_bounds(kind: str) -> None:
    """The largest features, weights and order: every quantity is checked against its bound."""
    order = ls.MAX_ORDER
    scaled = np.zeros(SIDE, np.int32)
    sums = np.zeros((SIDE, SIDE), np.int64)
    signs = np.sign(noise(3000 + SIDE, 9) | 1)
    v = np.zeros(SIDE, np.int32)
    for t in range(3000):
        if kind == "loud":
            v[:] = signs[t : t + SIDE] * 32767
        elif kind == "equal":
            v[:] = 32767
        elif kind == "one":
            v[:] = 0
            v[t % SIDE] = 1
        ls.accumulate(sums, v, scaled, order, 0, ls.MAX_WEIGHT)
        ls.fade(sums, order, 2)
    assert np.abs(sums).max() < 1 << 57
    factor, rest, scale = _scratch()
    beta = np.zeros(order, np.int32)
    ls.solve(sums, factor, rest, scale, beta, order, 24)
    squares = (factor.astype(np.int64) ** 2)[: order + 1, : order + 1].sum(axis=1)
    assert squares.max() < (1 << 60) + (1 << 38)
    exact = [
        sum(int(a) * int(b) for a, b in zip(factor[i, :i], factor[j, :i], strict=True))
        for i in range(order)
        for j in range(i)
    ]
    assert max(map(abs, exact), default=0) < 1 << 62
    assert np.abs(beta.astype(np.int64)).max() <= ls.LIMIT
