"""What a table of contents, or a tar that is compared with one, costs at most."""

from __future__ import annotations

import io
import tarfile
import tracemalloc

import pytest

import edgezip
from edgezip import UnpackOptions, api
from edgezip.archive import table
from edgezip.archive.checking import TableCheck
from edgezip.archive.contents import Contents, encode
from edgezip.container import Channel, Frame, Header, MemberWriter
from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline import reader
from edgezip.pipeline.auxiliary import pack_auxiliary
from edgezip.pipeline.channels import decode_frame
from tests.archive.tars import stored


def look(data: bytes) -> None:
    api.unpack_stream(io.BytesIO(data), None, UnpackOptions())


class Counted(bytes):
    """Content that counts how often somebody asks how long it is."""

    asked = 0

    def __len__(self) -> int:
        Counted.asked += 1
        return super().__len__()


def auxiliary(frames: int) -> bytes:
    writer = MemberWriter(Header(auxiliary=7))
    out = [writer.begin()]
    out += [writer.frame(b"a", [Channel(c.STORED, b"a", 1)]) for _ in range(frames)]
    return b"".join([*out, writer.finish()])


def test_the_work_is_linear_in_the_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of an auxiliary member is not counted again for each one behind it."""

    def decoded(frame: Frame, *rest: object) -> bytes:
        return Counted(decode_frame(frame, *rest))  # type: ignore[arg-type]

    monkeypatch.setattr("edgezip.pipeline.reader.decode_frame", decoded)
    frames = 400
    Counted.asked = 0
    look(stored(b"x") + auxiliary(frames))
    assert Counted.asked <= 4 * frames


def test_a_member_that_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[int, bytes]] = []

    def keep(kind: int, content: bytes) -> None:
        found.append((kind, content))

    monkeypatch.setattr(reader, "MAX_CONTENTS", 10)
    unpacker = reader.Unpacker(UnpackOptions(), auxiliary=keep)
    unpacker.push(auxiliary(11) + auxiliary(10) + stored(b"x") + auxiliary(3))
    unpacker.push_eof()
    assert b"".join(iter(unpacker.pull, None)) == b"x"
    assert found == [(7, b"a" * 10), (7, b"a" * 3)]


def test_extended_headers_take_the_memory_of_one() -> None:
    """However many of them come before a header of another type."""
    size = 1 << 20
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, size
    header = info.tobuf(tarfile.USTAR_FORMAT)
    check = TableCheck()
    tracemalloc.start()
    try:
        for _ in range(24):
            check.write(header)
            check.write(bytes(size))
        assert tracemalloc.get_traced_memory()[1] < 6 * size
    finally:
        tracemalloc.stop()


def bomb(headers: int = 3000) -> bytes:
    """A table of some hundred bytes that has as many headers as it is asked for."""
    return encode(tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT) * headers, b"")


def test_a_table_larger_than_its_tar_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = bomb()
    for size in (1024, 3000 * 512, 3000 * 512 + 1023):
        packed = stored(bytes(size)) + pack_auxiliary(tables, c.CONTENTS)
        with monkeypatch.context() as patch:
            patch.setattr(table, "decode", None)  # calling it is an error
            with pytest.raises(FormatError, match="table"):
                Contents(tables, size)
            with pytest.raises(FormatError, match="table"):
                look(packed)
            with edgezip.Archive(io.BytesIO(packed)) as archive:
                assert archive.names() == []
    assert len(Contents(tables, 3000 * 512 + 1024).members) == 3000
