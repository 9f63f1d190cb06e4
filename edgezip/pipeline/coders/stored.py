"""Coder 0: the bytes as they are."""

from __future__ import annotations

from typing import Any

from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline.coders.coder import Coder, Encoded, Progress, Start
from edgezip.pipeline.context import Context


def encode(data: bytes, settings: Any, context: Context, progress: Progress) -> Encoded:
    """As `Encode`; there are no settings."""
    progress(len(data))
    return Encoded(data)


def decode(payload: bytes, params: bytes, size: int, context: Context, progress: Progress) -> bytes:
    """As `Decode`."""
    if params or len(payload) != size:
        raise FormatError("damaged: stored data of another size than stated, or with params")
    progress(size)
    return payload


def start(payload: bytes, params: bytes, size: int, context: Context, progress: Progress) -> Start:
    """As `Coder.start`."""
    return Start.first(payload[:size])


STORED = Coder(c.STORED, encode, decode, start)
