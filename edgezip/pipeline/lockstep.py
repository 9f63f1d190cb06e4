"""Payload to tokens: one token per stream and step, the streams dealt out to several sessions.

The native engine's logits may depend on the batch, so for it the encoder makes the decoder's very
calls, too.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.protocols import Measured, StepDecoder, TokenDecoder, TokenEncoder
from edgezip.coding.source import Source
from edgezip.coding.turns import Turn, Turns
from edgezip.engine import Session
from edgezip.errors import FormatError
from edgezip.pipeline.lm import LmSettings
from edgezip.pipeline.windows import Piece, Window, run_lengths
from edgezip.pipeline.workers import run_in_turn

_MOST_STEPS = 16
"""Steps that are decoded without the interpreter, which then hears of progress and of Ctrl-C; fewer
while they take longer than `_PATIENCE`."""
_PATIENCE = 0.1
"""Seconds."""


def encode_tokens_lockstep(
    session: Session,
    start_token: int,
    ids: NDArray[np.int32],
    settings: LmSettings,
    encoder: TokenEncoder[Measured],
    progress: Callable[[int], None],
) -> bytes:
    """As `lm.encode_tokens`, with the calls that the decoder will make: slow, for engines whose
    logits depend on the batch. `session` has `settings.streams` streams.
    """
    lengths = run_lengths(len(ids), settings.streams)
    tokens = _TokenGrid(settings, lengths[0])
    starts = np.cumsum([0, *lengths])
    runs = [ids[a:b] for a, b in itertools.pairwise(starts)]
    for step, logits in enumerate(
        _lockstep_logits(session, start_token, tokens, lengths[0], settings)
    ):
        symbols = np.array([run[step] for run in runs if len(run) > step], np.int32)
        tokens.set_step(step, symbols)
        slots = step * settings.streams + np.arange(len(symbols), dtype=np.int64)
        encoder.add(encoder.measure(logits[: len(symbols)], symbols), symbols, slots)
        progress(len(symbols))
    return encoder.finish()


def decode_tokens(
    sessions: Sequence[Session],
    start_token: int,
    n_tokens: int,
    settings: LmSettings,
    decoder: TokenDecoder,
    progress: Callable[[int], None],
    stop: Callable[[int], bool] | None = None,
) -> NDArray[np.int32]:
    """Decode up to `n_tokens` tokens and return them in text order, int32 (n,).

    Args:
        sessions: work side by side; the streams are dealt out to them by `run_lengths`, and each
            has at least that many streams and `settings.window` cells.
        start_token: id in front of every window.
        n_tokens: tokens of the channel, or an upper bound where `stop` is given.
        settings: of the evaluation.
        decoder: takes logits, gives tokens.
        progress: called with the number of tokens decoded since the last call.
        stop: for one stream of unknown length: called with each token, true ends the text.

    Raises:
        FormatError: the payload is not used up exactly.
    """
    lengths = run_lengths(n_tokens, settings.streams)
    lanes = []
    first = 0
    turns = Turns(len(sessions))
    for session, count in zip(sessions, run_lengths(len(lengths), len(sessions)), strict=True):
        part = replace(settings, streams=count)
        lanes.append(_Lane(session, start_token, first, lengths[first : first + count], part))
        first += count
    reported = 0

    def report() -> None:
        """Tell the progress of all lanes; only in the caller's thread."""
        nonlocal reported
        decoded = sum(lane.decoded for lane in lanes)
        progress(decoded - reported)
        reported = decoded

    def work(number: int) -> bool:
        """Decode the streams of one lane; whether `stop` ended the text."""
        lane = lanes[number]
        for newest in lane.decode(decoder, turns.of(number), many=stop is None):
            if number == 0:
                report()
            if stop is not None and stop(newest):  # there is one stream, and one lane
                lane.lengths = [lane.decoded]
                return True
        return False

    stopped = run_in_turn(work, turns)
    report()
    if stop is not None and not stopped:
        raise FormatError("damaged data: the text does not end where the file says")
    decoder.finish()
    return np.concatenate([run for lane in lanes for run in lane.runs()])


