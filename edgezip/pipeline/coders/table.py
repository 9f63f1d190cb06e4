"""The table of coders. Repeats are not among them: `layout` puts them in their place."""

from __future__ import annotations

from edgezip.errors import UnsupportedError
from edgezip.pipeline.coders.audio import AUDIO
from edgezip.pipeline.coders.bzip2 import BZIP2
from edgezip.pipeline.coders.coder import Coder
from edgezip.pipeline.coders.deflate import DEFLATE
from edgezip.pipeline.coders.image import IMAGE
from edgezip.pipeline.coders.jpeg import JPEG
from edgezip.pipeline.coders.language import MIXED, PLAIN
from edgezip.pipeline.coders.lzma1 import LZMA
from edgezip.pipeline.coders.mixing import MIXING
from edgezip.pipeline.coders.nested import NESTED
from edgezip.pipeline.coders.stored import STORED
from edgezip.pipeline.detect.content import Kind

CLASSICAL = (DEFLATE, BZIP2, LZMA)
"""From the standard library; each is tried, ties go to the first."""

MEDIA: dict[Kind, Coder] = {Kind.IMAGE: IMAGE, Kind.AUDIO: AUDIO, Kind.JPEG: JPEG}
"""Coders of pictures and sound, by what is looked for."""

TABLE: dict[int, Coder] = {
    coder.number: coder
    for coder in (STORED, *CLASSICAL, PLAIN, MIXING, MIXED, NESTED, *MEDIA.values())
}


def coder_of(number: int) -> Coder:
    """The coder with this number.

    Raises:
        UnsupportedError: there is none.
    """
    if number not in TABLE:
        raise UnsupportedError(f"coder {number} is not supported; use a newer edgezip")
    return TABLE[number]
