"""Reversible changes of colour, chosen for every picture."""

from __future__ import annotations

import itertools
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from edgezip.errors import FormatError

Samples = NDArray[np.uint8] | NDArray[np.uint16]
"""(rows, width, channels)."""


class Colour(IntEnum):
    """What the planes of a picture are; green is channel 1 of both RGB and BGR.

    GREEN: green, then the others minus green. YCC and YCC_REVERSED: the luma and chroma that a
    JPEG decoder made RGB, or BGR, of.
    """

    PLAIN = 0
    GREEN = 1
    YCC = 2
    YCC_REVERSED = 3


_MOST_EXCEPTIONS = 256
"""YCC is not used when more than one pixel in so many has no such colour."""
_PROBE = 4096
"""Pixels that are looked at first."""


def to_green(samples: Samples) -> Samples:
    """Green, then the differences of the channels around to it, modulo the range, zero in its
    middle; a fourth channel stays."""
    out = np.empty_like(samples)
    middle = samples.dtype.type(1 << (8 * samples.itemsize - 1))
    out[..., 0] = samples[..., 1]
    for at, channel in ((1, 0), (2, 2)):
        out[..., at] = samples[..., channel] - samples[..., 1] + middle
    out[..., 3:] = samples[..., 3:]
    return out


def from_green(planes: Samples) -> Samples:
    """Undo `to_green`."""
    out = np.empty_like(planes)
    middle = planes.dtype.type(1 << (8 * planes.itemsize - 1))
    out[..., 1] = planes[..., 0]
    for at, channel in ((1, 0), (2, 2)):
        out[..., channel] = planes[..., at] + planes[..., 0] - middle
    out[..., 3:] = planes[..., 3:]
    return out


def ycc_to_rgb(
    y: NDArray[np.int32], cb: NDArray[np.int32], cr: NDArray[np.int32]
) -> list[NDArray[np.int32]]:
    """Red, green and blue as a JPEG decoder with 16 fraction bits makes them (ITU-T T.871)."""
    cb, cr = cb - 128, cr - 128
    red = y + ((91881 * cr + 32768) >> 16)
    green = y + ((-22554 * cb - 46802 * cr + 32768) >> 16)
    blue = y + ((116130 * cb + 32768) >> 16)
    return [np.clip(channel, 0, 255) for channel in (red, green, blue)]


def _nearby() -> list[tuple[int, ...]]:
    """Small steps, the smallest first."""
    steps = itertools.product(range(-2, 3), repeat=3)
    return sorted(steps, key=lambda step: (sum(part * part for part in step), step))


def _search(pixels: NDArray[np.int32]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Luma and chroma, (n, 3), that give `pixels`, (n, 3) RGB; and the places where none was
    found."""
    red, green, blue = pixels.T
    y = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    cb = 128 + ((36984 * (blue - y) + 32768) >> 16)
    cr = 128 + ((46745 * (red - y) + 32768) >> 16)
    found = np.clip(np.stack([y, cb, cr], 1), 0, 255)
    guess = found.copy()
    left = np.arange(len(pixels))
    for step in _nearby():
        tried = np.clip(guess[left] + np.array(step, np.int32), 0, 255)
        right = (np.stack(ycc_to_rgb(*tried.T), 1) == pixels[left]).all(1)
        found[left[right]] = tried[right]
        left = left[~right]
        if not left.size:
            break
    return found.astype(np.uint8), left


def to_ycc(samples: Samples, reverse: bool) -> tuple[NDArray[np.uint8], bytes] | None:
    """Luma, chroma and whatever is behind, and the exceptions; None if the picture was not made
    that way."""
    order = [2, 1, 0] if reverse else [0, 1, 2]
    pixels = samples.reshape(-1, samples.shape[2])
    probe = pixels[:: max(len(pixels) // _PROBE, 1), order].astype(np.int32)
    if len(_search(probe)[1]) * _MOST_EXCEPTIONS > len(probe):
        return None
    out, missing = pixels.astype(np.uint8), []
    block = 1 << 18
    for start in range(0, len(pixels), block):
        part = pixels[start : start + block, order].astype(np.int32)
        out[start : start + block, :3], left = _search(part)
        missing.append(left + start)
    places = np.concatenate(missing)
    if len(places) * _MOST_EXCEPTIONS > len(pixels):
        return None
    gaps = np.diff(places, prepend=0)
    extra = b"".join(
        int(gap).to_bytes(4, "little") + bytes(pixels[place, order])
        for gap, place in zip(gaps, places, strict=True)
    )
    return out.reshape(samples.shape), len(places).to_bytes(4, "little") + extra


def from_ycc(planes: NDArray[np.uint8], extra: bytes, reverse: bool) -> NDArray[np.uint8]:
    """Undo `to_ycc`."""
    order = [2, 1, 0] if reverse else [0, 1, 2]
    out = planes.copy()
    pixels = out.reshape(-1, planes.shape[2])
    block = 1 << 18
    for start in range(0, len(pixels), block):
        part = pixels[start : start + block]
        made = np.stack(ycc_to_rgb(*part[:, :3].T.astype(np.int32)), 1)
        part[:, order] = made
    place = 0
    for at in range(4, len(extra), 7):
        place += int.from_bytes(extra[at : at + 4], "little")
        if place >= len(pixels):
            raise FormatError("damaged: an exception of a picture's colours lies outside")
        pixels[place, order] = list(extra[at + 4 : at + 7])
    return out
