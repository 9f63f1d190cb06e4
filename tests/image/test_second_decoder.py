"""docs/media.md says enough: a decoder written from it reads what the codec writes."""

from __future__ import annotations

import numpy as np
import pytest

from edgezip.coding.image import codec
from edgezip.coding.image.geometry import ImageGeometry

from .pictures import photo, screen, through_ycc
from .second_decoder import Picture

PICTURES = {
    "gray": (photo(16, 12, 1), 1),
    "luma and chroma": (through_ycc(photo(9, 8)), 1),
    "strong": (photo(8, 7, 3), 2),
    "fast, alpha": (photo(8, 8, 4), 0),
    "a screen": (screen(16, 10, 3)[2:], 1),
}


@pytest.mark.parametrize("name", PICTURES)
def test_both_decoders_agree(name: str) -> None:
    pixels, level = PICTURES[name]
    height, width, channels = pixels.shape
    payload = codec.encode(pixels.tobytes(), ImageGeometry(width, channels), level)
    made = Picture(payload, pixels.size, level, width, channels).decode()
    assert np.array_equal(np.frombuffer(made, np.uint8).reshape(pixels.shape), pixels)
    assert height
