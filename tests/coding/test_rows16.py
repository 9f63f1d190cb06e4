"""Rows of 16-bit weights: sums, steps, and where both end."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from edgezip.coding.logistic import CLIP
from edgezip.coding.rows16 import (
    BLOCK,
    WEIGHT_BITS,
    _move_plainly,
    _sum_of_products,
    _sum_plainly,
    dot,
    train,
)

_BLOCKS = 3
_PLACES = _BLOCKS * BLOCK


def _row(values: list[int]) -> NDArray[np.int16]:
    return np.array(values + [0] * (_PLACES - len(values)), np.int16)


def test_a_logit_is_the_sum_of_inputs_times_weights() -> None:
    one = 1 << WEIGHT_BITS
    weights = np.concatenate([_row([9] * 96), _row([one, one // 2, -one])])
    assert dot(weights, _PLACES, _row([300, 301, 100]), _BLOCKS) == 350
    assert dot(weights, _PLACES, _row([-1]), _BLOCKS) == -1
    assert dot(weights, _PLACES, _row([0, -1]), _BLOCKS) == -1  # rounded down
    assert dot(weights, _PLACES, _row([2000, 2000]), _BLOCKS) == CLIP
    assert dot(weights, _PLACES, _row([0, 0, 2847]), _BLOCKS) == -CLIP


def test_inputs_behind_those_in_use_do_not_count() -> None:
    weights = _row([1 << WEIGHT_BITS] * 96)
    x = _row([2] * 64 + [100])
    assert dot(weights, 0, x, 2) == 128
    train(weights, 0, x, 30000, 2)
    assert (weights[64:] == 1 << WEIGHT_BITS).all()
    assert (weights[:64] == (1 << WEIGHT_BITS) + 1).all()


def test_a_sum_is_kept_modulo_two_to_the_32() -> None:
    full = _row([32767] * 96)
    exact = 96 * 32767 * 32767
    wrapped = (exact + (1 << 31)) % (1 << 32) - (1 << 31)
    assert dot(full, 0, full, _BLOCKS) == max(min(wrapped >> WEIGHT_BITS, CLIP), -CLIP)


@pytest.mark.parametrize("step", [1, -1, 17, -16, 4000, -32768, 32767])
def test_steps_are_rounded_and_end_at_16_bits(step: int) -> None:
    rng = np.random.default_rng(step & 255)
    before = rng.integers(-32768, 32768, _PLACES).astype(np.int16)
    before[:4] = 32767, -32768, 32760, -32760
    x = rng.integers(-2048, 2841, _PLACES).astype(np.int16)
    x[:6] = 2047, 2047, 2047, -2048, 0, 1
    after = before.copy()
    train(after, 0, x, step, _BLOCKS)
    exact = before.astype(np.int64) + ((x.astype(np.int64) * step + 32768) >> 16)
    assert (after == exact.clip(-32768, 32767)).all()
    plain = before.copy()
    _move_plainly(plain, 0, x, _BLOCKS, step)
    assert (after == plain).all()


@pytest.mark.parametrize("pairs_first", [True, False])
def test_sums_are_those_of_plain_python(pairs_first: bool) -> None:
    sum_of_products = _sum_of_products(pairs_first)
    rng = np.random.default_rng(1)
    weights, x = rng.integers(-32768, 32768, (2, _PLACES)).astype(np.int16)

    @njit
    def compiled(weights, x, blocks):  # type: ignore[no-untyped-def]
        return sum_of_products(weights, BLOCK, x, blocks)

    for blocks in range(_BLOCKS):
        assert compiled(weights, x, blocks) == _sum_plainly(weights, BLOCK, x, blocks)
