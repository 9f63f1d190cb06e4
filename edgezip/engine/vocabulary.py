"""Reading a model's vocabulary out of llama.cpp: what bytes each token stands for."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgezip.errors import ModelError

# Token types as SentencePiece and GGUF number them.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

# llama.cpp's attribute bits, in the order in which they decide the type.
_ATTRIBUTES = ((1, UNKNOWN), (8, CONTROL), (2, UNUSED), (16, USER_DEFINED), (32, BYTE))
_VOCABULARY_NONE, _VOCABULARY_SPM = 0, 1
_META_SPACE = "\u2581".encode()
_BYTE_PIECE = re.compile(rb"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True)
class Vocabulary:
    """The pieces of a model's tokens.

    kind: "spm" (SentencePiece with byte fallback) or "other". pieces[i]: the bytes of token i, None
    for a token that must never be produced. scores: float32[n], the merge scores of SentencePiece.
    types: int32[n], NORMAL to BYTE.
    """

    kind: Literal["spm", "other"]
    pieces: list[bytes | None]
    scores: NDArray[np.float32]
    types: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.pieces)


def read_vocabulary(api: Any, vocab: Any) -> Vocabulary:
    """Read the vocabulary `vocab` (a llama_vocab pointer).

    Raises ModelError when there is none, or when some byte cannot be spelled with its pieces: such
    a model cannot compress arbitrary input.
    """
    n = int(api.llama_vocab_n_tokens(vocab))
    kind = int(api.llama_vocab_type(vocab))
    if kind == _VOCABULARY_NONE or n <= 0:
        raise ModelError("the model has no vocabulary; use a GGUF of a language model")
    attributes = [api.llama_vocab_get_attr(vocab, i) for i in range(n)]
    types = np.array([_type_of(attribute) for attribute in attributes], dtype=np.int32)
    scores = np.array([api.llama_vocab_get_score(vocab, i) for i in range(n)], dtype=np.float32)
    if kind == _VOCABULARY_SPM:
        pieces = [_spm_piece(api.llama_vocab_get_text(vocab, i), types[i]) for i in range(n)]
    else:
        pieces = [_other_piece(api, vocab, i, types[i]) for i in range(n)]
    missing = set(range(256)) - {piece[0] for piece in pieces if piece and len(piece) == 1}
    if missing:
        raise ModelError(
            f"the model's vocabulary cannot spell byte 0x{min(missing):02x}; "
            "use a model with byte fallback or a byte-level vocabulary"
        )
    return Vocabulary("spm" if kind == _VOCABULARY_SPM else "other", pieces, scores, types)


def _type_of(attribute: int) -> int:
    for bit, kind in _ATTRIBUTES:
        if attribute & bit:
            return kind
    return NORMAL


def _spm_piece(text: bytes | None, kind: int) -> bytes | None:
    if not text or kind not in (NORMAL, BYTE):
        return None
    if kind == BYTE:
        match = _BYTE_PIECE.fullmatch(text)
        return bytes([int(match.group(1), 16)]) if match else None
    return text.replace(_META_SPACE, b" ")


def _other_piece(api: Any, vocab: Any, token: int, kind: int) -> bytes | None:
    if kind not in (NORMAL, BYTE):
        return None
    size = 64
    while True:
        buffer = ctypes.create_string_buffer(size)
        length = api.llama_token_to_piece(vocab, token, buffer, size, 0, True)
        if length >= 0:
            return buffer.raw[:length] or None
        size = -length
