"""Coder 7: pictures."""

from __future__ import annotations

from edgezip.coding.image.geometry import ImageGeometry
from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline import selftest
from edgezip.pipeline.coders.coder import Coder, Encoded, MediaSettings, Progress, Start
from edgezip.pipeline.context import Context


def encode(data: bytes, settings: MediaSettings, context: Context, progress: Progress) -> Encoded:
    """As `Encode`. Params: the level, the layout of the samples."""
    from edgezip.coding.image import codec  # kernels, which few files need

    geometry: ImageGeometry = settings.geometry
    selftest.before_encoding(c.IMAGE, geometry.bits)
    payload = codec.encode(data, geometry, settings.level, progress)
    return Encoded(payload, bytes([settings.level]) + geometry.to_bytes())


def decode(payload: bytes, params: bytes, size: int, context: Context, progress: Progress) -> bytes:
    """As `Decode`."""
    from edgezip.coding.image import codec

    return codec.decode(payload, size, _geometry(params), params[0], progress)


def start(payload: bytes, params: bytes, size: int, context: Context, progress: Progress) -> Start:
    """As `Coder.start`."""
    from edgezip.coding.image import codec

    data, settled = codec.decode_start(payload, size, _geometry(params), params[0])
    return Start(data, ((0, settled),))


def _geometry(params: bytes) -> ImageGeometry:
    from edgezip.coding.image import codec

    if not params or params[0] >= len(codec.LEVELS):
        raise FormatError("damaged: a picture without params, or of an unknown level")
    geometry = ImageGeometry.from_bytes(params[1:])
    selftest.before_decoding(c.IMAGE, geometry.bits)
    return geometry


IMAGE = Coder(c.IMAGE, encode, decode, start)
