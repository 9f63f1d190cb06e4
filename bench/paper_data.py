"""The data of `bench.paper`: text, pictures, sound and random bytes in the paper's protocol.

Chunks of 2048 bytes without history. Pictures: the mean of the channels, cut off to 8 bits, in
patches of 32 rows of 64. Sound: the upper byte of 16 kHz samples + 128. Text: Wikipedia articles of
the validation set, which no model of edgezip was trained on.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.audio import read_sound
from bench.common import EVAL, ROOT, SHARED, Row, files_of, read_csv, require
from edgezip.pipeline.sample import random_bytes

CHUNK = 2048
PATCH = 32, 64
PATCHES = 200
TEXT_BYTES = 1_000_000
RANDOM_CHUNKS = 32
KINDS = ("text", "images", "audio", "random")
SIXTEEN = "audio 16 bit"
MODEL_BYTES = {"text": 65_536, "images": 32_768, "audio": 32_768, "random": 8_192}
"""Bytes of each kind that language models are measured on, and every coder once more."""
ALL, MODELS = "all", "models"
"""The two samples."""
SEED = 2309_10668
QUOTED = ROOT / "bench" / "paper_table1.csv"


@dataclass(frozen=True)
class Column:
    """One kind of data. seven_bits: the paper's language models get each byte without its lowest
    bit, as ASCII; else as it is, without the highest bit where that is set. files: what the whole
    consists of, where that is not one file; such a column has no chunks."""

    name: str
    data: bytes
    seven_bits: bool
    sample: str = ALL
    files: tuple[bytes, ...] = ()

    def chunks(self) -> list[bytes]:
        """Pieces of `CHUNK` bytes, the rest left out as in the paper."""
        whole = len(self.data) // CHUNK * CHUNK
        return [self.data[i : i + CHUNK] for i in range(0, whole, CHUNK)]


def columns(most: int | None = None) -> list[Column]:
    """All kinds in both samples, at most `most` bytes of each.

    all: whole chunks of everything, and the recordings as files of 16 bits. models: `MODEL_BYTES`,
    the first ones of text, those of pictures and sound evenly from all, which begin with one
    picture and silence.
    """
    made = [
        Column("text", text(), False),
        Column("images", patches().tobytes(), True),
        Column("audio", sound(), True),
        Column("random", random_bytes(SEED, RANDOM_CHUNKS * CHUNK), True),
    ]
    sixteen = tuple(recordings())
    every = [replace(c, data=_part(c, most)) for c in made]
    if most is None:
        every.append(Column(SIXTEEN, b"".join(sixteen), False, ALL, sixteen))
    limits = {name: min(size, most or size) for name, size in MODEL_BYTES.items()}
    return [*every, *(replace(c, data=_part(c, limits[c.name]), sample=MODELS) for c in made)]


def _part(column: Column, limit: int | None) -> bytes:
    chunks = column.chunks()
    count = min(len(chunks), (limit or len(column.data)) // CHUNK)
    if not column.seven_bits:
        return b"".join(chunks[:count])
    return b"".join(chunks[i] for i in np.linspace(0, len(chunks) - 1, count).astype(int).tolist())


def text() -> bytes:
    """The first megabyte of the validation set's Wikipedia articles."""
    import json

    path = require(SHARED / "corpus" / "val.jsonl.xz", "the validation text")
    out = bytearray()
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            if document["kind"] == "wiki":
                out += document["text"].encode() + b"\n"
    return bytes(out[:TEXT_BYTES])


def patches() -> NDArray[np.uint8]:
    """`PATCHES` patches, evenly from all of the pictures, uint8 (n, 32, 64)."""
    every = np.concatenate(list(_patches(EVAL / "images" / "imagenet")))
    return every[np.linspace(0, len(every) - 1, min(PATCHES, len(every))).astype(np.int64)]


def _patches(folder: Path) -> Iterator[NDArray[np.uint8]]:
    from PIL import Image

    rows, width = PATCH
    for file in files_of([require(folder, "pictures")]):
        with Image.open(file) as opened:
            pixels = np.asarray(opened.convert("RGB"), np.uint16)
        gray = (pixels.sum(axis=2) // 3).astype(np.uint8)
        down, across = gray.shape[0] // rows, gray.shape[1] // width
        cut = gray[: down * rows, : across * width].reshape(down, rows, across, width)
        yield cut.transpose(0, 2, 1, 3).reshape(-1, rows, width)


def recordings() -> list[bytes]:
    """The samples of every recording, 16 bits, little-endian, one channel."""
    files = files_of([require(EVAL / "audio", "sound")])
    found = [sound for file in files if (sound := read_sound(file)) is not None]
    return [one.samples for one in found if (one.channels, one.bits, one.rate) == (1, 16, 16000)]


def sound() -> bytes:
    """All recordings one after the other at 8 bits, unsigned."""
    upper = [np.frombuffer(samples, np.uint8)[1::2] ^ 0x80 for samples in recordings()]
    return np.concatenate(upper).tobytes()


def quoted() -> list[Row]:
    """The paper's Table 1."""
    return read_csv(QUOTED)
