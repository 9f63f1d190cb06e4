"""`edgezip sample`: text, pictures and sounds continued by the compressor."""

from __future__ import annotations

import io
import os
import struct
import sys
import wave
from dataclasses import dataclass

import numpy as np

from edgezip.atomic import AtomicFile
from edgezip.cli.console import Console, is_terminal
from edgezip.cli.inputs import STDIN, read_source
from edgezip.cli.png import encode_png
from edgezip.coding.audio.geometry import AudioGeometry, join, split
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.errors import InputError, SettingsError
from edgezip.pipeline.coders.table import MEDIA
from edgezip.pipeline.detect.content import Content, Kind
from edgezip.pipeline.detect.given import parse_given
from edgezip.pipeline.detect.media import Judgement, MediaFinder
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.sample import sample_bytes, sample_rows, sample_sound, sample_text
from edgezip.streams import write_all

DEFAULT_TEXT = 1000
DEFAULT_ROWS = 64
DEFAULT_RATE = 16_000


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """What to make.

    prefix: file that is continued, None for nothing. length: bytes of text, rows of a picture,
    moments of a sound; None for 1000 bytes, or as much as the prefix has. seed: 0 to 2**64 - 1.
    output: None for stdout.
    """

    options: PackOptions
    prefix: str | None = None
    length: int | None = None
    seed: int = 0
    output: str | None = None
    force: bool = False


def sample_file(request: SampleRequest, console: Console) -> int:
    """Write what the compressor makes of random bits; returns the exit code.

    Raises:
        SettingsError: a negative length or seed, or content that cannot be made.
    """
    if not 0 <= request.seed < 1 << 64 or (request.length or 0) < 0:
        raise SettingsError("the seed is 0 to 18446744073709551615, the length 0 or more")
    data = b""
    if request.prefix is not None:
        data = read_source(request.prefix)
    content, samples = _content(data, request)
    if request.output is None or request.output == STDIN:
        if content is not None and is_terminal(sys.stdout):
            raise InputError("a picture or a sound is not written to a terminal; use -o FILE")
        write_all(sys.stdout.buffer, _made(data, content, samples, request))
        sys.stdout.buffer.flush()
        return 0
    # Made first: a name that is taken is said before anything is computed.
    with AtomicFile(request.output, overwrite=request.force) as file:
        made = _made(data, content, samples, request)
        write_all(file.file, made)
        for problem in file.commit():
            console.warn(request.output, problem)
    console.note(f"{request.output}: {len(made):,} bytes")
    return 0


def _made(data: bytes, content: Content | None, samples: bytes, request: SampleRequest) -> bytes:
    """What comes after `data`: text, or a PNG or WAV of `samples` with what follows them."""
    if content is None:
        return _text(data, request)
    if isinstance(content.geometry, ImageGeometry):
        return _picture(samples, content.geometry, request)
    assert isinstance(content.geometry, AudioGeometry)
    return _sound(samples, content.geometry, _rate(data, request.options), request)


def _content(data: bytes, request: SampleRequest) -> tuple[Content | None, bytes]:
    """What is continued, None for text; and its samples."""
    options = request.options
    if options.content is not None:
        given = parse_given(options.content)
        return given.content, data[: given.length]
    found = MediaFinder([kind for kind in MEDIA if kind is not Kind.JPEG]).find(
        data, lambda samples, content: Judgement(True, 0)
    )
    largest = max(found, key=lambda item: item.length, default=None)
    if largest is None or 2 * largest.length < len(data):
        return None, data
    return largest.content, data[largest.start : largest.end]


def _text(prefix: bytes, request: SampleRequest) -> bytes:
    length = DEFAULT_TEXT if request.length is None else request.length
    model = open_for_packing(request.options)
    if model is None:
        return sample_bytes(prefix, length, request.seed)
    settings = model.settings(request.options)
    mix = request.options.coder != "plain"
    return sample_text(prefix, length, request.seed, model, settings, mix, lambda done: None)


def _picture(prefix: bytes, geometry: ImageGeometry, request: SampleRequest) -> bytes:
    """A PNG: the prefix and the rows that follow."""
    known = len(prefix) // geometry.stride
    rows = request.length if request.length is not None else known or DEFAULT_ROWS
    made = sample_rows(prefix, geometry, rows, request.seed)
    table = np.frombuffer(made, np.uint8).reshape(known + rows, geometry.stride)
    inside = np.ascontiguousarray(table[:, : geometry.stride - geometry.padding])
    if geometry.bits == 16:
        kind = ">u2" if geometry.big_endian else "<u2"
        wide = inside.view(kind).astype(np.uint16)
        return encode_png(wide.reshape(known + rows, geometry.width, geometry.channels))
    return encode_png(inside.reshape(known + rows, geometry.width, geometry.channels))


def _sound(prefix: bytes, geometry: AudioGeometry, rate: int, request: SampleRequest) -> bytes:
    """A WAV: the prefix and the moments that follow."""
    known = len(prefix) // geometry.frame_size
    moments = known if request.length is None else request.length
    made = sample_sound(prefix, geometry, moments, request.seed)
    stored = AudioGeometry(geometry.channels, geometry.bits, False, geometry.bits > 8)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(geometry.channels)
        file.setsampwidth(geometry.bits // 8)
        file.setframerate(rate)
        file.writeframes(join(split(made, geometry)[0], b"", stored))
    return out.getvalue()


def _rate(data: bytes, options: PackOptions) -> int:
    """Moments a second: those of `--as`, of a WAV's header, or 16,000."""
    if options.content is not None:
        return max(int(options.content.split(":")[1].split(",")[0]), 1)
    at = data.find(b"fmt ", 12, 1 << 16) if data[:4] == b"RIFF" else -1
    if at < 0 or len(data) < at + 16:
        return DEFAULT_RATE
    return max(int(struct.unpack_from("<I", data, at + 12)[0]), 1)


def seed_of(seed: int | None) -> int:
    """The seed given, else one that nobody knows."""
    return int.from_bytes(os.urandom(8), "little") if seed is None else seed
