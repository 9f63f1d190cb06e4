"""Files of samples in every format that is looked for, made from their definitions."""

from __future__ import annotations

import io
import random
import struct
import tarfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.pipeline.detect.content import Content

WIDTH, HEIGHT = 61, 40
MOMENTS = 2000


@dataclass(frozen=True)
class MediaFile:
    """A file and what must be found in it: (samples, content) in order."""

    name: str
    data: bytes
    found: tuple[tuple[bytes, Content], ...]


def pixels(channels: int, size: int = 1, seed: int = 1) -> bytes:
    """Rows of a smooth, noisy picture of WIDTH x HEIGHT; samples of `size` bytes, big-endian."""
    rng = np.random.default_rng(seed)
    y, x, c = np.mgrid[0:HEIGHT, 0:WIDTH, 0:channels]
    level = 128 + 60 * np.sin(x / 9 + c) + 50 * np.cos(y / 7 - c) + rng.normal(0, 2, x.shape)
    scaled = np.clip(level * 256 ** (size - 1), 0, 256**size - 1)
    rows: bytes = scaled.astype(">u2" if size == 2 else np.uint8).tobytes()
    return rows


def waves(
    channels: int,
    bits: int,
    big_endian: bool = False,
    signed: bool = True,
    moments: int = MOMENTS,
) -> bytes:
    """A smooth, noisy sound."""
    rng = np.random.default_rng(bits + channels)
    t, c = np.mgrid[0:moments, 0:channels]
    level = np.sin(t / 11 + c) * 0.5 + np.sin(t / 47) * 0.3 + rng.normal(0, 0.003, t.shape)
    values = (level * (1 << bits - 1) * 0.9).astype(np.int64)
    values += 0 if signed else 1 << bits - 1
    order = ">i8" if big_endian else "<i8"
    raw = values.astype(order).view(np.uint8).reshape(-1, 8)
    width = bits // 8
    samples: bytes = (raw[:, 8 - width :] if big_endian else raw[:, :width]).tobytes()
    return samples


def padded(rows: bytes, stride: int, to: int) -> bytes:
    """Rows of `stride` bytes filled up to `to`."""
    return b"".join(rows[i : i + stride] + bytes(to - stride) for i in range(0, len(rows), stride))


def pnm() -> Iterator[MediaFile]:
    """PBM, PGM, PPM, PAM."""
    size = b"%d %d" % (WIDTH, HEIGHT)
    gray, colour = pixels(1), pixels(3)
    bits = np.packbits(np.frombuffer(gray, np.uint8).reshape(HEIGHT, WIDTH) > 128, 1).tobytes() * 3
    tall = b"%d # comment\n %d" % (WIDTH, 3 * HEIGHT)
    bitmap = Content.image(ImageGeometry(WIDTH, bits=1))
    yield MediaFile("a.pbm", b"P4\n" + tall + b"\n" + bits, ((bits, bitmap),))
    content = Content.image(ImageGeometry(WIDTH))
    yield MediaFile(
        "a.pgm", b"P5\n# made by a test\n" + size + b"\n255\n" + gray, ((gray, content),)
    )
    content = Content.image(ImageGeometry(WIDTH, 3))
    one = b"P6 " + size + b" 200\n" + colour
    yield MediaFile("a.ppm", one, ((colour, content),))
    other = pixels(3, seed=2)
    both = one + b"P6\n" + size + b"\n255\n" + other
    yield MediaFile("two.ppm", both, ((colour, content), (other, content)))
    deep = pixels(1, 2)
    content = Content.image(ImageGeometry(WIDTH, bits=16, big_endian=True))
    yield MediaFile("deep.pgm", b"P5 " + size + b" 65535\n" + deep, ((deep, content),))
    alpha = pixels(4)
    head = b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    content = Content.image(ImageGeometry(WIDTH, 4))
    yield MediaFile("a.pam", head % (WIDTH, HEIGHT) + alpha, ((alpha, content),))


