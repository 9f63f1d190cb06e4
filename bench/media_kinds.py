"""Kinds of pictures and sounds that `../shared/eval` does not have, made on the spot, beside peers.

    python -m bench.media_kinds
    python -m bench.media_kinds --only screen "24 bits"
    python -m bench.media_kinds --show

16 bits, palette, 1 bit, transparency, drawings, a screen, a scan; 24 bits, six channels, silence, 8
bits, 8 kHz. Every file (PNM, PAM, BMP, TIFF, WAV) goes through `edgezip.compress` without a model,
whole, and is unpacked and compared. Peers, those that are there and can do it: xz -9e of the file;
PNG optimised, WebP lossless -m 6 and JPEG XL -e 9 of its pixels; FLAC -8 -e -p and WavPack -hh -x6.
`without` is edgezip with no pictures and no sounds looked for. 1 if something did not come back, or
if a peer is smaller by more than 32 bytes.
"""

from __future__ import annotations

import argparse
import io
import lzma
import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

import edgezip
from bench.audio import FLAC, WAVPACK
from bench.common import (
    EVAL,
    RESULTS,
    Row,
    integer,
    log,
    print_table,
    provenance,
    read_csv,
    write_csv,
)
from edgezip.pipeline import plan
from edgezip.pipeline.options import PackOptions

OPTIONS = PackOptions(model="none", threads=1)
RATE = 44100
MARGIN = 32
"""Bytes by which a peer may be smaller: less than the header and the checksum of a file."""
PEERS = ("xz -9e", "png", "webp -m 6", "jxl -e 9", "flac -8 -e -p", "wavpack -hh -x6")

Array = NDArray[Any]
Made = tuple[str, bytes, dict[str, int]]
"""A name, a file, and what peers make of what is in it."""


