"""Deflate streams are written again as zlib, gzip and zip wrote them, bit by bit."""

from __future__ import annotations

import random
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from edgezip.coding.deflate import codec
from edgezip.coding.deflate.analysis import analyse
from edgezip.coding.deflate.codec import Method, Undone, restore
from edgezip.errors import FormatError

TEXT = (Path(__file__).parents[1] / "data" / "courage.txt").read_bytes()
NONE = np.zeros((0, 2), np.int64)

original = pytest.mark.skipif(
    "ng" in zlib.ZLIB_RUNTIME_VERSION, reason="this zlib is none: it chooses other matches"
)


def contents() -> dict[str, bytes]:
    rng = random.Random(3)
    noise = rng.randbytes(40_000)
    few = bytes(rng.choice(b"abcd") for _ in range(20_000))
    walk = np.cumsum(np.random.default_rng(1).integers(-2, 3, 30_000)).astype(np.uint8).tobytes()
    return {
        "empty": b"",
        "one": b"a",
        "runs": bytes(70_000) + b"x" * 400,
        "text": TEXT[:12_000],
        "mixed": TEXT[:9_000] + noise + few + walk + TEXT[:9_000],
    }


CONTENTS = contents()


def deflate(data: bytes, method: Method) -> bytes:
    strategy = {codec.FAR: 0}.get(method.strategy, method.strategy)
    encoder = zlib.compressobj(
        method.level, zlib.DEFLATED, -method.window_bits, method.memory, strategy
    )
    return encoder.compress(data) + encoder.flush()


def array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


@original
@pytest.mark.parametrize("name", CONTENTS)
def test_every_level_writes_what_zlib_writes(name: str) -> None:
    data = CONTENTS[name]
    methods = [Method(level) for level in range(1, 10)]
    methods += [Method(level, codec.FILTERED, 15, 9) for level in (1, 4, 6, 9)]
    methods += [Method(6, strategy) for strategy in (codec.HUFFMAN, codec.RUNS)]
    methods += [Method(level, 0, 10, memory) for level, memory in ((2, 8), (6, 1), (9, 5))]
    for method in methods:
        stream = deflate(data, method)
        assert restore(array(data), Undone(method, NONE), len(stream)) == stream, method


@original
def test_settings_are_found() -> None:
    data = CONTENTS["mixed"]
    for method in (Method(1), Method(6), Method(9, codec.FILTERED, 15, 9), Method(6, codec.RUNS)):
        stream = deflate(data, method)
        undone = analyse(array(stream), array(data), 15)
        assert undone is not None
        assert not undone.blocks
        assert not len(undone.corrections)
        assert restore(array(data), undone, len(stream)) == stream


@original
def test_a_stream_that_was_flushed_is_corrected() -> None:
    data = TEXT[:15_000]
    encoder = zlib.compressobj(6, zlib.DEFLATED, -15)
    parts = [encoder.compress(data[:6000]), encoder.flush(zlib.Z_SYNC_FLUSH)]
    stream = b"".join([*parts, encoder.compress(data[6000:]), encoder.flush()])
    undone = analyse(array(stream), array(data), 15)
    assert undone is not None
    assert undone.blocks
    assert restore(array(data), undone, len(stream)) == stream


@pytest.mark.skipif(shutil.which("gzip") is None, reason="no gzip here")
@pytest.mark.parametrize("level", [1, 6, 9])
def test_the_program_gzip(level: int) -> None:
    data = TEXT * 2
    command = ["gzip", f"-{level}", "-n", "-c"]
    packed = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    stream = packed[10:-8]
    undone = analyse(array(stream), array(data), 15)
    assert undone is not None
    assert restore(array(data), undone, len(stream)) == stream


def test_what_zlib_would_never_write_is_left_alone() -> None:
    data = TEXT[:3000]
    stream = deflate(data, Method(6))
    assert analyse(array(stream + b"x"), array(data), 15) is None
    assert analyse(array(stream[:-1]), array(data), 15) is None
    assert analyse(array(stream), array(data[:-1]), 15) is None
    rng = random.Random(5)
    for _ in range(40):
        damaged = bytearray(stream)
        damaged[rng.randrange(len(stream))] ^= 1 << rng.randrange(8)
        undone = analyse(array(bytes(damaged)), array(data), 15)
        assert undone is None or restore(array(data), undone, 1 << 20) == damaged


def test_damaged_corrections_are_refused() -> None:
    data = array(TEXT[:3000])
    for place, token in ((0, 5 << 9 | 4), (3, 1 << 9 | 2), (3, 300), (5, 1 << 40), (10**6, 65)):
        rows = np.array([(place, token)], np.int64)
        with pytest.raises(FormatError):
            restore(data, Undone(Method(6), rows), 1 << 20)
    for blocks in (((2, 4000),), ((0, 4000),), ((2, 10),), ((0, 70_000),)):
        with pytest.raises(FormatError):
            restore(data, Undone(Method(6), NONE, blocks), 1 << 20)
    for method in (Method(0), Method(10), Method(6, 9), Method(6, 0, 8), Method(6, 0, 15, 10)):
        with pytest.raises(FormatError):
            restore(data, Undone(method, NONE), 1 << 20)
    with pytest.raises(FormatError):
        restore(data, Undone(Method(6), NONE), 100)
