"""What tokens stand for: decoding by table, and spelling bytes without a tokenizer."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgezip.errors import FormatError

# Tokens decoded at a time; bounds the index arrays to some megabytes.
_DECODE_BLOCK = 1 << 16
# Up to this length Python's own join is faster than numpy's index arrays.
_SHORT = 256


class Vocabulary(Protocol):
    """What the tokenizer needs of a vocabulary; edgezip.engine.Vocabulary has it."""

    @property
    def kind(self) -> str:
        """`spm` or `other`."""

    @property
    def pieces(self) -> list[bytes | None]:
        """The bytes of each token, None for tokens that must not be produced."""

    @property
    def scores(self) -> NDArray[np.float32]:
        """Merge scores."""

    @property
    def types(self) -> NDArray[np.int32]:
        """Token types as SentencePiece numbers them."""


class PieceTable:
    """The pieces of a vocabulary laid out as one buffer."""

    def __init__(self, pieces: list[bytes | None], types: NDArray[np.int32]) -> None:
        texts = [piece or b"" for piece in pieces]
        self.lengths = np.array([len(text) for text in texts], dtype=np.int64)
        self._offsets = np.cumsum(self.lengths) - self.lengths
        self._buffer = np.frombuffer(b"".join(texts), dtype=np.uint8)
        self._texts = texts
        self._longest = max(map(len, texts), default=0)
        self.byte_tokens = _byte_tokens(texts, types)
        self._ids: dict[bytes, int] | None = None

    def decode_array(self, ids: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return uint8[total], the pieces of `ids` one after the other.

        FormatError for an id that is out of range or has no text.
        """
        if len(ids) == 0:
            return np.empty(0, dtype=np.uint8)
        if int(ids.min()) < 0 or int(ids.max()) >= len(self._texts):
            raise FormatError("the data holds a token that the model does not have")
        lengths = self.lengths[ids]
        if int(lengths.min()) == 0:
            raise FormatError("the data holds a token that stands for no text")
        ends = np.cumsum(lengths)
        source = np.repeat(self._offsets[ids] - (ends - lengths), lengths)
        source += np.arange(int(ends[-1]), dtype=np.int64)
        out: NDArray[np.uint8] = self._buffer[source]
        return out

    def decode(self, ids: NDArray[np.int32]) -> bytes:
        """Return the bytes of `ids`; FormatError as in decode_array."""
        blocks = range(0, len(ids), _DECODE_BLOCK)
        return b"".join(
            self.decode_array(ids[start : start + _DECODE_BLOCK]).tobytes() for start in blocks
        )

    def matches(self, ids: NDArray[np.int32], data: bytes) -> bool:
        """Tell whether the pieces of `ids`, all of which have text, concatenate to `data`."""
        if len(ids) == 0 or int(ids.min()) < 0 or int(ids.max()) >= len(self._texts):
            return not data and len(ids) == 0
        if len(data) <= _SHORT:
            texts = [self._texts[token] for token in ids.tolist()]
            return all(texts) and b"".join(texts) == data
        lengths = self.lengths[ids]
        if int(lengths.min()) == 0 or int(lengths.sum()) != len(data):
            return False
        return self.decode(ids) == data

    def spell(self, data: bytes) -> NDArray[np.int32]:
        """Return one token per byte of `data`, where all of them have one."""
        tokens = self.byte_tokens[np.frombuffer(data, dtype=np.uint8)]
        return self.greedy(data) if len(tokens) and int(tokens.min()) < 0 else tokens

    def greedy(self, data: bytes) -> NDArray[np.int32]:
        """Cover `data` with the longest piece at each place, in linear time.

        The way out when a tokenizer's pieces are not the text it was given. Every character has a
        piece, or all of its bytes have (`Escapes`).
        """
        if self._ids is None:
            found = {text: i for i, text in enumerate(self._texts) if text}
            present = ((value, int(i)) for value, i in enumerate(self.byte_tokens) if i >= 0)
            found.update((bytes([value]), i) for value, i in present)
            self._ids = found
        ids = self._cover(data, self._ids)
        return ids if self.matches(ids, data) else self._by_characters(data, self._ids)

    def _by_characters(self, data: bytes, table: dict[bytes, int]) -> NDArray[np.int32]:
        """Cover `data` with a piece for each character, or one for each of its bytes: a longer
        piece may end within a character of which the rest has no piece."""
        ids: list[int] = []
        for character in data.decode("utf-8", "surrogateescape"):
            raw = character.encode("utf-8", "surrogateescape")
            known = table.get(raw)
            ids += (
                [known] if known is not None else [table[raw[i : i + 1]] for i in range(len(raw))]
            )
        return np.array(ids, dtype=np.int32)

    def cover(self, data: bytes) -> NDArray[np.int32]:
        """Cover `data` with the longest piece at each place; of equal pieces the highest id.

        Part of the format (primers), so it must not change. Ordinary pieces have higher ids than
        the byte tokens of the same bytes, and are what the model has seen. A byte at which no piece
        fits is left out.
        """
        return self._cover(data, {text: i for i, text in enumerate(self._texts) if text})

    def _cover(self, data: bytes, table: dict[bytes, int]) -> NDArray[np.int32]:
        ids, start = [], 0
        while start < len(data):
            end = min(len(data), start + self._longest)
            while end > start and data[start:end] not in table:
                end -= 1
            if end > start:
                ids.append(table[data[start:end]])
            start = max(end, start + 1)
        return np.array(ids, dtype=np.int32)


def _byte_tokens(texts: list[bytes], types: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return int32[256], the token of each single byte; a byte token goes before a piece. -1 where
    there is none."""
    byte_type = 6
    tokens = np.full(256, -1, dtype=np.int32)
    for token, text in enumerate(texts):
        if len(text) == 1 and (tokens[text[0]] < 0 or types[token] == byte_type):
            tokens[text[0]] = token
    return tokens
