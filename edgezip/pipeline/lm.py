"""Tokens to payload: drives the engine's sessions and a token coder.

The encoder knows the text and evaluates whole windows (prefill); the decoder evaluates one token
per stream and step (`lockstep`). Both see the same logits because the strict engine's do not depend
on the batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.protocols import Measured, TokenEncoder
from edgezip.engine import Session
from edgezip.pipeline.windows import Piece, Window, run_lengths, run_windows, slots_of
from edgezip.pipeline.workers import Behind, map_in_order


@dataclass(frozen=True, slots=True)
class LmSettings:
    """What both sides must agree on for the evaluation of a channel.

    window: cells. keep: tokens evaluated again when a context is renewed. evict: tokens that leave
    a full one. span: positions until it is renewed. primer: int32 (p,), tokens that stand before
    every run; at most half of the window.
    """

    window: int
    keep: int
    evict: int
    span: int
    streams: int
    primer: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    def windows(self, stream: int, length: int) -> Iterator[Window]:
        """The windows of primer and run; their indices count from the primer's start."""
        primed = len(self.primer)
        return run_windows(stream, primed + length, self.span, self.keep, primed)

    def pieces(self, window: Window) -> Iterator[Piece]:
        """The pieces of one of them."""
        return window.pieces(self.window, self.evict)


def count_windows(n_tokens: int, settings: LmSettings, most: int) -> int:
    """How many windows `n_tokens` tokens are cut into, counted up to `most`."""
    windows = _in_slot_order(run_lengths(n_tokens, settings.streams), settings)
    return sum(1 for _ in itertools.islice(windows, most))


def _in_slot_order(lengths: list[int], settings: LmSettings) -> Iterator[tuple[Window, bool]]:
    """The first window of every stream, the second of every stream, ... With each, whether it and
    all before it predict the first slots without a gap.
    """
    schedules = (settings.windows(stream, length) for stream, length in enumerate(lengths))
    for group in itertools.zip_longest(*schedules):
        windows = [window for window in group if window is not None]
        for window in windows:
            yield window, window is windows[-1]


def encode_tokens(
    sessions: Sequence[Session],
    start_token: int,
    ids: NDArray[np.int32],
    settings: LmSettings,
    encoder: TokenEncoder[Measured],
    progress: Callable[[int], None],
    code_meanwhile: bool = True,
) -> bytes:
    """Code `ids` (n,) and return the payload.

    Args:
        sessions: work side by side; each has at least one stream and `settings.window` cells.
        start_token: id in front of every window.
        ids: tokens of the channel.
        settings: of the evaluation.
        encoder: takes logits and symbols, gives the payload.
        progress: called with the number of tokens evaluated since the last call.
        code_meanwhile: the encoder codes in a thread of its own.
    """
    lengths = run_lengths(len(ids), settings.streams)
    runs = [
        np.concatenate([settings.primer, ids[end - length : end]])
        for length, end in zip(lengths, itertools.accumulate(lengths), strict=True)
    ]

    def measure(
        session: Session, item: tuple[Window, bool]
    ) -> Iterator[tuple[NDArray[np.int32], Measured]]:
        window, run = item[0], runs[item[0].stream]
        for piece in settings.pieces(window):
            yield from _measure_piece(session, start_token, run, window.tail, piece, encoder)

    gapless = False
    windows = _in_slot_order(lengths, settings)
    # Closed: no session is at work any more when an error leaves this function.
    with (
        Behind(code_meanwhile) as behind,
        closing(map_in_order(measure, sessions, windows)) as results,
    ):
        for (window, ends_gapless), measured in results:
            if gapless:
                behind.run(encoder.prefix_added())
            step = window.first - len(settings.primer)
            for symbols, known in measured:
                slots = slots_of(window.stream, settings.streams, step, len(symbols))
                encoder.add(known, symbols, slots)
                step += len(symbols)
                progress(len(symbols))
            gapless = ends_gapless
    return encoder.finish()


def _measure_piece(
    session: Session,
    start_token: int,
    run: NDArray[np.int32],
    tail: int,
    piece: Piece,
    encoder: TokenEncoder[Measured],
) -> Iterator[tuple[NDArray[np.int32], Measured]]:
    """Evaluate one piece of a window whose position 1 is token `tail` of the run; its tokens and
    what is measured of them."""
    first, last = piece.first, piece.first + piece.count
    if piece.oldest == 1:
        session.clear_all()
        cells = np.concatenate([[start_token], run[tail : last - 1]]).astype(np.int32)
    else:
        session.forget(0, piece.oldest)
        cells = run[first - 1 : last - 1]
    positions = np.arange(last - tail - len(cells), last - tail, dtype=np.int32)
    wanted = positions >= first - tail
    zeros = np.zeros(len(cells), np.int32)
    # One engine batch at a time: its logits are then read where they lie.
    for begin in range(0, len(cells), session.batch_size):
        part = slice(begin, begin + session.batch_size)
        logits = session.evaluate(cells[part], zeros[part], positions[part], wanted[part])
        symbols = run[first : first + len(logits)]
        yield symbols, encoder.measure(logits, symbols)
        first += len(logits)
