"""The seam between model evaluation and coded bytes.

The plain top-k coder and the mixing coder implement the same two protocols, so that the pipeline
does not know which one it drives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.source import Source
from edgezip.coding.turns import Turn

Measured = TypeVar("Measured")


class TokenEncoder(Protocol[Measured]):
    """Collects what is to be coded in any order, codes it in slot order."""

    def measure(self, logits: NDArray[np.float32], symbols: NDArray[np.int32]) -> Measured:
        """What the coder must know of `symbols` (n,), predicted by `logits` (n, n_vocab).

        May be called by several threads at once.
        """

    def add(self, measured: Measured, symbols: NDArray[np.int32], slots: NDArray[np.int64]) -> None:
        """Take `symbols[i]` (n,), of which `measured` is known, as number `slots[i]`."""

    def prefix_added(self) -> Callable[[], None]:
        """Told that the slots added so far are the first ones, without a gap; returns a job that
        codes those of them that no earlier job codes.

        A job may run in another thread while rows are added. Jobs run in the order they were made,
        one at a time, and all of them before `finish`.
        """

    def finish(self) -> bytes:
        """Code all slots in ascending order and return the payload."""


class TokenDecoder(Protocol):
    """Decodes tokens in slot order from a payload."""

    def decode_rows(
        self, logits: NDArray[np.float32], streams: NDArray[np.int64], turn: Turn | None = None
    ) -> NDArray[np.int32]:
        """Decode one token for each row of `logits` (n, n_vocab), in row order.

        streams: int64 (n,), the stream of each row. turn: of the thread that calls, where several
        do: waited for before the first token, passed on behind the last.

        Raises:
            BrokenOff: another thread has failed.
        """

    def finish(self) -> None:
        """Raise `FormatError` unless the payload was used up exactly."""


@runtime_checkable
class StepDecoder(TokenDecoder, Protocol):
    """A decoder that can ask for the logits itself, and so decode many steps per call."""

    def decode_steps(
        self,
        source: Source,
        grid: NDArray[np.int32],
        columns: range,
        streams: NDArray[np.int64],
        turn: Turn,
    ) -> bool:
        """Decode one token per step and stream into `columns` of `grid` int32 (n, .).

        source: its tokens are those of the column in front. streams: int64 (n,), of each row.
        turn: waited for and passed on in every step. False if `source` gave no logits.

        Raises:
            BrokenOff: another thread has failed.
        """
