"""JPEG, baseline and progressive."""

from __future__ import annotations

from edgezip.pipeline import jpegs
from edgezip.pipeline.detect.content import JPEG as CONTENT
from edgezip.pipeline.detect.content import Found
from edgezip.pipeline.detect.formats.format import Format


def parse(data: bytes, start: int, end: int) -> list[Found]:
    """As `Format.parse`; the whole file is one piece, previews inside of it with it."""
    return [Found(start, jpegs.end_of(data, start, end) - start, CONTENT)]


JPEG = Format("jpeg", rb"\xff\xd8\xff", parse)
