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

from bench.paper_data import KINDS, PATCH, SIXTEEN, Column
from edgezip import api
from edgezip.coding.audio import codec as sound_codec
from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.audio.levels import DEFAULT as SOUND_DEFAULT
from edgezip.coding.audio.levels import LEVELS as SOUND_LEVELS
from edgezip.coding.image import codec as image_codec
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.pipeline.options import PackOptions

_EIGHT = AudioGeometry(1, 8, signed=False)
_SIXTEEN = AudioGeometry(1, 16)
_PATCH = ImageGeometry(PATCH[1])


@dataclass(frozen=True)
class Coder:
    """encode, and decode, which gets the size too. columns: those it is for. chunked: whether it is
    measured on chunks as well as on the whole. code: edgezip's coders in it, as
    known_payloads.json names them."""

    name: str
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes, int], bytes]
    columns: tuple[str, ...] = (*KINDS, SIXTEEN)
    chunked: bool = True
    code: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sizes:
    """paper: each chunk without what the coder makes of one zero byte, as the paper counts.
    stored: all bytes, which were decoded and compared if `decoded`."""

    paper: int
    stored: int
    decoded: bool


def measure(coder: Coder, column: Column, chunked: bool) -> Sizes:
    """Sizes of a column in chunks or whole."""
    parts = column.chunks() if chunked else list(column.files) or [column.data]
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
    """LZMA2 as of xz -9e; a dictionary longer than the data would only take time to be cleared."""
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


def _flac(bits: int, columns: tuple[str, ...]) -> Coder:
    sign = "unsigned" if bits == 8 else "signed"
    raw = ["--force-raw-format", "--endian=little", f"--sign={sign}"]
    shape = ["--channels=1", f"--bps={bits}", "--sample-rate=16000"]
    quiet = ["-8", "-e", "-p", "--no-padding", "--no-seektable", "-s"]

    def run(arguments: list[str], data: bytes) -> bytes:
        command = ["flac", *arguments, "-c", "-"]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout

    return Coder(
        "FLAC",
        lambda data: run([*quiet, *raw, *shape], data),
        lambda packed, size: run(["-d", "-s", *raw], packed),
        columns,
    )


def _image(level: int) -> Coder:
    return Coder(
        f"edgezip image coder, {('fast', 'default', 'strong')[level]}",
        lambda data: image_codec.encode(data, _PATCH, level),
        lambda packed, size: image_codec.decode(packed, size, _PATCH, level),
        ("images",),
        chunked=level == image_codec.DEFAULT,
        code=("image-8",),
    )


def _sound(level: int, geometry: AudioGeometry, kind: str) -> Coder:
    return Coder(
        f"edgezip audio coder, {('fast', 'default', 'strong')[level]}",
        lambda data: sound_codec.encode(data, geometry, level),
        lambda packed, size: sound_codec.decode(packed, size, geometry, level),
        (kind,),
        chunked=False,
        code=("audio",),
    )


def _mixing() -> Coder:
    options = PackOptions(model="none")
    return Coder(
        "edgezip, no model",
        lambda data: api.compress_bare(data, options=options),
        lambda packed, size: api.decompress_bare(packed, size, options=options),
        code=("cm-text", "cm-binary", "cm-lines", "cm-records"),
    )


def coders() -> list[Coder]:
    """All that this machine has, the classical ones first."""
    found = [
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
        Coder("PNG, the paper's width", _png(_closest), _from_png, KINDS),
        Coder("PNG, 64 wide", _png(_patch_wide), _from_png, ("images",)),
    ]
    if shutil.which("flac"):
        found += [_flac(8, ("images", "audio", "random")), _flac(16, (SIXTEEN,))]
    found += [_image(image_codec.DEFAULT), _image(image_codec.STRONG)]
    for level in (SOUND_DEFAULT, len(SOUND_LEVELS) - 1):
        found += [_sound(level, _EIGHT, "audio"), _sound(level, _SIXTEEN, SIXTEEN)]
    return [*found, _mixing()]
