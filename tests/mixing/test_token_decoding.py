"""Decoding many steps at once, by several workers, from a C function."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.token_decoding import MixingDecoder
from edgezip.coding.mixing.token_mixing import MixingEncoder
from edgezip.coding.source import Source
from edgezip.coding.turns import BrokenOff, Turns
from edgezip.errors import EngineError, FormatError
from edgezip.pipeline.workers import run_in_turn

PIECES: list[bytes | None] = [
    None,
    b"x",
    b"y" * 100,
    b"z",
    b"zebra",
    *(b"%d" % i for i in range(60)),
]
SMALL = MixParams(16)
STEPS = 40

LogitsOf = Callable[[int, list[int]], NDArray[np.float32] | None]
"""Step and the tokens before it to float32 (n, n_vocab), None for a failure."""


def model(step: int, before: list[int]) -> NDArray[np.float32]:
    rows = np.array(
        [np.random.default_rng((step, token)).normal(0, 3, len(PIECES)) for token in before]
    )
    rows[:, 0] = -1e9
    return rows.astype(np.float32)


class CSource:
    """A `Source` whose C function is Python."""

    def __init__(self, n: int, logits_of: LogitsOf) -> None:
        self._step = 0
        self._logits: NDArray[np.float32] | None = None
        self._logits_of = logits_of
        prototype = ctypes.CFUNCTYPE(ctypes.c_void_p, *[ctypes.c_void_p] * 3)
        self._function = prototype(self._call)
        address = ctypes.cast(self._function, ctypes.c_void_p).value or 0
        tokens = np.zeros(n, np.int32)
        like = np.zeros((n, len(PIECES)), np.uint32)
        self.source = Source(address, 7, 8, np.zeros(1, np.int32), tokens, like)

    def _call(self, context: int, batch: int, code: int) -> int | None:
        assert (context, batch, code) == (7, 8, self.source.code.ctypes.data)
        self._logits = self._logits_of(self._step, self.source.tokens.tolist())
        self._step += 1
        return None if self._logits is None else self._logits.ctypes.data


def text(streams: int) -> tuple[NDArray[np.int32], bytes]:
    """Tokens (streams, STEPS) and their payload; each column is predicted from the one before."""
    rng = np.random.default_rng(streams)
    grid = rng.integers(1, len(PIECES), (streams, STEPS)).astype(np.int32)
    grid[-1, ::2] = 2  # the long piece: histories grow
    before = np.concatenate([np.zeros((streams, 1), np.int32), grid], axis=1)
    logits = np.concatenate([model(step, before[:, step].tolist()) for step in range(STEPS)])
    encoder = MixingEncoder(grid.size, streams, PIECES, SMALL)
    tokens = np.ascontiguousarray(grid.T).ravel()
    encoder.add(encoder.measure(logits, tokens), tokens, np.arange(grid.size, dtype=np.int64))
    return grid, encoder.finish()


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("slow", [None, 0, 1])
def test_workers_decode_their_streams_in_turn(workers: int, slow: int | None) -> None:
    """A worker that is slow makes the others give up waiting awake."""
    n = 2
    wanted, payload = text(n * workers)
    decoder = MixingDecoder(payload, wanted.size, n * workers, PIECES, SMALL)
    found = np.zeros_like(wanted)
    turns = Turns(workers)

    def work(number: int) -> bool:
        def logits_of(step: int, before: list[int]) -> NDArray[np.float32]:
            if number == slow and step % 8 == 0:
                time.sleep(0.003)
            return model(step, before)

        made = CSource(n, logits_of)
        mine = slice(number * n, (number + 1) * n)
        streams = np.arange(mine.start, mine.stop)
        grid = np.zeros((n, STEPS), np.int32)
        for first, last in ((0, 1), (1, 17), (17, STEPS)):
            columns = range(first, last)
            assert decoder.decode_steps(made.source, grid, columns, streams, turns.of(number))
        found[mine] = grid
        return True

    assert run_in_turn(work, turns)
    decoder.finish()
    assert (found == wanted).all()


def test_a_source_that_fails_ends_the_call_and_the_other_worker() -> None:
    wanted, payload = text(2)
    decoder = MixingDecoder(payload, wanted.size, 2, PIECES, SMALL)
    grid = np.zeros((2, STEPS), np.int32)
    turns = Turns(2)
    ends: list[str] = []

    def work(number: int) -> bool:
        def logits_of(step: int, before: list[int]) -> NDArray[np.float32] | None:
            return None if number == 1 and step == 9 else model(step, before)

        made = CSource(1, logits_of)
        mine = grid[number : number + 1]
        try:
            done = decoder.decode_steps(
                made.source, mine, range(STEPS), np.array([number]), turns.of(number)
            )
        except BrokenOff:
            ends.append("broken off")
            raise
        assert not done
        ends.append("failed")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_in_turn(work, turns)
    assert sorted(ends) == ["broken off", "failed"]
    assert (grid[:, :9] == wanted[:, :9]).all()


def test_logits_that_are_not_finite_are_refused() -> None:
    wanted, payload = text(1)
    decoder = MixingDecoder(payload, wanted.size, 1, PIECES, SMALL)
    made = CSource(1, lambda step, before: np.full((1, len(PIECES)), np.nan, np.float32))
    grid = np.zeros((1, STEPS), np.int32)
    with pytest.raises(EngineError, match="not finite"):
        decoder.decode_steps(made.source, grid, range(1), np.zeros(1, np.int64), Turns(1).of(0))


def test_decoding_ends_with_the_payload() -> None:
    """What a few bytes claim to hold costs no more than what they can hold."""
    steps = 100_000
    decoder = MixingDecoder(np.random.default_rng(1).bytes(28), steps, 1, PIECES, SMALL)
    rows = model(0, [0])
    streams = np.zeros(1, np.int64)
    with pytest.raises(FormatError, match="as many tokens"):  # noqa: PT012 (a loop)
        for _ in range(steps):
            decoder.decode_rows(rows, streams)
            steps -= 1
            rows = model(steps, [1])  # always others, so that no token is ever sure
    assert steps > 99_900


@pytest.mark.parametrize("workers", [1, 3])
def test_all_workers_end_with_the_payload(workers: int) -> None:
    wanted, payload = text(2 * workers)
    decoder = MixingDecoder(payload[:20], wanted.size, 2 * workers, PIECES, SMALL)
    found = np.zeros_like(wanted)
    turns = Turns(workers)

    def work(number: int) -> bool:
        mine = slice(2 * number, 2 * number + 2)
        streams = np.arange(2 * number, 2 * number + 2, dtype=np.int64)
        made = CSource(2, model)
        return decoder.decode_steps(
            made.source, found[mine], range(STEPS), streams, turns.of(number)
        )

    with pytest.raises(FormatError, match="as many tokens"):
        run_in_turn(work, turns)
