"""The table of transforms."""

from __future__ import annotations

from edgezip.container import constants as c
from edgezip.errors import UnsupportedError
from edgezip.pipeline.transforms import lineends
from edgezip.pipeline.transforms.transform import Transform

LINE_ENDS = Transform(c.LINE_ENDS, lineends.shorten, lineends.restore)

TRANSFORMS: dict[int, Transform] = {transform.number: transform for transform in (LINE_ENDS,)}


def transform_of(number: int) -> Transform:
    """The transform with this number.

    Raises:
        UnsupportedError: there is none.
    """
    if number not in TRANSFORMS:
        raise UnsupportedError(f"transform {number} is not supported; use a newer edgezip")
    return TRANSFORMS[number]
