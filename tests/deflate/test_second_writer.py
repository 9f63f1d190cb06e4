"""docs/deflate.md is enough to write streams: another program, made from it, writes the same."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import numpy as np
import pytest

from edgezip.coding.deflate.codec import Method, Undone, restore
from tests.deflate.second_writer import tokens, write

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


def test_early_blocks_and_a_window_that_has_moved() -> None:
    rng = random.Random(3)
    dense = bytes(rng.randrange(60) for _ in range(9000))
    none = np.zeros((0, 2), np.int64)
    for data in (rng.randbytes(9000), dense):
        for method in (
            Method(6, 0, 15, 0), Method(3, 0, 15, 0), Method(2, 0, 15, 0), Method(6, 0, 9, 9),
            Method(9, 4, 9, 3),
        ):  # fmt: skip
            stream = restore(np.frombuffer(data, np.uint8), Undone(method, none), 1 << 20)
            again = write(data, method.level, method.strategy, method.window_bits, method.memory)
            assert again == stream, method


def test_corrections_and_listed_blocks() -> None:
    rng = random.Random(4)
    data = TEXT[:700] + bytes(range(256)) + TEXT[200:800]
    for level, strategy in ((1, 0), (3, 0), (4, 1), (6, 0), (9, 4), (6, 2), (6, 3)) * 3:
        literals = rng.sample(range(60), rng.randrange(4))
        blocks = [(rng.randrange(3), rng.randrange(90)) for _ in range(rng.randrange(4))]
        _compare(data, Method(level, strategy, 10), literals, blocks)
    plain = tokens(data, 6, 0, 10, 8, {}, {})
    for number in range(290, 400):
        if plain[number][1] and not plain[number - 1][1]:  # the match may have been known
            _compare(data, Method(6, 0, 10), [], [(1, number), (0, 20)])


def _compare(
    data: bytes, method: Method, literals: list[int], blocks: list[tuple[int, int]]
) -> None:
    """literals: numbers of tokens that are no matches. blocks: a last one is added."""
    stored: dict[int, int] = {}
    count = 0
    for kind, size in blocks:
        if kind:
            count += size
        else:
            stored[count] = stored.get(count, 0) + size
    settings = method.level, method.strategy, method.window_bits, method.memory
    wrong = dict.fromkeys(literals, (1, 0))
    found = tokens(data, *settings, wrong, stored)
    rows, place = [], 0
    for number, (length, _) in enumerate(found):
        place += stored.get(number, 0)
        if number in wrong:
            rows.append((number, data[place]))
        place += length
    listed = [*blocks, (2, len(found) - count)] if blocks else []
    undone = Undone(method, np.array(rows, np.int64).reshape(-1, 2), tuple(listed))
    stream = restore(np.frombuffer(data, np.uint8), undone, 1 << 20)
    assert zlib.decompress(stream, -15) == data
    assert write(data, *settings, wrong, listed) == stream
