"""The stored settings of the context mixer."""

from __future__ import annotations

from dataclasses import dataclass

from edgezip.errors import FormatError, SettingsError

from .profile import PROFILES, TEXT

MEM_LOG2_MIN = 16
MEM_LOG2_MAX = 26
LEVELS = 3
"""Levels that every profile has."""
_MEMORIES = MEM_LOG2_MAX - MEM_LOG2_MIN + 1


@dataclass(frozen=True)
class MixParams:
    """Settings that encoder and decoder must share.

    mem_log2: log2 of the bytes of the bit-history table, 16 (64 KiB) to 26 (64 MiB).
    profile: number of the profile, which contexts are used; token coding has TEXT here.
    level: 0, 1 or 2, how many of the contexts are used; speed against size.
    """

    mem_log2: int = MEM_LOG2_MAX
    profile: int = TEXT
    level: int = LEVELS - 1

    def __post_init__(self) -> None:
        if not 0 <= self.profile < len(PROFILES):
            raise SettingsError(f"profile is {self.profile}; choose 0 to {len(PROFILES) - 1}")
        if not 0 <= self.level < LEVELS:
            raise SettingsError(f"level is {self.level}; choose 0 to {LEVELS - 1}")
        if not MEM_LOG2_MIN <= self.mem_log2 <= MEM_LOG2_MAX:
            raise SettingsError(
                f"mem_log2 is {self.mem_log2}; choose {MEM_LOG2_MIN} to {MEM_LOG2_MAX}"
            )

    @classmethod
    def for_size(cls, size: int, profile: int = TEXT, level: int = LEVELS - 1) -> MixParams:
        """Return the settings for `size` input bytes: a table of 200 to 400 bytes per byte, within
        the limits; that of run models is half as large. Twice as much saves a thousandth; getting
        the memory costs more time than it is worth."""
        log2 = (size * 200).bit_length()
        return cls(min(max(log2, MEM_LOG2_MIN), MEM_LOG2_MAX), profile, level)

    def to_bytes(self) -> bytes:
        """Return the stored form, one byte: mem_log2 - 16 + 11 * (level + 3 * profile)."""
        steps = self.level + LEVELS * self.profile
        return bytes([self.mem_log2 - MEM_LOG2_MIN + _MEMORIES * steps])

    @classmethod
    def from_bytes(cls, stored: bytes) -> MixParams:
        """Read the stored form. Raises FormatError when it is none."""
        try:
            (value,) = stored
            steps, memory = divmod(value, _MEMORIES)
            return cls(memory + MEM_LOG2_MIN, steps // LEVELS, steps % LEVELS)
        except ValueError:
            raise FormatError("the mixing settings are invalid; the file is damaged") from None
