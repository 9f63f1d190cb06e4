"""The constant tables against the mathematics they stand for."""

from __future__ import annotations

import math

from edgezip.coding.audio.tables import LIMIT, log_expm1_table, softplus_table


def test_softplus_is_the_nearest() -> None:
    table = softplus_table()
    assert len(table) == 2 * LIMIT + 1
    for x in range(-LIMIT, LIMIT + 1):
        assert abs(table[x + LIMIT] - 256 * math.log1p(math.exp(x / 256))) <= 0.500001


def test_log_expm1_is_the_nearest() -> None:
    table = log_expm1_table()
    assert len(table) == LIMIT + 1
    assert table[0] == table[1]
    for x in range(1, LIMIT + 1):
        assert abs(table[x] - 256 * math.log(math.expm1(x / 256))) <= 0.500001
