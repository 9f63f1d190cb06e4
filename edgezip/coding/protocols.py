"""The seam between model evaluation and coded bytes.

The plain top-k coder and the mixing coder implement the same two protocols, so that the pipeline
does not know which one it drives.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class TokenEncoder(Protocol):
    """Collects what is to be coded in any order, codes it in slot order."""

    def add_rows(
        self,
        logits: NDArray[np.float32],
        symbols: NDArray[np.int32],
        slots: NDArray[np.int64],
    ) -> None:
        """Take `symbols[i]`, predicted by `logits[i]` (n, n_vocab), as number `slots[i]`."""

    def finish(self) -> bytes:
        """Code all slots in ascending order and return the payload."""


class TokenDecoder(Protocol):
    """Decodes tokens in slot order from a payload."""

    def decode_rows(
        self, logits: NDArray[np.float32], streams: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """Decode one token for each row of `logits` (n, n_vocab), in row order.

        streams: int32 (n,), the stream of each row.
        """

    def finish(self) -> None:
        """Raise `FormatError` unless the payload was used up exactly."""
