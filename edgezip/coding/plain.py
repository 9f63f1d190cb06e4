"""The plain coder: every token by the model's own probabilities, whole vocabulary or top-k.

`PlainEncoder` and `PlainDecoder` implement the protocols of `edgezip.coding.protocols`. The stream
depends on the bits of the logits, the symbols in slot order, `n_vocab`, `top_k` and `banned`, and
on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
from numba import types as nt
from numpy.typing import NDArray

from edgezip.coding import rangecoder as rc
from edgezip.coding.jit import lazy_njit
from edgezip.coding.probability import (
    TOTAL_BITS,
    find_interval,
    find_symbol,
    row_weights,
    scale_for,
)
from edgezip.coding.topk import topk_intervals, topk_symbol, topk_tail
from edgezip.coding.turns import COMES, Turn, alone, nap, pass_on, wait_briefly
from edgezip.errors import EngineError, FormatError, SettingsError

MAX_VOCAB = 1 << 20
"""Largest vocabulary; the floor of the frequencies costs n_vocab * 2**-32 * 1.44 bits per token."""

_ZERO = np.uint64(0)
_NOT_FINITE = 0
_NOT_CODABLE = 1
_ROW_NOT_FINITE = -3

_ROWS = nt.Array(nt.uint32, 2, "C", readonly=True)
_READ_I32 = nt.Array(nt.int32, 1, "C", readonly=True)
_READ_U8 = nt.Array(nt.uint8, 1, "C", readonly=True)
_U8 = nt.Array(nt.uint8, 1, "C")
_I32 = nt.Array(nt.int32, 1, "C")
_I64 = nt.Array(nt.int64, 1, "C")
_U32 = nt.Array(nt.uint32, 1, "C")
_U64 = nt.Array(nt.uint64, 1, "C")
_U32_2D = nt.Array(nt.uint32, 2, "C")
_U64_2D = nt.Array(nt.uint64, 2, "C")
_TURN = nt.NamedTuple((nt.Array(nt.int64, 1, "C"), nt.int64, nt.int64), Turn)  # type: ignore[no-untyped-call]


@lazy_njit(
    nt.int64(_ROWS, _READ_I32, _READ_I32, _U32, _U64_2D, _U64_2D),
    nogil=True,
)
def _intervals(bits, symbols, banned, weights, starts, freqs):  # type: ignore[no-untyped-def]
    """Store the interval of every symbol; return -1, or 2 * row + kind of the first failure."""
    n_allowed = bits.shape[1] - banned.size
    for row in range(bits.shape[0]):
        total = row_weights(bits[row], banned, weights)
        if total == _ZERO:
            return 2 * row + _NOT_FINITE
        start, freq = find_interval(weights, scale_for(total, n_allowed), np.int64(symbols[row]))
        if freq == _ZERO:
            return 2 * row + _NOT_CODABLE
        starts[row, 0] = start
        freqs[row, 0] = freq
    return -1


@lazy_njit(
    nt.int64(_ROWS, _READ_I32, _READ_I32, _U32, _U32, _I32, _U64_2D, _U64_2D),
    nogil=True,
)
def _intervals_topk(bits, symbols, banned, keys, weights, selected, starts, freqs):  # type: ignore[no-untyped-def]
    """Like `_intervals` with a top-k alphabet; the escape's second coding goes to column 1."""
    n_tail = bits.shape[1] - banned.size - selected.size
    for row in range(bits.shape[0]):
        symbol = np.int64(symbols[row])
        start, freq, tail_start, tail_freq = topk_intervals(
            bits[row], banned, n_tail, symbol, keys, weights, selected
        )
        if freq == _ZERO:
            return 2 * row + _NOT_FINITE
        if tail_freq == _ZERO and weights[symbol] == 0:
            return 2 * row + _NOT_CODABLE
        starts[row, 0] = start
        freqs[row, 0] = freq
        starts[row, 1] = tail_start
        freqs[row, 1] = tail_freq
    return -1


@lazy_njit(nt.int64(_U64_2D, _U64_2D, _U64, _U8), nogil=True)
def _code_slots(starts, freqs, state, out):  # type: ignore[no-untyped-def]
    """Range-code all slots in ascending order; return the length of the payload in `out`."""
    for slot in range(starts.shape[0]):
        for part in range(starts.shape[1]):
            if freqs[slot, part] > _ZERO:
                rc.encode(state, out, starts[slot, part], freqs[slot, part], TOTAL_BITS)
    return rc.encode_finish(state, out)


