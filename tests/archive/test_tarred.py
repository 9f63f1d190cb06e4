"""Members of a tar are coded as a table and contents, and come back; damage is told."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgezip
from edgezip.archive import collect
from edgezip.archive.writing import _blank
from edgezip.container import constants as c
from edgezip.container import varint
from edgezip.errors import FormatError
from edgezip.pipeline import channels, deflated
from edgezip.pipeline.coders.coder import Coder
from edgezip.pipeline.coders.table import coder_of
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.transforms import tarred
from edgezip.pipeline.transforms.table import TAR
from tests.archive.second_table import read_tarred
from tests.pipeline.media_files import media_files, waves

NONE = PackOptions(model="none")


def made(members: list[tuple[str, bytes, int]]) -> tuple[bytes, list[tuple[int, int]]]:
    """A tar, and where its headers are; times in nanoseconds."""
    out, headers = b"", []
    for name, data, time in members:
        entry = collect.from_bytes(name, data, collect.Rules())
        if time % 10**9:
            entry.info.pax_headers = {"mtime": f"{time // 10**9}.{time % 10**9:09}".rstrip("0")}
        entry.info.mtime = time // 10**9
        headers.append((len(out), len(entry.header)))
        out += entry.header + data + bytes(-len(data) % 512)
    return out, headers


members = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=120)
        .filter(lambda name: name not in {".", ".."}),
        st.one_of(st.binary(max_size=1100), st.sampled_from([b"", bytes(512), b"\1" * 1024])),
        st.integers(0, 1 << 61),
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip


@given(members, st.binary(max_size=600), st.integers(0, 700), st.sampled_from([0, 1024, 5000]))
def test_members_come_back(
    members: list[tuple[str, bytes, int]], lead: bytes, cut: int, end: int
) -> None:
    data, headers = made(members)
    cut = min(cut, len(data) - headers[-1][0] - headers[-1][1])
    data = lead + data[: len(data) - cut] + (b"" if cut else bytes(end))
    headers = [(start + len(lead), size) for start, size in headers]
    changed = tarred.shorten(data, headers, len(lead) - len(lead) // 3)
    assert changed is not None
    assert len(changed.data) < len(data)
    for packed in (0, 1 << 12, 3 << 12, 1 << 30):
        params = changed.params(packed)
        assert TAR.undo(changed.data, params, len(data)) == data
        assert read_tarred(changed.data, params, len(data)) == data
    contents = [content for _, content, _ in members if content]
    assert [end - start for start, end in changed.files] == list(map(len, contents))
    for (start, end), content in zip(changed.files, contents, strict=True):
        assert content.startswith(changed.data[start:end])
    assert changed.files[-1:] == [] or changed.files[-1][1] >= len(changed.data)


def test_what_does_not_come_back_is_left_alone() -> None:
    data, headers = made([(f"{i}", b"words", 0) for i in range(5)])
    assert tarred.shorten(data, headers) is not None
    assert tarred.shorten(data, headers[::2]) is None
    for place in (148, 600, 124):  # a checksum, what fills a block, a size
        wrong = bytearray(data)
        wrong[place] = ord("9")
        assert tarred.shorten(bytes(wrong), headers) is None


@given(st.data())
def test_damage_is_told(data: st.DataObject) -> None:
    tar, headers = made([(f"name{i}", b"words " * i, i * 10**8) for i in range(5)])
    made_of = tarred.shorten(tar, headers)
    assert made_of is not None
    changed, params = made_of.data, made_of.params(5 << 12)
    kind = data.draw(st.sampled_from(["byte", "params", "size", "cut", "more"]))
    size = len(tar)
    if kind == "byte":
        where = data.draw(st.integers(0, len(changed) - 1))
        changed = (
            changed[:where] + data.draw(st.binary(min_size=1, max_size=1)) + changed[where + 1 :]
        )
    elif kind == "params":
        params = varint.encode_all(*data.draw(st.lists(st.integers(0, 1 << 40), max_size=3)))
    elif kind == "size":
        size = data.draw(st.integers(1, 2 * size))
    elif kind == "cut":
        changed = changed[: data.draw(st.integers(0, len(changed)))]
    else:
        changed += b"more"
    with contextlib.suppress(FormatError):
        assert len(TAR.undo(changed, params, size)) == size


def test_a_table_of_a_large_content_is_refused() -> None:
    """Sizes in a table ask for no memory."""
    tar, headers = made([(f"name{i}", b"", 0) for i in range(5)])
    made_of = tarred.shorten(tar, headers)
    assert made_of is not None
    changed, params = made_of.data, made_of.params(5 << 12)
    with pytest.raises(FormatError):
        TAR.undo(changed, params, len(tar) - 1)


def test_archives_take_less_than_their_tar(tmp_path: Path) -> None:
    text = (Path(__file__).parent / "test_tarred.py").read_bytes()
    root = tmp_path / "tree"
    root.mkdir()
    for number in range(60):
        path = root / f"module{number * number}.py"
        path.write_bytes(text[40 * number : 40 * number + 300])
        os.utime(path, ns=(0, 1_700_000_000_000_000_000 + 123_456_789 * number**3))
    with edgezip.Archive(tmp_path / "x.tar.ez", "w", model="none") as archive:
        archive.add(root, "tree")
    packed = (tmp_path / "x.tar.ez").read_bytes()
    tar = edgezip.decompress(packed)
    with tarfile.open(fileobj=io.BytesIO(tar)) as plain:
        assert len(plain.getmembers()) == 61
    (first,) = edgezip.inspect_stream(io.BytesIO(packed))
    assert first.packed_size < len(edgezip.compress(tar, options=NONE)) - 60 * 5
    # The list of the coders is that of the contents.
    assert {channel.coder for frame in first.frames for channel in frame.channels} == {"cm"}


def test_streams_inside_of_streams_are_undone_in_archives_too(tmp_path: Path) -> None:
    text = (Path(__file__).parent / "second_table.py").read_bytes()
    inner = gzip.compress(text, mtime=0)
    outer = gzip.compress(b"head" * 20 + inner * 2 + b"tail" * 20, mtime=0)
    target = tmp_path / "x.tar.ez"
    with edgezip.Archive(target, "w", model="none") as archive:
        for number in range(4):
            archive.add_bytes(f"{number}", b"words" * number, mtime=0)
        archive.add_bytes("twice.gz", outer, mtime=0)
    with edgezip.Archive(target) as archive:
        assert archive.read("twice.gz") == outer
    assert target.stat().st_size < len(edgezip.compress(outer, options=NONE)) + 300


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(("name", "coder"), [("2-24.tga", c.IMAGE), ("16-ffffffff.au", c.AUDIO)])
def test_files_without_signature_or_size_are_samples(
    name: str, coder: int, zipped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the tar says where they begin and end, and its headers are away when they are looked
    for; what streams hold moves them once more."""
    (media,) = (file for file in media_files() if file.name == name)
    data = media.data
    if coder == c.AUDIO:
        # Long enough that context mixing of all bytes does not come out as small.
        data = data[:28] + waves(1, 16, big_endian=True, moments=8000)
    text = (Path(__file__).parent / "second_table.py").read_bytes()
    contents = {"a.txt": gzip.compress(text, mtime=0) if zipped else text}
    contents |= {f"{number}-{name}": data for number in range(2)}
    contents["z.txt"] = text[::-1]
    target = io.BytesIO()
    with edgezip.Archive(target, "w", model="none", rules=collect.Rules(order="name")) as archive:
        for member, content in contents.items():
            archive.add_bytes(member, content, mtime=0)
    target.seek(0)
    used: list[int] = []

    def noted(number: int) -> Coder:
        used.append(number)
        return coder_of(number)

    monkeypatch.setattr(channels, "coder_of", noted)
    with edgezip.Archive(target) as archive:
        assert {member: archive.read(member) for member in contents} == contents
    assert coder in used


