"""`edgezip test` compares the table of contents of an archive with its tar."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

import edgezip
from edgezip import UnpackOptions, api
from edgezip.archive.checking import TableCheck
from edgezip.archive.contents import Contents, encode
from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline.auxiliary import pack_auxiliary
from tests.archive.tars import stored

SIZES = {"a": 700, "b": 512, "c": 0, "d" * 120: 1024, "e": 20}


def parts() -> list[tuple[bytes, bytes]]:
    """Headers and contents of a tar, with times, long names and a size in a pax record."""
    found = []
    for number, (name, size) in enumerate(SIZES.items()):
        info = tarfile.TarInfo(name)
        info.size, info.mtime = size, number
        info.pax_headers = {"mtime": f"{number}.5", "comment": "x" * 600} if number % 2 else {}
        if name == "e":
            info.size = 0
            info.pax_headers = {"size": str(size)}
        header = info.tobuf(tarfile.PAX_FORMAT)
        found.append((header, (b"%d" % number * size).ljust(-(-size // 512) * 512, b"\0")))
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "a"
    return [*found, (link.tobuf(), b"")]


TAR = b"".join(header + content for header, content in parts()) + bytes(1024)
LAST = b"13"


def changed(number: int, **fields: Any) -> bytes:
    """A header with other fields."""
    header = parts()[number][0]
    info = tarfile.TarInfo.frombuf(header[-512:], "utf-8", "surrogateescape")
    for name, value in fields.items():
        setattr(info, name, value)
    return header[:-512] + info.tobuf(tarfile.USTAR_FORMAT)


def headers(*but: tuple[int, bytes]) -> bytes:
    """The headers, but for some."""
    return b"".join(dict(but).get(i, header) for i, (header, _) in enumerate(parts()))


def packed(table: bytes, tar: bytes = TAR) -> bytes:
    return stored(tar) + pack_auxiliary(table, c.CONTENTS)


def look(data: bytes) -> None:
    api.unpack_stream(io.BytesIO(data), None, UnpackOptions())


def test_a_true_table_passes_however_it_comes() -> None:
    table = encode(headers(), LAST)
    assert [member.name for member in Contents(table, len(TAR)).members] == [*SIZES, "link"]
    look(packed(table))
    look(packed(table) * 2)
    look(packed(encode(b"", b""), bytes(1024)))
    look(stored(b"no tar") + pack_auxiliary(b"of another kind", 7))
    look(stored(TAR[:-1]))
    rng = random.Random(3)
    for size in (1, 511, 512, 5000):
        check = TableCheck()
        position = 0
        while position < len(TAR):
            step = rng.randint(1, size)
            check.write(TAR[position : position + step])
            position += step
        check.auxiliary(c.CONTENTS, table)


@pytest.mark.parametrize(
    "lie",
    [
        lambda: encode(headers((0, changed(0, name="x"))), LAST),
        lambda: encode(headers((0, changed(0, mode=0))), LAST),
        lambda: encode(headers((0, changed(0, size=699))), LAST),
        lambda: encode(headers((0, changed(0, mtime=9))), LAST),
        lambda: encode(headers((2, changed(2, type=tarfile.DIRTYPE))), LAST),
        lambda: encode(headers((5, changed(5, linkname="b"))), LAST),
        lambda: encode(headers((5, b"")), LAST),  # the last one left out
        lambda: encode(headers((5, b""), (4, b"")), LAST),
        lambda: encode(
            headers((5, b""), (2, changed(2, size=512))), LAST + b"\0"
        ),  # its room taken
        lambda: encode(headers((2, b""), (0, changed(0, size=700 + 512))), LAST),
        lambda: encode(headers((0, parts()[1][0]), (1, parts()[0][0])), LAST),  # two exchanged
        lambda: encode(headers((5, parts()[5][0] * 2)), LAST),
        lambda: encode(headers(), b"14"),
        lambda: encode(headers(), b"1"),
        lambda: encode(headers(), LAST + b"x"),
        lambda: encode(b"", b""),
        lambda: encode(headers(), LAST)[:-8],
        lambda: b"no table",
    ],
)
def test_a_table_that_lies_is_damage(lie: Callable[[], bytes]) -> None:
    with pytest.raises(FormatError, match="table"):
        look(packed(lie()))


@pytest.mark.parametrize("end", [0, 512, 1536, 10_240])
def test_the_table_accounts_for_all_of_the_tar(end: int) -> None:
    """Behind the last member there is the end mark and nothing else."""
    tar = TAR[:-1024] + bytes(end)
    with pytest.raises(FormatError, match="table"):
        look(packed(encode(headers(), LAST), tar))
    with pytest.raises(FormatError, match="table"):
        Contents(encode(headers(), LAST), len(tar))


@pytest.mark.parametrize("at", [0, 600, 1400, len(TAR) - 1100, len(TAR) - 1])
def test_a_tar_that_is_another_is_damage(at: int) -> None:
    """Also where a content is filled up with other than zeros."""
    tar = bytearray(TAR)
    tar[at] ^= 1
    if at == 600:
        look(packed(encode(headers(), LAST), bytes(tar)))  # in a content: not for a table to say
        return
    with pytest.raises(FormatError, match="table"):
        look(packed(encode(headers(), LAST), bytes(tar)))


def test_what_is_written_passes(tmp_path: Any) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / ("n" * 150)).write_bytes(b"x" * 1024)
    (tmp_path / "folder/link").symlink_to("n")
    blob = io.BytesIO()
    with edgezip.Archive(blob, "w", model="none") as archive:
        archive.add(tmp_path, "folder")
        archive.add_bytes("more", b"text" * 128)
    look(blob.getvalue())
    content = edgezip.decompress(blob.getvalue())
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert len(content) == tar.getmembers()[-1].offset_data + 512 + 1024
