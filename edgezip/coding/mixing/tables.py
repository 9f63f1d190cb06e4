"""Constant integer tables of the context mixer: squash, stretch, reciprocals and bit-history
states.

All tables are made by exact integer arithmetic (Python integers), so they are the same on every
machine. Logistic values ("stretch domain") are ln(p / (1 - p)) in units of 1/256; probabilities are
16 bit.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

STRETCH_LIMIT = 2047
SQUASH_LIMIT = 3071
_FRACTION = 128


def _exp_table(limit: int) -> list[int]:
    """exp(i / 256) for i in 0..limit as integers with 128 fraction bits, every product rounded
    down."""
    one = 1 << _FRACTION
    step = one
    term = one
    for k in range(1, 40):
        term //= 256 * k
        step += term
    values = [one]
    for _ in range(limit):
        values.append(values[-1] * step >> _FRACTION)
    return values


@cache
def squash_table() -> NDArray[np.int32]:
    """Return (6144,) int32: 65536 / (1 + exp(-x / 256)) at index x + 3072, within 1..65535."""
    exps = _exp_table(3072)
    one = 1 << _FRACTION
    table = np.empty(6144, np.int32)
    for x in range(-3072, 3072):
        e = exps[abs(x)]
        p = (one << 16) // (one + e) if x < 0 else (e << 16) // (one + e)
        table[x + 3072] = min(max(p, 1), 65535)
    return table


@cache
def stretch_table() -> NDArray[np.int32]:
    """Return (4096,) int32: the largest x within +-2047 with exp(x / 256) <= odds of (i + 1/2) /
    4096."""
    exps = _exp_table(2048)
    one = 1 << _FRACTION
    table = np.empty(4096, np.int32)
    x = -STRETCH_LIMIT
    for i in range(4096):
        yes, no = 2 * i + 1, 8191 - 2 * i
        while x < STRETCH_LIMIT:
            nxt = x + 1
            below = exps[nxt] * no <= yes * one if nxt >= 0 else one * no <= yes * exps[-nxt]
            if not below:
                break
            x = nxt
        table[i] = x
    return table


@cache
def fine_stretch_table() -> NDArray[np.int16]:
    """Return (65536,) int16: the largest x in -2840..2840 with squash(x) <= p, for the model's
    probabilities p."""
    squash = squash_table()[3072 - 2840 : 3072 + 2841]
    found = np.searchsorted(squash, np.arange(65536), side="right") - 1
    return np.asarray(np.clip(found - 2840, -2840, 2840), np.int16)


@cache
def reciprocal_table() -> NDArray[np.int32]:
    """Return (1024,) int32: 65536 / (n + 1.5), the step of an adaptive probability seen n times."""
    return np.array([131072 // (2 * n + 3) for n in range(1024)], np.int32)


_CAPS = (40, 26, 12, 7, 5)
_DISCOUNT = (0, 1, 2, 2, 3, 4, 4, 5)


def _step(state: tuple[int, int, int], bit: int) -> tuple[int, int, int]:
    """The counts after `bit`; (zeros, ones, recent) with recent = the exact history while it is
    short."""
    counts = [state[0], state[1]]
    total = counts[0] + counts[1]
    other = counts[1 - bit]
    if other > 2:
        other = _DISCOUNT[other] if other < 8 else 5 + (other >= 12) + (other >= 20)
        counts[1 - bit] = other
    counts[bit] += 1
    low, high = sorted(counts)
    while low >= len(_CAPS) or high > _CAPS[low]:
        if counts[bit] >= counts[1 - bit]:
            counts[bit] -= 1
        else:
            counts[1 - bit] -= 1
        low, high = sorted(counts)
    recent = (state[2] * 2 + bit) if total < 3 else bit
    return counts[0], counts[1], recent


@cache
def state_table() -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Return (next, counts): the bit-history automaton.

    next is (512,) uint8, next[2 * state + bit]; counts is (256, 2) int32, zeros and ones of each
    state. State 0 is the empty history; states are numbered by rising total, so a number is also a
    priority.
    """
    start = (0, 0, 0)
    seen = {start}
    queue = [start]
    for state in queue:
        for bit in (0, 1):
            after = _step(state, bit)
            if after not in seen:
                seen.add(after)
                queue.append(after)
    order = sorted(seen, key=lambda s: (s[0] + s[1], s))
    if len(order) > 256:
        raise AssertionError(f"{len(order)} bit-history states do not fit a byte")
    number = {state: i for i, state in enumerate(order)}
    follow = np.zeros(512, np.uint8)
    counts = np.zeros((256, 2), np.int32)
    for state, i in number.items():
        for bit in (0, 1):
            follow[2 * i + bit] = number[_step(state, bit)]
        counts[i] = state[:2]
    return follow, counts
