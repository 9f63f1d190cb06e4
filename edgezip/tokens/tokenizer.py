"""Bytes to token ids and back.

The decoder only concatenates pieces, so any sequence whose pieces concatenate to the input will do;
how well it compresses is all that the encoder's choice decides. Text that a tokenizer could alter
goes past it as byte tokens, and what a tokenizer returns is compared with what it was given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgezip.errors import FormatError
from edgezip.tokens.escapes import Escapes
from edgezip.tokens.pieces import PieceTable, Vocabulary
from edgezip.tokens.sentencepiece_model import META_SPACE, load_processor

# SentencePiece keeps some 100 bytes of state per character, and llama.cpp's pre-tokenizer may
# recurse per character of a word; neither sees more than this at once.
_CHUNK = 1 << 12
# Where a chunk may end: before a space or after a line feed that follows something else.
_BOUNDARY = re.compile(r"(?<=[^\s]) (?=[^\s])|(?<=\n)(?=[^\s])")

# Surrogates stand for the bytes that are not UTF-8; NUL ends a C string; U+2581 is SentencePiece's
# own mark for a space.
_ODD_OTHER = "\udc80-\udcff\0"
_ODD_SPM = _ODD_OTHER + META_SPACE
# Up to two characters between odd ones are not worth a call of the tokenizer. Possessive: a match
# may be as long as the input, and backtracking would keep a state for each step.
_VERBATIM_SPM, _VERBATIM_OTHER = (
    re.compile(f"[{odd}]++(?:[^{odd}]{{0,2}}+[{odd}]++)*+") for odd in (_ODD_SPM, _ODD_OTHER)
)


class Tokenizer:
    """Tokenizer of one vocabulary.

    tokenize: text in UTF-8 to int32 ids, needed for vocabularies that are not SentencePiece's
    (Engine.tokenize); its result is checked, not trusted.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        tokenize: Callable[[bytes], NDArray[np.int32]] | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._table = PieceTable(vocabulary.pieces, vocabulary.types)
        spelled = frozenset([META_SPACE.encode()] if vocabulary.kind == "spm" else [])
        self.escapes = Escapes(vocabulary.pieces, spelled)
        self._spm = vocabulary.kind == "spm"
        self._tokenize = tokenize
        self._processor: Any = None

    def encode(self, data: bytes) -> NDArray[np.int32]:
        """Return int32[n], ids whose pieces concatenate to `data`, whatever it holds; bytes without
        a token must have been escaped (`escapes`).
        """
        parts = list(self._encode_parts(bytes(data)))
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int32)

    def count(self, data: bytes) -> int:
        """Return how many tokens `data` takes, with the escapes of bytes that have none."""
        escaped = self.escapes.apply(data)
        return len(self.encode(data if escaped is None else escaped[0]))

    def cover(self, data: bytes) -> NDArray[np.int32]:
        """Return int32[n], the longest piece at each place of `data`: the same on every machine,
        which no tokenizer library promises. Of equal pieces the one with the highest id.
        """
        return self._table.cover(data)

    def decode(self, ids: NDArray[np.int32]) -> bytes:
        """Return the concatenated pieces; FormatError for an id without text."""
        array = np.asarray(ids)
        if array.ndim != 1 or (len(array) and array.dtype.kind not in "iu"):
            raise FormatError("token ids must be a one-dimensional array of integers")
        return self._table.decode(array)

    def _encode_parts(self, data: bytes) -> Iterator[NDArray[np.int32]]:
        text = data.decode("utf-8", "surrogateescape")
        verbatim = _VERBATIM_SPM if self._spm else _VERBATIM_OTHER
        start = 0
        for match in verbatim.finditer(text):
            yield from self._encode_text(text, start, match.start())
            yield self._table.spell(match.group().encode("utf-8", "surrogateescape"))
            start = match.end()
        yield from self._encode_text(text, start, len(text))

    def _encode_text(self, text: str, start: int, end: int) -> Iterator[NDArray[np.int32]]:
        while start < end:
            stop = _chunk_end(text, start, end)
            chunk = text[start:stop].encode("utf-8")
            ids = self._encode_chunk(chunk)
            yield ids if self._table.matches(ids, chunk) else self._table.greedy(chunk)
            start = stop

    def _encode_chunk(self, chunk: bytes) -> NDArray[np.int32]:
        if not self._spm:
            if self._tokenize is None:
                return self._table.greedy(chunk)
            return np.asarray(self._tokenize(chunk), dtype=np.int32)
        if self._processor is None:
            self._processor = load_processor(self._vocabulary)
        return np.asarray(self._processor.encode_as_numpy(chunk), dtype=np.int32)


def _chunk_end(text: str, start: int, end: int) -> int:
    """Return where the chunk from `start` ends: at the last boundary in its last eighth."""
    limit = start + _CHUNK
    if limit >= end:
        return end
    cut = limit
    for match in _BOUNDARY.finditer(text, limit - _CHUNK // 8, limit):
        cut = match.start()
    return cut
