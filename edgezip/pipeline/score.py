"""Bits per byte of a model on a text, without writing an archive.

The logits are those that packing with one stream would code with; the sums are float64, so the
figures are for reading, not for a stream. The curve by position is the model's in-context learning:
bits per byte against the number of tokens that it has seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgezip.container import Settings
from edgezip.pipeline.model import LanguageModel, TokenLayout

CHUNK_BYTES = 2048
"""Bytes of the chunks whose scatter gives the confidence interval; the chunks of the paper."""
_NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Score:
    """What a model makes of one text.

    Attributes:
        raw_size: bytes.
        tokens: number of tokens.
        bits: ideal code length of the whole text.
        margin: half of the 95 % confidence interval of bits per byte, over chunks of
            `CHUNK_BYTES`; nan for fewer than two chunks.
        by_position: (first position, bits, bytes) for positions in the context from that power of
            two to the next.
    """

    raw_size: int
    tokens: int
    bits: float
    margin: float
    by_position: tuple[tuple[int, float, int], ...]

    @property
    def bits_per_byte(self) -> float:
        """Ideal bits per raw byte."""
        return self.bits / self.raw_size if self.raw_size else math.nan


def break_even(model_size: int, bits_per_byte: float, other_bits_per_byte: float) -> float | None:
    """Raw bytes from which model and archive together are smaller than the other's archive.

    None where the model does not save anything.
    """
    saved = (other_bits_per_byte - bits_per_byte) / 8
    return model_size / saved if saved > 0 else None


def score(
    data: bytes, model: LanguageModel, settings: Settings, progress: Callable[[int], None]
) -> Score:
    """Evaluate `data` in the windows of `settings`, with one stream."""
    ids = model.tokenizer.encode(data)
    collector = _Collector(len(ids), model.banned)
    layout = TokenLayout(len(data), len(ids), 1)
    if len(ids):
        model.encode(ids, collector, layout, settings, progress)
    sizes = model.piece_sizes[ids]
    return Score(
        len(data),
        len(ids),
        float(collector.bits.sum()),
        _margin(collector.bits, sizes),
        _by_position(collector.bits, sizes, positions(len(ids), settings)),
    )


def positions(n_tokens: int, settings: Settings) -> NDArray[np.int64]:
    """Cells in front of each token of a single stream, int64 (n,)."""
    result = np.arange(n_tokens, dtype=np.int64)
    fresh = settings.window - settings.keep
    later = result >= settings.window
    result[later] = settings.keep + (result[later] - settings.window) % fresh
    return result


class _Collector:
    """A `TokenEncoder` that writes down -log2 p of every symbol."""

    def __init__(self, n_slots: int, banned: NDArray[np.bool_]) -> None:
        self._banned = banned
        self.bits = np.zeros(n_slots, np.float64)

    def measure(
        self, logits: NDArray[np.float32], symbols: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        """Bits of `symbols` (n,), float64 (n,)."""
        rows = logits.astype(np.float64)
        rows[:, self._banned] = -np.inf
        rows -= rows.max(axis=1, keepdims=True)
        chosen = rows[np.arange(len(symbols)), symbols]
        bits: NDArray[np.float64] = (np.log(np.exp(rows).sum(axis=1)) - chosen) / math.log(2)
        return bits

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


def _margin(bits: NDArray[np.float64], sizes: NDArray[np.int64]) -> float:
    chunk = (np.cumsum(sizes) - sizes) // CHUNK_BYTES
    if len(chunk) == 0 or chunk[-1] < 1:
        return math.nan
    in_chunk = np.bincount(chunk, weights=sizes)
    rates = np.bincount(chunk, weights=bits) / in_chunk
    mean = bits.sum() / sizes.sum()
    weights = in_chunk / in_chunk.sum()
    variance = float(np.sum((weights * (rates - mean)) ** 2)) * len(rates) / (len(rates) - 1)
    return _NORMAL_95 * math.sqrt(variance)


def _by_position(
    bits: NDArray[np.float64], sizes: NDArray[np.int64], position: NDArray[np.int64]
) -> tuple[tuple[int, float, int], ...]:
    octave = np.log2(position + 1).astype(np.int64)
    rows: list[tuple[int, float, int]] = []
    for number in np.unique(octave):
        chosen = octave == number
        rows.append(((1 << int(number)) - 1, float(bits[chosen].sum()), int(sizes[chosen].sum())))
    return tuple(rows)


def combine(scores: Sequence[Score]) -> Score:
    """The score of several texts together; the margin assumes that they are independent."""
    size = sum(s.raw_size for s in scores)
    curve: dict[int, tuple[float, int]] = {}
    for item in scores:
        for first, bits, count in item.by_position:
            old = curve.get(first, (0.0, 0))
            curve[first] = (old[0] + bits, old[1] + count)
    margin = math.sqrt(sum((s.margin * s.raw_size / size) ** 2 for s in scores)) if size else 0.0
    return Score(
        size,
        sum(s.tokens for s in scores),
        sum(s.bits for s in scores),
        margin,
        tuple((first, *values) for first, values in sorted(curve.items())),
    )
