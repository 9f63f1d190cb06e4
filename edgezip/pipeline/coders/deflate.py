"""Coder 1: raw deflate of zlib."""

from __future__ import annotations

import zlib

from edgezip.container import constants as c
from edgezip.pipeline.coders.classical import classical_coder

DEFLATE = classical_coder(
    c.DEFLATE,
    lambda size: zlib.compressobj(9, zlib.DEFLATED, -15, 9),
    lambda size: zlib.decompressobj(-15),
    zlib.error,
)
