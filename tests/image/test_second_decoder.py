"""docs/media.md says enough: a decoder written from it reads what the codec writes."""

from __future__ import annotations

import numpy as np
import pytest

from edgezip.coding.image import codec
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.coding.image.planes import Split, as_differences

from .pictures import heights, photo, screen, through_ycc
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


WIDE = {
    "gray": (heights(14, 10), 1, 0),
    "less green": (heights(8, 7, 3), 1, 1),
    "colours, fast": (heights(9, 8, 3) ^ np.array([0, 65535, 0], np.uint16), 0, 0),
    "two channels, strong": (heights(7, 6, 2), 2, 0),
}


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("name", WIDE)
def test_both_decoders_agree_on_16_bits(
    name: str, changed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, level, colours = WIDE[name]
    _, width, channels = pixels.shape
    data = pixels.astype("<u2").tobytes()

    def chosen(split: Split, *arguments: object) -> Split:
        return as_differences(split) if changed else split

    monkeypatch.setattr(codec, "_smaller", chosen)
    payload = codec.encode(data, ImageGeometry(width, channels, 16), level)
    assert payload[0] == 4 * changed + colours
    assert Picture(payload, len(data), level, width, channels, wide=True).decode() == data
