"""Pictures made by formulas: of photographs the shape, of screens and drawings the sharp edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def photo(width: int, height: int, channels: int = 3, seed: int = 1, noise: float = 2) -> Pixels:
    """(height, width, channels): smooth shapes with edges, correlated channels, noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = 120 + 50 * np.sin(x / 17 + seed) * np.cos(y / 23) + 30 * ((x + 2 * y) % 90 > 45)
    made = [
        base * (1 - c / 8) + 15 * np.sin(y / 31 + c) + rng.normal(0, noise, base.shape)
        for c in range(channels)
    ]
    result: Pixels = np.clip(np.stack(made, 2), 0, 255).astype(np.uint8)
    return result


def heights(width: int, height: int, channels: int = 1) -> NDArray[np.uint16]:
    """(height, width, channels), 16 bits: smooth and steep, known to a few units."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:height, 0:width]
    made = [
        32000
        + 14000 * np.sin(x / 9 + y / 21 + c) * np.cos(y / 13)
        + 900 * c
        + rng.normal(0, 6, x.shape)
        for c in range(channels)
    ]
    return np.stack(made, 2).astype(np.uint16)


def screen(width: int, height: int, channels: int = 3) -> Pixels:
    """(height, width, channels): flat areas, frames and rows of small marks like text."""
    y, x = np.mgrid[0:height, 0:width]
    ink = ((x * 7 + y // 12 * 13) % 5 < 2) & (y % 12 < 8) & (x % 8 < 5) & (x % 61 > 9)
    frame = (x % 120 == 0) | (y % 90 == 0)
    made = [np.where(frame, 90 + c, np.where(ink, 20 * c, 235 - c)) for c in range(channels)]
    return np.stack(made, 2).astype(np.uint8)


def through_ycc(pixels: Pixels) -> Pixels:
    """The picture as a JPEG decoder would have made it: RGB that comes from luma and chroma."""
    red, green, blue = pixels.astype(np.float64).transpose(2, 0, 1)
    y = np.round(0.299 * red + 0.587 * green + 0.114 * blue).astype(np.int64)
    cb = np.round((blue - y) / 1.772).astype(np.int64)
    cr = np.round((red - y) / 1.402).astype(np.int64)
    made = [
        y + ((91881 * cr + 32768) >> 16),
        y + ((-22554 * cb - 46802 * cr + 32768) >> 16),
        y + ((116130 * cb + 32768) >> 16),
    ]
    result: Pixels = np.clip(np.stack(made, 2), 0, 255).astype(np.uint8)
    return result
