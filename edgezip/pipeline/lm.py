"""Tokens to payload and back: drives the engine's sessions and a token coder.

The encoder knows the text and evaluates whole windows (prefill); the decoder evaluates one token
per stream and step. Both see the same logits because the strict engine's do not depend on the
batch. The native engine's may, so for it the encoder makes the decoder's very calls.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.protocols import TokenDecoder, TokenEncoder
from edgezip.engine import Session
from edgezip.errors import FormatError
from edgezip.pipeline.windows import Window, run_lengths, run_windows, slots_of


@dataclass(frozen=True, slots=True)
class LmSettings:
    """What both sides must agree on for the evaluation of a channel.

    primer: int32 (p,), tokens that stand before every run; at most half of the window.
    """

    window: int
    keep: int
    streams: int
    primer: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    def windows(self, stream: int, length: int) -> Iterator[Window]:
        """The windows of primer and run; their indices count from the primer's start."""
        primed = len(self.primer)
        return run_windows(stream, primed + length, self.window, self.keep, primed)


def encode_tokens(
    session: Session,
    start_token: int,
    ids: NDArray[np.int32],
    settings: LmSettings,
    encoder: TokenEncoder,
    progress: Callable[[int], None],
) -> bytes:
    """Code `ids` (n,) and return the payload.

    Args:
        session: at least one stream and `settings.window` cells.
        start_token: id in front of every window.
        ids: tokens of the channel.
        settings: window, keep and streams.
        encoder: takes logits and symbols, gives the payload.
        progress: called with the number of tokens evaluated since the last call.
    """
    offset = 0
    for stream, length in enumerate(run_lengths(len(ids), settings.streams)):
        run = np.concatenate([settings.primer, ids[offset : offset + length]])
        offset += length
        for window in settings.windows(stream, length):
            _encode_window(session, start_token, run, window, settings, encoder)
            progress(window.count)
    return encoder.finish()


def _encode_window(
    session: Session,
    start_token: int,
    run: NDArray[np.int32],
    window: Window,
    settings: LmSettings,
    encoder: TokenEncoder,
) -> None:
    """Evaluate one window from its first cell and hand over the rows that predict new tokens."""
    last = window.first + window.count
    cells = np.empty(last - window.tail, np.int32)
    cells[0] = start_token
    cells[1:] = run[window.tail : last - 1]
    positions = np.arange(len(cells), dtype=np.int32)
    wanted = positions >= window.first - window.tail
    zeros = np.zeros(len(cells), np.int32)
    step = window.first - len(settings.primer)
    slots = slots_of(window.stream, settings.streams, step, window.count)
    session.clear_all()
    done = 0
    # One engine batch at a time: its logits are then read where they lie.
    for begin in range(0, len(cells), session.batch_size):
        part = slice(begin, begin + session.batch_size)
        logits = session.evaluate(cells[part], zeros[part], positions[part], wanted[part])
        count = len(logits)
        symbols = run[window.first + done : window.first + done + count]
        encoder.add_rows(logits, symbols, slots[done : done + count])
        done += count


def encode_tokens_lockstep(
    session: Session,
    start_token: int,
    ids: NDArray[np.int32],
    settings: LmSettings,
    encoder: TokenEncoder,
    progress: Callable[[int], None],
) -> bytes:
    """As `encode_tokens`, with the calls that the decoder will make: slow, for engines whose logits
    depend on the batch. `session` has `settings.streams` streams.
    """
    lengths = run_lengths(len(ids), settings.streams)
    tokens = _TokenGrid(settings, lengths[0])
    starts = np.cumsum([0, *lengths])
    runs = [ids[a:b] for a, b in itertools.pairwise(starts)]
    for step, logits in _lockstep_logits(session, start_token, tokens, lengths[0], settings):
        symbols = np.array([run[step] for run in runs if len(run) > step], np.int32)
        tokens.set_step(step, symbols)
        first = step * settings.streams
        encoder.add_rows(
            logits[: len(symbols)], symbols, np.arange(first, first + len(symbols), dtype=np.int64)
        )
        progress(len(symbols))
    return encoder.finish()


