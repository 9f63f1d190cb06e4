"""Files in a row, of which some are archives with a table of contents: what `edgezip test` says."""

from __future__ import annotations

import io
import tarfile

import pytest

import edgezip
from edgezip import UnpackOptions, api
from edgezip.archive.contents import encode
from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline.auxiliary import pack_auxiliary
from tests.archive.tars import many, packed_tar, stored
from tests.archive.test_checking import LAST, TAR, changed, headers, packed

GOOD = packed(encode(headers(), LAST))
TEXT = b"notes\n" * 20
PLAIN = edgezip.compress(TEXT, model="none")
SHORT = packed(encode(headers((5, b"")), LAST))
LIE = packed(encode(headers((0, changed(0, name="x"))), LAST))
EMPTY = stored(b"")
ROWS = {
    "plain, archive": PLAIN + GOOD,
    "archive, plain": GOOD + PLAIN,
    "archive, archive": GOOD + GOOD,
    "archive, another": GOOD + many(5),
    "plain, plain, archive": PLAIN + stored(b"more") + GOOD,
    "plain, archive, plain, archive": PLAIN + GOOD + PLAIN + many(5),
    "plain tar, archive": packed_tar() + GOOD,
    "whole tar, archive": stored(TAR) + GOOD,
    "empty, archive": EMPTY + GOOD,
    "plain, empty, archive": PLAIN + EMPTY + GOOD,
    "noise of blocks, archive": stored(b"\xff" * 1024) + GOOD,
    "archive, empty, table of nothing": GOOD + packed(encode(b"", b""), bytes(1024)),
    "plain, several frames": PLAIN + many(100),
}


def look(data: bytes) -> None:
    api.unpack_stream(io.BytesIO(data), None, UnpackOptions())


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_a_row_of_sound_files_is_sound(row: bytes) -> None:
    look(row)


def test_a_tar_of_several_members_has_one_table() -> None:
    """Where no table stands between them."""
    table = pack_auxiliary(encode(headers(), LAST), c.CONTENTS)
    for cut in (1, 512, 700, len(TAR) - 1):
        row = stored(TAR[:cut]) + stored(TAR[cut:]) + table
        look(row)
        look(GOOD + row)
        with edgezip.Archive(io.BytesIO(row)) as archive:
            assert len(archive.names()) == 6


@pytest.mark.parametrize("before", [b"", PLAIN, GOOD, PLAIN + GOOD, EMPTY, stored(TAR)])
@pytest.mark.parametrize("behind", [b"", PLAIN, GOOD])
@pytest.mark.parametrize("wrong", [SHORT, LIE, packed(b"no table")], ids=["short", "lie", "none"])
def test_a_wrong_table_is_told_in_a_row(before: bytes, behind: bytes, wrong: bytes) -> None:
    with pytest.raises(FormatError, match="table"):
        look(before + wrong + behind)


def test_an_archive_appended_to_a_file() -> None:
    blob = io.BytesIO(PLAIN)
    blob.seek(0, io.SEEK_END)
    with edgezip.Archive(blob, "w", model="none") as archive:
        archive.add_bytes("more", b"text")
    look(blob.getvalue())
    assert edgezip.decompress(blob.getvalue()).startswith(TEXT)


def extended(type_: bytes, content: bytes) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = type_, len(content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content.ljust(-(-len(content) // 512) * 512, b"\0")


@pytest.mark.parametrize(
    ("before", "size"),
    [
        ([(b"x", b"11 size=20\n"), (b"L", b"name\0")], 20),
        ([(b"L", b"name\0"), (b"x", b"11 size=20\n")], 20),
        ([(b"x", b"11 size=20\n"), (b"x", b"12 size=700\n")], 20),
        ([(b"x", b"7 a=bc\n"), (b"X", b"12 size=700\n")], 700),
        ([(b"x", b"12 size=700\n11 size=20\n")], 20),
        ([(b"L", b"11 size=20\n\0")], 0),
        ([(b"g", b"11 size=20\n")], 0),
    ],
)
def test_sizes_are_those_that_tarfile_takes(before: list[tuple[bytes, bytes]], size: int) -> None:
    """Of all extended headers of a member, and of none that has no size to give."""
    info = tarfile.TarInfo("a")
    header = b"".join(extended(*one) for one in before) + info.tobuf(tarfile.USTAR_FORMAT)
    second = tarfile.TarInfo("b").tobuf(tarfile.USTAR_FORMAT)
    content = (b"x" * size).ljust(-(-size // 512) * 512, b"\0")
    look(packed(encode(header + second, b""), header + content + second + bytes(1024)))
