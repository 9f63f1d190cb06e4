"""What the good vectors hold: texts, noise, pictures, sounds and packed things, small and the same
on every machine."""

from __future__ import annotations

import base64
import random
import struct
import textwrap
from pathlib import Path

import numpy as np

from edgezip.coding.deflate.codec import Method, Undone, restore
from edgezip.pipeline.transforms.deflated import adler32

DATA = Path(__file__).resolve().parents[1] / "data"
LILY = (
    b"Once upon a time there was a little girl named Lily. She liked to play in the park with her"
    b" mom. One day, she saw a big red ball. "
)


def primer() -> bytes:
    """The reference text of the vectors that have one."""
    return (DATA / "courage.txt").read_bytes()[3000:5000]


def texts() -> dict[str, bytes]:
    """Contents by name."""
    story = (DATA / "courage.txt").read_bytes()
    noise = random.Random(1).randbytes(600)
    numbers = b"".join(i.to_bytes(2, "little") for i in range(0, 3000, 5))
    return {
        "story": story[:700],
        "long": story[:2500],
        "crlf": story[:900].replace(b"\n", b"\r\n"),
        "cr": story[:900].replace(b"\n", b"\r"),
        "latin1": story[:900].decode().replace("e", "\u00e9").encode("latin-1", "replace"),
        "wrapped": textwrap.fill(story[:6000].decode(), 24).encode().replace(b"\n", b"\r\n"),
        "utf8": "Zw\u00f6lf Boxk\u00e4mpfer \u2014 \u4f60\u597d \U0001f600 ".encode() * 12,
        "odd": b"\x00\xff\xed\xa0\x80 </s> <0x41> \xe2\x96\x81" * 9,
        "noise": noise,
        "numbers": numbers,
        "mixed": story[:5000] + noise * 9 + numbers * 6,
        "repeats": story[:1500] + b"|" + story[:1500],
        "program": _program(),
        "empty": b"",
        "escapes": LILY + b"caf\xc3\xa9 \0\x07\xff </s>\n" + LILY,
        "base64": story[:300] + base64.encodebytes(noise * 2),
        "hex": b"\r\n".join(noise[i : i + 32].hex().encode() for i in range(0, 576, 32)),
        "upper": noise.hex().upper().encode() + b"\n" + story[:300],
        "sound": _wav(2, 16, _samples(900)),
        "sound8": _wav(1, 8, bytes(v ^ 0x80 for v in _samples(450)[1::2])),
        "picture": b"P6\n50 40\n255\n" + _pixels(50, 40, 3),
        "picture-deep": b"P5\n50 40\n65535\n" + _deep(50, 40),
        "picture-heights": b"P5\n50 40\n65535\n" + _heights(50, 40),
        "picture-bits": b"P4\n320 240\n" + _bits(320, 240),
        "jpeg": b"a JPEG:" + (DATA / "picture.jpg").read_bytes() + story[:200],
        "deflate": b"\x1f\x8b\x08" + bytes(7) + _deflate(story[:2500]) + b"\1\2\3\4\xc4\t\0\0",
        "pdf": _pdf(_pixels(60, 40, 1)),
        "utf16": story[:600].decode().encode("utf-16-be") + b"\xd8\x00",
    }


_INSTRUCTIONS = (
    "4889e5", "4883ec20", "8b44240c", "488b4518", "31c0", "85c0", "c9c3", "89c7", "8945fc",
    "0fb600", "660f3800c1", "c5f96fc1", "48c7c010000000", "83f8ff", "7405", "f30f1efa", "5dc3",
)  # fmt: skip


def _program() -> bytes:
    """x86 instructions, and calls of five functions."""
    rng = random.Random(7)
    code = bytearray()
    while len(code) < 3000:
        code += b"".join(bytes.fromhex(rng.choice(_INSTRUCTIONS)) for _ in range(rng.randrange(6)))
        target = 70_000 + 1000 * rng.randrange(5)
        code += b"\xe8" + (target - len(code) - 5).to_bytes(4, "little", signed=True)
    return bytes(code)


def _pdf(pixels: bytes) -> bytes:
    """A picture of 60 x 40 gray pixels in a PDF, in rows with a filter of PNG: Sub."""
    rows = b"".join(
        b"\1" + bytes((v - w) & 255 for v, w in zip(row, b"\0" + row[:-1], strict=True))
        for row in (pixels[i : i + 60] for i in range(0, len(pixels), 60))
    )
    check = adler32(np.frombuffer(rows, np.uint8)).to_bytes(4, "big")
    head = b"1 0 obj\n<</Subtype/Image/Width 60/Height 40/BitsPerComponent 8/ColorSpace/DeviceGray"
    head += b"/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns 60>>>>\nstream\n"
    return head + b"\x78\x9c" + _deflate(rows) + check + b"\nendstream\n"


def _deflate(data: bytes) -> bytes:
    """`data` as zlib writes it at level 6, but beside any zlib."""
    undone = Undone(Method(6), np.zeros((0, 2), np.int64))
    return restore(np.frombuffer(data, np.uint8), undone, len(data))


def _samples(frames: int) -> bytes:
    """`frames` of two channels of 16 bits: noise through a damped resonator."""
    rng = random.Random(7)
    first = second = 0
    out = []
    for _ in range(2 * frames):
        value = (245 * first - 125 * second) // 128 + rng.randrange(-500, 500)
        second, first = first, min(max(value, -32768), 32767)
        out.append(first)
    return struct.pack(f"<{len(out)}h", *out)


def _pixels(width: int, height: int, channels: int) -> bytes:
    """Rows of a smooth picture with edges and a little noise."""
    rng = random.Random(11)
    return bytes(
        60 + (x * (3 + c) + 2 * y) // 4 % 90 + 50 * ((x + y) % 40 > 25) + rng.randrange(4)
        for y in range(height)
        for x in range(width)
        for c in range(channels)
    )


def _deep(width: int, height: int) -> bytes:
    """The same of 16 bits, big-endian."""
    rows = _pixels(width, height, 1)
    rng = random.Random(12)
    return b"".join(struct.pack(">H", 180 * v + rng.randrange(300)) for v in rows)


def _heights(width: int, height: int) -> bytes:
    """Smooth and steep samples of 16 bits, big-endian."""
    rng = random.Random(14)
    return b"".join(
        struct.pack(">H", 60 * (x - 25) ** 2 + 70 * (y - 20) ** 2 + rng.randrange(9))
        for y in range(height)
        for x in range(width)
    )


def _bits(width: int, height: int) -> bytes:
    """Rings with rough edges, 8 pixels in a byte."""
    rng = random.Random(13)
    pixels = [
        ((x - 150) ** 2 + (y - 110) ** 2 + rng.randrange(400)) // 1500 & 1
        for y in range(height)
        for x in range(width)
    ]
    return bytes(
        sum(bit << (7 - k) for k, bit in enumerate(pixels[i : i + 8]))
        for i in range(0, len(pixels), 8)
    )


def _wav(channels: int, bits: int, samples: bytes) -> bytes:
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", 1, channels, 16000, 16000 * frame, frame, bits)
    head = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(samples))
    return b"RIFF" + struct.pack("<I", len(head) + len(samples)) + head + samples
