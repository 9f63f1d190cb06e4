"""The mixing token coder returns every token id, for any vocabulary, stream count and order of
rows."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.token_decoding import MixingDecoder
from edgezip.coding.mixing.token_mixing import MixingEncoder
from edgezip.coding.mixing.trie import HIGH, LEFT, LOW, MIDDLE, RIGHT, build_trie
from edgezip.errors import EngineError, ModelError, SettingsError

SMALL = MixParams(16)
WORDS: list[bytes | None] = [
    None,
    b"a",
    b"ab",
    b"abc",
    b"b",
    b"ba",
    b"hello",
    b"help",
    b"he",
    b"\xff\xfe",
    b"a",
]
PIECES = WORDS + [bytes([i]) for i in range(256)]


def encode(
    logits: NDArray[np.float32],
    tokens: NDArray[np.int32],
    streams: int,
    seed: int = 0,
    prime: bytes = b"",
) -> bytes:
    encoder = MixingEncoder(len(tokens), streams, PIECES, SMALL, prime)
    order = np.random.default_rng(seed).permutation(len(tokens))
    for part in np.array_split(order, 3):
        encoder.add(
            encoder.measure(logits[part], tokens[part]), tokens[part], part.astype(np.int64)
        )
    return encoder.finish()


def decode(
    payload: bytes, logits: NDArray[np.float32], streams: int, prime: bytes = b""
) -> NDArray[np.int32]:
    decoder = MixingDecoder(payload, len(logits), streams, PIECES, SMALL, prime)
    found = []
    for first in range(0, len(logits), streams):
        rows = logits[first : first + streams]
        found.append(decoder.decode_rows(rows, np.arange(len(rows), dtype=np.int32)))
    decoder.finish()
    return np.concatenate(found)


def sample(n: int, seed: int, sharp: float = 3.0) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Random logits, and tokens that are drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, sharp, (n, len(PIECES))).astype(np.float32)
    logits[:, 0] = -np.inf if False else 30.0
    noisy = logits + rng.gumbel(size=logits.shape)
    noisy[:, 0] = -1e9
    return logits, noisy.argmax(1).astype(np.int32)


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_every_token_comes_back_whatever_the_order_of_rows(n: int, streams: int, seed: int) -> None:
    logits, tokens = sample(n, seed)
    payload = encode(logits, tokens, streams, seed)
    assert payload == encode(logits, tokens, streams, seed + 1)
    assert (decode(payload, logits, streams) == tokens).all()


def test_ids_with_the_same_spelling_stay_apart() -> None:
    logits = np.zeros((6, len(PIECES)), np.float32)
    tokens = np.array([1, 10, len(WORDS) + 97, 10, 1, 9], np.int32)
    assert (decode(encode(logits, tokens, 1), logits, 1) == tokens).all()


def test_the_model_is_used_and_repetition_is_learned() -> None:
    logits, tokens = sample(400, 1, sharp=6.0)
    shifted = logits.astype(np.float64)
    shifted[:, 0] = -np.inf
    shifted -= shifted.max(1, keepdims=True)
    ideal = -(shifted[np.arange(400), tokens] - np.log(np.exp(shifted).sum(1))).sum() / np.log(256)
    assert len(encode(logits, tokens, 1)) < 1.15 * ideal + 8
    again = np.tile(tokens[:50], 8)
    flat = np.zeros((400, len(PIECES)), np.float32)
    assert len(encode(flat, again, 1)) < 0.3 * 400 * np.log2(len(PIECES)) / 8


@pytest.mark.parametrize("streams", [1, 3])
def test_what_the_model_is_sure_of_is_coded_by_it_and_comes_back(streams: int) -> None:
    logits, tokens = sample(600, 5, sharp=30.0)
    payload = encode(logits, tokens, streams)
    assert len(payload) < 600 * 0.3 / 8
    assert (decode(payload, logits, streams) == tokens).all()
    wrong = np.roll(tokens, 1)  # sure of another token than comes
    payload = encode(logits, wrong, streams)
    assert (decode(payload, logits, streams) == wrong).all()


def test_a_match_overrules_a_model_that_is_sure() -> None:
    period = sample(40, 2)[1]
    tokens = np.tile(period, 20)
    logits = np.zeros((tokens.size, len(PIECES)), np.float32)
    logits[np.arange(tokens.size), np.roll(tokens, 7)] = 16.0
    logits[:, 0] = -1e9
    payload = encode(logits, tokens, 1)
    different = int((tokens != np.roll(tokens, 7)).sum())
    assert len(payload) < 0.25 * different * 16 * math.log2(math.e) / 8
    assert (decode(payload, logits, 1) == tokens).all()


def test_a_model_that_is_sure_and_wrong_is_not_left_alone() -> None:
    rng = np.random.default_rng(4)
    tokens = rng.integers(1, 5, 4000).astype(np.int32)
    logits = np.zeros((tokens.size, len(PIECES)), np.float32)
    logits[np.arange(tokens.size), rng.integers(5, 9, tokens.size)] = 16.0
    logits[:, 0] = -1e9
    payload = encode(logits, tokens, 1)
    assert len(payload) < 0.5 * tokens.size  # 16 nats for each would be 2.9 bytes
    assert (decode(payload, logits, 1) == tokens).all()


def test_priming_is_learned_by_both_sides() -> None:
    text = b"hello abc help ba " * 40
    tokens = np.array(
        [PIECES.index(piece) for piece in (b"hello", b" ", b"abc", b" ", b"help")] * 4, np.int32
    )
    logits = np.zeros((len(tokens), len(PIECES)), np.float32)
    primed = encode(logits, tokens, 2, prime=text)
    assert len(primed) < len(encode(logits, tokens, 2))
    assert (decode(primed, logits, 2, prime=text) == tokens).all()


def test_histories_grow_with_long_pieces() -> None:
    pieces: list[bytes | None] = [b"x", b"y" * 100, b"z"]
    tokens = np.array([1] * 50 + [0, 2], np.int32)
    logits = np.zeros((52, 3), np.float32)
    encoder = MixingEncoder(52, 1, pieces, SMALL)
    encoder.add(encoder.measure(logits, tokens), tokens, np.arange(52, dtype=np.int64))
    decoder = MixingDecoder(encoder.finish(), 52, 1, pieces, SMALL)
    zero = np.zeros(1, np.int64)
    assert [
        int(decoder.decode_rows(logits[i : i + 1], zero)[0]) for i in range(52)
    ] == tokens.tolist()
    decoder.finish()


@pytest.mark.parametrize("streams", [1, 3])
def test_coding_ahead_gives_the_same_payload(streams: int) -> None:
    logits, tokens = sample(200, 3)
    encoder = MixingEncoder(200, streams, PIECES, SMALL)
    jobs: list[Callable[[], None]] = []
    for part in np.array_split(np.arange(200), 7):
        order = np.random.default_rng(len(jobs)).permutation(part)
        encoder.add(encoder.measure(logits[order], tokens[order]), tokens[order], order)
        jobs.append(encoder.prefix_added())
    for job in jobs[:-1]:
        job()
    jobs[-1]()
    assert encoder.finish() == encode(logits, tokens, streams)


def test_coding_ahead_refuses_a_gap() -> None:
    logits, tokens = sample(10, 3)
    encoder = MixingEncoder(10, 1, PIECES, SMALL)
    encoder.add(encoder.measure(logits[1:5], tokens[1:5]), tokens[1:5], np.arange(1, 5))
    with pytest.raises(SettingsError):
        encoder.prefix_added()


def test_refusals() -> None:
    encoder = MixingEncoder(2, 1, PIECES, SMALL)
    with pytest.raises(SettingsError):
        encoder.measure(np.zeros((1, len(PIECES)), np.float32), np.array([0], np.int32))
    bad = np.full((1, len(PIECES)), np.nan, np.float32)
    with pytest.raises(EngineError):
        encoder.measure(bad, np.array([1], np.int32))
    with pytest.raises(SettingsError):
        encoder.finish()
    with pytest.raises(ModelError):
        build_trie([None, b"a"])


@given(st.lists(st.binary(min_size=1, max_size=4), min_size=2, max_size=60))
@settings(max_examples=40, deadline=None)
def test_a_trie_leads_to_every_leaf_and_splits_where_pieces_differ(pieces: list[bytes]) -> None:
    trie = build_trie(list(pieces))
    assert trie.nodes.shape == (len(pieces) - 1, 8)
    for token, piece in enumerate(pieces):
        leaf = int(trie.leaf_of[token])
        node = 0
        while node >= 0:
            at = trie.nodes[node]
            assert at[LOW] <= leaf < at[HIGH]
            node = int(at[RIGHT] if leaf >= at[MIDDLE] else at[LEFT])
        assert ~node == leaf
        assert trie.flat[trie.offsets[leaf] : trie.offsets[leaf + 1]].tobytes() == piece
