"""Memory that one mixer leaves to the next must not show in what is coded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edgezip.coding import memory
from edgezip.coding.mixing.bytecodec import cm_decode, cm_encode
from edgezip.coding.mixing.model import new_model, release
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.profile import LINES


@pytest.fixture(autouse=True)
def nothing_spare() -> Iterator[None]:
    memory._spare = None
    yield
    memory._spare = None


def test_tables_begin_with_a_line_and_do_not_overlap() -> None:
    made = memory.tables({"a": (3, np.uint8), "b": (70, np.int64), "c": (1, np.uint16)})
    for number, table in enumerate(made.values(), 1):
        assert table.ctypes.data % memory.LINE == 0
        assert not table.any()
        table.fill(number)
    assert [table.tolist() for table in made.values()] == [[1] * 3, [2] * 70, [3]]


def test_the_largest_block_is_kept_and_comes_back_empty() -> None:
    small, large = (memory.tables({"t": (size, np.uint8)})["t"] for size in (1000, 5000))
    for table in (small, large, small):
        table.fill(255)
        memory.give_back(table)
    assert not np.shares_memory(memory.tables({"s": (100, np.uint8)})["s"], large)  # too small
    again = memory.tables({"u": (4000, np.uint8)})["u"]
    assert np.shares_memory(again, large)
    assert not again.any()
    assert not np.shares_memory(memory.tables({"v": (10, np.uint8)})["v"], large)  # it is lent


def test_only_what_tables_made_is_taken_back() -> None:
    with pytest.raises(ValueError, match="for itself"):
        memory.give_back(np.zeros(5000, np.uint8))


def test_a_used_block_changes_no_payload() -> None:
    text = b"".join(b"line %d of a table\n" % (i * i) for i in range(200))
    params = MixParams(18, LINES)
    payload = cm_encode(text, params)
    memory._spare = None
    model = new_model(params, 1, 10, tokens=True)
    for name in ("slots", "maps", "direct", "heads", "matchmaps", "weights", "final", "apms"):
        getattr(model, name).fill(77)
    model.votes.fill(77)
    model.seen.fill(77)
    model.runs.fill(77)
    model.runmaps.fill(77)
    release(model)
    assert cm_encode(text, params) == payload
    assert cm_decode(payload, len(text), params) == text
