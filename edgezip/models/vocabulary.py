"""What bytes each token of a model stands for, read from its GGUF.

docs/format.md defines the pieces. llama.cpp's own view of a vocabulary is not asked: it declares
tokens with certain texts to be special, in the order of a hash table.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgezip.errors import ModelError
from edgezip.models.gguf import Gguf, Value

# Token types as SentencePiece and GGUF number them.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

_META_SPACE = "\u2581".encode()
_BYTE_PIECE = re.compile(rb"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True)
class Vocabulary:
    """The pieces of a model's tokens.

    kind: "spm" (SentencePiece) or "other" (byte-level BPE). pieces[i]: the bytes of token i, None
    for a token that must never be produced. scores: float32[n], the merge scores of SentencePiece.
    types: int32[n], NORMAL to BYTE.
    """

    kind: Literal["spm", "other"]
    pieces: list[bytes | None]
    scores: NDArray[np.float32]
    types: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.pieces)


def read_vocabulary(gguf: Gguf) -> Vocabulary:
    """Read the vocabulary of a model that `check_llama` accepts.

    Raises ModelError when there is none. Who uses it escapes the bytes that its pieces cannot spell
    (`edgezip.tokens.escapes`).
    """

    def setting(name: str, absent: object) -> object:
        return gguf.settings.get(f"tokenizer.ggml.{name}", Value("", absent)).value  # type: ignore[arg-type]

    texts = setting("tokens", [])
    if not isinstance(texts, list) or not texts:
        raise ModelError("the model has no vocabulary; use a GGUF of a language model")
    n = len(texts)
    types = np.array(setting("token_type", (NORMAL,) * n), np.int32)
    scores = np.array(setting("scores", (0.0,) * n), np.float32)
    spm = setting("model", b"") == b"llama"
    normal = _spm_piece if spm else _byte_level_piece
    pieces = [_piece(text, kind, normal) for text, kind in zip(texts, types.tolist(), strict=True)]
    return Vocabulary("spm" if spm else "other", pieces, scores, types)


def _piece(text: bytes, kind: int, normal: Callable[[bytes], bytes | None]) -> bytes | None:
    if kind == NORMAL:
        return normal(text) or None
    match = _BYTE_PIECE.fullmatch(text) if kind == BYTE else None
    return bytes([int(match.group(1), 16)]) if match else None


def _spm_piece(text: bytes) -> bytes:
    return text.replace(_META_SPACE, b" ")


def _byte_level_piece(text: bytes) -> bytes | None:
    """The bytes that the characters of `text` stand for; None if one of them stands for none."""
    try:
        return text.decode("utf-8").translate(_byte_characters()).encode("latin-1")
    except UnicodeError:
        return None


@functools.cache
def _byte_characters() -> dict[int, int]:
    """GPT-2's printable stand-in for each byte: that character's code, and the byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [value for value in range(256) if value not in printable]
    table = {256 + number: value for number, value in enumerate(others)}
    # Latin-1's own characters for these bytes stand for nothing; as something that is not Latin-1.
    table.update(dict.fromkeys(others, 0xFFFD))
    table.update({value: value for value in printable})
    return table
