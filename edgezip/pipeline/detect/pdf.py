"""Finds out from the dictionary of a stream of a PDF whether it holds a picture."""

from __future__ import annotations

import contextlib
import re

from edgezip.coding.image.geometry import ImageGeometry
from edgezip.errors import SettingsError

_HEAD = 800
"""Bytes before a stream in which its dictionary is looked for."""
_NUMBER = re.compile(rb"/(Width|Height|BitsPerComponent|Predictor)\s*(\d{1,7})")
_PNG = 10
"""Predictors from this one on are the filters of PNG."""


def picture_before(data: bytes, start: int, size: int) -> tuple[ImageGeometry, bool] | None:
    """The layout of the picture of `size` bytes whose stream begins at `start`, if what stands
    before it tells of one, of 1 or 8 bits (ISO 32000-1, 7.4.4.4 and 8.9.5), and whether a filter of
    PNG stands before each row. How many channels there are follows from the size."""
    head = data[max(start - _HEAD, 0) : start]
    head = head[head.rfind(b"obj") + 1 :]
    numbers = {key: int(value) for key, value in _NUMBER.findall(head)}
    width, height = numbers.get(b"Width", 0), numbers.get(b"Height", 0)
    depth = numbers.get(b"BitsPerComponent", 1 if b"/ImageMask" in head else 0)
    predictor = numbers.get(b"Predictor", 1)
    filtered = predictor >= _PNG
    if not width or not height or 1 < predictor < _PNG:
        return None
    for channels in (1, 3, 4) if depth == 8 else (1,):
        palette = depth == 8 and channels == 1 and b"/Indexed" in head
        with contextlib.suppress(SettingsError):
            geometry = ImageGeometry(width, channels, depth, palette=palette)
            if (geometry.stride + filtered) * height == size:
                return geometry, filtered
    return None
