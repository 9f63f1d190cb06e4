"""`edgezip.open` and `EdgezipFile` behave like the files of the standard library."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgezip
from edgezip import EdgezipFile, PackOptions, UnpackOptions

NONE = PackOptions(model="none", frame_size=1024)
LINES = b"".join(b"line %d of the text\n" % number for number in range(400))

# Stored, so that decoding it a thousand times is quick.
NOISE = random.Random(4).randbytes(7000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of three members with several frames."""
    name = tmp_path / "lines.ez"
    parts: list[tuple[Literal["wb", "ab"], bytes]] = [
        ("wb", LINES[:4000]), ("ab", LINES[4000:4001]), ("ab", LINES[4001:])
    ]  # fmt: skip
    for mode, part in parts:
        with edgezip.open(name, mode, options=NONE) as file:
            assert file.write(part) == len(part)
    return name


def test_read_in_all_ways(path: Path) -> None:
    with edgezip.open(path) as file:
        assert isinstance(file, EdgezipFile)
        assert (file.readable(), file.writable(), file.seekable()) == (True, False, True)
        assert (file.mode, Path(str(file.name))) == ("rb", path)
        assert LINES.startswith(file.peek(10))
        assert file.tell() == 0
        assert file.readline() == b"line 0 of the text\n"
        assert file.read1(5) == b"line "
        target = bytearray(9)
        assert file.readinto(target) == 9
        assert target == b"1 of the "
        assert file.read(0) == b""
        assert next(file) == b"text\n"
        assert file.read() == LINES[38:]
        assert (file.read(), file.read(7), file.tell()) == (b"", b"", len(LINES))
        with pytest.raises(io.UnsupportedOperation):
            file.write(b"x")
    assert file.closed
    file.close()
    with pytest.raises(ValueError, match="closed file"):
        file.read()
    with EdgezipFile(path) as file:
        assert file.readlines() == LINES.splitlines(keepends=True)


@given(positions=st.lists(st.integers(0, len(NOISE) + 10), min_size=1, max_size=6))
def test_seek(positions: list[int]) -> None:
    raw = io.BytesIO(b"before" + edgezip.compress(NOISE, options=NONE))
    raw.seek(6)
    with EdgezipFile(raw) as file:
        for position in positions:
            assert file.seek(position) == min(position, len(NOISE))
            assert file.read(30) == NOISE[position : position + 30]
        assert file.seek(-5, io.SEEK_END) == len(NOISE) - 5
        file.seek(2, io.SEEK_CUR)
        assert file.read() == NOISE[-3:]
    assert not raw.closed


def test_text_modes(tmp_path: Path) -> None:
    name = tmp_path / "t.ez"
    with edgezip.open(name, "xt", options=NONE, encoding="latin-1", newline="\r\n") as file:
        file.write("Gr\u00fc\u00dfe\nzwei\n")
    with edgezip.open(name, "rt", encoding="latin-1") as file:
        assert file.read() == "Gr\u00fc\u00dfe\nzwei\n"
    with edgezip.open(name, "rt", encoding="latin-1", newline="") as file:
        assert list(file) == ["Gr\u00fc\u00dfe\r\n", "zwei\r\n"]
    with pytest.raises(FileExistsError):
        edgezip.open(name, "x", options=NONE)


@pytest.mark.parametrize("mode", ["", "rw", "rbt", "rbb", "U", "w+"])
def test_impossible_modes(path: Path, mode: Any) -> None:
    before = path.read_bytes()
    with pytest.raises(ValueError, match="invalid mode"):
        edgezip.open(path, mode)
    assert path.read_bytes() == before


def test_wrong_arguments(path: Path) -> None:
    with pytest.raises(edgezip.SettingsError):
        edgezip.open(path, "rb", encoding="utf-8")  # type: ignore[call-overload]
    with pytest.raises(edgezip.SettingsError):
        edgezip.open(path, "rb", options=PackOptions())
    with pytest.raises(TypeError):
        edgezip.open(7)  # type: ignore[call-overload]


def test_file_without_seek() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, content: bytes) -> None:
            self._rest = content

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            part, self._rest = self._rest[:7], self._rest[7:]
            return part

    pipe = cast(BinaryIO, Pipe(edgezip.compress(LINES, options=NONE)))
    with EdgezipFile(pipe) as file:
        assert not file.seekable()
        assert file.read() == LINES


@pytest.mark.parametrize("cut", [0, 1, 20, 700, -1])
def test_truncated_files(path: Path, cut: int) -> None:
    whole = path.read_bytes()
    assert cut < len(whole)
    path.write_bytes(whole[:cut])
    with edgezip.open(path) as file, pytest.raises(EOFError) as caught:
        file.read()
    assert isinstance(caught.value, edgezip.TruncatedError)


def test_bad_files(path: Path) -> None:
    good = path.read_bytes()
    for bad in (b"plain text", good + b"garbage", good[:500] + b"\0" + good[501:]):
        path.write_bytes(bad)
        with edgezip.open(path) as file, pytest.raises(edgezip.FormatError):
            file.read()


def test_limit_counts_all_members(path: Path) -> None:
    limit = UnpackOptions(max_output=len(LINES) - 1)
    with edgezip.open(path, options=limit) as file, pytest.raises(edgezip.LimitError):
        file.read()
    with edgezip.open(path, options=UnpackOptions(max_output=len(LINES))) as file:
        assert file.read() == LINES


def test_empty_content(tmp_path: Path) -> None:
    edgezip.open(tmp_path / "e.ez", "w", options=NONE).close()
    with edgezip.open(tmp_path / "e.ez") as file:
        assert file.read() == b""
