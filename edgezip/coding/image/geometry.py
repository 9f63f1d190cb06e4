"""How the samples of a picture lie in its bytes."""

from __future__ import annotations

from dataclasses import dataclass

from edgezip.errors import FormatError, SettingsError

MAX_WIDTH = 1 << 20
MAX_PADDING = 255
_BITS = (1, 8, 16)


@dataclass(frozen=True, slots=True)
class ImageGeometry:
    """Rows of pixels without gaps between the rows.

    width: pixels in a row, 1 to 2**20. channels: samples of a pixel, 1 to 4, in the order of the
    bytes. bits: of a sample, 1 (8 pixels in a byte, the first in the highest bit), 8 or 16.
    padding: bytes behind the pixels of each row, which a 1-bit row is filled up to whole bytes
    before. palette: samples are indices without an order. big_endian: of 16-bit samples.

    Raises:
        SettingsError: there is no such picture.
    """

    width: int
    channels: int = 1
    bits: int = 8
    padding: int = 0
    palette: bool = False
    big_endian: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.width <= MAX_WIDTH:
            raise SettingsError(f"a picture is 1 to {MAX_WIDTH} pixels wide, not {self.width}")
        if not 1 <= self.channels <= 4:
            raise SettingsError(f"a pixel has 1 to 4 samples, not {self.channels}")
        if self.bits not in _BITS:
            raise SettingsError(f"samples of a picture have 1, 8 or 16 bits, not {self.bits}")
        if self.bits == 1 and self.channels != 1:
            raise SettingsError("samples of 1 bit need pixels of one sample")
        if not 0 <= self.padding <= MAX_PADDING:
            raise SettingsError(f"rows are padded by 0 to {MAX_PADDING} bytes, not {self.padding}")
        if self.palette and (self.channels > 1 or self.bits > 8):
            raise SettingsError("indices into a palette are one sample of at most 8 bits")
        if self.big_endian and self.bits < 16:
            raise SettingsError("samples of one byte have no byte order; leave big_endian off")

    @property
    def stride(self) -> int:
        """Bytes of a row."""
        return (self.width * self.channels * self.bits + 7) // 8 + self.padding

    def to_bytes(self) -> bytes:
        """Return the stored form, 5 bytes: flags (channels - 1, +4 palette, +8 big endian, +16 x
        place of the bits in 1, 8, 16), padding, width (3 bytes, little-endian)."""
        flags = self.channels - 1 | self.palette << 2 | self.big_endian << 3
        flags |= _BITS.index(self.bits) << 4
        return bytes([flags, self.padding]) + self.width.to_bytes(3, "little")

    @classmethod
    def from_bytes(cls, stored: bytes) -> ImageGeometry:
        """Read the stored form. Raises FormatError when it is none."""
        if len(stored) != 5 or stored[0] >> 4 >= len(_BITS):
            raise FormatError("damaged: the layout of a picture is invalid")
        flags, width = stored[0], int.from_bytes(stored[2:], "little")
        bits = _BITS[flags >> 4]
        try:
            return cls(width, (flags & 3) + 1, bits, stored[1], bool(flags & 4), bool(flags & 8))
        except SettingsError as error:
            raise FormatError(f"damaged: the layout of a picture is invalid ({error})") from None
