"""The kernels against a second implementation in Python integers, written from docs/coding.md."""

from __future__ import annotations

from decimal import Decimal, getcontext
from math import e, log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgezip.coding import probability as pr
from edgezip.coding.topk import select_top

TOTAL = 1 << 32
NO_IDS = np.zeros(0, dtype=np.int32)

finite_bits = st.integers(0, (1 << 32) - 1).filter(lambda b: b & 0x7F800000 != 0x7F800000)
usual_bits = st.floats(-30, 30, width=32).map(lambda x: int(np.float32(x).view(np.uint32)))
rows = st.lists(finite_bits | usual_bits, min_size=1, max_size=600).map(
    lambda bits: np.array(bits, dtype=np.uint32)
)


def reference_key(bits: int) -> int:
    exponent, mantissa = bits >> 23 & 255, bits & 0x7FFFFF | 0x800000
    shift = exponent - 134
    magnitude = mantissa << shift if 0 <= shift <= 7 else mantissa >> min(max(-shift, 0), 24)
    if shift > 7:
        magnitude = (1 << 31) - 1
    return (1 << 31) - magnitude if bits >> 31 else (1 << 31) + magnitude


def reference_weights(keys: list[int]) -> list[int]:
    top = max(keys)
    weights = []
    for key in keys:
        octaves = min(top - key, 1453634) * 1549082005 >> 14
        y = octaves & 0xFFFFFFFF
        p = 228593524 - (29342763 * y >> 32)
        p = 1028458883 - (p * y >> 32)
        p = 2976685367 - (p * y >> 32)
        p = 0xFFFFFFFF - (p * y >> 32)
        weights.append(max(p >> (octaves >> 32), 1) if key else 0)
    return weights


