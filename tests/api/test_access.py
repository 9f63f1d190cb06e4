"""Random access: only the frames that are needed are decoded."""

from __future__ import annotations

import io
import json
import random
import tarfile
import threading
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgezip
from edgezip import EdgezipFile, PackOptions, UnpackOptions
from edgezip.container import StoredWriter
from edgezip.pipeline import content as content_module
from edgezip.pipeline.inspect import content_size
from tests.container.builders import long_member, stored

NONE = PackOptions(model="none", frame_size=1024)
NOISE = random.Random(9).randbytes(9000)
FRAMES = [NOISE[k : k + 1000] for k in range(0, 8000, 1000)]
LONG = long_member([[(0, frame)] for frame in FRAMES])
MANY = LONG + stored(NOISE[8000:8500]) + stored(b"") + long_member([]) + LONG
CONTENT = NOISE[:8000] + NOISE[8000:8500] + NOISE[:8000]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Raw sizes of the frames that were decoded, by whatever reads."""
    from edgezip.pipeline import channels, reader

    sizes: list[int] = []
    decode = channels.decode_frame

    def counting(frame: Any, context: Any, progress: Any = lambda count: None) -> bytes:
        sizes.append(frame.raw_size)
        return decode(frame, context, progress)

    monkeypatch.setattr(content_module, "decode_frame", counting)
    monkeypatch.setattr(reader, "decode_frame", counting)
    return sizes


def test_the_size_decodes_nothing(decoded: list[int]) -> None:
    file = EdgezipFile(io.BytesIO(MANY))
    assert file.seek(0, io.SEEK_END) == len(CONTENT)
    assert file.read(5) == b""
    assert file.seek(-3, io.SEEK_CUR) == len(CONTENT) - 3
    assert file.seek(7000) == 7000
    assert decoded == []
    assert file.read(10) == CONTENT[7000:7010]
    assert file.seek(7990) == 7990
    assert file.read(20) == CONTENT[7990:8010]
    assert decoded == [1000, 500]


def test_a_stream_is_left_only_when_it_must_be(decoded: list[int]) -> None:
    file = EdgezipFile(io.BytesIO(MANY))
    assert file.read(1500) == CONTENT[:1500]
    assert file.seek(1100) == 1100
    assert file.tell() == 1100
    assert file.read(800) == CONTENT[1100:1900]
    assert decoded == [1000, 1000]
    assert file.seek(100) == 100
    assert file.readline() == CONTENT[100:].split(b"\n")[0] + b"\n"
    assert file.read() == CONTENT[100 + CONTENT[100:].index(b"\n") + 1 :]


@given(
    st.lists(st.tuples(st.integers(0, len(CONTENT) + 5), st.integers(0, 2500)), max_size=6),
    st.sampled_from([b"", b"before"]),
    st.booleans(),
)
def test_reading_anywhere(places: list[tuple[int, int]], before: bytes, whole: bool) -> None:
    """With an index, and without one: cut off, the file is decoded from its start."""
    raw = io.BytesIO(before + (MANY if whole else MANY[: len(MANY) - 90]))
    raw.seek(len(before))
    content = CONTENT if whole else CONTENT[: -2 * 1000]
    with EdgezipFile(raw) as file:
        for position, size in places:
            if not whole and position + size > len(content):
                continue
            assert file.seek(position) == min(position, len(content))
            assert file.read(size) == content[position : position + size]
            assert file.tell() == min(position + size, len(content))


def test_the_size_of_a_stream_is_told_without_its_frames(decoded: list[int]) -> None:
    for size in (1, 700, len(MANY)):
        pieces = [MANY[k : k + size] for k in range(0, len(MANY), size)]
        assert content_size(pieces) == len(CONTENT)
    with pytest.raises(edgezip.TruncatedError):
        content_size([MANY[:-1]])
    assert decoded == []


def test_index_and_frames(tmp_path: Path, decoded: list[int]) -> None:
    path = tmp_path / "many.ez"
    path.write_bytes(MANY)
    entries = edgezip.read_index(path)
    assert decoded == []
    assert sum(entry.raw_size for entry in entries) == len(CONTENT)
    assert [entry.member for entry in entries] == [0] * 8 + [1, 2] + [4] * 8
    for number, entry in enumerate(entries):
        wanted = CONTENT[entry.offset : entry.offset + entry.raw_size]
        assert edgezip.read_frame(path, number) == wanted
    assert len(decoded) == len(entries)
    assert edgezip.read_frame(path, -1) == CONTENT[-1000:]
    with pytest.raises(IndexError):
        edgezip.read_frame(path, len(entries))
    raw = io.BytesIO(b"x" + MANY)
    raw.seek(1)
    assert edgezip.read_index(raw)[3].position == entries[3].position + 1
    assert edgezip.read_frame(raw, 3) == FRAMES[3]
    assert raw.tell() == 1
    with pytest.raises(edgezip.FormatError):
        edgezip.read_index(io.BytesIO(MANY[:-1]))


def test_a_frame_that_is_not_the_indexed_one() -> None:
    other = long_member([[(0, bytes(reversed(frame)))] for frame in FRAMES])
    entry = edgezip.read_index(io.BytesIO(LONG))[3]
    place = slice(entry.position, entry.position + entry.packed_size)
    mixed = io.BytesIO(LONG[: place.start] + other[place] + LONG[place.stop :])
    with pytest.raises(edgezip.FormatError):
        edgezip.read_frame(mixed, 3)
    assert edgezip.read_frame(mixed, 4) == FRAMES[4]


def test_large_stored_members_are_read_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgezip.container.constants.MAX_FRAME_SIZE", 4000)
    data = NOISE * 50
    writer = StoredWriter(len(data))
    packed = stored(b"start") + writer.begin() + writer.update(data) + writer.finish()
    with EdgezipFile(io.BytesIO(packed)) as file:
        assert file.seek(100_005) == 100_005
        assert file.read(50) == data[100_000:100_050]
        file.seek(3)
        assert file.read() == b"rt" + data
    damaged = bytearray(packed)
    damaged[200_000] ^= 1
    with EdgezipFile(io.BytesIO(damaged)) as file:
        file.seek(100_005)
        with pytest.raises(edgezip.ChecksumError):
            file.read(50)


def test_flush_shows_everything_written(tmp_path: Path) -> None:
    path = tmp_path / "log.ez"
    lines = [b"line %d of a log\n" % number for number in range(9)]
    with edgezip.open(path, "wb", options=NONE) as writing:
        for number, line in enumerate(lines):
            writing.write(line)
            if number % 3 == 2:
                writing.flush()
                writing.flush()
                with edgezip.open(path) as reading:
                    assert reading.read(sum(map(len, lines[: number + 1]))) == b"".join(
                        lines[: number + 1]
                    )
                    with pytest.raises(edgezip.TruncatedError):
                        reading.read(1)
    assert edgezip.decompress(path.read_bytes()) == b"".join(lines)
    assert len(edgezip.read_index(path)) == 3


def test_closing_text_ends_no_frame(tmp_path: Path) -> None:
    with edgezip.open(tmp_path / "a.ez", "wt", options=NONE, encoding="ascii") as file:
        file.write("a short text " * 5)
    assert (tmp_path / "a.ez").read_bytes() == edgezip.compress(b"a short text " * 5, options=NONE)
    with edgezip.open(tmp_path / "b.ez", "wt", options=NONE, encoding="ascii") as file:
        file.write("one")
        file.flush()
        assert len((tmp_path / "b.ez").read_bytes()) > 20
        file.write("two")
    with edgezip.open(tmp_path / "b.ez", "rt", encoding="ascii") as file:
        assert file.read() == "onetwo"


def test_a_tar_is_listed_by_its_headers_alone(decoded: list[int]) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for number in range(20):
            member = tarfile.TarInfo(f"file-{number}")
            member.size = 20_000
            archive.addfile(member, io.BytesIO(NOISE * 3))
    tar = plain.getvalue()
    packed = long_member([[(0, tar[k : k + 2048])] for k in range(0, len(tar), 2048)])
    with tarfile.open(fileobj=EdgezipFile(io.BytesIO(packed)), mode="r:") as archive:
        assert archive.getnames() == [f"file-{number}" for number in range(20)]
        assert len(decoded) < 60
        content = archive.extractfile("file-17")
        assert content is not None
        assert content.read() == (NOISE * 3)[:20_000]
    assert len(decoded) < 75 < len(tar) // 2048


def test_it_is_an_io_of_bytes() -> None:
    def length(file: IO[bytes]) -> int:
        return len(file.read())

    with EdgezipFile(io.BytesIO(MANY)) as file:
        assert length(file) == len(CONTENT)
        lines: list[bytes] = file.readlines()
        assert lines == []
    target = io.BytesIO()
    with EdgezipFile(target, "w", options=NONE) as file, io.TextIOWrapper(file) as text:
        json.dump([1, 2], text)
    assert edgezip.decompress(target.getvalue()) == b"[1, 2]"


def test_many_frames_make_several_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgezip.container.constants.MAX_FRAMES", 3)
    compressor = edgezip.Compressor(options=NONE)
    packed = b"".join(compressor.compress(frame) + compressor.end_frame() for frame in FRAMES)
    packed += compressor.flush()
    assert edgezip.decompress(packed) == b"".join(FRAMES)
    assert [entry.member for entry in edgezip.read_index(io.BytesIO(packed))] == [
        0, 0, 0, 1, 1, 1, 2, 2
    ]  # fmt: skip


def test_a_pipe_is_read_as_it_comes() -> None:
    import os

    ends = os.pipe()

    def write() -> None:
        with open(ends[1], "wb") as target:
            target.write(MANY)

    thread = threading.Thread(target=write)
    thread.start()
    with open(ends[0], "rb") as source, EdgezipFile(source) as file:
        assert not file.seekable()
        assert file.read(100) == CONTENT[:100]
        with pytest.raises(io.UnsupportedOperation):
            file.seek(0)
        with pytest.raises(edgezip.SettingsError):
            edgezip.read_index(source)
        assert file.read() == CONTENT[100:]
    thread.join()


def test_the_limit_holds_wherever_one_reads() -> None:
    limit = UnpackOptions(max_output=8200)
    with EdgezipFile(io.BytesIO(MANY), options=limit) as file:
        file.seek(8100)
        assert file.read(100) == CONTENT[8100:8200]
        with pytest.raises(edgezip.LimitError):
            file.read(1)
        file.seek(0, io.SEEK_END)
        file.seek(-5, io.SEEK_CUR)
        with pytest.raises(edgezip.LimitError):
            file.read(1)


def test_what_is_described_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member of no bytes takes 10 in the file and a hundred times as many in memory."""
    monkeypatch.setattr("edgezip.pipeline.inspect.MOST_PARTS", 10)
    empty = edgezip.compress(b"", options=edgezip.PackOptions(model="none"))
    assert len(edgezip.inspect_stream(io.BytesIO(empty * 5))) == 5
    with pytest.raises(edgezip.LimitError, match="at most 10 members"):
        edgezip.inspect_stream(io.BytesIO(empty * 6))
