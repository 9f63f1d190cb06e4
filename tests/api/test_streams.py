"""Sources, targets and buffers as they come: nothing is taken for the end that is not the end."""

from __future__ import annotations

import array
import ctypes
import errno
import io
import itertools
import os
import random
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import edgezip
from edgezip import PackOptions, UnpackOptions, api
from edgezip.streams import byte_view, chunks, flush, read_all, write_all

NONE = PackOptions(model="none", frame_size=1024)
CONTENT = random.Random(8).randbytes(5000) + b"a line that comes again\n" * 200
PACKED = edgezip.compress(CONTENT, options=NONE)


class Hesitant:
    """Gives a few bytes at a time, and "nothing yet" in between, in one of three ways."""

    def __init__(self, content: bytes, size: int, reluctance: Any) -> None:
        self._rest = content
        self._size = size
        self._reluctance = reluctance
        self._turn = itertools.count()

    def read(self, size: int = -1) -> Any:
        if next(self._turn) % 3:
            if isinstance(self._reluctance, Exception):
                raise self._reluctance
            return self._reluctance
        count = self._size if size < 0 else min(size, self._size)
        piece, self._rest = self._rest[:count], self._rest[count:]
        return bytearray(piece)


@pytest.fixture(params=["None", "BlockingIOError"])
def hesitant(request: pytest.FixtureRequest) -> Any:
    reluctance = None if request.param == "None" else BlockingIOError(errno.EAGAIN, "not yet")
    return lambda content, size: Hesitant(content, size, reluctance)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: real(seconds / 100))


@pytest.mark.parametrize("size", [37, 999, 1 << 20])
def test_short_pieces_and_none_are_not_the_end(hesitant: Any, size: int) -> None:
    target = io.BytesIO()
    report = api.pack_stream(hesitant(CONTENT, size), target, NONE)
    assert report.raw_size == len(CONTENT)
    assert edgezip.decompress(target.getvalue()) == CONTENT
    back = io.BytesIO()
    api.unpack_stream(hesitant(PACKED, size), back, UnpackOptions())
    assert back.getvalue() == CONTENT
    (member,) = api.inspect_stream(hesitant(PACKED, size))
    assert member.raw_size == len(CONTENT)
    with edgezip.open(hesitant(PACKED + PACKED, size)) as file:
        assert file.read() == 2 * CONTENT
    assert read_all(hesitant(CONTENT, size)) == CONTENT


class Short(io.BytesIO):
    """A seekable file that gives at most 100 bytes at once."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(100 if size is None or size < 0 else min(size, 100))


def test_recovery_of_sources_that_hesitate(hesitant: Any) -> None:
    damaged = bytearray(PACKED)
    damaged[1500] ^= 255
    for source in (hesitant(bytes(damaged), 500), Short(damaged)):
        target = io.BytesIO()
        report = api.unpack_stream(source, target, UnpackOptions(recover=True))
        assert report.lost == ((1024, 2048),)
        assert target.getvalue() == CONTENT[:1024] + CONTENT[2048:]


def test_a_pipe_that_does_not_block() -> None:
    """Larger than a pipe holds, with gaps, in both directions."""
    reading, writing = os.pipe()
    for descriptor in (reading, writing):
        os.set_blocking(descriptor, False)
    data = random.Random(9).randbytes(400_000)

    def feed() -> None:
        with open(writing, "wb", buffering=0) as target:
            write_all(target, data[:1000])
            time.sleep(1)
            write_all(target, data[1000:])

    thread = threading.Thread(target=feed)
    thread.start()
    with open(reading, "rb", buffering=0) as source:
        packed = io.BytesIO()
        api.pack_stream(source, packed, PackOptions(model="none"))
    thread.join()
    assert edgezip.decompress(packed.getvalue()) == data


class Picky(io.RawIOBase):
    """A raw file that takes at most 7 bytes, sometimes none."""

    def __init__(self) -> None:
        self.taken = bytearray()
        self._turn = itertools.count()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int | None:
        if next(self._turn) % 2:
            return None
        self.taken += bytes(data[:7])
        return min(7, len(data))


class Careless:
    """Counts nothing, as simple objects with a `write` do."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def write(self, data: Any) -> None:
        self.taken += data


@pytest.mark.parametrize("make", [Picky, Careless])
def test_targets_that_take_a_part_or_do_not_count(make: Any) -> None:
    target = make()
    assert write_all(target, CONTENT[:200]) == 200
    assert target.taken == CONTENT[:200]
    target = make()
    api.unpack_stream(io.BytesIO(PACKED), target, UnpackOptions())
    assert target.taken == CONTENT
    target = make()
    with edgezip.open(target, "wb", options=NONE) as file:
        assert file.write(CONTENT) == len(CONTENT)
    assert edgezip.decompress(target.taken) == CONTENT
    flush(target)


def test_a_buffered_target_that_would_block_loses_nothing() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    found = bytearray()

    def drain() -> None:
        time.sleep(1)
        with open(reading, "rb") as source:
            found.extend(source.read())

    thread = threading.Thread(target=drain)
    thread.start()
    data = random.Random(10).randbytes(300_000)
    with open(writing, "wb") as target:
        write_all(target, data)
        flush(target)
    thread.join()
    assert found == data


