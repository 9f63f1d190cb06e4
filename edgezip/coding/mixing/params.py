"""The stored settings of the context mixer."""

from __future__ import annotations

from dataclasses import dataclass

from edgezip.errors import FormatError, SettingsError

MEM_LOG2_MIN = 16
MEM_LOG2_MAX = 26


@dataclass(frozen=True)
class MixParams:
    """Settings that encoder and decoder must share.

    mem_log2: log2 of the bytes of the bit-history table, 16 (64 KiB) to 26 (64 MiB).
    """

    mem_log2: int = MEM_LOG2_MAX

    def __post_init__(self) -> None:
        if not MEM_LOG2_MIN <= self.mem_log2 <= MEM_LOG2_MAX:
            raise SettingsError(
                f"mem_log2 is {self.mem_log2}; choose {MEM_LOG2_MIN} to {MEM_LOG2_MAX}"
            )

    @classmethod
    def for_size(cls, size: int) -> MixParams:
        """Return the settings for `size` input bytes: a table of some 512 bytes per byte, within the limits."""
        log2 = (size * 512).bit_length()
        return cls(min(max(log2, MEM_LOG2_MIN), MEM_LOG2_MAX))

    def to_bytes(self) -> bytes:
        """Return the stored form, one byte."""
        return bytes([self.mem_log2])

    @classmethod
    def from_bytes(cls, stored: bytes) -> MixParams:
        """Read the stored form. Raises FormatError when it is none."""
        if len(stored) != 1 or not MEM_LOG2_MIN <= stored[0] <= MEM_LOG2_MAX:
            raise FormatError("the mixing settings are invalid; the file is damaged")
        return cls(stored[0])
