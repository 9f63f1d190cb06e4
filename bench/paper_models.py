"""Language models on bytes, in the two forms of `bench.paper`.

*paper*: the lowest bit of each byte is dropped (text: the highest where it is set), the model reads
ASCII, a token's bits are those under the 100 likeliest, renormalised, and the sum counts 8/7 where
a bit was dropped. A token outside of the 100 has no code at all; it is counted with its bits under
the whole distribution, and how many there are is told. It is an estimate, not a file.

*whole*: the same characters through the plain coder with the whole vocabulary, chunk by chunk or
carried on, and the lowest bits stored as they are; or with the mixer. Decoded and compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.paper_data import Column
from edgezip.coding.plain import Intervals, PlainDecoder, PlainEncoder
from edgezip.coding.turns import Turn
from edgezip.container import constants as c
from edgezip.pipeline.model import LanguageModel, TokenLayout
from edgezip.pipeline.options import PackOptions

TOP = 100
BESIDE = 16
"""Chunks that are decoded side by side, each from a payload of its own."""
_CHUNK_HEADER = 2
"""Bytes of the number of tokens, which a file of chunks would have."""
_WHOLE_HEADER = 4


@dataclass(frozen=True)
class Found:
    """Bytes as the paper counts (None: not counted) and of a file; which share of the tokens was
    outside of the first 100; whether everything was decoded and equal."""

    paper: float | None
    outside: float
    whole: int
    decoded: bool


class _Top:
    """A `TokenEncoder` that counts as the paper does."""

    def __init__(self, banned: NDArray[np.bool_]) -> None:
        self._banned = banned
        self.bits = 0.0
        self.outside = self.tokens = 0

    def measure(self, logits: NDArray[np.float32], symbols: NDArray[np.int32]) -> tuple[float, int]:
        rows = logits.copy()
        rows[:, self._banned] = -np.inf
        count = min(TOP, rows.shape[1])
        best = np.partition(rows, rows.shape[1] - count, axis=1)[:, rows.shape[1] - count :]
        largest = best.max(axis=1, keepdims=True).astype(np.float64)
        chosen = rows[np.arange(len(symbols)), symbols]
        outside = chosen < best[:, 0]
        totals = np.exp(best - largest).sum(axis=1)
        totals[outside] = np.exp(rows[outside] - largest[outside]).sum(axis=1)
        return float((np.log(totals) - chosen + largest[:, 0]).sum() / math.log(2)), int(
            outside.sum()
        )

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


class _Both:
    """A `TokenEncoder` that counts as the paper does and codes: the model is evaluated once."""

    def __init__(self, top: _Top, plain: PlainEncoder) -> None:
        self._top, self._plain = top, plain

    def measure(
        self, logits: NDArray[np.float32], symbols: NDArray[np.int32]
    ) -> tuple[tuple[float, int], Intervals]:
        return self._top.measure(logits, symbols), self._plain.measure(logits, symbols)

    def add(
        self,
        measured: tuple[tuple[float, int], Intervals],
        symbols: NDArray[np.int32],
        slots: NDArray[np.int64],
    ) -> None:
        self._top.add(measured[0], symbols, slots)
        self._plain.add(measured[1], symbols, slots)

    def prefix_added(self) -> Callable[[], None]:
        return self._plain.prefix_added()

    def finish(self) -> bytes:
        return self._plain.finish()


class _SideBySide:
    """A `TokenDecoder` of streams with payloads of their own. A stream whose payload has ended
    gives filler, so that all may be stepped as long as the longest."""

    def __init__(self, decoders: Sequence[PlainDecoder], counts: Sequence[int]) -> None:
        self._decoders = decoders
        self._left = list(counts)

    def decode_rows(
        self, logits: NDArray[np.float32], streams: NDArray[np.int64], turn: Turn | None = None
    ) -> NDArray[np.int32]:
        """One token of each stream; no payload has to wait for another, so `turn` is not used."""
        out = np.zeros(len(streams), np.int32)
        for row, stream in enumerate(streams.tolist()):
            if self._left[stream]:
                self._left[stream] -= 1
                out[row] = self._decoders[stream].decode_rows(
                    logits[row : row + 1], streams[row : row + 1]
                )[0]
        return out

    def finish(self) -> None:
        for decoder in self._decoders:
            decoder.finish()


@dataclass(frozen=True)
class _Spelled:
    """Characters as tokens; the byte that escapes were written with, if any."""

    text: bytes
    shown: bytes
    escape: int | None
    ids: NDArray[np.int32]

    def restored(self, model: LanguageModel, ids: NDArray[np.int32]) -> bool:
        """Whether decoded tokens give the characters back."""
        text = model.tokenizer.decode(ids)
        if self.escape is not None:
            text = model.tokenizer.escapes.undo(text, self.escape)
        return text == self.text


def _spell(model: LanguageModel, text: bytes) -> _Spelled:
    escaped = model.tokenizer.escapes.apply(text)
    shown, escape = escaped if escaped is not None else (text, None)
    return _Spelled(text, shown, escape, model.tokenizer.encode(shown))


def _characters(data: bytes, column: Column) -> tuple[bytes, bytes]:
    """What the model reads, and the bits that it does not."""
    values = np.frombuffer(data, np.uint8)
    if not column.seven_bits:
        return data, b""
    return (values >> 1).tobytes(), np.packbits(values & 1).tobytes()


class Measuring:
    """The rows of one model."""

    def __init__(self, model: LanguageModel, log: Callable[[str], None]) -> None:
        self._model = model
        self._log = log
        self._settings = model.settings(PackOptions())

    def chunked(self, column: Column) -> Found:
        """Chunk by chunk without history, by the model alone."""
        counted = _Top(self._model.banned)
        spelled, payloads, size = [], [], 0
        for number, chunk in enumerate(column.chunks()):
            if number % 16 == 0:
                self._log(f"  chunk {number}")
            text, low = _characters(chunk, column)
            one = _spell(self._model, text)
            payload = self._encode(one, 1, counted, column)
            spelled.append(one)
            payloads.append(payload)
            size += len(payload) + _CHUNK_HEADER + (one.escape is not None) + len(low)
        self._log("  decoding")
        sound = self._decoded_chunks(spelled, payloads)
        return self._found(counted, column, size, sound)

    def carried(self, column: Column) -> Found:
        """The column as one text, windows moved along as edgezip does, by the model alone."""
        counted = _Top(self._model.banned)
        text, low = _characters(column.data, column)
        one = _spell(self._model, text)
        streams = self._streams(one)
        payload = self._encode(one, streams, counted, column)
        self._log(f"  decoding, {streams} streams")
        sound = self._decoded(c.LM, one, payload, streams)
        return self._found(counted, column, len(payload) + _WHOLE_HEADER + len(low), sound)

    def mixed(self, column: Column) -> Found:
        """The same with the mixer, which learns along the column."""
        text, low = _characters(column.data, column)
        one = _spell(self._model, text)
        streams = self._streams(one)
        layout = TokenLayout(len(one.shown), len(one.ids), streams)
        encoder = self._model.encoder(c.LM_MIX, layout, self._settings)
        payload = self._run(one, encoder, layout)
        self._log(f"  decoding, {streams} streams")
        sound = self._decoded(c.LM_MIX, one, payload, streams)
        return Found(None, 0.0, len(payload) + _WHOLE_HEADER + len(low), sound)

    def _streams(self, one: _Spelled) -> int:
        return self._model.choose_streams(self._settings, len(one.ids), 0)

    def _found(self, counted: _Top, column: Column, size: int, sound: bool) -> Found:
        bits = counted.bits * (8 / 7 if column.seven_bits else 1)
        return Found(bits / 8, counted.outside / max(counted.tokens, 1), size, sound)

    def _run(self, one: _Spelled, encoder: Any, layout: TokenLayout) -> bytes:
        return self._model.encode(one.ids, encoder, layout, self._settings, lambda done: None)

    def _encode(self, one: _Spelled, streams: int, counted: _Top, column: Column) -> bytes:
        """The payload; what the paper would count goes to `counted`."""
        model = self._model
        plain = PlainEncoder(len(one.ids), model.engine.n_vocab, 0, model.banned)
        layout = TokenLayout(len(one.shown), len(one.ids), streams)
        if one.text.isascii():
            return self._run(one, _Both(counted, plain), layout)
        masked = _spell(model, bytes(byte & 127 for byte in one.text))
        self._run(masked, counted, TokenLayout(len(masked.shown), len(masked.ids), streams))
        return self._run(one, plain, layout)

    def _decoded(self, coder: int, one: _Spelled, payload: bytes, streams: int) -> bool:
        layout = TokenLayout(len(one.shown), len(one.ids), streams)
        back = self._model.decode(coder, payload, layout, self._settings, lambda done: None)
        return one.restored(self._model, back)

    def _decoded_chunks(self, spelled: list[_Spelled], payloads: list[bytes]) -> bool:
        """Whether all chunks come back; those of like length go side by side."""
        model = self._model
        order = sorted(range(len(spelled)), key=lambda i: len(spelled[i].ids))
        sound = True
        for first in range(0, len(order), BESIDE):
            group = order[first : first + BESIDE]
            counts = [len(spelled[i].ids) for i in group]
            decoders = [
                PlainDecoder(payloads[i], n, model.engine.n_vocab, 0, model.banned)
                for i, n in zip(group, counts, strict=True)
            ]
            total = len(group) * max(counts)
            grid = model.run_decoder(
                _SideBySide(decoders, counts),
                total,
                TokenLayout(total, total, len(group)),
                self._settings,
                lambda done: None,
                None,
            ).reshape(len(group), -1)
            sound &= all(
                spelled[i].restored(model, grid[row, :n])
                for row, (i, n) in enumerate(zip(group, counts, strict=True))
            )
        return sound
