"""A SentencePiece model rebuilt in memory from a vocabulary.

The model is a protocol buffer of the schema sentencepiece_model.proto; the few fields that matter
are written here, because sentencepiece does not depend on the protobuf package.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from edgezip.tokens.pieces import Vocabulary

META_SPACE = "\u2581"

_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_BPE = 2
_ERRORS_ONLY = 2
_VARINT, _BYTES, _FIXED32 = 0, 2, 5


def build_model(vocabulary: Vocabulary) -> bytes:
    """Return the serialized ModelProto: BPE with byte fallback that changes no character.

    Only normal pieces and bytes can come out of it: every other token gets a name that no text can
    match. SentencePiece wants unique, non-empty names and exactly one unknown token.
    """
    texts, kinds = _names_and_types(vocabulary)
    if kinds.count(_BYTE) != 256:
        # SentencePiece knows all bytes or none; what it cannot spell is not left to it.
        kinds = [_CONTROL if kind == _BYTE else kind for kind in kinds]
    return serialize_model(texts, kinds, vocabulary.scores.tolist())


def serialize_model(texts: Sequence[bytes], kinds: Sequence[int], scores: Sequence[float]) -> bytes:
    """Return the serialized ModelProto of pieces with these names (UTF-8), types and scores.

    The types are SentencePiece's, which GGUF files share; one piece must be the unknown one.
    """
    parts = [
        _field(1, _piece(text, kind, score))
        for text, kind, score in zip(texts, kinds, scores, strict=True)
    ]
    trainer = _number(3, _BPE) + _number(4, len(texts))
    trainer += _number(35, int(kinds.count(_BYTE) == 256))
    trainer += _number(40, kinds.index(_UNKNOWN))
    normalizer = _field(1, b"identity") + _number(3, 0) + _number(4, 0) + _number(5, 1)
    return b"".join(parts) + _field(2, trainer) + _field(3, normalizer)


def load_processor(vocabulary: Vocabulary) -> Any:
    """Return a sentencepiece.SentencePieceProcessor for `vocabulary`."""
    import sentencepiece

    # What it has to say about odd vocabularies would go to stderr.
    sentencepiece.SetMinLogLevel(_ERRORS_ONLY)
    processor: Any = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(build_model(vocabulary))
    return processor


def _names_and_types(vocabulary: Vocabulary) -> tuple[list[bytes], list[int]]:
    names: list[bytes] = []
    kinds: list[int] = []
    seen: set[bytes] = set()
    types = vocabulary.types.tolist()
    for token, (piece, own_kind) in enumerate(zip(vocabulary.pieces, types, strict=True)):
        name, kind = _name(piece, own_kind), own_kind
        if name is None or name in seen:
            # A noncharacter keeps the name apart from real pieces; control names match no text.
            name, kind = f"\U0010ffff{token}".encode(), _CONTROL
        if kind == _CONTROL and _UNKNOWN not in kinds and own_kind == _UNKNOWN:
            kind = _UNKNOWN
        seen.add(name)
        names.append(name)
        kinds.append(kind)
    if _UNKNOWN not in kinds:
        kinds[_stand_in_for_unknown(kinds)] = _UNKNOWN
    return names, kinds


def _name(piece: bytes | None, kind: int) -> bytes | None:
    """Return the name of a piece in the model, None for one that text must not reach."""
    if piece is None or kind not in (_NORMAL, _BYTE):
        return None
    if kind == _BYTE:
        return b"<0x%02X>" % piece[0]
    if b"\0" in piece:  # what SentencePiece does not take, and the tokenizer never gives it
        return None
    try:
        return piece.decode("utf-8").replace(" ", META_SPACE).encode()
    except UnicodeDecodeError:
        return None


def _stand_in_for_unknown(kinds: list[int]) -> int:
    """Return a token to call unknown: it never comes out when all bytes have tokens."""
    for kind in (_CONTROL, _BYTE):
        if kind in kinds:
            return kinds.index(kind)
    return 0


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _piece(text: bytes, kind: int, score: float) -> bytes:
    packed = _varint(2 << 3 | _FIXED32) + struct.pack("<f", score)
    return _field(1, text) + packed + _number(3, kind)
