"""Coder 2: bzip2."""

from __future__ import annotations

import bz2

from edgezip.container import constants as c
from edgezip.pipeline.coders.classical import classical_coder

BZIP2 = classical_coder(
    c.BZIP2, lambda size: bz2.BZ2Compressor(9), lambda size: bz2.BZ2Decompressor(), OSError
)
