"""Coder 5: context mixing without a language model."""

from __future__ import annotations

from edgezip.coding.mixing.bytecodec import cm_decode, cm_encode, cm_start
from edgezip.coding.mixing.params import MixParams
from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline import selftest
from edgezip.pipeline.coders.coder import Coder, Encoded, Progress, Start
from edgezip.pipeline.context import Context


def encode(data: bytes, settings: MixParams, context: Context, progress: Progress) -> Encoded:
    """As `Encode`; `settings` are absent from the params where they follow from the sizes."""
    selftest.before_encoding(c.CM, settings.profile)
    payload = cm_encode(data, settings, context.prime, progress)
    implied = settings == MixParams.for_size(len(data) + len(context.prime))
    return Encoded(payload, b"" if implied else settings.to_bytes())


def decode(payload: bytes, params: bytes, size: int, context: Context, progress: Progress) -> bytes:
    """As `Decode`."""
    settings = _settings(params, size, context)
    return cm_decode(payload, size, settings, context.prime, progress)


def start(payload: bytes, params: bytes, size: int, context: Context, progress: Progress) -> Start:
    """As `Coder.start`."""
    settings = _settings(params, size, context)
    return Start.first(cm_start(payload, size, settings, context.prime, progress))


def _settings(params: bytes, size: int, context: Context) -> MixParams:
    settings = implied = MixParams.for_size(size + len(context.prime))
    if params:
        settings = MixParams.from_bytes(params)
        if settings == implied:
            raise FormatError("damaged: mixing params that repeat their default")
    selftest.before_decoding(c.CM, settings.profile)
    return settings


MIXING = Coder(c.CM, encode, decode, start)
