"""Tables of contents: what is written, what is believed, what is refused."""

from __future__ import annotations

import contextlib
import io
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgezip
from edgezip.archive import collect, table
from edgezip.archive.contents import Contents, encode
from edgezip.container import constants as c
from edgezip.container.source import Source
from edgezip.errors import FormatError
from edgezip.pipeline.auxiliary import pack_auxiliary
from tests.archive.second_table import read_table
from tests.archive.tars import many


def test_a_wrong_table_is_not_believed() -> None:
    packed = many(30)
    other = io.BytesIO()
    with edgezip.Archive(other, "w", model="none", frame_size=16 << 10) as archive:
        for number in range(30):
            text = b"line %d of a log\n" % number * (600 // 17)
            archive.add_bytes(f"log/{number + 1:03}.log", text, mtime=number)
    start, begin = (
        file.rindex(c.MAGIC, 0, file.rindex(c.END_MARK)) for file in (packed, other.getvalue())
    )
    wrong = packed[:start] + other.getvalue()[begin:]
    with edgezip.Archive(io.BytesIO(wrong)) as archive, pytest.raises(FormatError, match="table"):
        archive.read("log/030.log")
    # Reading from the start needs no table, and a table for less than the tar is none.
    assert edgezip.decompress(wrong) == edgezip.decompress(packed)
    with pytest.raises(FormatError):
        Contents(encode(b"x" * 700, b""), 10_000)
    with pytest.raises(FormatError):
        Contents(b"\x05", 10_000)


@pytest.mark.parametrize(
    "sizes", [[0], [20_000], [9000, 10_000], [8190], [8193], [3, 18_430], [3, 18_400], [511] * 40]
)
def test_a_table_without_the_last_members_is_not_used(
    sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bytes] = []

    def encoding(headers: bytes, last: bytes) -> bytes:
        kept.append(encode(headers, last))
        return encode(headers[:-512], last)

    monkeypatch.setattr("edgezip.archive.contents.encode", encoding)
    target = io.BytesIO()
    with edgezip.Archive(target, "w", model="none") as archive:
        for number, size in enumerate(sizes):
            archive.add_bytes(f"{number:02}", b"x" * size, mtime=1)
    size = len(edgezip.decompress(target.getvalue()))
    names = [f"{number:02}" for number in range(len(sizes))]
    assert sorted(info.name for info in Contents(kept[0], size).members) == names
    target.seek(0)
    with edgezip.Archive(target) as archive:
        assert archive.names() == names
        assert len(archive.read(names[-1])) == sizes[-1]


def test_concatenated_archives_have_both_tables() -> None:
    packed = many(5)
    with edgezip.open(io.BytesIO(packed + packed)) as stream:
        assert len(stream.read()) == 2 * len(edgezip.decompress(packed))
        stream.seek(0)
        with tarfile.open(fileobj=stream, mode="r:", ignore_zeros=True) as tar:
            assert len(tar.getnames()) == 10


def test_broken_tables_only_raise_format_errors() -> None:
    headers = b"".join(
        collect.from_bytes(f"{'long' * 40}/{number}", b"text", collect.Rules(), number).header
        for number in range(4)
    )
    written = encode(headers, b"")
    size = len(headers) + 4 * 512 + 1024
    assert len(Contents(written, size).members) == 4
    rng = random.Random(4)
    for _ in range(400):
        broken = bytearray(written)
        for _ in range(rng.randrange(1, 4)):
            broken[rng.randrange(len(broken))] = rng.choice(b"\0xgLKS057/9\xff")
        with contextlib.suppress(FormatError):
            Contents(bytes(broken), size)
    good = Contents(written, size)
    assert good.piece(size - 1024) == (size - 1024, bytes(1024))
    assert good.piece(size) is None
    good.check(size - 1000, bytes(100))
    with pytest.raises(FormatError):
        good.check(size - 1000, b"\0" * 50 + b"\1")
    for other in (size - 10240, size - 1, size + 1, size + 10240, 1 << 20, (1 << 63) - 1):
        with pytest.raises(FormatError, match="table"):
            Contents(written, other)
    nested = tarfile.TarInfo("x")
    nested.type = tarfile.XHDTYPE
    with pytest.raises(FormatError):
        Contents(encode(nested.tobuf(tarfile.USTAR_FORMAT) * 3000 + headers, b""), 1 << 30)
    nested.type = tarfile.REGTYPE
    back = bytearray(nested.tobuf(tarfile.USTAR_FORMAT))
    back[124:136] = b"-1000".ljust(12, b"\0")
    crafted = bytearray(encode(bytes(back), b""))
    # 512 bytes less than none: here again, if it is an extended one.
    assert crafted[-512 + 156] == ord("0")
    crafted[-512 + 156] = ord("x")
    with pytest.raises(FormatError, match="table"):
        Contents(bytes(crafted), 1 << 30)


@pytest.mark.parametrize("where", ["header", "pax"])
def test_sizes_below_zero_are_refused(where: str) -> None:
    """In Python 3.11.7 they send `tarfile` back to where it was."""
    first = collect.from_bytes("a", b"text", collect.Rules(), 1).header + b"text".ljust(512)
    info = tarfile.TarInfo("b")
    if where == "pax":
        info.pax_headers = {"size": "-1536"}
        second = info.tobuf(tarfile.PAX_FORMAT)
    else:
        info.size = -1024
        second = info.tobuf(tarfile.GNU_FORMAT)
    packed = edgezip.compress((first + second).ljust(10_240, b"\0"), model="none")
    with edgezip.Archive(io.BytesIO(packed)) as archive, pytest.raises(FormatError, match="below"):
        archive.names()
    with pytest.raises(FormatError, match="table"):
        Contents(encode(first[:512] + second, b""), 10_240)


_TEXTS = st.text("ab/\u00e9\udcff", min_size=1, max_size=130)
_NUMBERS = st.integers(0, 1 << 40)


@st.composite
def headers_of_a_tar(draw: st.DrawFn) -> bytes:
    """Headers as tar programs write them, and others."""
    out = b""
    for _ in range(draw(st.integers(0, 6))):
        info = tarfile.TarInfo(draw(_TEXTS))
        info.type = draw(st.sampled_from([b"0", b"5", b"2", b"1", b"3", b"\0", b"7"]))
        info.linkname, info.uname = draw(_TEXTS), draw(st.sampled_from(["", "me", "root"]))
        info.mode, info.uid, info.gid = draw(st.integers(0, 0o7777)), draw(_NUMBERS), 5
        info.size, info.mtime = draw(_NUMBERS), draw(st.integers(-(1 << 33), 1 << 40))
        if draw(st.booleans()):
            time = draw(st.sampled_from(["0.5", "-3.25", "17.123456789", "1e3", "9.0", "x", "4."]))
            info.pax_headers = {"mtime": time}
        if draw(st.integers(0, 2)):
            header = bytearray(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        else:
            header = bytearray(info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
        if draw(st.integers(0, 9)) == 0:  # of the last block: no program writes that
            header[draw(st.integers(-512, -1))] = draw(st.sampled_from(b"\0 079\xff"))
        out += header if header[-512:][156] not in b"xgXLK" else b""
    return out


@settings(max_examples=150, deadline=None)
@given(headers_of_a_tar(), st.binary(max_size=3))
def test_a_table_gives_back_every_header(headers: bytes, behind: bytes) -> None:
    written = table.encode(headers) + behind
    source = Source(written, closed=True)
    assert table.headers_size(written) == len(headers)
    decoded = table.decode(source)
    assert bytes(source.buffer) == behind
    assert read_table(written) == (decoded, behind)
    back = bytearray(decoded)
    position = 0
    while position < len(headers):
        assert not any(back[position + 148 : position + 156])
        back[position + 148 : position + 156] = headers[position + 148 : position + 156]
        position += 512 + table.content_size(headers[position : position + 512])
    assert bytes(back) == headers


def test_a_table_of_old_is_read(root: Path) -> None:
    with edgezip.Archive(root / "tests/vectors/good-contents.ez") as archive:
        assert archive.names() == ["texts/noise", "texts/numbers", "texts/story"]
        assert [member.size for member in archive] == [600, 1200, 700]


def test_a_table_is_small() -> None:
    """Times that follow each other, and names in one folder, cost a few bytes each."""
    rng = random.Random(5)
    time, headers = 1_700_000_000 * 10**9, b""
    for number in range(1000):
        info = tarfile.TarInfo(f"photos/2026/picture-{number:05}.jpg")
        time += rng.randrange(1 << 16)
        info.size = rng.randrange(1 << 16)
        collect._set_time(info, time)
        headers += info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    packed = pack_auxiliary(encode(headers, b""), c.CONTENTS)
    # 16 bits of time and of size are 4,000 bytes.
    assert len(packed) < 6500
    assert len(pack_auxiliary(headers, c.CONTENTS)) > 10_000


def test_the_limit_of_output_bounds_what_is_dropped(tree: Path) -> None:
    """A table is decoded only to be checked: no more of it than there may be content."""
    packed = io.BytesIO()
    with edgezip.Archive(packed, "w", model="none") as archive:
        archive.add(tree, "tree")
    size = len(edgezip.decompress(packed.getvalue()))
    limit = edgezip.UnpackOptions(max_output=size)
    assert len(edgezip.decompress(packed.getvalue(), options=limit)) == size
    many = packed.getvalue() + pack_auxiliary(bytes(size), 7) * 2
    assert len(edgezip.decompress(many)) == size
    with pytest.raises(edgezip.LimitError):
        edgezip.decompress(many, options=limit)
