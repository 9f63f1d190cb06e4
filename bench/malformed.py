"""Malformed headers of every container that is looked for: nothing fails, and nothing costs much.

    python -m bench.malformed                  # 200
    python -m bench.malformed --count 2000 --seed 200

Files in all formats (PNM, BMP, TGA, TIFF, npy, WAV, RF64, AIFF, .au, PNG, JPEG, gzip, zip, PDF)
with something wrong in their first 160 bytes: cut, bytes lost, sizes that lie by a little or by
much, zero, overflow, other bits; which, the seed says. Each is packed, unpacked and compared, and
packed again with nothing looked for: no pictures, no sounds, no streams. Columns: how many headers,
how many of them were still found to be something, failures, and the most bytes that looking cost.
1 if anything failed, or cost more than 32 bytes. No language model.
"""

from __future__ import annotations

import argparse
import gzip
import random
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import edgezip
from bench.common import RESULTS, ROOT, Row, log, print_table, provenance, write_csv
from edgezip.container import FrameEvent, parse
from edgezip.container import constants as c
from edgezip.pipeline import deflated, plan
from edgezip.pipeline.options import PackOptions
from tests.deflate.made_files import TEXT, pdf, png, zipped
from tests.pipeline import media_files as made

OPTIONS = PackOptions(model="none", threads=1)
MOST_COST = 32
HEAD = 160
FOUND = frozenset({c.IMAGE, c.AUDIO, c.JPEG, c.NESTED})
"""Coders of what was found."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one file gave: whether something was found in it, what that cost, and what failed."""

    found: bool = False
    cost: int = 0
    failure: str = ""


def containers() -> dict[str, list[bytes]]:
    """Files in good order of every container."""
    data = ROOT / "tests" / "data"
    sounds = {file.name: file.data for file in [*made.wav(), *made.aiff()]}
    return {
        "PNM": [file.data for file in made.pnm()],
        "BMP": [file.data for file in made.bmp()],
        "TGA": [file.data for file in made.tga()],
        "TIFF": [file.data for file in made.tiff()],
        "npy": [file.data for file in made.npy()],
        "WAV": [data for name, data in sounds.items() if data[:4] == b"RIFF"],
        "RF64": [data for name, data in sounds.items() if data[:4] == b"RF64"],
        "AIFF": [data for name, data in sounds.items() if data[:4] == b"FORM"],
        ".au": [data for name, data in sounds.items() if data[:4] == b".snd"],
        "PNG": [png(60, 50, 3), png(90, 41, 1), png(40, 30, 4)],
        "JPEG": [(data / name).read_bytes() for name in ("picture.jpg", "progressive.jpg")],
        "gzip": [gzip.compress(TEXT, 6, mtime=0), gzip.compress(TEXT + png(60, 50, 3), mtime=0)],
        "zip": [zipped()],
        "PDF": [pdf()],
    }


def malformed(data: bytes, rng: random.Random) -> bytes:
    """`data` with one to three things wrong in its header."""
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(min(len(data), HEAD))
        data = rng.choice(_DAMAGES)(data, place, rng) or b"\0"
    return data


def _cut(data: bytes, place: int, rng: random.Random) -> bytes:
    return data[: rng.choice((place, rng.randrange(place, len(data))))]


def _lost(data: bytes, place: int, rng: random.Random) -> bytes:
    return data[:place] + data[place + rng.randrange(1, 5) :]


def _number(data: bytes, place: int, rng: random.Random) -> bytes:
    """A number of two or four bytes in either order, or of digits, is a little or much larger."""
    more = rng.choice((-1, 1, 2, 255, 1 << 12, 1 << 24))
    digits = [i for i in range(min(len(data), HEAD)) if data[i : i + 1].isdigit()]
    if digits and data[:1] in b"PW" and rng.random() < 0.7:
        place = rng.choice(digits)
        new = rng.choice((b"0", b"9", b"-", b"99999999999", b""))
        return data[:place] + new + data[place + 1 :]
    form = rng.choice(("<H", ">H", "<I", ">I"))
    size = struct.calcsize(form)
    field = data[place : place + size]
    if len(field) < size:
        return data
    value = (struct.unpack(form, field)[0] + more) % (1 << 8 * size)
    return data[:place] + struct.pack(form, value) + data[place + size :]


def _set(data: bytes, place: int, rng: random.Random) -> bytes:
    """Zero width, overflow."""
    new = rng.choice((bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\x80"))
    return data[:place] + new + data[place + len(new) :]


def _bit(data: bytes, place: int, rng: random.Random) -> bytes:
    other = data[place] ^ 1 << rng.randrange(8)
    return data[:place] + bytes([other]) + data[place + 1 :]


_DAMAGES: tuple[Callable[[bytes, int, random.Random], bytes], ...] = (
    _cut, _lost, _number, _number, _set, _set, _bit,
)  # fmt: skip


def cases(first: int, count: int) -> Iterator[tuple[str, int, bytes]]:
    """(container, seed, malformed file), the containers in turn."""
    found = containers()
    names = list(found)
    for seed in range(first, first + count):
        rng = random.Random(seed)
        name = names[seed % len(names)]
        yield name, seed, malformed(rng.choice(found[name]), rng)


def tried(data: bytes) -> Result:
    """Pack `data` with and without looking, unpack, compare."""
    try:
        packed = edgezip.compress(data, options=OPTIONS)
        if edgezip.decompress(packed) != data:
            return Result(failure="another content came back")
    except Exception as error:  # whatever it is, it must not happen
        return Result(failure=f"{type(error).__name__}: {error}")
    with mock.patch.object(plan, "MEDIA", {}), mock.patch.object(deflated, "undo", _nothing):
        blind = edgezip.compress(data, options=OPTIONS)
    frames = [event.frame for event in parse(packed) if isinstance(event, FrameEvent)]
    coders = {channel.coder for frame in frames for channel in frame.channels}
    return Result(bool(coders & FOUND), len(packed) - len(blind))


def _nothing(data: bytes, regions: object = None) -> None:
    """No streams."""


def main() -> int:
    """Try, print, store."""
    parser = argparse.ArgumentParser(
        prog="bench.malformed", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument("--csv", type=Path, default=RESULTS / "malformed.csv")
    arguments = parser.parse_args()
    started = time.monotonic()
    results: dict[str, list[Result]] = {}
    for name, seed, data in cases(arguments.seed, arguments.count):
        result = tried(data)
        results.setdefault(name, []).append(result)
        if result.failure or result.cost > MOST_COST:
            log(f"{name}, seed {seed}: {result.failure or f'{result.cost} bytes'}")
    rows = [_row(name, group) for name, group in results.items()]
    rows.append(_row("all", [result for group in results.values() for result in group]))
    write_csv(arguments.csv, [{**row, **provenance()} for row in rows])
    headings = ("container", "headers", "found", "failed", "most bytes", "sum of bytes")
    print_table(headings, [tuple(row.values()) for row in rows])
    log(f"{time.monotonic() - started:.0f} s")
    last = rows[-1]
    return int(last["failed"] != "0" or int(last["most_bytes"]) > MOST_COST)


def _row(name: str, results: list[Result]) -> Row:
    return {
        "container": name,
        "headers": str(len(results)),
        "found": str(sum(result.found for result in results)),
        "failed": str(sum(bool(result.failure) for result in results)),
        "most_bytes": str(max(result.cost for result in results)),
        "sum_bytes": str(sum(result.cost for result in results)),
    }


if __name__ == "__main__":
    raise SystemExit(main())