def reference_freqs(weights: list[int]) -> list[int]:
    n = sum(w > 0 for w in weights)
    scale = min(((TOTAL - n) << 32) // sum(weights), 0xFFFFFFFF)
    freqs = [(w * scale >> 32) + 1 if w else 0 for w in weights]
    freqs[weights.index(0xFFFFFFFF)] += TOTAL - sum(freqs)
    return freqs


@given(rows, st.data())
def test_kernels_equal_the_reference(bits: NDArray[np.uint32], data: st.DataObject) -> None:
    n = bits.size
    banned = data.draw(st.sets(st.integers(0, n - 1), max_size=n - 1))
    keys = [0 if i in banned else reference_key(int(b)) for i, b in enumerate(bits)]
    expected = reference_weights(keys)
    weights = np.zeros(n, dtype=np.uint32)
    total = pr.row_weights(bits, np.array(sorted(banned), dtype=np.int32), weights)
    assert weights.tolist() == expected
    assert total == sum(expected)

    freqs = reference_freqs(expected)
    assert sum(freqs) == TOTAL
    scale = np.uint64(pr.scale_for(total, n - len(banned)))
    sums = np.zeros(-(-n // 256), dtype=np.uint64)
    tops = np.zeros(-(-n // 256), dtype=np.uint32)
    symbol = data.draw(st.integers(0, n - 1))
    start, freq = pr.find_interval(weights, scale, symbol)
    assert (start, freq) == (sum(freqs[:symbol]), freqs[symbol])
    for target in (start, start + freq - 1) if freq else ():
        found = pr.find_symbol(weights, scale, np.uint64(target), sums, tops)
        assert found == (symbol, start, freq)


@given(rows, st.data())
def test_select_top_is_a_stable_sort(bits: NDArray[np.uint32], data: st.DataObject) -> None:
    modulus = data.draw(st.sampled_from([3, 1 << 32]))  # 3: many ties
    keys = (bits.astype(np.int64) % modulus | 1).astype(np.uint32)
    k = data.draw(st.integers(1, keys.size))
    selected = np.zeros(k, dtype=np.int32)
    select_top(keys, selected)
    order = np.argsort(-keys.astype(np.int64), kind="stable")
    assert selected.tolist() == sorted(order[:k].tolist())


@pytest.mark.parametrize("bad", [0x7F800000, 0xFF800000, 0x7FC00000, 0xFFFFFFFF, 0x7F800001])
@pytest.mark.parametrize("place", [0, 5, 99])
def test_infinity_and_nan_are_noticed(bad: int, place: int) -> None:
    bits = np.zeros(100, dtype=np.uint32)
    bits[place] = bad
    assert pr.row_weights(bits, NO_IDS, np.zeros(100, dtype=np.uint32)) == 0


def test_extreme_logits_saturate() -> None:
    largest = np.finfo(np.float32).max
    logits = np.array([-largest, -0.0, 0.0, 1e-45, largest, 32768.0, 32767.5], dtype=np.float32)
    keys = np.zeros(7, dtype=np.uint32)
    assert pr.fill_keys(logits.view(np.uint32), NO_IDS, keys)
    zero = 1 << 31
    assert keys.tolist() == [1, zero, zero, zero, 2**32 - 1, 2**32 - 1, 2**32 - 2**15]


def test_constants_follow_from_exact_arithmetic() -> None:
    getcontext().prec = 40
    log2e = 1 / Decimal(2).ln()
    assert int(pr.LOG2E_Q30) == int((log2e * 2**30).to_integral_value())
    limit = int(pr.DISTANCE_LIMIT)
    assert limit * int(pr.LOG2E_Q30) < 2**51 <= (limit + 1) * int(pr.LOG2E_Q30)


def test_weights_are_exponentials() -> None:
    """Relative error below 2**-17.9 for the fixed-point distances themselves."""
    getcontext().prec = 30
    distances = np.unique(np.linspace(0, 16 * 45426, 3001).astype(np.int64))  # up to 16 octaves
    keys = (2**31 - distances).astype(np.uint32)
    weights = keys.copy()
    pr.keys_to_weights(weights)
    for distance, weight in zip(distances.tolist(), weights.tolist(), strict=True):
        exact = (-Decimal(distance) / 2**16).exp() * 2**32
        assert abs(Decimal(weight) / exact - 1) < Decimal(2) ** Decimal("-17.9") + 1 / exact


@pytest.mark.parametrize("n_vocab", [256, 4096, 32000, 262144])
@pytest.mark.parametrize("spread", [0.0, 0.01, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("peak", [0.0, 10.0, 22.0])
def test_coding_loss(n_vocab: int, spread: float, peak: float) -> None:
    """Expected cost of the integer frequencies against the entropy of float64 softmax.

    At most 0.01 % and n_vocab * 2**-31 bits for the two floors of 1.
    """
    draw = np.random.default_rng(n_vocab)
    logits = (draw.standard_normal(n_vocab) * spread).astype(np.float32)
    logits[n_vocab // 3] = logits.max() + np.float32(peak)
    weights = np.zeros(n_vocab, dtype=np.uint32)
    total = pr.row_weights(logits.view(np.uint32), NO_IDS, weights)
    scale = int(pr.scale_for(total, n_vocab))
    freqs = ((weights.astype(np.uint64) * np.uint64(scale)) >> np.uint64(32)) + np.uint64(1)
    freqs[int(weights.argmax())] += np.uint64(TOTAL - int(freqs.sum()))
    x = logits.astype(np.float64)
    p = np.exp(x - x.max())
    p /= p.sum()
    entropy = -float((p * np.log2(p, where=p > 0, out=np.zeros_like(p))).sum())
    cost = float((p * (32 - np.log2(freqs.astype(np.float64)))).sum())
    assert cost - entropy <= 1e-4 * entropy + 2 * log2(e) * n_vocab * 2**-32
    assert cost >= entropy - 1e-9


def test_ideal_bits() -> None:
    logits = np.array([[0.0, 0.0, np.log(2.0), 50.0], [3.0, 3.0, 3.0, 3.0]], dtype=np.float32)
    banned = np.array([False, False, False, True])
    symbols = np.array([2, 1], dtype=np.int32)
    assert pr.ideal_bits(logits, symbols, banned) == pytest.approx(1 + log2(3), rel=1e-6)