@lazy_njit(
    nt.int64(
        _ROWS, _READ_I32, _U32_2D, _U64, _U64, _U32, _U64, _READ_U8, _I32, _I64, _TURN, nt.boolean
    ),
    nogil=True,
)  # fmt: skip
def _decode_rows(  # type: ignore[no-untyped-def]
    bits, banned, weights, totals, sums, tops, state, data, out, left, turn, fresh
):
    """Decode one symbol per row into `out` when the turn comes.

    `weights` (n, n_vocab) and `totals` (n,) are filled before, if `fresh`; `left` (1,) counts the
    slots. Returns COMES, or as `wait_briefly`, or _ROW_NOT_FINITE.
    """
    if fresh:
        for row in range(bits.shape[0]):
            totals[row] = row_weights(bits[row], banned, weights[row])
            if totals[row] == _ZERO:
                return _ROW_NOT_FINITE
    what = wait_briefly(turn)
    if what != COMES:
        return what
    n_allowed = bits.shape[1] - banned.size
    for row in range(bits.shape[0]):
        target = rc.decode_target(state, TOTAL_BITS)
        scale = scale_for(totals[row], n_allowed)
        symbol, start, freq = find_symbol(weights[row], scale, target, sums, tops)
        rc.decode_update(state, data, start, freq)
        out[row] = symbol
    left[0] -= out.size
    pass_on(turn)
    return COMES


@lazy_njit(
    nt.int64(
        _ROWS, _READ_I32, _U32, _U32, _I32, _U64, _U32, _U64, _READ_U8, _I32, _I64, _TURN
    ),
    nogil=True,
)  # fmt: skip
def _decode_rows_topk(  # type: ignore[no-untyped-def]
    bits, banned, keys, weights, selected, sums, tops, state, data, out, left, turn
):
    """Like `_decode_rows` with a top-k alphabet."""
    what = wait_briefly(turn)
    if what != COMES:
        return what
    n_tail = bits.shape[1] - banned.size - selected.size
    for row in range(bits.shape[0]):
        target = rc.decode_target(state, TOTAL_BITS)
        symbol, start, freq = topk_symbol(bits[row], banned, target, keys, weights, selected)
        if freq == _ZERO:
            return _ROW_NOT_FINITE
        if symbol < 0:
            rc.decode_update(state, data, start, freq)
            target = rc.decode_target(state, TOTAL_BITS)
            symbol, start, freq = topk_tail(target, n_tail, keys, weights, selected, sums, tops)
        rc.decode_update(state, data, start, freq)
        out[row] = symbol
    left[0] -= out.size
    pass_on(turn)
    return COMES


class _Scratch:
    """Arrays that a row's intervals are found with."""

    def __init__(self, n_vocab: int, top_k: int) -> None:
        self.selected = np.zeros(top_k, dtype=np.int32)
        self.keys = np.zeros(n_vocab, dtype=np.uint32)
        self.weights = np.zeros(n_vocab, dtype=np.uint32)


class _Alphabet:
    """What both sides derive from the settings."""

    def __init__(self, n_vocab: int, top_k: int, banned: NDArray[np.bool_] | None) -> None:
        if not 1 <= n_vocab <= MAX_VOCAB:
            raise SettingsError(
                f"a vocabulary of {n_vocab} tokens is not supported: 1 to {MAX_VOCAB}"
            )
        if top_k < 0:
            raise SettingsError(f"top_k is {top_k}; it must be 0 (whole vocabulary) or more")
        if banned is None:
            banned = np.zeros(n_vocab, dtype=np.bool_)
        if banned.shape != (n_vocab,):
            raise SettingsError(f"banned has the shape {banned.shape}, not ({n_vocab},)")
        self.n_vocab = n_vocab
        self.banned = np.flatnonzero(banned).astype(np.int32)
        n_allowed = n_vocab - self.banned.size
        if n_allowed == 0:
            raise SettingsError("every token of the vocabulary is banned")
        self.top_k = top_k if top_k < n_allowed else 0

    def scratch(self) -> _Scratch:
        """New scratch arrays."""
        return _Scratch(self.n_vocab, self.top_k)

    def bits(self, logits: NDArray[np.float32]) -> NDArray[np.uint32]:
        """Return the bits of `logits` float32 (n, n_vocab); no copy if it is C-contiguous."""
        if logits.dtype != np.float32 or logits.ndim != 2 or logits.shape[1] != self.n_vocab:
            raise SettingsError(
                f"logits must be float32 (n, {self.n_vocab}), not {logits.dtype} {logits.shape}"
            )
        return np.ascontiguousarray(logits).view(np.uint32)


