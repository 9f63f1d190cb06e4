"""Language models on bytes, in the two forms of `bench.paper`.

*paper*: the lowest bit of each byte is dropped (text: the highest where it is set), the model reads
ASCII, a token's bits are those under the 100 likeliest, renormalised, and the sum counts 8/7 where
a bit was dropped. A token outside of the 100 has no code at all; it is counted with its bits under
the whole distribution, and how many there are is told. It is an estimate, not a file.

*whole*: the same characters through the plain coder with the whole vocabulary, chunk by chunk, and
the lowest bits stored as they are; or with the mixer and all state carried on. Decoded and
compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.paper_data import Column
from edgezip.coding.plain import PlainEncoder
from edgezip.container import Settings
from edgezip.container import constants as c
from edgezip.pipeline.model import LanguageModel, TokenLayout
from edgezip.pipeline.options import PackOptions

TOP = 100


@dataclass(frozen=True)
class Found:
    """Bytes; which share of the tokens was outside of the first 100; whether it was decoded."""

    size: float
    outside: float
    decoded: bool


class _Top:
    """A `TokenEncoder` that counts as the paper does."""

    def __init__(self, banned: NDArray[np.bool_]) -> None:
        self._banned = banned
        self.bits = 0.0
        self.outside = self.tokens = 0

    def measure(self, logits: NDArray[np.float32], symbols: NDArray[np.int32]) -> tuple[float, int]:
        rows = logits.astype(np.float64)
        rows[:, self._banned] = -np.inf
        rows -= rows.max(axis=1, keepdims=True)
        chosen = rows[np.arange(len(symbols)), symbols]
        count = min(TOP, rows.shape[1])
        best = np.partition(rows, rows.shape[1] - count, axis=1)[:, rows.shape[1] - count :]
        inside = chosen >= best[:, 0]
        totals = np.where(inside, np.exp(best).sum(axis=1), np.exp(rows).sum(axis=1))
        return float((np.log(totals) - chosen).sum() / math.log(2)), int((~inside).sum())

    def add(
        self, measured: tuple[float, int], symbols: NDArray[np.int32], slots: NDArray[np.int64]
    ) -> None:
        self.bits += measured[0]
        self.outside += measured[1]
        self.tokens += len(symbols)

    def prefix_added(self) -> Callable[[], None]:
        return lambda: None

    def finish(self) -> bytes:
        return b""


def _characters(data: bytes, column: Column) -> tuple[bytes, bytes]:
    """What the model reads, and the bits that it does not."""
    values = np.frombuffer(data, np.uint8)
    if not column.seven_bits:
        return data, b""
    return (values >> 1).tobytes(), np.packbits(values & 1).tobytes()


def paper_form(model: LanguageModel, column: Column, log: Callable[[str], None]) -> Found:
    """The paper's estimate, chunk by chunk."""
    settings = model.settings(PackOptions())
    counted = _Top(model.banned)
    for number, chunk in enumerate(column.chunks()):
        if number % 16 == 0:
            log(f"  paper form, chunk {number}")
        text = _characters(chunk, column)[0]
        if not column.seven_bits:
            text = bytes(byte & 127 for byte in text)
        _encode(model, text, counted, settings)
    bits = counted.bits * (8 / 7 if column.seven_bits else 1)
    return Found(bits / 8, counted.outside / max(counted.tokens, 1), False)


def chunked_form(model: LanguageModel, column: Column, log: Callable[[str], None]) -> Found:
    """Every bit of every chunk by the model alone, decoded and compared."""
    settings = model.settings(PackOptions())
    size, sound = 0, True
    for number, chunk in enumerate(column.chunks()):
        if number % 16 == 0:
            log(f"  whole form, chunk {number}")
        text, low = _characters(chunk, column)
        escaped = model.tokenizer.escapes.apply(text)
        shown, escape = escaped if escaped is not None else (text, None)
        ids = model.tokenizer.encode(shown)
        encoder = PlainEncoder(len(ids), model.engine.n_vocab, 0, model.banned)
        layout = TokenLayout(len(shown), len(ids), 1)
        payload = model.encode(ids, encoder, layout, settings, lambda done: None)
        back = model.decode(c.LM, payload, layout, settings, lambda done: None)
        sound &= _restored(model, back, escape) == text
        # Two bytes for the number of tokens and the escape byte, which a file would have.
        size += len(payload) + 2 + (escape is not None) + len(low)
    return Found(float(size), 0.0, sound)


def carried_form(model: LanguageModel, column: Column, log: Callable[[str], None]) -> Found:
    """Every bit of the column as one text, mixed, decoded and compared."""
    log("  whole form, state carried on")
    settings = model.settings(PackOptions())
    text, low = _characters(column.data, column)
    escaped = model.tokenizer.escapes.apply(text)
    shown, escape = escaped if escaped is not None else (text, None)
    ids = model.tokenizer.encode(shown)
    layout = TokenLayout(len(shown), len(ids), 1)
    encoder = model.encoder(c.LM_MIX, layout, settings)
    payload = model.encode(ids, encoder, layout, settings, lambda done: None)
    back = model.decode(c.LM_MIX, payload, layout, settings, lambda done: None)
    sound = _restored(model, back, escape) == text
    return Found(float(len(payload) + 4 + len(low)), 0.0, sound)


def _restored(model: LanguageModel, ids: NDArray[np.int32], escape: int | None) -> bytes:
    text = model.tokenizer.decode(ids)
    return text if escape is None else model.tokenizer.escapes.undo(text, escape)


def _encode(model: LanguageModel, text: bytes, encoder: _Top, settings: Settings) -> None:
    escaped = model.tokenizer.escapes.apply(text)
    ids = model.tokenizer.encode(escaped[0] if escaped is not None else text)
    layout = TokenLayout(len(text), len(ids), 1)
    model.encode(ids, encoder, layout, settings, lambda done: None)
