"""Portions cover everything in order, take bounded time, and end where somebody says so."""

from __future__ import annotations

import time

import pytest

from edgezip.coding.portions import FIRST, PATIENCE, portions


@pytest.mark.parametrize("total", [0, 1, FIRST, FIRST + 1, 100_000])
def test_all_items_are_covered_and_told(total: int) -> None:
    told: list[int] = []
    spans = list(portions(total, told.append))
    assert sum(told) == total
    assert [begin for begin, _ in spans] == [0, *(end for _, end in spans)][: len(spans)]
    assert not spans or spans[-1][1] == total


def test_portions_grow_and_shrink_with_the_time_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    longest = 0.0
    speeds = iter([1e6] * 20 + [1e4] * 100)
    sizes = []
    for begin, end in portions(1_000_000):
        took = (end - begin) / next(speeds)
        now += took
        sizes.append(end - begin)
        longest = max(longest, took) if len(sizes) > 30 else longest
    assert 0.5 * PATIENCE * 1e6 <= max(sizes) <= 2 * PATIENCE * 1e6
    assert longest <= 2 * PATIENCE


def test_what_is_told_may_end_the_work() -> None:
    def told(_count: int) -> None:
        raise KeyboardInterrupt

    spans = portions(100_000, told)
    assert next(spans) == (0, FIRST)
    with pytest.raises(KeyboardInterrupt):
        next(spans)
