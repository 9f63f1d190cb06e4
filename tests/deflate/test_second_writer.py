"""docs/deflate.md is enough to write streams: another program, made from it, writes the same."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from edgezip.coding.deflate.codec import Method, Undone, restore
from tests.deflate.second_writer import write

TEXT = (Path(__file__).parents[1] / "data" / "courage.txt").read_bytes()
RNG = random.Random(8)
DATA = {
    "empty": b"",
    "short": b"a short text, a short text",
    "text": TEXT[:6000],
    "noise": RNG.randbytes(600) + bytes(300),
    "skewed": b"".join(bytes([i]) * (1 << min(i, 11)) for i in range(14)),
}


@pytest.mark.parametrize("name", DATA)
def test_the_same_streams(name: str) -> None:
    data = DATA[name]
    none = np.zeros((0, 2), np.int64)
    methods = [Method(level) for level in (1, 3, 4, 6, 9)]
    methods += [Method(6, strategy) for strategy in (1, 2, 3, 4)]
    methods += [Method(6, 0, 10, 8), Method(7, 0, 15, 1), Method(2, 0, 12, 2)]
    for method in methods:
        stream = restore(np.frombuffer(data, np.uint8), Undone(method, none), 1 << 20)
        again = write(data, method.level, method.strategy, method.window_bits, method.memory)
        assert again == stream, method
