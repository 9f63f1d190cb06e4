"""Coder 10: JPEG files, through the package `lepton_jpeg_python`."""

from __future__ import annotations

from typing import Any

from edgezip.container import constants as c
from edgezip.container import varint
from edgezip.errors import FormatError, PackageError, TruncatedError
from edgezip.pipeline import jpegs
from edgezip.pipeline.coders.coder import Coder, Encoded, Progress, Start
from edgezip.pipeline.context import Context


def encode(data: bytes, settings: Any, context: Context, progress: Progress) -> Encoded:
    """As `Encode`; `data` is whole JPEGs, one behind the other, and there are no settings.

    Params: the version of the package, a byte for each number.
    """
    sizes: list[int] = []
    parts: list[bytes] = []
    position = 0
    while position < len(data):
        end = jpegs.end_of(data, position, len(data))
        jpeg = data[position:end]
        packed = jpegs.pack(jpeg)
        sizes += [len(jpeg), len(packed or b"")]
        parts.append(jpeg if packed is None else packed)
        progress(len(jpeg))
        position = end
    numbers = [min(int(number), 255) for number in jpegs.version().split(".")]
    return Encoded(varint.encode_all(len(parts), *sizes) + b"".join(parts), bytes(numbers))


def decode(payload: bytes, params: bytes, size: int, context: Context, progress: Progress) -> bytes:
    """As `Decode`.

    Raises:
        PackageError: the package is not installed.
    """
    made_by = _made_by(params)
    entries, position = _entries(payload)
    if sum(raw for raw, _ in entries) != size:
        raise FormatError("damaged: JPEGs do not add up to the size of the channel")
    parts = []
    for raw, packed in entries:
        piece = payload[position : position + (packed or raw)]
        position += packed or raw
        jpeg = jpegs.unpack(piece, raw) if packed else piece
        if jpeg is None or len(jpeg) != raw:
            raise FormatError(
                f"damaged: a JPEG that {jpegs.PACKAGE} {jpegs.version()} does not decode; it was"
                f" packed by {made_by}"
            )
        parts.append(jpeg)
        progress(raw)
    if position != len(payload):
        raise FormatError("damaged: something behind the last JPEG of a channel")
    return b"".join(parts)


def start(payload: bytes, params: bytes, size: int, context: Context, progress: Progress) -> Start:
    """As `Coder.start`: the first JPEGs."""
    _made_by(params)
    entries, position = _entries(payload)
    parts = []
    for raw, packed in entries:
        piece = payload[position : position + (packed or raw)]
        position += packed or raw
        if position > len(payload):
            break
        jpeg = jpegs.unpack(piece, raw) if packed else piece
        if jpeg is None or len(jpeg) != raw:
            break
        parts.append(jpeg)
    return Start.first(b"".join(parts)[:size])


def _made_by(params: bytes) -> str:
    if len(params) != 3:
        raise FormatError("damaged: a JPEG channel without the version it was made by")
    made_by = ".".join(map(str, params))
    if not jpegs.installed():
        raise PackageError(
            f"there are JPEGs in the file, and the package {jpegs.PACKAGE} {made_by} is not"
            " installed: pip install 'edgezip[jpeg]'"
        )
    return made_by


def _entries(payload: bytes) -> tuple[list[tuple[int, int]], int]:
    """Raw and packed size of each JPEG, and where the first begins."""
    try:
        count, position = varint.decode(payload, 0)
        if count > len(payload):
            raise FormatError("damaged: more JPEGs than bytes")
        entries = []
        for _ in range(count):
            raw, position = varint.decode(payload, position)
            packed, position = varint.decode(payload, position)
            entries.append((raw, packed))
    except TruncatedError as error:
        raise FormatError("damaged: a list of JPEGs that ends inside a number") from error
    return entries, position


JPEG = Coder(c.JPEG, encode, decode, start)