def buffers() -> Iterator[tuple[Any, bytes]]:
    floats = array.array("d", range(100))
    yield floats, floats.tobytes()
    yield memoryview(floats), floats.tobytes()
    yield memoryview(floats)[::3], memoryview(floats)[::3].tobytes()
    yield memoryview(CONTENT)[::2], CONTENT[::2]
    yield memoryview(CONTENT)[::-1], CONTENT[::-1]
    table = np.arange(60, dtype=np.int32).reshape(4, 15)
    yield table, table.tobytes()
    yield table.T, table.T.tobytes()
    yield table[:, 3:9], table[:, 3:9].tobytes()
    yield table.astype(">i2"), table.astype(">i2").tobytes()
    yield table > 5, (table > 5).tobytes()
    yield np.float64(2.5), np.float64(2.5).tobytes()
    yield np.zeros((0, 3)), b""
    record = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    yield record, record.tobytes()
    yield (ctypes.c_int * 3)(1, 2, 3), bytes((ctypes.c_int * 3)(1, 2, 3))
    yield bytearray(CONTENT), CONTENT


@pytest.mark.parametrize(("data", "content"), list(buffers()))
def test_buffers_count_by_their_bytes(data: Any, content: bytes) -> None:
    assert edgezip.decompress(edgezip.compress(data, options=NONE)) == content
    compressor = edgezip.Compressor(options=NONE)
    assert edgezip.decompress(compressor.compress(data) + compressor.flush()) == content
    bare = edgezip.compress_bare(data, options=NONE)
    assert edgezip.decompress_bare(bare, len(content), options=NONE) == content
    target = io.BytesIO()
    with edgezip.open(target, "wb", options=NONE) as file:
        assert file.write(data) == len(content)
        assert file.tell() == len(content)
    assert edgezip.decompress(target.getvalue()) == content


def test_packed_data_in_buffers() -> None:
    packed = edgezip.compress(b"x" * 1000, options=NONE)
    padded = bytes(itertools.chain.from_iterable((byte, 0) for byte in packed))
    data: Any
    for data in (bytearray(packed), np.frombuffer(packed, np.uint8), memoryview(padded)[::2]):
        assert edgezip.decompress(data) == b"x" * 1000
        assert edgezip.Decompressor().decompress(data) == b"x" * 1000
    prime: Any = memoryview(array.array("H", range(500)))
    options = PackOptions(model="none", prime=prime)
    packed = edgezip.compress(prime, options=options)
    assert edgezip.decompress(packed, options=UnpackOptions(prime=prime)) == prime.tobytes()


@pytest.mark.parametrize("wrong", ["text", 5, None, [1, 2], object()])
def test_what_is_no_buffer(wrong: Any) -> None:
    """The message is that of lzma and zlib."""

    class Wrong:
        def read(self, size: int) -> Any:
            return "text" if wrong is None else wrong

    file = edgezip.open(io.BytesIO(), "wb", options=NONE)
    for call in (
        lambda: edgezip.compress(wrong, options=NONE),
        lambda: edgezip.decompress(wrong),
        lambda: edgezip.compress_bare(wrong, options=NONE),
        lambda: edgezip.Compressor(options=NONE).compress(wrong),
        lambda: edgezip.Decompressor().decompress(wrong),
        lambda: file.write(wrong),
        lambda: list(chunks(Wrong())),
    ):
        with pytest.raises(TypeError, match="a bytes-like object is required, not"):
            call()
    with pytest.raises(TypeError, match=r"^a bytes-like object is required, not 'str'$"):
        byte_view("text")  # type: ignore[arg-type]


class Changing(io.BytesIO):
    """A seekable source whose content becomes another one when it is read a second time."""

    def __init__(self, content: bytes, later: bytes) -> None:
        super().__init__(content)
        self._later = later

    def seek(self, position: int, whence: int = 0) -> int:
        super().seek(0)
        super().truncate()
        super().write(self._later)
        return super().seek(position, whence)


NOISE = random.Random(11).randbytes(6000)


@pytest.mark.parametrize("later", [b"", NOISE[:5000], NOISE + b"more", NOISE[::-1]])
def test_a_source_that_changes_between_two_readings(later: bytes) -> None:
    """Random data is read again to be stored as a whole; what was read first must not be lost."""
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = api.pack_stream(Changing(NOISE, later), target, NONE)
    assert report.raw_size == len(NOISE)
    assert edgezip.decompress(target.getvalue()) == NOISE
    stored = later.startswith(NOISE)
    assert (len(target.getvalue()) <= len(NOISE) + api.MOST_GROWTH) == stored


@pytest.mark.parametrize("size", [0, 1, len(CONTENT) - 1, len(CONTENT) + 1, 1 << 62])
def test_a_size_that_was_announced_wrongly(size: int) -> None:
    target = io.BytesIO()
    with pytest.warns(RuntimeWarning, match=f"{len(CONTENT)} bytes were read and packed"):
        report = api.pack_stream(io.BytesIO(CONTENT), target, NONE, size=size)
    assert report.raw_size == len(CONTENT)
    assert edgezip.decompress(target.getvalue()) == CONTENT
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        api.pack_stream(io.BytesIO(CONTENT), io.BytesIO(), NONE, size=len(CONTENT))


def test_objects_with_read_or_write_alone() -> None:
    class Reader:
        read = io.BytesIO(NOISE).read

    target = Careless()
    api.pack_stream(Reader(), target, NONE)  # type: ignore[arg-type]
    assert edgezip.decompress(target.taken) == NOISE
