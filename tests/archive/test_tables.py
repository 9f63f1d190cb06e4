"""What frames say of the members in them: what is written, what is believed, what is refused."""

from __future__ import annotations

import contextlib
import io
import lzma
import random
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgezip
from edgezip.archive import collect, members, table
from edgezip.archive.contents import Contents
from edgezip.archive.members import Members
from edgezip.archive.writing import _blank
from edgezip.container import Channel, Header, MemberWriter, varint
from edgezip.container import constants as c
from edgezip.container.source import Source
from edgezip.errors import FormatError
from edgezip.pipeline.transforms.transform import join_params
from tests.archive.second_table import read_table
from tests.archive.tars import NOISE, many


def archived(count: int = 4, size: int = 100) -> bytes:
    """Files of noise, one frame each."""
    target = io.BytesIO()
    with edgezip.Archive(target, "w", model="none", frame_size=1) as archive:
        for number in range(count):
            archive.add_bytes(f"{number}", NOISE[number : number + size], mtime=number)
    return target.getvalue()


def crafted(parts: Iterable[tuple[bytes, Members, bytes]]) -> bytes:
    """Frames of a content, what is said of it, and the contents of members."""
    writer = MemberWriter(Header())
    out = [writer.begin()]
    for raw, said, data in parts:
        params = join_params(len(data), members.encode(said), b"")
        packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
        payload = packer.compress(data) + packer.flush()
        out.append(writer.frame(raw, [Channel(c.DEFLATE, payload, len(raw), c.TARRED, params)]))
    return b"".join([*out, writer.finish()])


def header(name: str, size: int = 0, **fields: Any) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.PAX_FORMAT)


TEXT = b"words".ljust(512, b"\0")
END = bytes(1024)
ONE = Members(0, 0, header("a", 5), b"")
TWO = Members(0, 0, header("b", 5), b"")


def names(packed: bytes) -> list[str]:
    """As a list has them; nothing may be decoded, and that is what reading all of it gives."""
    with edgezip.Archive(io.BytesIO(packed)) as archive:
        found = archive.names()
    with tarfile.open(fileobj=io.BytesIO(edgezip.decompress(packed))) as tar:
        assert sorted(tar.getnames()) == sorted(found)
    return found


def test_heads_make_up_the_tar(decoded: list[int]) -> None:
    frames = [(ONE.headers + TEXT, ONE, b"words"), (TWO.headers + TEXT + END, TWO, b"words")]
    assert names(crafted(frames)) == ["a", "b"]
    assert not decoded


def test_heads_that_do_not_are_not_believed(decoded: list[int]) -> None:
    """Where they have headers that a reader of the tar does not see, or not all it sees."""
    first, second = ONE.headers + TEXT, TWO.headers + TEXT
    nothing = Members(len(second + END), 0, b"", b"")
    long = Members(0, 0, header("a", 1029), b"")  # the second header is in its content
    rows = {
        "left out": [(first, ONE, b"words"), (second + END, nothing, second + END)],
        "hidden": [(long.headers + TEXT, long, TEXT), (second + END, TWO, b"words")],
        "behind the end": [(first + END, ONE, b"words"), (second + END, TWO, b"words")],
        "no end": [(first, ONE, b"words"), (second, TWO, b"words")],
        "end twice": [(first, ONE, b"words"), (second + 2 * END, TWO, b"words")],
    }
    for name, parts in rows.items():
        packed = crafted(parts)
        with tarfile.open(fileobj=io.BytesIO(edgezip.decompress(packed))) as tar:
            seen = tar.getnames()
        with edgezip.Archive(io.BytesIO(packed)) as archive:
            assert archive.names() == sorted(seen), name
    assert not decoded  # by the index: they were read from the start


