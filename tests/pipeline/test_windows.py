"""The schedule of streams and windows, and its two readings by encoder and decoder."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgezip.coding.turns import Turn, taken
from edgezip.errors import SettingsError
from edgezip.pipeline.lm import LmSettings, count_windows, encode_tokens
from edgezip.pipeline.lockstep import decode_tokens, encode_tokens_lockstep
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.windows import (
    SMALL_MODEL,
    Recommendation,
    choose_streams,
    recommend,
    run_lengths,
    run_windows,
    slots_of,
)

Logits = NDArray[np.float32]

VOCAB = 17
START = 3


@given(st.integers(0, 500), st.integers(1, 40))
def test_slots_are_a_permutation_in_step_order(n_tokens: int, n_streams: int) -> None:
    lengths = run_lengths(n_tokens, n_streams)
    slots = [slots_of(s, n_streams, 0, length) for s, length in enumerate(lengths)]
    assert sorted(np.concatenate(slots).tolist()) == list(range(n_tokens))
    assert sum(lengths) == n_tokens
    assert max(lengths) - min(lengths) <= 1


@given(st.integers(1, 300), st.integers(3, 40), st.data())
def test_windows_predict_every_token_once_within_the_cells(
    length: int, window: int, data: st.DataObject
) -> None:
    keep = data.draw(st.integers(0, window - 2))
    evict = data.draw(st.integers(1, window - 2))
    span = data.draw(st.integers(window, 3 * window))
    predicted: list[int] = []
    for item in run_windows(0, length, span, keep):
        assert 0 <= item.tail <= item.first
        assert item.first - item.tail <= keep
        positions = 1 + (item.first - item.tail) + item.count - 1
        assert positions <= span
        pieces = list(item.pieces(window, evict))
        assert sum(piece.count for piece in pieces) == item.count
        assert pieces[0].oldest == 1
        for piece in pieces:
            # The start token's cell, and those of the positions from `oldest` to the last one.
            newest = piece.first + piece.count - 1 - item.tail
            assert 1 + newest - (piece.oldest - 1) <= window
            predicted += range(piece.first, piece.first + piece.count)
        for piece in pieces[:-1]:
            assert 1 + piece.first + piece.count - 1 - item.tail - (piece.oldest - 1) == window
    assert predicted == list(range(length))


def test_streams_grow_with_the_input() -> None:
    small, large = recommend(SMALL_MODEL, 4096), recommend(SMALL_MODEL + 1, 4096)
    sizes: tuple[int, ...] = (0, 1, 100, 8191, 8192, 1 << 14, 1 << 15, 1 << 24)
    assert [choose_streams(n, n, small) for n in sizes] == [1, 1, 1, 1, 2, 4, 8, 8]
    assert choose_streams(1 << 14, 1 << 24, small) == 4
    sizes = (16383, 16384, 1 << 15, 1 << 16)
    assert [choose_streams(n, n, large) for n in sizes] == [1, 2, 4, 16]
    assert [choose_streams(1 << 16, n, large) for n in (0, 65535, 65536)] == [8, 8, 16]


def test_large_models_get_long_windows() -> None:
    assert [recommend(SMALL_MODEL, n) for n in (256, 1024)] == [
        Recommendation(256, 4096, 8),
        Recommendation(384, 4096, 8),
    ]
    assert [recommend(SMALL_MODEL + 1, n) for n in (512, 8192)] == [
        Recommendation(512, 8192, 16),
        Recommendation(1024, 8192, 16),
    ]


class _HashSession:
    """A model whose logits are a hash of all cells of the sequence, in the order of their places:
    any wrong cell shows."""

    batch_size = 7

    def __init__(self, window: int) -> None:
        self.window = window
        self.cells: dict[int, list[tuple[int, int] | None]] = {}

    def clear_all(self) -> None:
        self.cells = {}

    def forget(self, stream: int, oldest: int) -> None:
        cells = self.cells[stream]
        gone = [i for i, cell in enumerate(cells) if cell is not None and 1 <= cell[0] < oldest]
        assert gone
        for i in gone:
            cells[i] = None

    def evaluate(
        self,
        tokens: Iterable[int],
        streams: Iterable[int],
        positions: Iterable[int],
        wanted: Iterable[int],
    ) -> Logits:
        rows = []
        for token, stream, position, want in zip(tokens, streams, positions, wanted, strict=True):
            cells = self.cells.setdefault(int(stream), [None] * self.window)
            assert position == 1 + max((cell[0] for cell in cells if cell is not None), default=-1)
            cells[cells.index(None)] = (int(position), int(token))
            if want:
                digest = hashlib.sha256(repr(cells).encode()).digest()
                rows.append(np.frombuffer(digest[:VOCAB], np.uint8).astype(np.float32))
        return np.array(rows, np.float32).reshape(-1, VOCAB)

    def next_tokens(self, n: int, position: int) -> Callable[[Iterable[int]], Logits]:
        cells = itertools.count(position)

        def append(tokens: Iterable[int]) -> Logits:
            return self.evaluate(tokens, range(n), [next(cells)] * n, [True] * n)

        return append

    def step_function(self) -> None:
        """There is none."""


def _hash_sessions(count: int) -> list[Any]:
    return [_HashSession(16) for _ in range(count)]


class _Recorder:
    """A token coder whose payload is what it saw: symbols and the logits that predicted them."""

    def __init__(self, n_slots: int) -> None:
        self.rows: list[tuple[int, bytes] | None] = [None] * n_slots
        self.promised: list[int] = []
        self.coded: list[int] = []

    def measure(self, logits: Logits, symbols: NDArray[np.int32]) -> list[bytes]:
        assert len(logits) == len(symbols)
        return [row.tobytes() for row in logits]

    def add(
        self, measured: list[bytes], symbols: NDArray[np.int32], slots: NDArray[np.int64]
    ) -> None:
        for row, symbol, slot in zip(measured, symbols, slots, strict=True):
            assert self.rows[slot] is None
            self.rows[slot] = (int(symbol), row)

    def prefix_added(self) -> Callable[[], None]:
        added = sum(row is not None for row in self.rows)
        assert None not in self.rows[:added], "there is a gap"
        self.promised.append(added)
        return lambda: self.coded.append(added)

    def finish(self) -> bytes:
        assert None not in self.rows
        return b""


class _Replayer:
    """Gives the recorded symbols back if it is shown the recorded logits."""

    def __init__(self, recorder: _Recorder) -> None:
        self.rows = list(recorder.rows)
        self.next = 0
        self.finished = False

    def decode_rows(
        self, logits: Logits, streams: NDArray[np.int64], turn: Turn | None = None
    ) -> NDArray[np.int32]:
        symbols = []
        assert turn is not None
        with taken(turn):
            for row in logits:
                item = self.rows[self.next]
                assert item is not None
                assert row.tobytes() == item[1], f"other logits at slot {self.next}"
                symbols.append(item[0])
                self.next += 1
        return np.array(symbols, np.int32)

    def finish(self) -> None:
        assert self.next == len(self.rows)
        self.finished = True


@pytest.mark.parametrize(
    ("keep", "evict", "span"),
    [
        (0, 1, 16),
        (1, 14, 17),
        (5, 4, 40),
        (14, 14, 33),
        (5, 1, 10**6),
    ],
)
@pytest.mark.parametrize("streams", [1, 2, 3, 8])
@pytest.mark.parametrize("n_tokens", [1, 2, 8, 15, 16, 17, 31, 64, 200, 203])
@pytest.mark.parametrize("sessions", [1, 3])
def test_encoder_and_decoder_evaluate_the_same_cells(
    sessions: int, n_tokens: int, streams: int, keep: int, evict: int, span: int
) -> None:
    streams = min(streams, n_tokens)
    ids = np.random.default_rng(n_tokens).integers(0, VOCAB, n_tokens).astype(np.int32)
    settings = LmSettings(window=16, keep=keep, evict=evict, span=span, streams=streams)
    done: list[int] = []
    recorder = _Recorder(n_tokens)
    encode_tokens(_hash_sessions(sessions), START, ids, settings, recorder, done.append)
    assert sum(done) == n_tokens
    assert recorder.coded == recorder.promised == sorted(set(recorder.promised))
    assert n_tokens <= span * streams or recorder.coded
    replayer = _Replayer(recorder)
    decoded = decode_tokens(
        _hash_sessions(min(sessions, streams)),
        START,
        n_tokens,
        settings,
        replayer,
        done.append,
    )
    assert decoded.tolist() == ids.tolist()
    assert replayer.finished
    assert sum(done) == 2 * n_tokens


@pytest.mark.parametrize("streams", [1, 3])
def test_an_encoder_in_lockstep_evaluates_them_too(streams: int) -> None:
    """As for engines whose logits depend on the batch: the decoder's calls, the same cells."""
    ids = np.random.default_rng(1).integers(0, VOCAB, 203).astype(np.int32)
    settings = LmSettings(window=16, keep=5, evict=4, span=40, streams=streams)
    recorders = [_Recorder(203), _Recorder(203)]
    encode_tokens(_hash_sessions(1), START, ids, settings, recorders[0], lambda count: None)
    (session,) = _hash_sessions(1)
    encode_tokens_lockstep(session, START, ids, settings, recorders[1], lambda count: None)
    assert recorders[0].rows == recorders[1].rows


