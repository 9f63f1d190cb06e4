"""Bits per byte of a model on a text, without writing an archive.

The logits are those that packing with one stream would code with; the sums are float64, so the
figures are for reading, not for a stream. The curve by position is the model's in-context learning:
bits per byte against the number of tokens that it has seen. Break-even and adjusted rate are those
of "Language Modeling Is Compression" (Deletang et al., 2309.10668).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.protocols import TokenEncoder
from edgezip.container import Settings
from edgezip.pipeline.collect import Collector, DetailCollector, MeteredMixing, TokenScores
from edgezip.pipeline.lm import LmSettings
from edgezip.pipeline.model import LanguageModel, TokenLayout
from edgezip.pipeline.transforms import lineends
from edgezip.pipeline.transforms.table import WRAPS

CHUNK_BYTES = 2048
"""Bytes of the chunks whose scatter gives the confidence interval, as long as the paper's."""
_NORMAL_95 = 1.959964
_GAP = np.frombuffer(b" \r\n", np.uint8)


@dataclass(frozen=True, slots=True)
class Score:
    """What a model makes of a text.

    Attributes:
        raw_size: bytes.
        tokens: number of tokens.
        bits: ideal code length of the whole text.
        chunks: (bits, bytes) of its consecutive pieces of some `CHUNK_BYTES`, each token counted
            where it begins.
        by_position: (first position, bits, bytes) for the positions in the context 0, 1, 2-3, 4-7
            and so on.
        details: every token, with the bits after mixing; None unless asked for.
        mixed_bits: the sum of those, None likewise.
    """

    raw_size: int
    tokens: int
    bits: float
    chunks: tuple[tuple[float, int], ...]
    by_position: tuple[tuple[int, float, int], ...]
    details: TokenScores | None = field(default=None, repr=False)
    mixed_bits: float | None = None

    @property
    def bits_per_byte(self) -> float:
        """Ideal bits per raw byte, nan for an empty text."""
        return self.bits / self.raw_size if self.raw_size else math.nan

    @property
    def margin(self) -> float:
        """Half of the 95 % confidence interval of bits per byte; nan for fewer than two chunks.

        The chunks are taken for a random sample of such data. Neighbours of one file are more
        alike than that, so the interval of few long files is too narrow.
        """
        count = len(self.chunks)
        if count < 2:
            return math.nan
        bits, sizes = np.array(self.chunks, np.float64).T
        # A ratio of two sums: its residuals are what each chunk adds beyond its size's share.
        residuals = bits - self.bits_per_byte * sizes
        variance = count / (count - 1) * float(residuals @ residuals)
        return _NORMAL_95 * math.sqrt(variance) / self.raw_size


def break_even(model_size: int, bits_per_byte: float, other_bits_per_byte: float) -> float | None:
    """Raw bytes from which model and archive together are smaller than the other's archive.

    None where the model does not save anything.
    """
    saved = (other_bits_per_byte - bits_per_byte) / 8
    return model_size / saved if saved > 0 else None


def score(
    data: bytes,
    model: LanguageModel,
    settings: Settings,
    progress: Callable[[int], None],
    tokens: bool = False,
) -> Score:
    """Evaluate `data` in the windows of `settings`, with one stream.

    Wrapped prose is read as paragraphs and CR LF line ends as LF, as packing does where it pays;
    what undoes that, some bytes beside the tokens, is not counted. Everything else is left to the
    model, also long repeats and binary parts, which packing would code without it.

    Args:
        data: any bytes.
        model: an open model.
        settings: of the evaluation.
        progress: called with the bytes of `data` done so far.
        tokens: tell every token, and code with mixing as well, which takes some 0.2 ms a token.
    """
    text, raw_ends = _as_packed(data)
    escaped = model.tokenizer.escapes.apply(text)
    if escaped is not None:
        text = escaped[0]
        raw_ends = raw_ends[model.tokenizer.escapes.raw_ends(*escaped)]
    ids = model.tokenizer.encode(text)
    ends = raw_ends[np.cumsum(model.piece_sizes[ids])]
    sizes = np.diff(ends, prepend=0)
    layout = TokenLayout(len(data), len(ids), 1)
    collector: Collector | DetailCollector
    if tokens and len(ids):
        mixing = MeteredMixing(len(ids), 1, model.trie, layout.mix_params)
        collector = DetailCollector(len(ids), model.banned, mixing)
    else:
        collector = Collector(len(ids), model.banned)
    done = 0

    def advance(tokens: int) -> None:
        nonlocal done
        done += tokens
        progress(int(ends[done - 1]))

    if len(ids):
        encoder: TokenEncoder[Any] = collector
        model.encode(ids, encoder, layout, settings, advance)
    seen = positions(len(ids), model.lm_settings(layout, settings))
    details = None
    if isinstance(collector, DetailCollector):
        details = TokenScores(
            ends - sizes,
            sizes,
            ids,
            collector.bits,
            collector.mixed_bits,
            collector.ranks,
            collector.alternatives,
            collector.alternative_bits,
            model.pieces,
        )
    return Score(
        len(data),
        len(ids),
        float(collector.bits.sum()),
        _chunks(collector.bits, sizes, ends - sizes),
        _by_position(collector.bits, sizes, seen),
        details,
        None if details is None else float(details.mixed_bits.sum()),
    )