Intervals = tuple[NDArray[np.uint64], NDArray[np.uint64]]


class PlainEncoder:
    """Codes tokens by the model's probabilities alone; implements `TokenEncoder`.

    Args:
        n_slots: number of tokens.
        n_vocab: size of the vocabulary.
        top_k: 0 for the whole vocabulary, else the number of ids coded directly; a top_k that
            leaves no other id means the whole vocabulary.
        banned: bool (n_vocab,), ids that can never be produced; they get no probability.

    Memory: 16 bytes per slot, 32 with top-k, and 4 or 8 more per slot in `finish`.

    Raises:
        SettingsError: the arguments make no sense.
    """

    def __init__(
        self,
        n_slots: int,
        n_vocab: int,
        top_k: int = 0,
        banned: NDArray[np.bool_] | None = None,
    ) -> None:
        self._alphabet = _Alphabet(n_vocab, top_k, banned)
        shape = (n_slots, 2 if self._alphabet.top_k else 1)
        self._starts = np.zeros(shape, dtype=np.uint64)
        self._freqs = np.zeros(shape, dtype=np.uint64)

    def measure(self, logits: NDArray[np.float32], symbols: NDArray[np.int32]) -> Intervals:
        """Intervals (starts, frequencies) of `symbols` (n,) under `logits` (n, n_vocab), each
        uint64 (n, 1), with top-k (n, 2).

        The GIL is released meanwhile. May be called by several threads at once.

        Raises:
            EngineError: a logit is infinite or not a number.
            SettingsError: a symbol is banned or outside the vocabulary, or shapes do not fit.
        """
        a = self._alphabet
        bits = a.bits(logits)
        n = bits.shape[0]
        if symbols.shape != (n,):
            raise SettingsError(f"{n} rows of logits need as many symbols")
        starts, freqs = (np.zeros((n, self._starts.shape[1]), np.uint64) for _ in range(2))
        if n == 0:
            return starts, freqs
        if symbols.min() < 0 or symbols.max() >= a.n_vocab:
            raise SettingsError("a symbol is outside the vocabulary")
        ids = np.ascontiguousarray(symbols, dtype=np.int32)
        s = a.scratch()
        if a.top_k:
            failed = _intervals_topk(
                bits, ids, a.banned, s.keys, s.weights, s.selected, starts, freqs
            )
        else:
            failed = _intervals(bits, ids, a.banned, s.weights, starts, freqs)
        if failed >= 0:
            row, kind = divmod(int(failed), 2)
            if kind == _NOT_FINITE:
                raise _not_finite()
            raise SettingsError(f"token {int(symbols[row])} is banned and cannot be coded")
        return starts, freqs

    def add(
        self, measured: Intervals, symbols: NDArray[np.int32], slots: NDArray[np.int64]
    ) -> None:
        """Keep the intervals of `symbols` (n,) under `slots` (n,).

        Raises:
            SettingsError: a slot is out of range, or shapes do not fit.
        """
        if not symbols.shape == slots.shape == measured[0].shape[:1]:
            raise SettingsError("symbols and slots must be as many as were measured")
        if slots.size and (slots.min() < 0 or slots.max() >= self._starts.shape[0]):
            raise SettingsError("a slot is outside the range that the encoder was made for")
        self._starts[slots], self._freqs[slots] = measured

    def prefix_added(self) -> Callable[[], None]:
        """As in `TokenEncoder`. Nothing is worth a thread: all is coded in `finish`."""
        return lambda: None

    def finish(self) -> bytes:
        """Code all slots in ascending order and return the payload.

        Raises:
            SettingsError: a slot was never filled.
        """
        missing = np.flatnonzero(self._freqs[:, 0] == 0)
        if missing.size:
            raise SettingsError(
                f"{missing.size} slots were never filled, the first is {missing[0]}"
            )
        out = np.zeros(rc.output_bound(self._starts.size), dtype=np.uint8)
        length = _code_slots(self._starts, self._freqs, rc.new_encoder(), out)
        return out[:length].tobytes()