def test_windows_are_counted_up_to_a_limit() -> None:
    settings = LmSettings(window=16, keep=8, evict=8, span=16, streams=2)
    assert [count_windows(n, settings, 5) for n in (0, 1, 2, 32, 33, 48, 49, 10**6)] == [
        0, 1, 2, 2, 3, 4, 5, 5,
    ]  # fmt: skip


def test_a_stop_condition_ends_a_single_stream() -> None:
    ids = np.arange(10, dtype=np.int32)
    settings = LmSettings(window=16, keep=4, evict=8, span=16, streams=1)
    recorder = _Recorder(10)
    encode_tokens(_hash_sessions(1), START, ids, settings, recorder, lambda count: None)
    decoded = decode_tokens(
        _hash_sessions(1),
        START,
        1 << 40,
        settings,
        _Replayer(recorder),
        lambda count: None,
        stop=lambda token: token == 9,
    )
    assert decoded.tolist() == ids.tolist()


@pytest.mark.parametrize(
    "settings", [{"keep": 63}, {"evict": 63}, {"span": 63}, {"keep": -1}, {"evict": 0}]
)
def test_what_no_window_of_that_size_has_is_refused_at_once(settings: dict[str, Any]) -> None:
    """Before a model is opened."""
    with pytest.raises(SettingsError, match=next(iter(settings))):
        PackOptions(window=64, **settings)
    PackOptions(window=64, keep=62, evict=62, span=64)
