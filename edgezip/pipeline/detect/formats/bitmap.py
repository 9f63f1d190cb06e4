"""Pictures of black and white without any header, such as fax pages: what gives them away is that
most bytes are plain white or black, and that the row above is like the row below.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgezip.coding.image.geometry import ImageGeometry
from edgezip.pipeline.detect.content import Content, Found
from edgezip.pipeline.detect.formats.format import File, Format, expect

_SMALLEST = 4096
"""Bytes of a picture: in fewer, chance decides which width looks best."""
_ROWS = (8, 1024)
"""Bytes of a row, from and below: pictures of 64 to 8184 pixels in a row."""
_SAMPLE = 64 << 10
"""Bytes that are compared with those before them, in the middle of the file."""
_PLAIN = 60
"""Percent of the bytes that must be plain white or black, but not all."""
_ALIKE = 80
"""Percent of the usual number of bytes that may differ at the distance of a row."""


def parse(file: File) -> list[Found]:
    """As `Format.parse`. There is neither signature nor size: all rows there are."""
    size = min(file.end, len(file.data)) - file.start
    expect(size >= _SMALLEST, "size")
    behind = min(_ROWS[1], size // 4)
    middle = file.start + max((size - _SAMPLE - behind) // 2, 0)
    sample = np.frombuffer(file.data, np.uint8, min(_SAMPLE + behind, size), middle)
    plain = int(np.count_nonzero((sample == 0) | (sample == 255)))
    expect(_PLAIN * sample.size < 100 * plain < 100 * sample.size, "white and black")
    row = _row(sample, behind)
    geometry = ImageGeometry(8 * row, 1, 1)
    return [Found(file.start, size // row * row, Content.image(geometry))]


def _row(sample: NDArray[np.uint8], behind: int) -> int:
    """The distance at which fewest bytes differ."""
    now = sample[behind:]
    distances = range(_ROWS[0], behind)
    differ = [int(np.count_nonzero(now != sample[behind - d : sample.size - d])) for d in distances]
    least = min(differ)
    expect(100 * least < _ALIKE * sorted(differ)[len(differ) // 2], "rows that are alike")
    return distances[differ.index(least)]


BITMAP = Format("bitmap", None, parse)