class _Lane:
    """Some of the streams, decoded from a session of their own."""

    def __init__(
        self,
        session: Session,
        start_token: int,
        first: int,
        lengths: list[int],
        settings: LmSettings,
    ) -> None:
        self.tokens = _TokenGrid(settings, lengths[0])
        self.lengths = lengths
        self.decoded = 0
        self._streams = np.arange(first, first + len(lengths), dtype=np.int64)
        self._session = session
        self._steps = 1
        self._start_token = start_token
        self._settings = settings

    def decode(self, decoder: TokenDecoder, turn: Turn, many: bool) -> Iterator[int]:
        """Decode all tokens; now and then, without `many` after each step, the newest of the first
        stream is given."""
        for window, piece in _pieces(self._settings, self.lengths[0]):
            logits = _begin(self._session, self._start_token, self.tokens, window.tail, piece)
            yield self._decode_step(decoder, turn, piece.first, logits)
            yield from self._decode_piece(decoder, turn, window.tail, piece, many)

    def _decode_piece(
        self, decoder: TokenDecoder, turn: Turn, tail: int, piece: Piece, many: bool
    ) -> Iterator[int]:
        """Decode all columns of a piece but the first; column `tail` is at position 1."""
        n = len(self._streams)
        append = self._session.next_tokens(n, piece.first - tail + 1)
        column, last = piece.first + 1, piece.first + piece.count
        function = self._session.step_function() if many else None
        if function is not None and isinstance(decoder, StepDecoder):
            source = Source(*function, np.empty((n, self._session.n_vocab), np.uint32))
            common = min(last, len(self._settings.primer) + self.lengths[-1])
            while column < common:
                start = time.perf_counter()
                until = min(column + self._steps, common)
                function.tokens[:] = self.tokens.column(column - 1)
                grid = self.tokens.with_room(until)
                columns = range(column, until)
                if not decoder.decode_steps(source, grid, columns, self._streams, turn):
                    raise self._session.step_failure()
                if time.perf_counter() - start < _PATIENCE:
                    self._steps = min(2 * self._steps, _MOST_STEPS)
                else:
                    self._steps = max(self._steps // 2, 1)
                self.decoded += n * (until - column)
                column = until
                yield int(grid[0, until - 1])
        while column < last:
            logits = append(self.tokens.column(column - 1))
            yield self._decode_step(decoder, turn, column, logits)
            column += 1

    def _decode_step(
        self, decoder: TokenDecoder, turn: Turn, column: int, logits: NDArray[np.float32]
    ) -> int:
        """Decode one column from its logits (streams, n_vocab): the streams that have a token there
        are the first ones."""
        step = column - len(self._settings.primer)
        active = len(self.lengths)
        if step >= self.lengths[-1]:
            active = sum(length > step for length in self.lengths)
        symbols = decoder.decode_rows(logits[:active], self._streams[:active], turn)
        self.tokens.set_step(step, symbols)
        self.decoded += active
        return int(symbols[0])

    def runs(self) -> list[NDArray[np.int32]]:
        """The tokens of each stream."""
        return [self.tokens.run(stream, length) for stream, length in enumerate(self.lengths)]


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
        self.with_room(column + 1)[: len(symbols), column] = symbols

    def with_room(self, columns: int) -> NDArray[np.int32]:
        """The tokens (streams, .) of at least so many columns, to be written to."""
        present = self._grid.shape[1]
        if columns > present:
            room = max(min(self._columns, 2 * present), columns) - present
            self._grid = np.pad(self._grid, ((0, 0), (0, room)))
        return self._grid

    def columns(self, first: int, last: int) -> NDArray[np.int32]:
        """Tokens of all streams from `first` to before `last`, counted from the primer's start."""
        return self._grid[:, first:last]

    def column(self, at: int) -> NDArray[np.int32]:
        """The tokens of all streams at one place."""
        return self._grid[:, at]

    def run(self, stream: int, length: int) -> NDArray[np.int32]:
        """The first `length` tokens of a stream, without the primer."""
        return self._grid[stream, self._primed : self._primed + length]


def _lockstep_logits(
    session: Session, start_token: int, tokens: _TokenGrid, n_steps: int, settings: LmSettings
) -> Iterator[NDArray[np.float32]]:
    """Yield the logits (streams, n_vocab) of each step; its tokens must be set before the next."""
    for window, piece in _pieces(settings, n_steps):
        yield _begin(session, start_token, tokens, window.tail, piece)
        append = session.next_tokens(settings.streams, piece.first - window.tail + 1)
        for column in range(piece.first, piece.first + piece.count - 1):
            yield append(tokens.column(column))


def _pieces(settings: LmSettings, n_steps: int) -> Iterator[tuple[Window, Piece]]:
    """The windows of the longest run, and the pieces of each: those of all streams."""
    for window in settings.windows(0, n_steps):
        for piece in settings.pieces(window):
            yield window, piece


def _begin(
    session: Session, start_token: int, tokens: _TokenGrid, tail: int, piece: Piece
) -> NDArray[np.float32]:
    """Make room for a piece, the first one of a window by clearing the cache, and evaluate what
    stands in front of it; the last logits of each stream. Column `tail` is at position 1."""
    if piece.oldest == 1:
        known = tokens.columns(tail, piece.first)
        cells = np.pad(known, ((0, 0), (1, 0)), constant_values=start_token)
        session.clear_all()
    else:
        cells = tokens.columns(piece.first - 1, piece.first)
        for stream in range(len(cells)):
            session.forget(stream, piece.oldest)
    n_streams, n = cells.shape
    newest = piece.first - tail
    streams = np.repeat(np.arange(n_streams, dtype=np.int32), n)
    positions = np.tile(np.arange(newest + 1 - n, newest + 1, dtype=np.int32), n_streams)
    return session.evaluate(cells.ravel(), streams, positions, positions == newest)
