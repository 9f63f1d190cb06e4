"""What a model says of every token of a text: bits, and for people rank, alternatives and the bits
that are left after mixing.

The bits after mixing are read off the range coder: it has written `POS` bytes and can still tell
`RANGE` values apart, so the difference of 8 POS - log2 RANGE between two tokens is what the token
took, to the last rounding of the coder. No other kernel than packing's is needed for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import rangecoder
from edgezip.coding.mixing.token_mixing import MixingEncoder, PathLogits

ALTERNATIVES = 5
"""How many of the likeliest tokens are told of each place."""


@dataclass(frozen=True, slots=True)
class TokenScore:
    """One token of a text.

    Attributes:
        offset: of its first byte in the text.
        text: the bytes that the model knows it by; those of the text, but for escapes and CR LF.
        size: its bytes; 0 where a byte needed two tokens (`tokens.escapes`).
        bits: -log2 of the probability that the model alone gave it.
        mixed_bits: what it took when the model was mixed with context models.
        rank: 1 if no token was likelier.
        alternatives: bytes and bits of the likeliest tokens, the token itself among them or not.
    """

    offset: int
    text: bytes
    size: int
    bits: float
    mixed_bits: float
    rank: int
    alternatives: tuple[tuple[bytes, float], ...]


@dataclass(frozen=True, slots=True)
class TokenScores(Sequence[TokenScore]):
    """All tokens of a text in its order, kept as arrays of n entries.

    Attributes:
        offsets, sizes: int64 (n,), of each token in the raw bytes.
        ids: int32 (n,).
        bits, mixed_bits: float64 (n,).
        ranks: int32 (n,).
        alternatives: int32 (n, k), ids of the likeliest tokens.
        alternative_bits: float32 (n, k), bits of those.
        pieces: bytes of every id.
    """

    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    ids: NDArray[np.int32]
    bits: NDArray[np.float64]
    mixed_bits: NDArray[np.float64]
    ranks: NDArray[np.int32]
    alternatives: NDArray[np.int32]
    alternative_bits: NDArray[np.float32]
    pieces: Sequence[bytes | None]

    def __len__(self) -> int:
        return len(self.bits)

    @overload
    def __getitem__(self, index: int) -> TokenScore: ...
    @overload
    def __getitem__(self, index: slice) -> list[TokenScore]: ...
    def __getitem__(self, index: int | slice) -> TokenScore | list[TokenScore]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        rows = zip(self.alternatives[index], self.alternative_bits[index], strict=True)
        return TokenScore(
            int(self.offsets[index]),
            self.pieces[self.ids[index]] or b"",
            int(self.sizes[index]),
            float(self.bits[index]),
            float(self.mixed_bits[index]),
            int(self.ranks[index]),
            tuple((self.pieces[i] or b"", float(bits)) for i, bits in rows),
        )

    def __iter__(self) -> Iterator[TokenScore]:
        return (self[i] for i in range(len(self)))


def length_so_far(coder: NDArray[np.uint64]) -> float:
    """Bits that the encoder `coder`, uint64 (4,), has used up, fractions included."""
    return 8 * int(coder[rangecoder.POS]) + 64 - math.log2(int(coder[rangecoder.RANGE]))


def _bits_of_rows(logits: NDArray[np.float32], banned: NDArray[np.bool_]) -> NDArray[np.float64]:
    """-log2 of the probability of every id, float64 (n, n_vocab), infinite for those banned."""
    rows = logits.astype(np.float64)
    rows[:, banned] = -np.inf
    rows -= rows.max(axis=1, keepdims=True)
    totals = np.log(np.exp(rows).sum(axis=1, keepdims=True))
    bits: NDArray[np.float64] = (totals - rows) / math.log(2)
    return bits


class Collector:
    """A `TokenEncoder` that writes down -log2 p of every symbol."""

    def __init__(self, n_slots: int, banned: NDArray[np.bool_]) -> None:
        self._banned = banned
        self.bits = np.zeros(n_slots, np.float64)

    def measure(
        self, logits: NDArray[np.float32], symbols: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        """Bits of `symbols` (n,), float64 (n,)."""
        return _bits_of_rows(logits, self._banned)[np.arange(len(symbols)), symbols]

    def add(
        self,
        measured: NDArray[np.float64],
        symbols: NDArray[np.int32],
        slots: NDArray[np.int64],
    ) -> None:
        """As in `TokenEncoder`."""
        self.bits[slots] = measured

    def prefix_added(self) -> Callable[[], None]:
        """Nothing is coded."""
        return lambda: None

    def finish(self) -> bytes:
        """Nothing is coded."""
        return b""


class MeteredMixing(MixingEncoder):
    """Packing's encoder, which also writes down what each slot took: `slot_bits`, float64 (n,)."""

    slot_bits: NDArray[np.float64]

    def _code(self, flat: NDArray[np.int16], dropped: int, first: int, last: int) -> None:
        if not first:
            self.slot_bits = np.zeros(self._n_slots, np.float64)
        before = length_so_far(self._coder)
        for slot in range(first, last):
            super()._code(flat, dropped, slot, slot + 1)
            after = length_so_far(self._coder)
            self.slot_bits[slot] = after - before
            before = after