def bmp() -> Iterator[MediaFile]:
    """Bitmaps of 8, 24 and 32 bits, both headers, both directions, gray and with a palette."""
    gray = b"".join(bytes([i, i, i, 0]) for i in range(256))
    colours = b"".join(bytes([i, 255 - i, i // 2, 0]) for i in range(256))
    cases = [
        ("gray", 8, HEIGHT, gray, False),
        ("palette", 8, -HEIGHT, colours, True),
        ("colour", 24, HEIGHT, b"", False),
        ("alpha", 32, -HEIGHT, b"", False),
    ]
    for name, depth, height, table, palette in cases:
        stride = WIDTH * depth // 8
        filled = (stride + 3) // 4 * 4
        samples = padded(pixels(depth // 8), stride, filled)
        offset = 14 + 40 + len(table)
        head = b"BM" + struct.pack("<IHHI", offset + len(samples), 0, 0, offset)
        head += struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, depth, 0, 0, 0, 0, 0, 0)
        geometry = ImageGeometry(WIDTH, depth // 8, padding=filled - stride, palette=palette)
        found = ((samples, Content.image(geometry)),)
        yield MediaFile(f"{name}.bmp", head + table + samples + b"after", found)
    samples = padded(pixels(3), 3 * WIDTH, 184)
    head = b"BM" + struct.pack("<IHHI", 26 + len(samples), 0, 0, 26)
    head += struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
    geometry = ImageGeometry(WIDTH, 3, padding=1)
    yield MediaFile("core.bmp", head + samples, ((samples, Content.image(geometry)),))


def tga() -> Iterator[MediaFile]:
    """Gray, colour, palette."""
    for kind, depth, colours in ((3, 8, 0), (2, 24, 0), (2, 32, 0), (1, 8, 256)):
        head = struct.pack("<BBBHHB", 4, bool(colours), kind, 0, colours, 24 if colours else 0)
        head += struct.pack("<HHHHBB", 0, 0, WIDTH, HEIGHT, depth, 8 if depth == 32 else 0x20)
        samples = pixels(depth // 8)
        geometry = ImageGeometry(WIDTH, depth // 8, palette=kind == 1)
        table = bytes(range(256)) * 3 if colours else b""
        foot = bytes(8) + b"TRUEVISION-XFILE.\0"
        data = head + b"name" + table + samples + foot
        yield MediaFile(f"{kind}-{depth}.tga", data, ((samples, Content.image(geometry)),))


def _tiff(big: bool, tags: dict[int, list[int]], samples: bytes, at_end: bool) -> bytes:
    order = ">" if big else "<"
    tables = b""
    base = 8 + (len(samples) if at_end else 0)
    directory = struct.pack(order + "H", len(tags))
    tables_at = base + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            place = struct.pack(order + "I", tables_at + len(tables))
            tables += packed
        else:
            place = packed
        directory += struct.pack(order + "HHI", tag, 4, len(values)) + place
    directory += struct.pack(order + "I", 0) + tables
    head = (b"MM" if big else b"II") + struct.pack(order + "HI", 42, base)
    return head + samples + directory if at_end else head + directory + samples


def tiff() -> Iterator[MediaFile]:
    """Strips, tiles, planes, both byte orders, directory in front and behind."""
    colour = pixels(3)
    half = 3 * WIDTH * (HEIGHT // 2)
    tags = {256: [WIDTH], 257: [HEIGHT], 258: [8, 8, 8], 259: [1], 262: [2], 277: [3]}
    strips = {273: [8, 8 + half], 278: [HEIGHT // 2], 279: [half, len(colour) - half]}
    content = Content.image(ImageGeometry(WIDTH, 3))
    for big in (False, True):
        data = _tiff(big, tags | strips, colour, at_end=True)
        yield MediaFile(f"strips-{big}.tif", data, ((colour, content),))
    deep = pixels(1, 2)
    tags = {256: [WIDTH], 257: [HEIGHT], 258: [16], 259: [1], 262: [1], 277: [1]}
    size = 8 + 2 + 12 * 8 + 4
    strips = {273: [size], 279: [len(deep)]}
    content = Content.image(ImageGeometry(WIDTH, bits=16, big_endian=True))
    yield MediaFile("deep.tif", _tiff(True, tags | strips, deep, at_end=False), ((deep, content),))
    planes = pixels(1) + pixels(1, seed=3) + pixels(1, seed=4)
    tags = {256: [WIDTH], 257: [HEIGHT], 258: [8, 8, 8], 262: [2], 277: [3], 284: [2]}
    one = WIDTH * HEIGHT
    strips = {273: [8, 8 + one, 8 + 2 * one], 279: [one, one, one]}
    content = Content.image(ImageGeometry(WIDTH))
    data = _tiff(False, tags | strips, planes, at_end=True)
    yield MediaFile("planes.tif", data, ((planes, content),))
    tags = {256: [100], 257: [70], 258: [8], 262: [1], 277: [1], 322: [WIDTH], 323: [HEIGHT]}
    tiles = {324: [8, 8 + one, 8 + 2 * one], 325: [one, one, one]}
    data = _tiff(False, tags | tiles, planes, at_end=True)
    yield MediaFile("tiles.tif", data, ((planes, content),))


def npy() -> Iterator[MediaFile]:
    """Pictures and sounds as NumPy writes them."""
    gray = np.frombuffer(pixels(1), np.uint8).reshape(HEIGHT, WIDTH)
    colour = np.frombuffer(pixels(3), np.uint8).reshape(HEIGHT, WIDTH, 3)
    stack = np.stack([gray, gray[::-1], gray])
    sound = np.frombuffer(waves(2, 16), "<i2").reshape(-1, 2)
    image = ImageGeometry
    cases: list[tuple[str, np.ndarray, Content]] = [
        ("gray", gray, Content.image(image(WIDTH))),
        ("fortran", np.asfortranarray(gray), Content.image(image(HEIGHT))),
        ("colour", colour, Content.image(image(WIDTH, 3))),
        ("stack", stack, Content.image(image(WIDTH))),
        ("deep", gray.astype("<u2") * 250, Content.image(image(WIDTH, bits=16))),
        ("deep-big", gray.astype(">u2"), Content.image(image(WIDTH, bits=16, big_endian=True))),
        ("sound", sound, Content.audio(AudioGeometry(2, 16))),
    ]
    for name, array, content in cases:
        file = io.BytesIO()
        np.save(file, array)
        samples = array.tobytes("A")
        yield MediaFile(f"{name}.npy", file.getvalue(), ((samples, content),))


def _chunk(name: bytes, body: bytes, size: int | None = None, big: bool = False) -> bytes:
    length = struct.pack(">I" if big else "<I", len(body) if size is None else size)
    return name + length + body + bytes(len(body) % 2)


def wav() -> Iterator[MediaFile]:
    """As the standard library writes it, and as others do."""
    for channels, bits in ((1, 8), (1, 16), (2, 16), (2, 24), (6, 16), (1, 32)):
        samples = waves(channels, bits, signed=bits > 8)
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(channels)
            out.setsampwidth(bits // 8)
            out.setframerate(16000)
            out.writeframes(samples)
        content = Content.audio(AudioGeometry(channels, bits, signed=bits > 8))
        yield MediaFile(f"{channels}-{bits}.wav", file.getvalue(), ((samples, content),))
    samples = waves(2, 16)
    content = Content.audio(AudioGeometry(2, 16))
    found = ((samples, content),)
    plain = struct.pack("<HHIIHH", 1, 2, 44100, 176400, 4, 16)
    guid = bytes.fromhex("0100000000001000800000aa00389b71")
    wide = struct.pack("<HHIIHHHHI", 0xFFFE, 2, 44100, 176400, 4, 16, 22, 16, 3) + guid
    extra = _chunk(b"LIST", b"INFOISFT\x05\0\0\0test\0")

    def riff(body: bytes, magic: bytes = b"RIFF", size: int | None = None) -> bytes:
        total = len(body) + 4 if size is None else size
        return magic + struct.pack("<I", total) + b"WAVE" + body

    form = _chunk(b"fmt ", plain)
    yield MediaFile("extensible.wav", riff(_chunk(b"fmt ", wide) + _chunk(b"data", samples)), found)
    data = riff(extra + form + extra + _chunk(b"data", samples) + extra)
    yield MediaFile("lists.wav", data, found)
    odd = waves(1, 8, signed=False)[:-1]
    mono = Content.audio(AudioGeometry(1, 8, signed=False))
    form8 = _chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8))
    yield MediaFile("odd.wav", riff(form8 + _chunk(b"data", odd) + extra), ((odd, mono),))
    for size in (0, 0xFFFFFFFF):
        data = riff(form + _chunk(b"data", samples, size), size=size)
        yield MediaFile(f"streamed-{size}.wav", data, found)
    large = _chunk(b"ds64", struct.pack("<QQQI", 0, len(samples), 0, 0))
    data = riff(large + form + _chunk(b"data", samples, 0xFFFFFFFF) + extra, b"RF64", 0xFFFFFFFF)
    yield MediaFile("large.wav", data, found)
    data = riff(form + _chunk(b"data", samples) + _chunk(b"data", samples))
    yield MediaFile("twice.wav", data, found * 2)


def aiff() -> Iterator[MediaFile]:
    """AIFF, AIFF-C in both byte orders, .au."""
    for channels, bits in ((1, 8), (2, 16), (2, 24)):
        samples = waves(channels, bits, big_endian=True)
        common = struct.pack(">hIh", channels, MOMENTS, bits) + bytes(10)
        body = _chunk(b"COMM", common, big=True)
        body += _chunk(b"SSND", bytes(8) + samples, big=True) + _chunk(b"ANNO", b"end", big=True)
        content = Content.audio(AudioGeometry(channels, bits, bits > 8))
        data = b"FORM" + struct.pack(">I", len(body) + 4) + b"AIFF" + body
        yield MediaFile(f"{channels}-{bits}.aiff", data, ((samples, content),))
    samples = waves(2, 16)
    common = struct.pack(">hIh", 2, MOMENTS, 16) + bytes(10) + b"sowt\0\0"
    body = _chunk(b"SSND", bytes(8) + samples, big=True) + _chunk(b"COMM", common, big=True)
    data = b"FORM" + struct.pack(">I", len(body) + 4) + b"AIFC" + body
    found = ((samples, Content.audio(AudioGeometry(2, 16))),)
    yield MediaFile("little.aifc", data, found)
    for encoding, bits in ((2, 8), (3, 16), (4, 24), (5, 32)):
        samples = waves(1, bits, big_endian=True)
        content = Content.audio(AudioGeometry(1, bits, bits > 8))
        for size in (len(samples), 0xFFFFFFFF):
            head = b".snd" + struct.pack(">IIIII", 28, size, encoding, 8000, 1) + b"note"
            yield MediaFile(f"{bits}-{size:x}.au", head + samples, ((samples, content),))


def media_files() -> list[MediaFile]:
    """All of them."""
    return [file for make in (pnm, bmp, tga, tiff, npy, wav, aiff) for file in make()]


def in_tar(files: list[MediaFile]) -> bytes:
    """A tar of the files between others."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for file in files:
            for name, data in (("note.txt", b"some text\n" * 9), (file.name, file.data)):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def malformed(seed: int) -> bytes:
    """One of the files with its header damaged: cut, sizes that lie, zero width, bits flipped."""
    rng = random.Random(seed)
    files = media_files()
    data = bytearray(rng.choice(files).data)
    head = min(len(data), 120)
    for _ in range(rng.randrange(1, 5)):
        place = rng.randrange(head)
        kind = rng.randrange(4)
        if kind == 0:
            data[place] = rng.randrange(256)
        elif kind == 1:
            data[place : place + 4] = rng.choice((bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f"))
        elif kind == 2:
            del data[place : place + rng.randrange(1, 5)]
        else:
            data = data[: rng.randrange(place, len(data))]
            head = max(min(len(data), 120), 1)
            data += b"\0" * (not data)
    return bytes(data)
