"""Bytes that a vocabulary has no token for, written with an escape byte and digits.

Vocabularies of byte-level BPE may leave out bytes that their training text did not have, and
SentencePiece without byte fallback spells only characters that it knows. Such a byte becomes the
escape byte E and one digit (two, if there are more such bytes than digits); E itself, where the
text has it, is written the same way. E is the one that the text needs least, and goes with the
payload. The context model learns such pairs quickly; texts without such bytes stay as they are.
docs/format.md defines the digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edgezip.errors import FormatError, ModelError

_DIGITS_FROM = 0x41
_PRINTABLE = range(0x21, 0x7F)
FEWEST_DIGITS = 16
"""Two digits then tell all bytes."""
_CHARACTER = (
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[\x80-\xff]"
)


class Escapes:
    """The escapes of one vocabulary.

    Args:
        pieces: bytes of each token, None for those that must not be produced.
        spelled: characters (UTF-8) that are always spelled byte by byte, whatever pieces there are.

    Raises:
        ModelError: hardly any byte has a token.
    """

    def __init__(self, pieces: Iterable[bytes | None], spelled: frozenset[bytes]) -> None:
        known = {piece for piece in pieces if piece}
        self._characters = {piece for piece in known if 1 < len(piece) <= 4} - spelled
        present = {piece[0] for piece in known if len(piece) == 1}
        self._present = bytes(sorted(present))
        self.missing = bytes(value for value in range(256) if value not in present)
        ordered = [v for v in _PRINTABLE if v >= _DIGITS_FROM and v in present]
        ordered += [v for v in _PRINTABLE if v < _DIGITS_FROM and v in present]
        self._digits = bytes(ordered)
        if self.missing and len(ordered) < FEWEST_DIGITS:
            raise ModelError("the model's vocabulary can spell hardly any byte; use another model")
        self.digits = 1 if len(self.missing) < len(ordered) else 2
        low = re.escape(bytes(value for value in self.missing if value < 0x80))
        self._pattern = re.compile(_CHARACTER + (b"|[" + low + b"]" if low else b""))

    def apply(self, data: bytes) -> tuple[bytes, int] | None:
        """`data` with escapes, and the escape byte; None where it needs none."""
        if not data.translate(None, self._present):
            return None
        needed = any(self._needs(match.group()) for match in self._pattern.finditer(data))
        if not needed:
            return None
        escape = min((v for v in self._present if 0 < v < 0x80), key=lambda v: (data.count(v), v))
        own = re.escape(bytes([escape]))
        pattern = re.compile(own + b"|" + self._pattern.pattern)
        codes = {value: self._code(escape, 1 + i) for i, value in enumerate(self.missing)}
        codes[escape] = self._code(escape, 0)

        def written(match: re.Match[bytes]) -> bytes:
            part = match.group()
            if part[0] != escape and not self._needs(part):
                return part
            return b"".join(codes.get(value, bytes([value])) for value in part)

        return pattern.sub(written, data), escape

    def _needs(self, character: bytes) -> bool:
        """Whether a character, or a byte that is part of none, has neither a piece nor tokens for
        all of its bytes."""
        return character not in self._characters and any(v in self.missing for v in character)

    def _code(self, escape: int, number: int) -> bytes:
        base = len(self._digits)
        digits = [number // base, number % base] if self.digits == 2 else [number]
        return bytes([escape, *(self._digits[digit] for digit in digits)])

    def undo(self, text: bytes, escape: int) -> bytes:
        """What `apply` made `text` of; FormatError if it cannot have made it."""
        values = bytes([escape]) + self.missing
        first, *others = text.split(bytes([escape]))
        parts, at = [first], 0
        while at < len(others):
            code = others[at]
            if self.digits > len(code):
                # A digit that is the escape byte itself.
                if at + 1 == len(others):
                    raise FormatError("damaged data: the text ends within an escape")
                others[at + 1] = code + bytes([escape]) + others[at + 1]
                at += 1
                continue
            number = 0
            for digit in code[: self.digits]:
                number = number * len(self._digits) + self._value(digit)
            if number >= len(values):
                raise FormatError("damaged data: an escape that stands for no byte")
            parts += [values[number : number + 1], code[self.digits :]]
            at += 1
        return b"".join(parts)

    def _value(self, digit: int) -> int:
        value = self._digits.find(digit)
        if value < 0:
            raise FormatError("damaged data: an escape that stands for no byte")
        return value

    def raw_ends(self, text: bytes, escape: int) -> NDArray[np.int64]:
        """int64 (len(text) + 1,): how many raw bytes stand for the first n bytes of `text`."""
        steps = np.ones(len(text) + 1, np.int64)
        steps[0] = 0
        at = text.find(escape)
        while at >= 0:
            steps[at + 1 : at + 1 + self.digits] = 0
            at = text.find(escape, at + 1 + self.digits)
        return np.cumsum(steps)