@pytest.mark.parametrize(
    "lie",
    [
        Members(0, 0, header("x", 5), b""),
        Members(0, 0, header("a", 5, mode=0), b""),
        Members(0, 0, header("a", 4), b""),
        Members(0, 0, header("a", 512), b"s"),
        Members(0, 0, header("a", 5), b"s"),
        Members(0, 0, header("a", 5), b"", 1, (zlib.crc32(b"other"),)),
        Members(0, 0, header("a", 5), b"", 6, (zlib.crc32(b"words"),)),
        Members(0, 0, header("a", 5), b"", 1, (zlib.crc32(b"words"), 0)),
        Members(512, 0, header("a", 5), b""),
    ],
)
def test_a_head_that_lies_is_damage(lie: Members) -> None:
    raw = header("a", 5) + TEXT + END
    good = Members(0, 0, header("a", 5), b"", 1, (zlib.crc32(b"words"),))
    assert edgezip.decompress(crafted([(raw, good, b"words")])) == raw
    with pytest.raises(FormatError):
        edgezip.decompress(crafted([(raw, lie, b"words")]))


@pytest.mark.parametrize(
    "sizes", [[0], [20_000], [9000, 10_000], [8190], [8193], [3, 18_430], [3, 18_400], [511] * 40]
)
def test_members_of_all_sizes_are_listed(sizes: list[int], decoded: list[int]) -> None:
    target = io.BytesIO()
    with edgezip.Archive(target, "w", model="none") as archive:
        for number, size in enumerate(sizes):
            archive.add_bytes(f"{number:02}", b"x" * size, mtime=1)
    assert names(target.getvalue()) == [f"{number:02}" for number in range(len(sizes))]
    assert not decoded


