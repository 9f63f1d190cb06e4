"""The block sums of a row give the same path logits as summing every interval of leaves anew."""

from __future__ import annotations

import numpy as np
import pytest

from edgezip.coding.logistic import fine_stretch_table
from edgezip.coding.mixing.paths import collect, leaf_order, new_weights
from edgezip.coding.mixing.trie import HIGH, LEFT, LOW, MIDDLE, RIGHT, build_trie
from edgezip.coding.probability import row_weights

PIECES: list[bytes | None] = [None, b"the", b"then", None, *(bytes([i]) for i in range(256)), b"a"]
IN_ORDER = [None, None, *sorted(piece for piece in PIECES if piece), None]


@pytest.mark.parametrize("scale", [0.0, 2.0, 12.0])
@pytest.mark.parametrize("pieces", [PIECES, IN_ORDER])
def test_path_logits_are_those_of_the_plain_sums(pieces: list[bytes | None], scale: float) -> None:
    trie = build_trie(pieces)
    assert leaf_order(trie).first == (-1 if pieces is PIECES else 2)
    rng = np.random.default_rng(3)
    rows = rng.normal(0, scale, (20, len(pieces))).astype(np.float32)
    rows[:, 0] = 1000  # an id that is never produced must not count, however likely
    bits = rows.view(np.uint32)
    symbols = trie.tokens[rng.integers(0, trie.tokens.size, 20)].astype(np.int32)
    stretch = fine_stretch_table()
    out = np.zeros(20 * 60, np.int16)
    counts = np.zeros(20, np.int64)
    weights, sums = new_weights(trie)
    n = collect(bits, leaf_order(trie), trie, stretch, symbols, weights, sums, out, counts)
    banned = np.flatnonzero(trie.leaf_of < 0).astype(np.int32)
    expected = []
    for row, symbol in zip(bits, symbols, strict=True):
        plain = np.zeros(len(pieces), np.uint32)
        assert row_weights(row, banned, plain)
        leaves = [int(w) for w in plain[trie.tokens]]
        leaf, node = int(trie.leaf_of[symbol]), 0
        while node >= 0:
            at = trie.nodes[node]
            low, middle, high = (int(at[column]) for column in (LOW, MIDDLE, HIGH))
            whole, part = sum(leaves[low:high]), sum(leaves[middle:high])
            expected.append(int(stretch[min((part << 16) // whole, 65535)]))
            node = int(at[RIGHT] if leaf >= middle else at[LEFT])
    assert counts.sum() == n == len(expected)
    assert out[:n].tolist() == expected


@pytest.mark.parametrize("pieces", [PIECES, IN_ORDER])
@pytest.mark.parametrize("token", [0, 5, -1])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_every_logit_must_be_finite_even_of_ids_never_produced(
    pieces: list[bytes | None], token: int, bad: float
) -> None:
    trie = build_trie(pieces)
    rows = np.zeros((1, len(pieces)), np.float32)
    rows[0, token] = bad
    weights, sums = new_weights(trie)
    assert (
        collect(
            rows.view(np.uint32), leaf_order(trie), trie, fine_stretch_table(),
            np.array([5], np.int32), weights, sums, np.zeros(60, np.int16), np.zeros(1, np.int64),
        )
        == -1
    )  # fmt: skip
