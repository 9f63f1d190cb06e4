"""Bit histories: the automaton whose states stand for what bits have followed a context.

A state is a byte. docs/modelling.md, section 1, defines its steps; the method is that of the
nonstationary states of PAQ6 and its successors, with our own bounds.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

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
