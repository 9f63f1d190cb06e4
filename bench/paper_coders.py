"""The coders of `bench.paper` that are no language models: classical ones, edgezip's own."""

from __future__ import annotations

import gzip
import io
import lzma
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.paper_data import CHUNK, PATCH, Column
from edgezip import api
from edgezip.coding.audio import codec as sound_codec
from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.audio.levels import DEFAULT as SOUND_DEFAULT
from edgezip.coding.audio.levels import LEVELS as SOUND_LEVELS
from edgezip.coding.image import codec as image_codec
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.pipeline.options import PackOptions

_SOUND = AudioGeometry(1, 8, signed=False)
_PATCH = ImageGeometry(PATCH[1])


@dataclass(frozen=True)
class Coder:
    """encode, and decode, which gets the size too. columns: those it is for. chunked: whether it is
    measured on chunks as well as on the whole."""

    name: str
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes, int], bytes]
    columns: tuple[str, ...] = ("text", "images", "audio", "random")
    chunked: bool = True


@dataclass(frozen=True)
class Sizes:
    """paper: each chunk without what the coder makes of one zero byte, as the paper counts.
    stored: all bytes, which were decoded and compared if `decoded`."""

    paper: int
    stored: int
    decoded: bool


def measure(coder: Coder, column: Column, chunked: bool) -> Sizes:
    """Sizes of a column in chunks or whole."""
    parts = column.chunks() if chunked else [column.data]
    packed = [coder.encode(part) for part in parts]
    sound = all(
        coder.decode(small, len(part)) == part for small, part in zip(packed, parts, strict=True)
    )
    stored = sum(map(len, packed))
    try:
        header = len(coder.encode(b"\0"))
    except Exception:  # a coder that cannot take a single byte has no header to speak of
        header = 0
    return Sizes(stored - header * len(parts), stored, sound)


def _xz(data: bytes) -> bytes:
    """As `xz -9e`; a dictionary longer than the data would only take time to be cleared."""
    size = max(1 << 12, 1 << len(data).bit_length())
    chosen = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": size}
    return lzma.compress(data, filters=[chosen])


def _png(shape: Callable[[int], tuple[int, int]]) -> Callable[[bytes], bytes]:
    def encode(data: bytes) -> bytes:
        from PIL import Image

        out = io.BytesIO()
        Image.frombytes("L", shape(len(data)), data).save(out, "PNG", optimize=True)
        return out.getvalue()

    return encode


def _from_png(packed: bytes, size: int) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(packed)) as opened:
        return bytes(np.asarray(opened).tobytes())


def _closest(size: int) -> tuple[int, int]:
    """(width, height) as the paper's code has them: the two closest factors, the smaller first."""
    small = next(n for n in range(int(size**0.5), 0, -1) if size % n == 0)
    return small, size // small


def _patch_wide(size: int) -> tuple[int, int]:
    return (PATCH[1], size // PATCH[1]) if size % PATCH[1] == 0 else (size, 1)


def _flac(data: bytes) -> bytes:
    raw = ("--force-raw-format", "--endian=little", "--sign=unsigned", "--channels=1", "--bps=8")
    quiet = ("-8", "-e", "-p", "--no-padding", "--no-seektable", "-s", "--sample-rate=16000")
    done = subprocess.run(
        ["flac", *quiet, *raw, "-c", "-"], input=data, capture_output=True, check=True
    )
    return done.stdout


def _from_flac(packed: bytes, size: int) -> bytes:
    raw = ("--force-raw-format", "--endian=little", "--sign=unsigned")
    done = subprocess.run(
        ["flac", "-d", "-s", *raw, "-c", "-"], input=packed, capture_output=True, check=True
    )
    return done.stdout


def _image(level: int) -> Coder:
    return Coder(
        f"edgezip image coder, {('fast', 'default', 'strong')[level]}",
        lambda data: image_codec.encode(data, _PATCH, level),
        lambda packed, size: image_codec.decode(packed, size, _PATCH, level),
        ("images",),
        chunked=level == image_codec.DEFAULT,
    )


def _sound(level: int) -> Coder:
    return Coder(
        f"edgezip audio coder, {('fast', 'default', 'strong')[level]}",
        lambda data: sound_codec.encode(data, _SOUND, level),
        lambda packed, size: sound_codec.decode(packed, size, _SOUND, level),
        ("audio",),
        chunked=False,
    )


def _mixing() -> Coder:
    options = PackOptions(model="none")
    return Coder(
        "edgezip, no model",
        lambda data: api.compress_bare(data, options=options),
        lambda packed, size: api.decompress_bare(packed, size, options=options),
    )


def coders() -> list[Coder]:
    """All that this machine has."""
    found = [
        _image(image_codec.DEFAULT),
        _sound(SOUND_DEFAULT),
        Coder(
            "gzip",
            lambda data: gzip.compress(data, 9, mtime=0),
            lambda packed, size: gzip.decompress(packed),
        ),
        Coder(
            "LZMA2",
            _xz,
            lambda packed, size: lzma.decompress(packed),
        ),
        Coder("PNG, the paper's width", _png(_closest), _from_png),
        Coder("PNG, 64 wide", _png(_patch_wide), _from_png, ("images",)),
    ]
    if shutil.which("flac"):
        found.append(Coder("FLAC", _flac, _from_flac, ("images", "audio", "random")))
    return [*found, _mixing(), _image(image_codec.STRONG), _sound(len(SOUND_LEVELS) - 1)]


def sixteen_bits(samples: list[bytes]) -> dict[str, tuple[int, int]]:
    """Whole recordings of 16 bits: raw and coded bytes by coder, each file for itself."""
    geometry = AudioGeometry(1, 16)
    raw = sum(map(len, samples))
    sums: dict[str, tuple[int, int]] = {}
    for level in range(1, len(SOUND_LEVELS)):
        packed = [sound_codec.encode(one, geometry, level) for one in samples]
        for small, one in zip(packed, samples, strict=True):
            if sound_codec.decode(small, len(one), geometry, level) != one:
                raise SystemExit("a recording of 16 bits came back wrong")
        name = f"edgezip audio coder, {('fast', 'default', 'strong')[level]}"
        sums[name] = raw, sum(map(len, packed))
    return sums


__all__ = ["CHUNK", "Coder", "Sizes", "coders", "measure", "sixteen_bits"]