def pictures() -> Iterator[Made]:
    """Pictures of all depths."""
    from PIL import Image, ImageDraw, ImageFilter

    rng = np.random.default_rng(22)
    photo = (
        Image.open(EVAL / "images" / "kodak" / "23.png").convert("RGB").crop((100, 50, 460, 290))
    )
    pixels = np.asarray(photo).astype(np.float64)
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    words = (EVAL / "text" / "alice29.txt").read_text(errors="replace").split("\n")[60:160]

    screen = Image.new("RGB", (480, 300), (238, 240, 246))
    draw = ImageDraw.Draw(screen)
    for i in range(6):
        left, top = 8 + 158 * (i % 3), 8 + 146 * (i // 3)
        draw.rounded_rectangle((left, top, left + 148, top + 136), 6, "white", (130, 140, 170))
        for k in range(9):
            draw.text(
                (left + 7, top + 6 + 13 * k), words[9 * i + k][:23], (20 + 40 * (k == 0), 30, 60)
            )
        draw.rounded_rectangle((left + 90, top + 116, left + 140, top + 132), 4, (40, 90, 200))
    shade = np.stack([127 + 120 * np.sin(x / 37 + np.sin(y / 23) * 2 + k) for k in range(3)], 2)
    logo = Image.new("RGB", (4 * width, 4 * height), "white")
    draw = ImageDraw.Draw(logo)
    for _ in range(12):
        a, b, c, d = sorted(int(v) for v in rng.integers(0, 960, 4))
        draw.ellipse((a, b, c + 9, d + 9), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    logo = logo.resize((width, height), Image.Resampling.LANCZOS)
    page = Image.new("L", (600, 400), 245)
    draw = ImageDraw.Draw(page)
    for i, line in enumerate(words[:28]):
        draw.text((30, 10 + 13 * i), line, 30)
    scan = np.asarray(page.filter(ImageFilter.GaussianBlur(0.7))) + rng.normal(0, 2, (400, 600))
    lines = Image.new("1", (900, 600), 1)
    draw = ImageDraw.Draw(lines)
    for i in range(50):
        a, b, c, d = (int(v) for v in rng.integers(0, 600, 4))
        draw.line((a, b, c, d), 0, 1 + i % 3)
        draw.ellipse((min(a, c), min(b, d), max(a, c) + 5, max(b, d) + 5), outline=0)
    glow = np.clip(380 * np.exp(-((x - 180) ** 2 + (y - 120) ** 2) / 12000), 0, 255)
    tiles = rng.integers(0, 8, (24, 16, 16))[rng.integers(0, 24, (15, 22))]
    tiles = tiles.transpose(0, 2, 1, 3).reshape(240, 352).astype(np.uint8)

    for name, image in (("screen", screen), ("screen, gray", screen.convert("L")), ("logo", logo)):
        yield _picture(f"{name}, 8 bits", np.asarray(image))
    yield _picture("rendering, 8 bits", shade.astype(np.uint8))
    yield _picture("scan, gray", np.clip(scan, 0, 255).astype(np.uint8))
    yield _picture("photograph, RGBA", np.dstack([pixels, glow]).astype(np.uint8))
    for name, image in (
        ("screen, palette", screen.quantize(64)),
        ("photograph, palette, dithered", photo.quantize(256)),
        ("photograph, palette", photo.quantize(64, dither=Image.Dither.NONE)),
        ("tiles, palette", _with_palette(Image.fromarray(tiles, "P"), rng)),
        ("drawing, 1 bit", lines),
        ("photograph, 1 bit, dithered", photo.convert("1")),
        ("scan, 1 bit", page.convert("1", dither=Image.Dither.NONE)),
    ):
        yield _by_pillow(name, image)
    luma = pixels @ np.array([0.299, 0.587, 0.114])
    yield _picture("photograph, 12 bits", _deep(luma * 16 + rng.normal(0, 6, luma.shape), 4095))
    yield _picture("photograph, 16 bits", _deep(luma * 256 + rng.normal(0, 40, luma.shape), 65535))
    noise = rng.normal(0, 60, pixels.shape)
    yield _picture("photograph, RGB of 16 bits", _deep(pixels * 257 + noise, 65535))
    yield _picture("photograph, RGB, 8 bits as 16", _deep(pixels * 257, 65535))
    hills = sum(
        (c * np.sin(x / a + c) * np.cos(y / b + a) for a, b, c in rng.uniform(9, 40, (12, 3))),
        np.zeros(x.shape),
    )
    hills = (hills - hills.min()) / np.ptp(hills)
    yield _picture("heights, 16 bits", _deep(hills * 60000 + rng.normal(0, 4, x.shape), 65535))
    yield _picture("rendering, RGB of 16 bits", _deep(shade * 250 + noise / 8, 65535))


def _deep(values: Array, most: int) -> NDArray[np.uint16]:
    return np.clip(np.round(values), 0, most).astype(np.uint16)


def _with_palette(image: Any, rng: np.random.Generator) -> Any:
    image.putpalette(rng.integers(0, 256, 768).astype(np.uint8).tobytes())
    return image


def _picture(name: str, pixels: Array) -> Made:
    """A PGM, PPM or PAM of pixels of 8 or 16 bits."""
    import imagecodecs

    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    most = 255 if pixels.dtype == np.uint8 else 65535
    head = b"P%d\n%d %d\n%d\n" % (5 if channels == 1 else 6, width, height, most)
    if channels == 4:
        size = b"WIDTH %d\nHEIGHT %d\nDEPTH 4\nMAXVAL %d\n" % (width, height, most)
        head = b"P7\n" + size + b"TUPLTYPE RGB_ALPHA\nENDHDR\n"
    samples = pixels if most == 255 else pixels.astype(">u2")
    made = imagecodecs.jpegxl_encode(pixels, lossless=True, effort=9, numthreads=1)
    peers = {"jxl -e 9": len(made)}
    if most == 255:
        peers |= _by_png_and_webp(pixels)
    else:
        peers["png"] = len(imagecodecs.png_encode(pixels, level=9))
    return name, head + samples.tobytes(), peers


def _by_png_and_webp(pixels: Array | Any) -> dict[str, int]:
    from PIL import Image

    image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else pixels
    png, webp = io.BytesIO(), io.BytesIO()
    image.save(png, "PNG", optimize=True)
    whole = image if image.mode == "RGBA" else image.convert("RGB")
    whole.save(webp, "WEBP", lossless=True, method=6, quality=100, exact=True)
    return {"png": len(png.getvalue()), "webp -m 6": len(webp.getvalue())}


def _by_pillow(name: str, image: Any) -> Made:
    """A BMP with a palette, or a PBM."""
    import imagecodecs

    file = io.BytesIO()
    image.save(file, "PPM" if image.mode == "1" else "BMP")
    pixels = np.asarray(image.convert("L" if image.mode == "1" else "RGB"))
    made = imagecodecs.jpegxl_encode(pixels, lossless=True, effort=9, numthreads=1)
    return name, file.getvalue(), {"jxl -e 9": len(made), **_by_png_and_webp(image)}


def sounds() -> Iterator[Made]:
    """Sounds of all depths."""
    rng = np.random.default_rng(23)
    music = _music(rng, 2 * RATE)

    def with_noise(times: float, noise: float, sound: Array = music) -> NDArray[np.int64]:
        return np.round(sound * times + rng.normal(0, noise, sound.shape)).astype(np.int64)

    yield _sound("24 bits, stereo", with_noise(1 << 22, 200), 24)
    yield _sound("24 bits made of 16", with_noise(1 << 14, 3) << 8, 24)
    yield _sound("amplified from 14 bits", np.round(np.round(music * 8000) * 2.37), 16)
    behind = np.roll(music, 900, 0) / 2
    middle = np.stack([music.sum(1) / 3, np.roll(music[:, 0], 3000) / 3], 1)
    yield _sound("six channels", with_noise(1 << 14, 2, np.hstack([music, behind, middle])), 16)
    yield _sound("one channel twice", np.repeat(with_noise(1 << 14, 2)[:, :1], 2, 1), 16)
    yield _sound("silence", np.zeros((2 * RATE, 2)), 16)
    pauses = with_noise(1 << 14, 2)
    pauses[30000:60000] = 0
    yield _sound("pauses", pauses, 16)
    yield _sound("8 bits", np.clip(with_noise(100, 0.4)[:, 0], -128, 127), 8, 22050)
    notes = np.repeat(rng.choice([110, 147, 220, 294, 330], 10), RATE // 5) / RATE
    square = np.round(4000 * np.sign(np.sin(2 * np.pi * np.cumsum(notes))))
    yield _sound("square waves", square + rng.integers(-1, 2, square.shape), 16)
    speech = _speech()
    yield _sound("telephone, 8 kHz", speech, 16, 8000)
    yield _sound("telephone, mu-law", _mu_law(speech), 16, 8000)
    yield _sound("telephone, 8 bits", np.clip(speech // 256, -128, 127), 8, 8000)
    yield _sound("noise", rng.integers(-32768, 32768, (RATE, 2)), 16)


def _music(rng: np.random.Generator, count: int) -> Array:
    """Decaying tones with overtones, stereo, within -1..1."""
    time = np.arange(count) / RATE
    out = np.zeros((count, 2))
    for _ in range(16):
        start = time[rng.integers(0, count - RATE // 2)]
        tone = 110 * 2 ** (rng.integers(0, 36) / 12)
        shape = np.exp(-3 * np.maximum(time - start, 0)) * (time >= start)
        for k in range(1, 6):
            place = rng.random()
            wave_ = np.sin(2 * np.pi * tone * k * (time - start)) * shape / k**1.5
            out += wave_[:, None] * np.array([place, 1 - place])
    result: Array = out / np.abs(out).max()
    return result


def _speech() -> NDArray[np.int64]:
    """A recording at half its rate."""
    with wave.open(str(EVAL / "audio" / "valid.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int64)
    pairs = samples[: len(samples) // 2 * 2].reshape(-1, 2)
    result: NDArray[np.int64] = (pairs.sum(1) // 2)[:60000]
    return result


def _mu_law(samples: NDArray[np.int64]) -> Array:
    """16 bits as a telephone line leaves them: 255 values."""
    levels = np.round(127 * np.log1p(255 * np.abs(samples) / 32768) / np.log(256)) / 127
    result: Array = np.sign(samples) * np.round((256**levels - 1) / 255 * 32124)
    return result


def _sound(name: str, samples: Array, bits: int, rate: int = RATE) -> Made:
    whole = samples.reshape(len(samples), -1).astype("<i8")
    cells = np.ascontiguousarray(whole + (128 if bits == 8 else 0)).view(np.uint8)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((whole.shape[1], bits // 8, rate, 0, "NONE", ""))
        out.writeframes(cells.reshape(-1, 8)[:, : bits // 8].tobytes())
    programs = {"flac -8 -e -p": FLAC, "wavpack -hh -x6": WAVPACK}
    sizes = {peer: _program(command, file.getvalue()) for peer, command in programs.items()}
    return name, file.getvalue(), {peer: size for peer, size in sizes.items() if size}


def _program(command: tuple[str, ...], sound: bytes) -> int:
    """Bytes that a program makes of a sound; 0 if it is not there or does not take it."""
    with tempfile.TemporaryDirectory() as folder:
        source, packed = Path(folder, "in.wav"), Path(folder, "out")
        source.write_bytes(sound)
        try:
            subprocess.run([*command, "-o", packed, source], check=True, capture_output=True)
        except (FileNotFoundError, subprocess.CalledProcessError):
            return 0
        return next(Path(folder).glob("out*")).stat().st_size


KINDS: dict[str, Callable[[], Iterator[Made]]] = {"picture": pictures, "sound": sounds}


def main() -> int:
    """Measure, store, print."""
    parser = argparse.ArgumentParser(
        prog="bench.media_kinds", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[""], help="kinds with this in their name")
    parser.add_argument("--csv", type=Path, default=RESULTS / "media_kinds.csv")
    parser.add_argument("--show", action="store_true", help="only print what is stored")
    arguments = parser.parse_args()
    rows = {row["name"]: row for row in read_csv(arguments.csv)}
    if not arguments.show:
        for kind, maker in KINDS.items():
            for name, data, peers in maker():
                if any(part in name for part in arguments.only):
                    log(name)
                    rows[name] = _measured(kind, name, data, peers)
                    write_csv(arguments.csv, list(rows.values()))
    return _show(list(rows.values()))


def _measured(kind: str, name: str, data: bytes, peers: dict[str, int]) -> Row:
    packed = edgezip.compress(data, options=OPTIONS)
    verified = edgezip.decompress(packed) == data
    with mock.patch.object(plan, "MEDIA", {}):
        without = len(edgezip.compress(data, options=OPTIONS))
    sizes = {**peers, "xz -9e": len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))}
    return {
        "kind": kind,
        "name": name,
        "raw": str(len(data)),
        "bytes": str(len(packed)),
        "without": str(without),
        **{peer: str(sizes.get(peer, "")) for peer in PEERS},
        "verified": "yes" if verified else "no",
        **provenance(),
    }


def _show(rows: list[Row]) -> int:
    """Print all; the exit code."""
    columns = ("raw", "bytes", "without", *PEERS)
    table: list[tuple[object, ...]] = []
    failed = False
    for row in rows:
        best = min(int(row[peer]) for peer in PEERS if row[peer])
        more = 100 * (int(row["bytes"]) / best - 1)
        failed |= row["verified"] != "yes" or int(row["bytes"]) > best + MARGIN
        table.append((row["name"], *(integer(row[column]) for column in columns), f"{more:+.1f}"))
    headings = ("", "raw", "edgezip", "without", *PEERS, "% of best peer")
    print_table(headings, table)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
