"""The bytes of a picture as planes of bytes, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgezip.errors import FormatError

from . import colour, differences
from .colour import Colour
from .geometry import ImageGeometry

DIFFERENCES: Final = 4
"""Added to the colours in the header: samples of 16 bits are differences."""


@dataclass(slots=True)
class Split:
    """A picture in the order in which it is coded.

    header: what stands in front of the coded bytes: the colours, with exceptions. samples: uint8
    (rows, planes, width); pixels of a bilevel picture, its fill bits too, are 0 or 1. rest: bytes
    of padding, then of a row that is cut off.
    """

    header: bytes
    samples: NDArray[np.uint8]
    rest: NDArray[np.uint8]


def _plane_count(geometry: ImageGeometry) -> int:
    return geometry.channels * (2 if geometry.bits == 16 else 1)


def _width(geometry: ImageGeometry) -> int:
    """Samples of a row of a plane."""
    return (geometry.width + 7) // 8 * 8 if geometry.bits == 1 else geometry.width


def split(samples: bytes, geometry: ImageGeometry) -> Split:
    """Take a picture apart; its colours are changed to those that are coded best."""
    data = np.frombuffer(samples, np.uint8).copy()
    rows = data.size // geometry.stride
    table = data[: rows * geometry.stride].reshape(rows, geometry.stride)
    used = geometry.stride - geometry.padding
    rest = np.concatenate([table[:, used:].ravel(), data[table.size :]])
    inside = np.ascontiguousarray(table[:, :used])
    if geometry.bits == 1:
        pixels = np.unpackbits(inside, axis=1)[:, None, :]
        return Split(b"", np.ascontiguousarray(pixels), rest)
    kind = np.dtype(np.uint8 if geometry.bits == 8 else ">u2" if geometry.big_endian else "<u2")
    pixels = inside.view(kind).reshape(rows, geometry.width, geometry.channels)
    if geometry.bits == 16:
        pixels = pixels.astype(np.uint16)
    header, changed = _change_colours(pixels)
    return Split(header, _to_planes(changed), rest)


def as_differences(split: Split) -> Split:
    """The 16-bit samples of `split` as differences to what their neighbours predict."""
    made = _to_planes(differences.change(_wide(split.samples)))
    return Split(bytes([split.header[0] | DIFFERENCES]), made, split.rest)


def some_rows(split: Split, most: int) -> Split:
    """About `most` samples in rows from the middle of `split`, all if there are no more."""
    rows, planes, width = split.samples.shape
    count = min(max(most // (planes * width), 8), rows)
    first = (rows - count) // 2
    return Split(split.header, split.samples[first : first + count], split.rest[:0])


def unsplit(payload: bytes, size: int, geometry: ImageGeometry) -> Split:
    """Read the header of a payload and make room for `size` bytes.

    Raises:
        FormatError: the header is damaged.
    """
    rows = size // geometry.stride
    used = geometry.stride - geometry.padding
    samples = np.zeros((rows, _plane_count(geometry), _width(geometry)), np.uint8)
    rest = np.zeros(size - rows * used, np.uint8)
    return Split(_header(payload, geometry), samples, rest)


def join(split: Split, geometry: ImageGeometry) -> bytes:
    """Undo `split`."""
    rows = split.samples.shape[0]
    used = geometry.stride - geometry.padding
    if geometry.bits == 1:
        inside = np.packbits(split.samples[:, 0], axis=1)
    else:
        pixels = _restore_colours(split.header, _from_planes(split.samples, geometry))
        kind = "u1" if geometry.bits == 8 else ">u2" if geometry.big_endian else "<u2"
        inside = np.ascontiguousarray(pixels.astype(kind)).view(np.uint8).reshape(rows, used)
    padding = split.rest[: rows * geometry.padding].reshape(rows, geometry.padding)
    tail = split.rest[padding.size :]
    return np.concatenate([inside, padding], axis=1).tobytes() + tail.tobytes()


def _to_planes(pixels: colour.Samples) -> NDArray[np.uint8]:
    """(rows, width, channels) to (rows, planes, width): of 16-bit samples high bytes, low bytes."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels.transpose(0, 2, 1))
    halves = np.stack([pixels >> 8, pixels & 255], axis=3).astype(np.uint8)
    rows, width, channels, _ = halves.shape
    return np.ascontiguousarray(halves.transpose(0, 2, 3, 1)).reshape(rows, 2 * channels, width)


