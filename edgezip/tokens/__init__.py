"""Bytes to token ids and back; the pieces of a token sequence always concatenate to the bytes."""

from edgezip.tokens.tokenizer import Tokenizer

__all__ = ["Tokenizer"]