@pytest.mark.parametrize("size", [512, 1024, 3000, 10_240, 10_752])
@pytest.mark.parametrize("frame", [512, 1024, 1536, 4096])
def test_the_last_byte_of_a_content_in_several_frames(
    size: int, frame: int, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tarfile` reads it when it goes to the next header."""
    monkeypatch.setattr("edgezip.archive.writing.DEFAULT_FRAME_SIZE", frame)
    monkeypatch.setattr("edgezip.archive.writing.MOST_PIECE", frame)
    target = io.BytesIO()
    noise = NOISE * 3
    with edgezip.Archive(target, "w", model="none", frame_size=frame) as archive:
        for number in range(3):
            archive.add_bytes(f"{number}", noise[number : number + size], mtime=1)
    target.seek(0)
    with edgezip.Archive(target) as archive:
        assert archive.names() == ["0", "1", "2"]
        assert not decoded
        assert archive.read("1") == noise[1 : 1 + size]


def test_concatenated_archives_have_both_lists(decoded: list[int]) -> None:
    packed = many(5)
    with edgezip.open(io.BytesIO(packed + packed)) as stream:
        with tarfile.open(fileobj=stream, mode="r:", ignore_zeros=True) as tar:
            assert len(tar.getnames()) == 10
        assert not decoded
        stream.seek(0)
        assert len(stream.read()) == 2 * len(edgezip.decompress(packed))


@pytest.mark.parametrize("before", [b"", b"notes\n" * 20])
def test_files_in_a_row(before: bytes) -> None:
    """An archive is one alone, whatever stands around it."""
    plain = edgezip.compress(before, model="none")
    row = plain + archived() + edgezip.compress(b"behind", model="none") + many(3)
    content = edgezip.decompress(row)
    assert content == before + edgezip.decompress(archived()) + b"behind" + edgezip.decompress(
        many(3)
    )
    with edgezip.open(io.BytesIO(row)) as stream:
        stream.seek(len(before) + 512)
        assert stream.read(100) == NOISE[:100]
        stream.seek(0)
        assert stream.read() == content


def test_broken_params_only_raise_format_errors() -> None:
    headers = b"".join(
        collect.from_bytes(f"{'long' * 40}/{number}", b"text", collect.Rules(), number).header
        for number in range(4)
    )
    known = Members(0, 0, headers, b"")
    size = len(headers) + 4 * 512 + 1024
    written = members.encode(known)
    assert members.decode(written, size) == known
    with pytest.raises(FormatError):
        members.decode(written, len(headers) - 1)
    raw = table.encode(headers)
    rng = random.Random(4)
    for _ in range(600):
        kind = rng.randrange(2)
        broken = bytearray(raw if kind else written[:-4])
        for _ in range(rng.randrange(1, 4)):
            broken[rng.randrange(len(broken))] = rng.choice(b"\0xgLKS057/9\xff")
        params = bytes(broken)
        if kind:
            params = varint.encode_all(0, 0, 0, 0, c.STORED, len(raw)) + params
        params += zlib.crc32(params).to_bytes(4, "little")
        with contextlib.suppress(FormatError):
            list(members.decode(params, size).items())
        with contextlib.suppress(FormatError):
            Contents([(0, members.decode(params, size))], size)
    for other in (b"", b"\5", written[:-1], written + b"\0"):
        with pytest.raises(FormatError):
            members.decode(other, size)
    nested = tarfile.TarInfo("x")
    nested.type = tarfile.XHDTYPE
    deep = nested.tobuf(tarfile.USTAR_FORMAT) * 3000 + headers
    with pytest.raises(FormatError):
        Contents([(0, Members(0, 0, deep, b""))], len(deep) + 4 * 512 + 1024)


def test_a_table_larger_than_its_frame_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes have as many headers as they are asked for."""
    bomb = members.encode(Members(0, 0, header("") * 3000, b""))
    assert len(bomb) < 200
    assert len(members.decode(bomb, 3000 * 512).headers) == 3000 * 512
    monkeypatch.setattr(table, "decode", None)  # calling it is an error
    for size in (1, 1024, 3000 * 512 - 1):
        with pytest.raises(FormatError):
            members.decode(bomb, size)


def test_last_bytes_are_no_more_than_contents() -> None:
    """A few bytes would have as many as a frame may claim to hold, frame for frame."""
    for said, behind in ((Members(0, 0, b"", b""), 2), (ONE, 3)):
        size = len(said.headers) + 1024
        members.decode(members.encode(replace(said, last=bytes(behind - 1))), size)
        with pytest.raises(FormatError):
            members.decode(members.encode(replace(said, last=bytes(behind))), size)


def test_headers_of_all_archives_of_a_file_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes have many headers: as many again with each archive behind them."""
    packed = many(5)
    size = len(edgezip.decompress(packed))
    with edgezip.open(io.BytesIO(packed)) as stream:
        stream.seek(size)
        headers = stream._decoded()._contents[0][2].headers_size
    for room, known in ((3 * headers, 3), (3 * headers - 1, 0)):
        monkeypatch.setattr("edgezip.archive.contents.MAX_HEADERS", room)
        with edgezip.open(io.BytesIO(packed * 3)) as stream:
            assert stream.seek(3 * size) == 3 * size
            assert len(stream._decoded()._contents) == known


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
    with pytest.raises(FormatError):
        Contents([(0, Members(0, 0, first[:512] + second, b""))], 10_240)


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
        if draw(st.integers(0, 4)) == 0:
            out += _blank(draw(st.integers(512, 9000)))
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
    # 16 bits of time and of size are 4,000 bytes.
    assert len(members.encode(Members(0, 0, headers, b""))) < 6500
    assert len(lzma.compress(headers)) > 10_000


def dropped(size: int, frames: int = 1) -> bytes:
    """An auxiliary member of a kind that nobody knows."""
    writer = MemberWriter(Header(auxiliary=7))
    frame = [Channel(c.STORED, bytes(size), size)]
    parts = [writer.frame(bytes(size), frame) for _ in range(frames)]
    return b"".join([writer.begin(), *parts, writer.finish()])


def test_the_limit_of_output_bounds_what_is_dropped() -> None:
    """Auxiliary members are decoded only to be checked: no more than there may be content."""
    packed = archived()
    size = len(edgezip.decompress(packed))
    limit = edgezip.UnpackOptions(max_output=size)
    assert len(edgezip.decompress(packed, options=limit)) == size
    assert names(packed + dropped(9)) == names(packed)
    many = packed + dropped(size) * 2
    assert len(edgezip.decompress(many)) == size
    with pytest.raises(edgezip.LimitError):
        edgezip.decompress(many, options=limit)