def _from_planes(planes: NDArray[np.uint8], geometry: ImageGeometry) -> colour.Samples:
    if geometry.bits == 8:
        return np.ascontiguousarray(planes.transpose(0, 2, 1))
    return _wide(planes)


def _wide(planes: NDArray[np.uint8]) -> NDArray[np.uint16]:
    wide = planes[:, ::2].astype(np.uint16) << 8 | planes[:, 1::2]
    return np.ascontiguousarray(wide.transpose(0, 2, 1))


def _change_colours(pixels: colour.Samples) -> tuple[bytes, colour.Samples]:
    """The header, and the pixels in the colours that promise the smallest planes."""
    if pixels.shape[2] < 3 or not pixels.size:
        return bytes([Colour.PLAIN]), pixels
    if pixels.dtype == np.uint8:
        for kind in (Colour.YCC, Colour.YCC_REVERSED):
            made = colour.to_ycc(pixels, kind == Colour.YCC_REVERSED)
            if made is not None and _cost(made[0]) < _cost(pixels):
                return bytes([kind]) + made[1], made[0]
    green = colour.to_green(pixels)
    if _cost(green) < _cost(pixels):
        return bytes([Colour.GREEN]), green
    return bytes([Colour.PLAIN]), pixels


def _cost(pixels: colour.Samples) -> int:
    """Roughly the 16ths of bits that pixels take, from a sample of rows: only to compare.

    The logarithm is a whole part and a linear rest, in integers: the choice must be the same
    on every machine, or one picture would make two archives.
    """
    step = max(pixels.shape[0] // 64, 1)
    rows = np.arange(1, pixels.shape[0], step)
    here, above = pixels[rows].astype(np.int32), pixels[rows - 1].astype(np.int32)
    error = here[:, 1:] - here[:, :-1] - above[:, 1:] + above[:, :-1]
    half = 1 << (8 * pixels.itemsize - 1)
    error = (error + half) % (2 * half) - half
    size = 1 + np.abs(error).astype(np.int64)
    whole = np.frexp(size.astype(np.float64))[1].astype(np.int64) - 1  # exact
    return int((16 * whole + (16 * size >> whole)).sum())


def _header(payload: bytes, geometry: ImageGeometry) -> bytes:
    if geometry.bits == 1:
        return b""
    kind = payload[0] if payload else len(Colour)
    if geometry.bits == 16:
        kind &= ~DIFFERENCES
    if kind >= len(Colour):
        raise FormatError("damaged: the colours of a picture are unknown")
    if kind != Colour.PLAIN and geometry.channels < 3:
        raise FormatError("damaged: a picture without colours has them changed")
    if kind < Colour.YCC:
        return payload[:1]
    if geometry.bits != 8:
        raise FormatError("damaged: luma and chroma of 16 bits are unknown")
    length = 5 + 7 * int.from_bytes(payload[1:5], "little")
    if length > len(payload):
        raise FormatError("payload is damaged: it ends before its last symbol")
    return payload[:length]


def _restore_colours(header: bytes, planes: colour.Samples) -> colour.Samples:
    kind = Colour(header[0] & ~DIFFERENCES)
    if header[0] & DIFFERENCES:
        planes = differences.change(planes.astype(np.uint16), undo=True)
    if kind == Colour.PLAIN:
        return planes
    if kind == Colour.GREEN:
        return colour.from_green(planes)
    narrow = planes.astype(np.uint8)
    return colour.from_ycc(narrow, header[1:], kind == Colour.YCC_REVERSED)