class PlainDecoder:
    """Decodes what `PlainEncoder` coded, with the same settings; implements `TokenDecoder`.

    Args:
        payload: the bytes of `PlainEncoder.finish`, exactly.
        n_slots, n_vocab, top_k, banned: as for the encoder; n_slots None where the caller knows the
            end of the text by other means.

    Raises:
        SettingsError: the arguments make no sense.
    """

    def __init__(
        self,
        payload: bytes,
        n_slots: int | None,
        n_vocab: int,
        top_k: int = 0,
        banned: NDArray[np.bool_] | None = None,
    ) -> None:
        self._alphabet = _Alphabet(n_vocab, top_k, banned)
        self._data = np.frombuffer(payload, dtype=np.uint8)
        self._state = rc.new_decoder(self._data)
        self._endless = n_slots is None
        self._left = np.array([0 if n_slots is None else n_slots], np.int64)
        self._scratch = self._alphabet.scratch()
        self._weights: dict[int, tuple[NDArray[np.uint32], NDArray[np.uint64]]] = {}
        self._alone = alone()
        n_blocks = (n_vocab + 255) // 256
        self._sums = np.zeros(n_blocks, dtype=np.uint64)
        self._tops = np.zeros(n_blocks, dtype=np.uint32)

    def decode_rows(
        self,
        logits: NDArray[np.float32],
        streams: NDArray[np.int64],
        turn: Turn | None = None,
    ) -> NDArray[np.int32]:
        """Decode one token for each row of `logits` (n, n_vocab), in row order; `streams` is not
        used. As in `TokenDecoder`.

        Raises:
            EngineError: a logit is infinite or not a number.
            FormatError: the payload is damaged (found at once only in part of the cases).
            SettingsError: shapes do not fit, or more rows than slots.
        """
        turn = turn or self._alone
        bits = self._alphabet.bits(logits)
        symbols = np.empty(bits.shape[0], dtype=np.int32)
        if symbols.size > self._left[0] and not self._endless:
            raise SettingsError(
                f"{symbols.size} rows to decode, but only {self._left[0]} slots are left"
            )
        kernel = self._topk_kernel if self._alphabet.top_k else self._kernel
        for times in count():
            what = kernel(bits, symbols, turn, times == 0)
            if what == COMES:
                break
            if what == _ROW_NOT_FINITE:
                raise _not_finite()
            nap(what, times)
        if self._state[rc.ERROR]:
            raise FormatError("payload is damaged: it does not hold as many tokens as announced")
        return symbols

    def _kernel(
        self, bits: NDArray[np.uint32], symbols: NDArray[np.int32], turn: Turn, fresh: bool
    ) -> int:
        """One attempt to decode `symbols` (n,) in turn; says what `_decode_rows` does."""
        n, n_vocab = bits.shape
        scratch = self._weights.get(turn.number)
        if scratch is None or len(scratch[0]) < n:
            scratch = np.zeros((n, n_vocab), np.uint32), np.zeros(n, np.uint64)
            self._weights[turn.number] = scratch
        what: int = _decode_rows(
            bits, self._alphabet.banned, *scratch, self._sums, self._tops, self._state, self._data,
            symbols, self._left, turn, fresh,
        )  # fmt: skip
        return what

    def _topk_kernel(
        self, bits: NDArray[np.uint32], symbols: NDArray[np.int32], turn: Turn, _fresh: bool
    ) -> int:
        s = self._scratch
        what: int = _decode_rows_topk(
            bits, self._alphabet.banned, s.keys, s.weights, s.selected, self._sums, self._tops,
            self._state, self._data, symbols, self._left, turn,
        )  # fmt: skip
        return what

    @property
    def settled(self) -> bool:
        """Whether no token so far depends on what would follow the payload."""
        return bool(rc.is_settled(self._state, self._data.size))

    def finish(self) -> None:
        """Raise `FormatError` unless all slots were decoded and the payload was used up exactly."""
        if self._left[0] and not self._endless:
            raise FormatError(f"{self._left[0]} tokens of the payload were not decoded")
        rc.decode_finish(self._state, self._data)


def _not_finite() -> EngineError:
    return EngineError("the engine returned logits that are not finite; run 'edgezip doctor'")
