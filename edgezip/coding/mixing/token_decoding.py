"""Token decoding with the language model mixed in: StepDecoder over the byte trie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import rangecoder
from edgezip.coding.jit import compiled_for, njit
from edgezip.coding.source import Source, next_logits, rows_at
from edgezip.coding.turns import COMES, Turn, alone, nap, pass_on, wait_briefly
from edgezip.errors import EngineError, FormatError

from .layout import (
    S_POS,
)
from .params import MixParams
from .paths import fill_weights, new_weights
from .token_mixing import Mixing
from .token_walk import run
from .trie import Trie

_FRESH, _PREPARED, _OURS = 0, 1, 2
"""Stages of a decoding call: nothing done; weights filled; our turn has come as well."""
_NO_ROOM, _NOT_FINITE, _NO_LOGITS, _ENDED = -3, -4, -5, -6
_TURNS = 2


@njit(_nrt=False)
def _room(m, streams, longest):  # type: ignore[no-untyped-def]
    """Whether the history takes one more token of each of `streams`, of up to `longest` bytes."""
    n = m.streams.shape[0]
    for i in range(streams.size):
        if (m.streams[streams[i], S_POS] + longest + 1) * n > m.history.size:
            return False
    return True


@njit(_nrt=False)
def _fill_rows(rows, leaves, trie, weights, sums):  # type: ignore[no-untyped-def]
    """`fill_weights` for each of `rows` (n, n_vocab); False if a logit is not finite."""
    for i in range(rows.shape[0]):
        if not fill_weights(rows[i], leaves, trie.tokens.size, weights[i], sums[i]):
            return False
    return True


@njit(_nrt=False)
def _run_in_turn(  # type: ignore[no-untyped-def]
    m, trie, stretch, coder, data, tokens, streams, none, weights, sums, limits, turn, stage
):
    """Decode `tokens` (n,) of `streams` (n,) when the turn comes.

    limits: int64, size of the history (shared, to tell whether `m` is still the model) and of the
    longest piece, and a count of turns. Returns the decisions used, or as `wait_briefly`, or
    _NO_ROOM, or _ENDED if the payload has no more tokens.
    """
    if stage != _OURS:
        what = wait_briefly(turn)
        if what != COMES:
            return what
    if m.history.size != limits[0] or not _room(m, streams, limits[1]):
        return _NO_ROOM
    used = run(m, trie, stretch, coder, data, True, tokens, streams, none, weights, sums)
    if coder[rangecoder.ERROR] != 0:
        return _ENDED
    limits[_TURNS] += 1
    pass_on(turn)
    return used


@njit(_nrt=False, nogil=True)
def decode_in_turn(  # type: ignore[no-untyped-def]
    m, trie, stretch, coder, data, tokens, streams, none, leaves, weights, sums, limits, turn,
    stage, rows,
):  # fmt: skip
    """Decode `tokens` from the logit bits `rows` (n, n_vocab), which are looked at in stage _FRESH
    only. Returns as `_run_in_turn`, or _NOT_FINITE."""
    if stage == _FRESH and not _fill_rows(rows, leaves, trie, weights, sums):
        return _NOT_FINITE
    return _run_in_turn(
        m, trie, stretch, coder, data, tokens, streams, none, weights, sums, limits, turn, stage
    )


@njit(_nrt=False, nogil=True)
def decode_steps_in_turn(  # type: ignore[no-untyped-def]
    m, trie, stretch, coder, data, tokens, streams, none, leaves, weights, sums, limits, turn,
    stage, source, grid, columns,
):  # fmt: skip
    """Decode columns `columns[0]` to `columns[1]` of `grid` (n, .), the first of which is moved on;
    each column's logits come from `source`. Returns 0, or as `decode_in_turn`, or _NO_LOGITS."""
    while columns[0] < columns[1]:
        if stage == _FRESH:
            address = next_logits(source)
            if address == 0:
                return _NO_LOGITS
            if not _fill_rows(rows_at(source.like, address), leaves, trie, weights, sums):
                return _NOT_FINITE
        what = _run_in_turn(
            m, trie, stretch, coder, data, tokens, streams, none, weights, sums, limits, turn, stage
        )
        if what < 0:
            return what
        for i in range(tokens.size):
            grid[i, columns[0]] = tokens[i]
            source.tokens[i] = tokens[i]
        columns[0] += 1
        stage = _FRESH
    return 0


