"""JPEG, baseline and progressive."""

from __future__ import annotations

from edgezip.pipeline import jpegs
from edgezip.pipeline.detect.content import JPEG as CONTENT
from edgezip.pipeline.detect.content import Found
from edgezip.pipeline.detect.formats.format import SEARCHED, File, Format


def parse(file: File) -> list[Found]:
    """As `Format.parse`; the whole file is one piece, previews inside of it with it."""

    def passed(count: int) -> None:
        file.budget.spend(1 + count // SEARCHED)

    end = jpegs.end_of(file.data, file.start, file.end, passed)
    return [Found(file.start, end - file.start, CONTENT)]


JPEG = Format("jpeg", rb"\xff\xd8\xff", parse)
