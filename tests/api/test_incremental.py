"""`Compressor` and `Decompressor` keep the promises of `lzma` and `compression.zstd`."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgezip
from edgezip import Compressor, Decompressor, PackOptions

NONE = PackOptions(model="none", frame_size=1024)
# Stored, so that decoding it a thousand times is quick.
TEXT = random.Random(3).randbytes(6000)
PACKED = edgezip.compress(TEXT, options=NONE)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """`data` in pieces of the given sizes, over and over."""
    pieces, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        pieces.append(data[at : at + size])
        at, turn = at + size, turn + 1
    return pieces


sizes = st.lists(st.integers(1, 3000), min_size=1, max_size=5)


@given(sizes=sizes)
def test_compressor_pieces(sizes: list[int]) -> None:
    compressor = Compressor(options=NONE)
    packed = b"".join(map(compressor.compress, cut(TEXT, sizes))) + compressor.flush()
    assert edgezip.decompress(packed) == TEXT
    with pytest.raises(ValueError, match="has been flushed"):
        compressor.compress(b"x")
    with pytest.raises(ValueError, match="has been flushed"):
        compressor.flush()


@given(sizes=sizes, max_length=st.sampled_from([-1, 1, 7, 4096]))
def test_decompressor_pieces(sizes: list[int], max_length: int) -> None:
    decompressor = Decompressor()
    pieces = cut(PACKED + b"more", sizes)
    found = bytearray()
    while not decompressor.eof:
        piece = pieces.pop(0) if decompressor.needs_input else b""
        part = decompressor.decompress(piece, max_length)
        assert max_length < 0 or len(part) <= max_length
        found += part
    assert found == TEXT
    assert decompressor.unused_data + b"".join(pieces) == b"more"
    assert not decompressor.needs_input
    with pytest.raises(EOFError):
        decompressor.decompress(b"")


def test_start_state() -> None:
    decompressor = Decompressor()
    assert (decompressor.eof, decompressor.needs_input) == (False, True)
    assert decompressor.unused_data == b""
    assert decompressor.decompress(b"") == b""
    assert decompressor.decompress(PACKED, 0) == b""
    assert not decompressor.needs_input


def test_bounded_output_bounds_work() -> None:
    """A megabyte in 300 bytes: asking for one byte decodes one frame, not all."""
    bomb = edgezip.compress(bytes(1 << 20), options=PackOptions(model="none", frame_size=1 << 16))
    decompressor = Decompressor()
    assert decompressor.decompress(bomb, 1) == b"\0"
    assert len(decompressor._output) < 1 << 20


def test_errors_stay() -> None:
    decompressor = Decompressor()
    damaged = bytearray(PACKED)
    damaged[len(damaged) // 2] ^= 255
    for _ in range(2):
        with pytest.raises(edgezip.FormatError):
            decompressor.decompress(bytes(damaged))
        with pytest.raises(edgezip.FormatError):
            decompressor.check_end()
    assert not decompressor.eof


def test_truncation_is_an_eof_error() -> None:
    decompressor = Decompressor()
    decompressor.decompress(PACKED[:-1])
    assert not decompressor.eof
    with pytest.raises(EOFError):
        decompressor.check_end()


def test_buffers_of_any_kind() -> None:
    compressor = Compressor(options=NONE)
    packed = compressor.compress(memoryview(TEXT)) + compressor.compress(bytearray(b"end"))
    packed += compressor.flush()
    assert Decompressor().decompress(memoryview(packed)) == TEXT + b"end"