class MixingDecoder(Mixing):
    """TokenDecoder: the inverse of `MixingEncoder`, with the same arguments and the payload."""

    def __init__(
        self,
        payload: bytes,
        n_slots: int,
        streams: int,
        pieces: list[bytes | None] | Trie,
        params: MixParams,
        prime: bytes = b"",
    ) -> None:
        super().__init__(n_slots, streams, pieces, params, prime)
        self._payload = np.frombuffer(payload, np.uint8).copy()
        self._coder = rangecoder.new_decoder(self._payload)
        self._none = np.zeros(1, np.int16)
        self._limits = np.array([self.model.history.size, self._longest, 0], np.int64)
        self._scratch: dict[int, tuple[NDArray[np.uint32], NDArray[np.uint64]]] = {}
        self._compiled: dict[Any, Callable[..., int]] = {}
        self._alone = alone()

    def decode_rows(
        self,
        logits: NDArray[np.float32],
        streams: NDArray[np.int64],
        turn: Turn | None = None,
    ) -> NDArray[np.int32]:
        """Decode one token for each row of `logits` (n, n_vocab), in row order; `streams` (n,)
        names their streams. As in `TokenDecoder`.

        Raises:
            EngineError: a logit is not finite.
            FormatError: the payload ends before the last token.
        """
        rows = np.ascontiguousarray(logits, np.float32).view(np.uint32)
        tokens = np.zeros(len(rows), np.int32)
        self._decode(decode_in_turn, tokens, streams, turn or self._alone, rows)
        return tokens

    def decode_steps(
        self,
        source: Source,
        grid: NDArray[np.int32],
        columns: range,
        streams: NDArray[np.int64],
        turn: Turn,
    ) -> bool:
        """As in `StepDecoder`.

        Raises:
            EngineError: a logit is not finite.
            FormatError: the payload ends before the last token.
        """
        tokens = np.zeros(len(streams), np.int32)
        span = np.array([columns.start, columns.stop], np.int64)
        return self._decode(decode_steps_in_turn, tokens, streams, turn, source, grid, span) >= 0

    def _decode(
        self,
        kernel: Any,
        tokens: NDArray[np.int32],
        streams: NDArray[np.int64],
        turn: Turn,
        *extra: Any,
    ) -> int:
        """Call `kernel` until it has decoded; what it returns, not negative or _NO_LOGITS."""
        scratch = self._scratch.get(turn.number)
        if scratch is None or len(scratch[0]) < len(tokens):
            scratch = self._scratch[turn.number] = new_weights(self._trie, len(tokens))
        first = (
            self._trie, self._stretch, self._coder, self._payload, tokens,
            np.ascontiguousarray(streams, np.int64), self._none, self._leaves, *scratch,
            self._limits, turn,
        )  # fmt: skip
        stage = _FRESH
        compiled = self._compiled.get(kernel)
        if compiled is None:
            compiled = compiled_for(kernel, self.model, *first, stage, *extra)
            self._compiled[kernel] = compiled
        naps, place = 0, int(self._limits[_TURNS])
        while True:
            result = compiled(self.model, *first, stage, *extra)
            if result >= 0 or result == _NO_LOGITS:
                return result
            if place != self._limits[_TURNS]:  # somebody has decoded since
                naps, place = 0, int(self._limits[_TURNS])
            stage = self._prepared_for(result, naps)
            naps += 1

    def _prepared_for(self, reason: int, naps: int) -> int:
        """Deal with what kept a kernel from decoding; the stage at which to call it again."""
        if reason == _NOT_FINITE:
            raise EngineError("the model gave a logit that is not finite; run edgezip doctor")
        if reason == _ENDED:
            raise FormatError("payload is damaged: it does not hold as many tokens as announced")
        if reason == _NO_ROOM:
            self._enlarge(1)  # if another worker has not seen to it already
            self._limits[0] = self.model.history.size
            return _OURS
        nap(reason, naps)
        return _PREPARED

    @property
    def settled(self) -> bool:
        """Whether no token so far depends on what would follow the payload."""
        return bool(rangecoder.is_settled(self._coder, self._payload.size))

    def finish(self) -> None:
        """Raise FormatError unless the payload was used up exactly."""
        self._release()
        rangecoder.decode_finish(self._coder, self._payload)