def decode_tokens(
    session: Session,
    start_token: int,
    n_tokens: int,
    settings: LmSettings,
    decoder: TokenDecoder,
    progress: Callable[[int], None],
    stop: Callable[[int], bool] | None = None,
) -> NDArray[np.int32]:
    """Decode up to `n_tokens` tokens and return them in text order, int32 (n,).

    Args:
        session: at least `settings.streams` streams and `settings.window` cells.
        start_token: id in front of every window.
        n_tokens: tokens of the channel, or an upper bound where `stop` is given.
        settings: window, keep and streams.
        decoder: takes logits, gives tokens.
        progress: called with the number of tokens decoded since the last call.
        stop: for one stream of unknown length: called with each token, true ends the text.

    Raises:
        FormatError: the payload is not used up exactly.
    """
    lengths = run_lengths(n_tokens, settings.streams)
    streams = np.arange(settings.streams, dtype=np.int32)
    tokens = _TokenGrid(settings, lengths[0])
    for step, logits in _lockstep_logits(session, start_token, tokens, lengths[0], settings):
        active = sum(length > step for length in lengths) if step == lengths[-1] else len(lengths)
        symbols = decoder.decode_rows(logits[:active], streams[:active])
        tokens.set_step(step, symbols)
        progress(active)
        if stop is not None and stop(int(symbols[0])):
            decoder.finish()
            return tokens.run(0, step + 1)
    if stop is not None:
        raise FormatError("damaged data: the text does not end where the file says")
    decoder.finish()
    return np.concatenate([tokens.run(stream, length) for stream, length in enumerate(lengths)])


class _TokenGrid:
    """Primer and tokens by stream; grows, so that a claimed length costs nothing by itself."""

    def __init__(self, settings: LmSettings, n_steps: int) -> None:
        self._primed = len(settings.primer)
        self._columns = self._primed + n_steps
        width = min(self._columns, self._primed + 4096)
        self._grid = np.zeros((settings.streams, width), np.int32)
        self._grid[:, : self._primed] = settings.primer

    def set_step(self, step: int, symbols: NDArray[np.int32]) -> None:
        """Store one step; `symbols` are those of the first streams."""
        column = self._primed + step
        if column == self._grid.shape[1]:
            room = min(self._columns, 2 * column) - column
            self._grid = np.pad(self._grid, ((0, 0), (0, room)))
        self._grid[: len(symbols), column] = symbols

    def columns(self, first: int, last: int) -> NDArray[np.int32]:
        """Tokens of all streams from `first` to before `last`, counted from the primer's start."""
        return self._grid[:, first:last]

    def run(self, stream: int, length: int) -> NDArray[np.int32]:
        """The first `length` tokens of a stream, without the primer."""
        return self._grid[stream, self._primed : self._primed + length]


def _lockstep_logits(
    session: Session, start_token: int, tokens: _TokenGrid, n_steps: int, settings: LmSettings
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield (step, logits (streams, n_vocab)); the step's tokens must be set before the next."""
    streams = np.arange(settings.streams, dtype=np.int32)
    wanted = np.ones(settings.streams, np.bool_)
    primed = len(settings.primer)
    for window in settings.windows(0, n_steps):
        logits = _open_window(session, start_token, tokens.columns(window.tail, window.first))
        last = window.first + window.count
        cell = np.full(settings.streams, window.first - window.tail, np.int32)
        for column in range(window.first, last):
            yield column - primed, logits
            if column + 1 < last:
                cell += 1
                newest = tokens.columns(column, column + 1)[:, 0]
                logits = session.evaluate(newest, streams, cell, wanted)


def _open_window(
    session: Session, start_token: int, tail: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Clear the cache, evaluate start token and tail (streams, t); the last logits of each."""
    n_streams, n_tail = tail.shape
    cells = np.empty((n_streams, n_tail + 1), np.int32)
    cells[:, 0] = start_token
    cells[:, 1:] = tail
    streams = np.repeat(np.arange(n_streams, dtype=np.int32), n_tail + 1)
    positions = np.tile(np.arange(n_tail + 1, dtype=np.int32), n_streams)
    session.clear_all()
    return session.evaluate(cells.ravel(), streams, positions, positions == n_tail)
