"""How a session stores keys and values."""

from __future__ import annotations

from dataclasses import dataclass

from edgezip.engine.library import EngineKind

_BLOCK = 32


@dataclass(frozen=True)
class CacheFormat:
    """ggml's numbers of the types of keys and values, and the bytes of 32 numbers of each."""

    key_type: int
    value_type: int
    key_bytes: int
    value_bytes: int

    def cell_bytes(self, keys: int, values: int) -> int:
        """Return the bytes of a cell of so many numbers."""
        return (keys * self.key_bytes + values * self.value_bytes) // _BLOCK


HALVES = CacheFormat(1, 1, 64, 64)
"""F16."""
BYTES = CacheFormat(8, 9, 34, 36)
"""Q8_0 and Q8_1: a byte per number, and a scale for each block."""


def cache_format(
    kind: EngineKind, architecture: str, key_size: int, value_size: int
) -> CacheFormat:
    """Return how keys and values of heads of these sizes are stored.

    The strict engine stores those of a Llama in 8 bits where a head is whole blocks: a decoded
    token reads every cell of its stream, and scores are then exact integer products instead of
    float sums in a fixed order. Part of the arithmetic: another format, other logits.
    """
    blocks = key_size % _BLOCK == 0 and value_size % _BLOCK == 0
    return BYTES if kind == "strict" and architecture == "llama" and blocks else HALVES