def test_files_move_with_what_streams_hold() -> None:
    text = (Path(__file__).parent / "second_table.py").read_bytes()
    held = [text[i : i + 900] for i in (0, 1000, 2000)]
    streams = [gzip.compress(part, mtime=0) for part in held]
    files = [b"first", streams[0], b"", streams[1] + b"behind", b"last", streams[2], b"end"]
    ends = list(itertools.accumulate(map(len, files)))
    places = [(end - len(file), end) for file, end in zip(files, ends, strict=True)]
    data = b"".join(files)
    opened = deflated.undo(data)
    assert opened is not None
    moved = opened.moved_files(places)
    shown = [opened.data[start:end] for start, end in moved]
    assert shown[0] == b"first"
    assert [shown[i] for i in (2, 4, 6)] == [b"", b"last", b"end"]
    assert all(part in shown[place] for part, place in zip(held, (1, 3, 5), strict=True))
    assert [shown[i][:3] for i in (1, 3, 5)] == [b"\x1f\x8b\x08"] * 3
    within = places[1][0] + 30  # in the middle of a stream
    assert opened.moved_files([(0, within), (within, len(data)), (0, len(data) + 9)]) == [
        (moved[0][0], len(opened.data) + 9)
    ]


def test_numbers_of_transforms() -> None:
    assert TAR.number == c.TARRED == 10


def test_a_size_in_an_extended_header_behind_blanks() -> None:
    """As in an archive of a single file of 9 GiB: its first frame says what is in it, too."""
    info = tarfile.TarInfo("large")
    info.size = 9 << 30
    blank, header = _blank(5000), info.tobuf(tarfile.PAX_FORMAT)
    data = blank + header + b"content" * 1000
    shortened = tarred.shorten(data, [(0, len(blank)), (len(blank), len(header))])
    assert shortened is not None
    assert shortened.data == b"content" * 1000
    assert tarred.restore(shortened.data, shortened.params(0), len(data)) == data
