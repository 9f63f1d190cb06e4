"""Constant integer tables of the logistic distribution, beside those of `coding/logistic.py`.

All are made by exact integer arithmetic (Python integers). Arguments and values are natural
logarithms in units of 1/256.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

LIMIT = 3071
"""Arguments are clipped to +-LIMIT."""
_FRACTION = 256


def _half_steps(limit: int) -> list[int]:
    """exp(i / 512) for i in 0..limit as integers with 256 fraction bits, every product rounded
    down."""
    one = 1 << _FRACTION
    step = term = one
    for k in range(1, 60):
        term //= 512 * k
        step += term
    values = [one]
    for _ in range(limit):
        values.append(values[-1] * step >> _FRACTION)
    return values


def _nearest_logs(values: list[int], half_steps: list[int]) -> list[int]:
    """The nearest integers to 256 ln(v / 2**256), for rising `values`: the largest y with
    exp((2y - 1) / 512) <= v."""
    one = 1 << _FRACTION

    def reached(y: int, value: int) -> bool:
        twice = 2 * y - 1
        if twice >= 0:
            return half_steps[twice] <= value
        return one << _FRACTION <= value * half_steps[-twice]

    logs = []
    y = -LIMIT
    for value in values:
        while reached(y + 1, value):
            y += 1
        logs.append(y)
    return logs


@cache
def softplus_table() -> NDArray[np.int32]:
    """Return (6143,) int32: 256 ln(1 + exp(x / 256)) at index x + LIMIT, to the nearest."""
    steps = _half_steps(2 * LIMIT + 4)
    one = 1 << _FRACTION
    values = [one + (one << _FRACTION) // steps[2 * i] for i in range(LIMIT, 0, -1)]
    values += [one + steps[2 * i] for i in range(LIMIT + 1)]
    return np.array(_nearest_logs(values, steps), np.int32)


@cache
def log_expm1_table() -> NDArray[np.int32]:
    """Return (3072,) int32: 256 ln(exp(x / 256) - 1) at index x, to the nearest; index 0 as 1."""
    steps = _half_steps(2 * LIMIT + 4)
    values = [steps[2 * max(i, 1)] - (1 << _FRACTION) for i in range(LIMIT + 1)]
    return np.array(_nearest_logs(values, steps), np.int32)
