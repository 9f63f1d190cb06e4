"""Logits depend on the tokens before them in their stream, and on nothing else."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgezip.engine import Engine, Session
from edgezip.engine.session import MAX_STREAMS
from edgezip.errors import EngineError, SettingsError

WINDOW = 320
N = 270  # crosses a multiple of 256 cells, where llama.cpp widens the attention


def tokens_of(engine: Engine, n: int, seed: int = 0) -> NDArray[np.int32]:
    tokens = np.random.default_rng(seed).integers(0, engine.n_vocab, n).astype(np.int32)
    tokens[0] = engine.start_token
    return tokens


def evaluate(
    session: Session, tokens: NDArray[np.int32], rows: int, stream: int = 0
) -> NDArray[np.float32]:
    """Evaluate `tokens` in one stream, `rows` per call, and copy all logits."""
    session.clear(stream)
    parts = []
    for start in range(0, len(tokens), rows):
        part = tokens[start : start + rows]
        positions = np.arange(start, start + len(part))
        wanted = np.ones(len(part), dtype=np.bool_)
        parts.append(session.evaluate(part, np.full(len(part), stream), positions, wanted).copy())
    return np.concatenate(parts)


def same(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    return a.shape == b.shape and bool((a.view(np.uint32) == b.view(np.uint32)).all())


@pytest.fixture(scope="module")
def reference(stories: Engine) -> NDArray[np.float32]:
    with stories.session(1, WINDOW) as session:
        return evaluate(session, tokens_of(stories, N), N)


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 64, 65])
def test_rows_per_call_do_not_matter(
    stories: Engine, reference: NDArray[np.float32], rows: int
) -> None:
    with stories.session(1, WINDOW) as session:
        assert same(evaluate(session, tokens_of(stories, N), rows), reference)


@pytest.mark.parametrize(("batch", "ubatch"), [(512, 32), (100, 100), (48, 7)])
def test_batch_sizes_do_not_matter(
    stories: Engine, reference: NDArray[np.float32], batch: int, ubatch: int
) -> None:
    with stories.session(1, WINDOW, batch=batch, ubatch=ubatch) as session:
        assert same(evaluate(session, tokens_of(stories, N), N), reference)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_matter(
    open_engine: Callable[..., Engine],
    stories_model: Path,
    reference: NDArray[np.float32],
    threads: int,
) -> None:
    engine = open_engine(stories_model, threads=threads)
    with engine.session(1, WINDOW) as session:
        tokens = tokens_of(engine, N)
        assert same(evaluate(session, tokens, N), reference)
        assert same(evaluate(session, tokens[:24], 1), reference[:24])


def test_window_size_and_stream_number_do_not_matter(
    stories: Engine, reference: NDArray[np.float32]
) -> None:
    with stories.session(3, 2 * WINDOW) as session:
        assert same(evaluate(session, tokens_of(stories, N), 90, stream=2), reference)


@pytest.mark.parametrize("name", ["stories", "bundled"])
def test_streams_in_lockstep_equal_streams_alone(name: str, request: pytest.FixtureRequest) -> None:
    engine: Engine = request.getfixturevalue(name)
    streams, steps = 8, 12
    texts = np.stack([tokens_of(engine, steps, seed=s) for s in range(streams)])
    with engine.session(1, WINDOW) as session:
        alone = [evaluate(session, text, steps) for text in texts]
    random = np.random.default_rng(1)
    with engine.session(streams, WINDOW) as session:
        for step in range(steps):
            order = random.permutation(streams)
            rows = session.evaluate(
                texts[order, step], order, np.full(streams, step), np.ones(streams, dtype=np.int8)
            )
            for row, stream in enumerate(order):
                assert same(rows[row], alone[stream][step])


def test_cleared_stream_starts_anew_and_leaves_others(
    stories: Engine, reference: NDArray[np.float32]
) -> None:
    tokens = tokens_of(stories, N)
    with stories.session(2, WINDOW) as session:
        evaluate(session, tokens_of(stories, 40, seed=9), 40, stream=0)
        evaluate(session, tokens[:20], 20, stream=1)
        assert same(evaluate(session, tokens[:30], 30, stream=0), reference[:30])
        rows = session.evaluate(tokens[20:25], np.ones(5), np.arange(20, 25), np.ones(5))
        assert same(rows.copy(), reference[20:25])
        session.clear_all()
        assert same(evaluate(session, tokens[:5], 5, stream=1), reference[:5])


def test_only_wanted_rows_come_back_in_batch_order(
    stories: Engine, reference: NDArray[np.float32]
) -> None:
    tokens = tokens_of(stories, N)
    wanted = np.random.default_rng(2).random(N) < 0.3
    for batch in (512, 64):
        with stories.session(1, WINDOW, batch=batch) as session:
            rows = session.evaluate(tokens, np.zeros(N), np.arange(N), wanted)
            assert same(rows.copy(), reference[wanted])


def test_nothing_wanted_and_nothing_given(stories: Engine) -> None:
    with stories.session(1, WINDOW) as session:
        empty = session.evaluate([1, 2], [0, 0], [0, 1], [0, 0])
        assert empty.shape == (0, stories.n_vocab)
        assert session.evaluate([], [], [], []).shape == (0, stories.n_vocab)
        assert session.evaluate([3], [0], [2], [1]).shape == (1, stories.n_vocab)


def test_full_window_is_an_error_and_clearing_recovers(
    stories: Engine, reference: NDArray[np.float32]
) -> None:
    tokens = tokens_of(stories, 257)
    with stories.session(1, 256) as session:
        with pytest.raises(EngineError, match="window is full"):
            evaluate(session, tokens, 64)
        assert same(evaluate(session, tokens_of(stories, N)[:9], 9), reference[:9])


def rolled(
    session: Session, tokens: NDArray[np.int32], rows: int, stream: int = 0, evict: int = 37
) -> NDArray[np.float32]:
    """As `evaluate`, but the `evict` oldest tokens make room whenever 100 cells are full."""
    parts = [evaluate(session, tokens[:100], rows, stream)]
    for number, first in enumerate(range(100, len(tokens), evict)):
        session.forget(stream, 1 + (number + 1) * evict)
        for start in range(first, min(first + evict, len(tokens)), rows):
            part = tokens[start : min(start + rows, first + evict)]
            positions = np.arange(start, start + len(part))
            filled = np.full(len(part), stream)
            parts.append(session.evaluate(part, filled, positions, filled >= 0).copy())
    return np.concatenate(parts)


@pytest.mark.parametrize("name", ["stories", "bundled"])
def test_rows_per_call_do_not_matter_when_old_tokens_make_room(
    name: str, request: pytest.FixtureRequest
) -> None:
    """The cells are gone round more than once, and their places are the same for all."""
    engine: Engine = request.getfixturevalue(name)
    tokens = tokens_of(engine, N)
    with engine.session(1, 100) as session:
        expected = rolled(session, tokens, 100)
        whole = evaluate(session, tokens[:200], 200)
        assert same(whole[:100], expected[:100])
        assert not same(whole[100:], expected[100:200])
        for rows in (1, 5, 64):
            assert same(rolled(session, tokens, rows), expected)
    with engine.session(3, WINDOW, ubatch=16) as session:
        evaluate(session, tokens_of(engine, 50, seed=4), 50, stream=1)
        assert same(rolled(session, tokens, 90, stream=2), expected)
        with pytest.raises(SettingsError, match="no stream 3"):
            session.forget(3, 5)


@pytest.mark.parametrize(
    ("tokens", "streams", "positions"),
    [
        ([512], [0], [0]),
        ([-1], [0], [0]),
        ([1], [1], [0]),
        ([1], [-1], [0]),
        ([1, 2], [0, 0], [0, 5]),
    ],
)
def test_wrong_batches_are_errors(
    stories: Engine, tokens: list[int], streams: list[int], positions: list[int]
) -> None:
    with stories.session(1, WINDOW) as session, pytest.raises(EngineError, match="refuses"):
        session.evaluate(tokens, streams, positions, [1] * len(tokens))


def test_uneven_arrays_and_bad_settings(stories: Engine) -> None:
    with stories.session(1, WINDOW) as session, pytest.raises(SettingsError):
        session.evaluate([1, 2], [0], [0], [1])
    for streams, window in ((0, 64), (MAX_STREAMS + 1, 64), (1, 1)):
        with pytest.raises(SettingsError):
            stories.session(streams, window)


def test_closed_session_and_engine(open_engine: Callable[..., Engine], stories_model: Path) -> None:
    engine = open_engine(stories_model, threads=1)
    session = engine.session(1, 64)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        session.evaluate([1], [0], [0], [1])
    with pytest.raises(EngineError, match="closed"):
        engine.session(1, 64)


def test_session_bytes_counts_the_cache(stories: Engine) -> None:
    one, nine = stories.session_bytes(1, 512), stories.session_bytes(9, 512)
    # 5 layers, 4 key-value heads of 8, keys and values, 2 bytes each.
    assert nine - one == 8 * 512 * 5 * 4 * 8 * 2 * 2
    assert stories.session_bytes(1, 257) == one


def test_a_cache_of_bytes_is_counted_as_such(bundled: Engine) -> None:
    one, nine = bundled.session_bytes(1, 512), bundled.session_bytes(9, 512)
    # 8 layers, 2 key-value heads of 64: blocks of 32 take 34 bytes of keys and 36 of values.
    assert nine - one == 8 * 512 * 8 * 2 * 2 * (34 + 36)


def test_next_tokens_are_evaluated_as_any_others(stories: Engine) -> None:
    tokens = np.stack([tokens_of(stories, 40, seed) for seed in range(3)])
    with stories.session(3, 64) as session:
        streams = np.repeat(np.arange(3), 30)
        session.evaluate(tokens[:, :30].ravel(), streams, np.tile(np.arange(30), 3), streams < 0)
        append = session.next_tokens(3, 30)
        steps = np.stack([append(tokens[:, at]).copy() for at in range(30, 40)])
    with stories.session(1, 64) as session:
        for stream in range(3):
            assert same(evaluate(session, tokens[stream], 64)[30:], steps[:, stream])


def test_next_tokens_end_with_the_window(stories: Engine) -> None:
    with stories.session(1, 256) as session:
        append = session.next_tokens(1, 0)
        for _ in range(256):
            append(np.zeros(1, np.int32))
        with pytest.raises(EngineError, match="full"):
            append(np.zeros(1, np.int32))


def test_a_step_function_does_what_next_tokens_does(stories: Engine) -> None:
    steps_done = 270  # crosses a multiple of 256 cells
    tokens = np.stack([tokens_of(stories, steps_done, seed) for seed in range(3)])
    call = ctypes.CFUNCTYPE(ctypes.c_void_p, *[ctypes.c_void_p] * 3)
    steps: list[list[NDArray[np.float32]]] = [[], []]
    for way in range(2):
        with stories.session(3, 320) as session:
            append = session.next_tokens(3, 0)
            function = session.step_function()
            assert function is not None
            next_logits = call(function.function)
            for at in range(steps_done):
                if way == 0:
                    steps[0].append(append(tokens[:, at]).copy())
                    continue
                function.tokens[:] = tokens[:, at]
                address = next_logits(function.context, function.batch, function.code.ctypes.data)
                assert address, session.step_failure()
                shape = (3, session.n_vocab)
                pointer = ctypes.cast(address, ctypes.POINTER(ctypes.c_float))
                steps[1].append(np.ctypeslib.as_array(pointer, shape).copy())
    assert same(np.stack(steps[0]), np.stack(steps[1]))


def test_a_step_function_says_that_the_window_is_full(stories: Engine) -> None:
    with stories.session(1, 256) as session:
        append = session.next_tokens(1, 0)
        for _ in range(256):
            append(np.zeros(1, np.int32))
        function = session.step_function()
        assert function is not None
        call = ctypes.CFUNCTYPE(ctypes.c_void_p, *[ctypes.c_void_p] * 3)(function.function)
        assert not call(function.context, function.batch, function.code.ctypes.data)
        assert "full" in str(session.step_failure())


def test_next_tokens_need_streams(stories: Engine) -> None:
    with stories.session(2, 64) as session, pytest.raises(SettingsError, match="streams"):
        session.next_tokens(3, 0)