class Details(NamedTuple):
    """Bits (n,), ranks (n,), ids and bits (n, k) of the likeliest tokens, and what mixing needs."""

    bits: NDArray[np.float64]
    ranks: NDArray[np.int32]
    alternatives: NDArray[np.int32]
    alternative_bits: NDArray[np.float32]
    paths: PathLogits


class DetailCollector:
    """A `TokenEncoder` that writes down all that `TokenScores` tells, and codes with `mixing`."""

    def __init__(self, n_slots: int, banned: NDArray[np.bool_], mixing: MeteredMixing) -> None:
        self._banned = banned
        self._mixing = mixing
        self._kept = min(ALTERNATIVES, int((~banned).sum()))
        self.bits = np.zeros(n_slots, np.float64)
        self.ranks = np.zeros(n_slots, np.int32)
        self.alternatives = np.zeros((n_slots, self._kept), np.int32)
        self.alternative_bits = np.zeros((n_slots, self._kept), np.float32)

    @property
    def mixed_bits(self) -> NDArray[np.float64]:
        """What each slot took, float64 (n,); known after `finish`."""
        return self._mixing.slot_bits

    def measure(self, logits: NDArray[np.float32], symbols: NDArray[np.int32]) -> Details:
        """All of `symbols` (n,), predicted by `logits` (n, n_vocab)."""
        rows = _bits_of_rows(logits, self._banned)
        bits = rows[np.arange(len(symbols)), symbols]
        ranks = 1 + (rows < bits[:, None]).sum(axis=1, dtype=np.int32)
        best = np.argpartition(rows, self._kept - 1, axis=1)[:, : self._kept]
        found = np.take_along_axis(rows, best, axis=1)
        order = np.argsort(found, axis=1, kind="stable")
        return Details(
            bits,
            ranks,
            np.take_along_axis(best, order, axis=1).astype(np.int32),
            np.take_along_axis(found, order, axis=1).astype(np.float32),
            self._mixing.measure(logits, symbols),
        )

    def add(self, measured: Details, symbols: NDArray[np.int32], slots: NDArray[np.int64]) -> None:
        """As in `TokenEncoder`."""
        self.bits[slots] = measured.bits
        self.ranks[slots] = measured.ranks
        self.alternatives[slots] = measured.alternatives
        self.alternative_bits[slots] = measured.alternative_bits
        self._mixing.add(measured.paths, symbols, slots)

    def prefix_added(self) -> Callable[[], None]:
        """As in `TokenEncoder`."""
        return self._mixing.prefix_added()

    def finish(self) -> bytes:
        """The payload of the mixing coder."""
        return self._mixing.finish()
