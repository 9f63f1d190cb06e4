"""Texts of one and of two bytes; `python -m bench.pairs` tries all 65,792."""

from __future__ import annotations

import itertools

import pytest

from bench.pairs import losses, ways


@pytest.mark.parametrize("way", ["null predictor", "no model", "bare"])
def test_short_texts_come_back(way: str) -> None:
    singles = [bytes([value]) for value in range(256)]
    pairs = [bytes(pair) for pair in itertools.product(range(256), repeat=2)]
    assert losses([*singles, *pairs[::331]], ways()[way]) == []
    assert losses(singles[:3], lambda text: b"") == singles[:3]