def _as_packed(data: bytes) -> tuple[bytes, NDArray[np.int64]]:
    """`data` as packing shows it to the model, and for how many bytes of `data` the first 0, 1, 2,
    ... bytes of that stand, int64 (n + 1,)."""
    changed = WRAPS.change(data)
    if changed is not None:
        return changed.data, _raw_ends_of_words(data, changed.data)
    short = lineends.shorten(data)
    text = short[0] if short else data
    return text, _raw_ends(data, text)


def _raw_ends_of_words(data: bytes, text: bytes) -> NDArray[np.int64]:
    """As `_raw_ends` for a `text` that has other spaces and line ends than `data` between the same
    words: those of each gap share its bytes."""
    raw, shown = (
        np.flatnonzero(~np.isin(np.frombuffer(part, np.uint8), _GAP)) for part in (data, text)
    )
    # What stands before the first word, between two, and behind the last.
    raw_gaps = np.diff(raw, prepend=-1, append=len(data)) - 1
    shown_gaps = np.diff(shown, prepend=-1, append=len(text)) - 1
    gap = np.repeat(np.arange(len(shown_gaps)), shown_gaps + 1)
    within = np.arange(len(text) + 1) - np.concatenate([[0], shown + 1])[gap]
    begins = np.concatenate([[0], raw + 1])
    ends: NDArray[np.int64] = begins[gap] + raw_gaps[gap] * within // np.maximum(shown_gaps[gap], 1)
    return ends


def _raw_ends(data: bytes, text: bytes) -> NDArray[np.int64]:
    """How many bytes of `data` the first 0, 1, 2, ... bytes of `text` stand for, int64 (n + 1,).

    `text` is `data`, or has LF for some or all CR LF of it.
    """
    raw, short = (np.frombuffer(part, np.uint8) for part in (data, text))
    sizes = np.ones(len(short), np.int64)
    if len(short) < len(raw):
        line_ends = np.flatnonzero(raw == ord("\n"))
        # A line end at the very start has nothing before it: the last byte stands in, a LF or not.
        after_cr = (raw[line_ends - 1] == ord("\r")) & (line_ends > 0)
        sizes[short == ord("\n")] += after_cr
    return np.concatenate([[0], np.cumsum(sizes)])


def positions(n_tokens: int, settings: LmSettings) -> NDArray[np.int64]:
    """Tokens that each token of a single stream is predicted from, int64 (n,)."""
    result = np.empty(n_tokens, np.int64)
    for window in settings.windows(0, n_tokens):
        for piece in settings.pieces(window):
            seen = piece.first - window.tail - (piece.oldest - 1)
            result[piece.first : piece.first + piece.count] = seen + np.arange(piece.count)
    return result


def _chunks(
    bits: NDArray[np.float64], sizes: NDArray[np.int64], starts: NDArray[np.int64]
) -> tuple[tuple[float, int], ...]:
    chunk = starts // CHUNK_BYTES
    sums = np.bincount(chunk, weights=bits), np.bincount(chunk, weights=sizes)
    # A piece longer than a chunk leaves the next one empty.
    return tuple((float(b), int(n)) for b, n in zip(*sums, strict=True) if n)


def _by_position(
    bits: NDArray[np.float64], sizes: NDArray[np.int64], position: NDArray[np.int64]
) -> tuple[tuple[int, float, int], ...]:
    octave = np.ceil(np.log2(position + 1)).astype(np.int64)
    rows: list[tuple[int, float, int]] = []
    for number in np.unique(octave):
        chosen = octave == number
        first = (1 << int(number)) >> 1
        rows.append((first, float(bits[chosen].sum()), int(sizes[chosen].sum())))
    return tuple(rows)


def combine(scores: Sequence[Score]) -> Score:
    """The score of several texts together."""
    curve: dict[int, tuple[float, int]] = {}
    for item in scores:
        for first, bits, count in item.by_position:
            old = curve.get(first, (0.0, 0))
            curve[first] = (old[0] + bits, old[1] + count)
    mixed = [s.mixed_bits for s in scores if s.mixed_bits is not None]
    return Score(
        sum(s.raw_size for s in scores),
        sum(s.tokens for s in scores),
        sum(s.bits for s in scores),
        tuple(chunk for s in scores for chunk in s.chunks),
        tuple((first, *values) for first, values in sorted(curve.items())),
        mixed_bits=sum(mixed) if scores and len(mixed) == len(scores) else None,
    )
