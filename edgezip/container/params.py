"""Parameters of the language model coders (coders 4 and 6)."""

from __future__ import annotations

from dataclasses import dataclass

from edgezip.container import constants as c
from edgezip.container import varint
from edgezip.errors import FormatError, SettingsError, TruncatedError


@dataclass(frozen=True, slots=True)
class LmParams:
    """How a channel's tokens are laid out.

    tokens: number of tokens, or None for 'until the raw size is reached' (one stream only).
    streams: number of lockstep streams. escape: the byte that starts escapes, None without any;
    then the number of tokens is given. sizes: bytes of each stream but the last, or nothing; there
    are no escapes then.
    """

    tokens: int | None = None
    streams: int = 1
    escape: int | None = None
    sizes: tuple[int, ...] = ()

    def problem(self, most_tokens: int | None = None) -> str | None:
        """What is wrong with the values, or None. most_tokens: cap of the number of tokens."""
        if self.tokens is None:
            alone = self.streams == 1 and self.escape is None
            return None if alone else "streams or escapes without a number of tokens"
        if self.sizes:
            return self._problem_of_sizes(most_tokens)
        if self.escape is not None:
            if not 1 <= self.escape < 0x80:
                return f"{self.escape} as the escape byte"
            most_tokens = most_tokens and c.LONGEST_ESCAPE * most_tokens
        if self.tokens < 1 or (most_tokens is not None and self.tokens > most_tokens):
            return f"{self.tokens} tokens for {most_tokens} bytes"
        if not 1 <= self.streams <= min(self.tokens, c.MAX_STREAMS):
            return f"{self.streams} streams for {self.tokens} tokens"
        return None

    def _problem_of_sizes(self, size: int | None) -> str | None:
        if self.escape is not None or len(self.sizes) != self.streams - 1:
            return f"{len(self.sizes)} sizes for {self.streams} streams, or escapes"
        if min(self.sizes) < 1 or (size is not None and sum(self.sizes) >= size):
            return f"streams of {sum(self.sizes)} bytes and one more for {size}"
        return LmParams(self.tokens, self.streams).problem(size)

    def encode(self) -> bytes:
        """The params bytes of the channel; empty for the defaults. SettingsError if invalid."""
        problem = self.problem()
        if problem:
            raise SettingsError(f"cannot write {problem}")
        if self.tokens is None:
            return b""
        values = [self.tokens, self.streams, self.escape or 0]
        if self.sizes:
            values += self.sizes
        elif self.escape is None:
            values = values[: 1 if self.streams == 1 else 2]
        return varint.encode_all(*values)

    @classmethod
    def decode(cls, params: bytes, most_tokens: int) -> LmParams:
        """Read `params` of a channel. FormatError if invalid.

        most_tokens: the raw size, because every token stands for at least one byte; escapes, where
        there are any, take up to three for one.
        """
        try:
            values = varint.decode_all(params)
        except TruncatedError as error:
            raise FormatError("damaged: channel params end inside a number") from error
        tokens = values[0] if values else 0
        streams = values[1] if len(values) > 1 else 1
        escape = values[2] if len(values) > 2 else None
        sizes = tuple(values[3:])
        result = cls(tokens or None, streams, None if sizes and not escape else escape, sizes)
        problem = result.problem(most_tokens)
        if problem:
            raise FormatError(f"damaged: the file names {problem}")
        if result.encode() != params:
            raise FormatError("damaged: channel params that repeat their defaults, or too many")
        return result
