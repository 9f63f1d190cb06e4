"""Binary documents for the mixer to learn from, made of corpus text and integer arithmetic.

They stand for what binary files have in common: records of a fixed length, numbers of two and four
bytes that count or drift, tables of offsets, strings between them, rows of samples that resemble
the row above. Nothing in them comes from a file of a machine.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

_SIZE = 24_000


def _words(documents: list[bytes], rng: random.Random) -> Iterator[bytes]:
    while True:
        yield from rng.choice(documents)[:4000].split()


def _records(rng: random.Random, words: Iterator[bytes]) -> bytes:
    """A table: counter, code, flags, amount, name in a field of fixed length."""
    width = rng.choice((4, 8, 12, 20))
    order = rng.choice("<>")
    out, stamp = bytearray(), rng.randrange(1 << 30)
    for i in range(_SIZE // (16 + width)):
        stamp += rng.randrange(1000)
        name = next(words)[:width].ljust(width, rng.choice((b"\0", b" ")))
        amount = rng.choice((0, 0, 1, rng.randrange(100), rng.randrange(100_000)))
        out += struct.pack(f"{order}IHBBII", i, rng.randrange(12), 0, 1, stamp, amount)[:16] + name
    return bytes(out)


def _doubles(rng: random.Random, words: Iterator[bytes]) -> bytes:
    """Cells of a spreadsheet: a record header, row, column, format, a number of eight bytes."""
    out, columns = bytearray(), rng.randrange(4, 14)
    for i in range(_SIZE // 18):
        value = rng.choice((i, i * 0.25, rng.randrange(1000), rng.randrange(10_000) / 100))
        out += struct.pack("<HHHHHd", 0x203, 14, i // columns, i % columns, 15, value)
    return bytes(out)


def _samples(rng: random.Random, words: Iterator[bytes]) -> bytes:
    """Sums of slow triangles and noise, two bytes each."""
    periods = [rng.randrange(40, 900) for _ in range(3)]
    out = bytearray()
    for i in range(_SIZE // 2):
        value = sum(abs(i % p * 4000 // p - 2000) for p in periods) - 3000 + rng.randrange(-40, 41)
        out += struct.pack("<h", value)
    return bytes(out)


def _picture(rng: random.Random, words: Iterator[bytes]) -> bytes:
    """Rows of brightness that change slowly down and across."""
    width = rng.randrange(60, 500)
    row = [128] * width
    out = bytearray()
    while len(out) < _SIZE:
        row = [min(max(value + rng.randrange(-3, 4), 0), 255) for value in row]
        for x in range(1, width):
            row[x] = (3 * row[x] + row[x - 1]) // 4
        out += bytes(row)
    return bytes(out[:_SIZE])


def _bitmap(rng: random.Random, words: Iterator[bytes]) -> bytes:
    """Black and white rows, mostly white, like the row above but for moving edges."""
    width = rng.randrange(60, 220)
    edges = sorted(rng.randrange(width * 8) for _ in range(6))
    out = bytearray()
    while len(out) < _SIZE:
        if rng.randrange(30) == 0:
            edges = sorted(rng.randrange(width * 8) for _ in range(2 * rng.randrange(5)))
        edges = sorted(min(max(e + rng.randrange(-1, 2), 0), width * 8 - 1) for e in edges)
        bits = 0
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            bits |= (1 << right) - (1 << left)
        out += bits.to_bytes(width, "big")
    return bytes(out[:_SIZE])


def _program(rng: random.Random, words: Iterator[bytes]) -> bytes:
    """Instructions from a small set with registers and offsets, then a table and its strings."""
    body = [bytes([rng.randrange(256) for _ in range(rng.randrange(1, 4))]) for _ in range(40)]
    out, targets = bytearray(), [rng.randrange(1 << 16) & ~3 for _ in range(50)]
    while len(out) < _SIZE * 2 // 3:
        out += body[min(int(rng.expovariate(0.12)), 39)]
        kind = rng.randrange(4)
        if kind == 0:
            out.append(rng.choice((4, 8, 12, 16, 24, 248, 252)))
        elif kind == 1:
            out += struct.pack("<i", rng.choice(targets) - len(out))
    names = [next(words) for _ in range(300)]
    at = 0
    for name in names:
        out += struct.pack("<IIHH", at, rng.choice(targets), 18, rng.randrange(4))
        at += len(name) + 1
    return bytes(out) + b"\0".join(names)


def _floats(rng: random.Random, words: Iterator[bytes]) -> bytes:
    """Traces of a damped resonator as numbers of four bytes, a head of integers before each."""
    order = rng.choice("<>")
    out = bytearray()
    while len(out) < _SIZE:
        out += struct.pack(f"{order}6i", 1, len(out) // 100, 0, rng.randrange(9), 500, 0)
        first = second = 0
        size = rng.randrange(200, 20_000)
        for _ in range(500):
            value = (400 * first - 200 * second) // 256 + rng.randrange(-size, size + 1)
            second, first = first, value
            out += struct.pack(f"{order}f", value / 16)
    return bytes(out[:_SIZE])


def _sheet(rng: random.Random, words: Iterator[bytes]) -> bytes:
    """Rows of a spreadsheet: cells of several kinds and lengths, a block of heads for some rows."""
    columns = rng.randrange(4, 14)
    kinds = [rng.randrange(4) for _ in range(columns)]
    sums = [rng.randrange(1000) for _ in range(columns)]
    out, row = bytearray(), 0
    while len(out) < _SIZE:
        if row % 32 == 0:
            for i in range(row, row + 32):
                out += struct.pack("<8H", 0x208, 12, i, 0, columns, 255, 0, 0x100)
        for column, kind in enumerate(kinds):
            place = (row, column, 15 + kind)
            if rng.randrange(20) == 0:
                out += struct.pack("<5H", 0x201, 6, *place)
            elif kind < 2:
                sums[column] += rng.choice((0, 1, 1, rng.randrange(30)))
                out += struct.pack("<5Hi", 0x27E, 10, *place, sums[column] << 2 | 2)
            else:
                value = rng.randrange(20_000) / (100 if kind == 3 else 1)
                out += struct.pack("<5Hd", 0x203, 14, *place, value)
        row += 1
    return bytes(out[:_SIZE])


def _code(rng: random.Random, words: Iterator[bytes]) -> bytes:
    """Instructions of whole words, two or four bytes each, big-endian; their operands follow."""
    wide = rng.randrange(2)
    codes = [rng.randrange(1 << 7) for _ in range(24)]
    calls = [rng.randrange(1 << 12) << 2 for _ in range(30)]
    out = bytearray()
    while len(out) < _SIZE:
        code = codes[min(int(rng.expovariate(0.2)), 23)]
        target, source = (min(int(rng.expovariate(0.4)), 15) for _ in range(2))
        small = rng.choice((0, 1, 4, 8, 12, 255, rng.randrange(256)))
        if wide:
            out += struct.pack(">BBH", code << 1 | target >> 3, (target & 7) << 5 | source, small)
            if code & 7 == 0:
                distance = rng.choice(calls) - len(out) >> 2
                out += struct.pack(">I", 0x40000000 | distance & 0xFFFFFF)
        else:
            out += struct.pack(">H", code << 9 | (target & 7) << 6 | source)
            if code & 3 == 0:
                out += struct.pack(">H", small)
            if code & 15 == 1:
                out += struct.pack(">I", rng.choice(calls))
    return bytes(out[:_SIZE])


def _survey(rng: random.Random, words: Iterator[bytes]) -> bytes:
    """A wide table: a cell a column, of seven bytes of place and format and two or eight of value;
    most rows give the answer that is usual in a column."""
    columns = rng.randrange(40, 230)
    usual = [rng.choice((None, None, rng.randrange(6), rng.randrange(90))) for _ in range(columns)]
    small = [rng.randrange(2, 7) for _ in range(columns)]
    look = bytes(rng.choice((0, 1, 3, 15, 64)) for _ in range(3))
    out, row = bytearray(), rng.randrange(100)
    while len(out) < _SIZE:
        for column, value in enumerate(usual):
            kind, cell, answer = 2, b"", value
            if rng.randrange(5) == 0:
                answer = rng.choice((None, rng.randrange(small[column]), rng.randrange(100) * 50))
            if answer is None:
                kind, cell = 5, b"\0\1"
            elif rng.randrange(40):
                cell = struct.pack("<H", answer)
            else:
                kind, cell = 3, struct.pack("<d", answer / 4)
            out += struct.pack("<4H", kind, 7 + len(cell), row, column) + look + cell
        row += 1
    return bytes(out[:_SIZE])


_MAKERS: tuple[Callable[[random.Random, Iterator[bytes]], bytes], ...] = (
    _records,
    _doubles,
    _samples,
    _picture,
    _bitmap,
    _program,
)
_MORE = (*_MAKERS, _floats, _sheet, _code, _survey)


def make_binaries(
    documents: list[bytes], seed: int, rounds: int = 6, more: bool = False
) -> list[bytes]:
    """`rounds` documents of every kind in random order, of `more` kinds for `records`; the words in
    them are from `documents`."""
    rng = random.Random(seed)
    words = _words(documents, rng)
    made = [maker(rng, words) for _ in range(rounds) for maker in (_MORE if more else _MAKERS)]
    rng.shuffle(made)
    return made
