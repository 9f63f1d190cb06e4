"""Tokens of a payload that was cut off: those that do not depend on what followed."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.protocols import TokenDecoder
from edgezip.coding.turns import Turn, alone, taken
from edgezip.errors import FormatError


class TellingDecoder(TokenDecoder, Protocol):
    """A decoder that can tell whether what it has decoded depends on what is missing."""

    @property
    def settled(self) -> bool:
        """Whether no token so far depends on what would follow the payload."""


class SettledDecoder:
    """TokenDecoder that gives up at the first token that is not settled.

    Attributes:
        tokens: the settled ones, in slot order.
    """

    def __init__(self, decoder: TellingDecoder) -> None:
        self._decoder = decoder
        self._alone = alone()
        self.tokens: list[int] = []

    def decode_rows(
        self, logits: NDArray[np.float32], streams: NDArray[np.int64], turn: Turn | None = None
    ) -> NDArray[np.int32]:
        """As in `TokenDecoder`, one after another.

        Raises:
            FormatError: a token depends on what is missing, or the payload is damaged.
        """
        with taken(turn or self._alone):
            first = len(self.tokens)
            for row in range(len(logits)):
                token = self._decoder.decode_rows(logits[row : row + 1], streams[row : row + 1])
                if not self._decoder.settled:
                    raise FormatError("the payload was cut off")
                self.tokens.append(int(token[0]))
            return np.array(self.tokens[first:], np.int32)

    def finish(self) -> None:
        """Nothing: the payload may have more, or less."""
