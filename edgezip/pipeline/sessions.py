"""The sessions that work on a channel side by side: how many, how large, and the last ones kept."""

from __future__ import annotations

from edgezip.engine import Engine, Session
from edgezip.engine.engine import MOST_BESIDE
from edgezip.engine.hardware import usable_memory
from edgezip.errors import LimitError
from edgezip.pipeline.windows import SMALL_MODEL

SMALL_BATCH = 128
"""Tokens per batch of a small model: its logits (4 MiB with 8192 pieces) are then still in the
cache when the coder reads them, and the weights come from there anyway."""

_abandoned: list[object] = []


class Sessions:
    """The sessions of one engine; not thread-safe.

    Those of a small model have one thread each and work side by side. The weights of a larger one
    come from memory, which one session with all threads reads once for all of them.

    Args:
        engine: evaluates the model.
        model_size: bytes of the model file.
    """

    def __init__(self, engine: Engine, model_size: int) -> None:
        self._engine = engine
        self._small = engine.kind == "strict" and model_size <= SMALL_MODEL
        self._made: tuple[object, list[Session]] = (None, [])

    @property
    def most(self) -> int:
        """How many sessions may work side by side."""
        return min(self._engine.threads, MOST_BESIDE) if self._small else 1

    def most_streams(self, window: int, wanted: int) -> int:
        """`wanted` streams, or as many fewer as half of the memory holds the cache of."""
        while wanted > 1 and self._too_large(wanted, window, usable_memory() // 2):
            wanted //= 2
        return wanted

    def check(self, streams: int, window: int) -> None:
        """Raise LimitError where this machine has not enough memory for `streams` streams, as
        unpacking needs them: what could not be unpacked here is not packed."""
        if self._too_large(streams, window, usable_memory()):
            needed = self._engine.session_bytes(streams, window) >> 20
            raise LimitError(
                f"{streams} streams of {window} tokens need {needed} MiB, more than this machine"
                " has; use fewer --streams to pack, a machine with more memory to unpack"
            )

    def take(self, streams: list[int], window: int) -> list[Session]:
        """Sessions of `streams` streams each; several have one thread each, a single one has all.

        The last ones are kept, because their caches take time to set up.

        Raises:
            LimitError: this machine has not enough memory.
        """
        if self._made[0] != (streams, window):
            self._made = (None, [])
            self.check(sum(streams), window)
            threads = 1 if len(streams) > 1 else None
            batch = SMALL_BATCH if self._small else None
            made = [
                self._engine.session(count, window, batch=batch, threads=threads)
                for count in streams
            ]
            self._made = ((streams, window), made)
        return self._made[1]

    def abandon(self) -> None:
        """Begin anew without freeing the sessions: another process's thread was at work in them."""
        _abandoned.append(self._made)
        self._made = (None, [])

    def _too_large(self, streams: int, window: int, limit: int) -> bool:
        return self._engine.session_bytes(streams, window) > limit
