"""How the samples of a sound lie in its bytes, and the way from bytes to integers and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgezip.errors import FormatError, SettingsError

MAX_CHANNELS = 255
_BIG_ENDIAN, _UNSIGNED = 4, 8


@dataclass(frozen=True, slots=True)
class AudioGeometry:
    """The layout of linear PCM: frames of one sample for each channel, without gaps.

    channels: 1 to 255. bits: of a sample, 8, 16, 24 or 32. big_endian: most significant byte first;
    of no meaning with 8 bits, where it must be False. signed: two's complement, else offset binary
    (WAV has 8 bits unsigned, everything else signed).

    The sampling rate is not here: the decoder does not need it.

    Raises:
        SettingsError: there is no such sound.
    """

    channels: int
    bits: int
    big_endian: bool = False
    signed: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise SettingsError(f"a sound has 1 to {MAX_CHANNELS} channels, not {self.channels}")
        if self.bits not in (8, 16, 24, 32):
            raise SettingsError(f"samples have 8, 16, 24 or 32 bits, not {self.bits}")
        if self.bits == 8 and self.big_endian:
            raise SettingsError("samples of 8 bits have no byte order; leave big_endian off")

    @property
    def frame_size(self) -> int:
        """Bytes of one frame."""
        return self.channels * self.bits // 8

    def to_bytes(self) -> bytes:
        """Return the stored form, 2 bytes: flags (bytes of a sample - 1, +4 big endian, +8
        unsigned), channels."""
        flags = (self.bits // 8 - 1) | self.big_endian << 2 | (not self.signed) << 3
        return bytes([flags, self.channels])

    @classmethod
    def from_bytes(cls, stored: bytes) -> AudioGeometry:
        """Read the stored form. Raises FormatError when it is none."""
        if len(stored) != 2 or stored[0] >> 4:
            raise FormatError("damaged: the layout of a sound is invalid")
        flags, channels = stored
        try:
            return cls(
                channels, 8 * (flags & 3) + 8, bool(flags & _BIG_ENDIAN), not flags & _UNSIGNED
            )
        except SettingsError as error:
            raise FormatError(f"damaged: the layout of a sound is invalid ({error})") from None


def split(data: bytes, geometry: AudioGeometry) -> tuple[NDArray[np.int32], bytes]:
    """Return the samples, int32 (frames, channels), and the bytes behind the last whole frame."""
    frames = len(data) // geometry.frame_size
    size = frames * geometry.frame_size
    width = geometry.bits // 8
    cells = np.frombuffer(data, np.uint8, size).reshape(frames, geometry.channels, width)
    if geometry.big_endian:
        cells = cells[:, :, ::-1]
    words = np.zeros((frames, geometry.channels, 4), np.uint8)
    words[:, :, 4 - width :] = cells
    if not geometry.signed:
        words[:, :, 3] ^= 0x80
    samples = words.view("<i4")[:, :, 0].astype(np.int32)
    return samples >> (32 - geometry.bits), data[size:]


def join(samples: NDArray[np.int32], tail: bytes, geometry: AudioGeometry) -> bytes:
    """Return the bytes of which `split` makes `samples`, int32 (frames, channels), and `tail`."""
    width = geometry.bits // 8
    high = np.ascontiguousarray(samples << (32 - geometry.bits), "<i4")
    words = high.view(np.uint8).reshape(*samples.shape, 4)
    if not geometry.signed:
        words[:, :, 3] ^= 0x80
    cells = words[:, :, 4 - width :]
    if geometry.big_endian:
        cells = cells[:, :, ::-1]
    return cells.tobytes() + tail
