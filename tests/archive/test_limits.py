"""What small archives can make of themselves: sparse files, links, headers, deep trees."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import edgezip
from edgezip import UnpackOptions, integrations
from edgezip.archive import tars
from edgezip.archive.collect import Rules, from_path, in_order
from edgezip.archive.names import Selection, is_excluded
from edgezip.errors import FormatError, LimitError
from tests.archive.tars import extracts, packed_tar, sparse, stored, tar_of

pytestmark = extracts

HUGE = 40 << 30
KINDS = ["old", "0.0", "0.1", "1.0"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_counts_the_holes_of_sparse_files(kind: str, tmp_path: Path) -> None:
    packed = packed_tar(sparse(kind, "huge", HUGE))
    assert len(packed) < 4000
    limit = UnpackOptions(max_output=1 << 20)
    with edgezip.Archive(io.BytesIO(packed), options=limit) as archive:
        assert [member.size for member in archive] == [HUGE]
        for call in (archive.read, archive.open):
            with pytest.raises(LimitError):
                call("huge")
        with pytest.raises(LimitError, match="with huge the output would exceed the limit"):
            archive.extract(tmp_path)
    with edgezip.Archive(io.BytesIO(packed)) as archive:
        with pytest.raises(LimitError, match="holes"):
            archive.read("huge")
        with archive.open("huge") as file:
            assert file.read(6) == b"data\0\0"
    (tmp_path / "x.tar.ez").write_bytes(packed)
    with pytest.raises(LimitError):
        integrations.unpack_archive(str(tmp_path / "x.tar.ez"), str(tmp_path), options=limit)
    assert os.listdir(tmp_path) == ["x.tar.ez"]


@pytest.mark.parametrize("kind", KINDS)
def test_sparse_files_come_back(kind: str, tmp_path: Path) -> None:
    """The limit is exact, and a member more is too much."""
    members = [sparse(kind, name, 100_000, b"content" * 100) for name in ("a", "b")]
    packed = packed_tar(*members)
    content = (b"content" * 100).ljust(100_000, b"\0")
    for limit, names in ((200_000, ["a", "b"]), (199_999, ["a"]), (None, ["a", "b"])):
        folder = tmp_path / str(limit)
        options = UnpackOptions(max_output=limit)
        with edgezip.Archive(io.BytesIO(packed), options=options) as archive:
            assert archive.read("a") == content
            if names == ["a"]:
                with pytest.raises(LimitError):
                    archive.extract(folder)
            else:
                assert archive.extract(folder) == 2
        assert sorted(os.listdir(folder)) == names
        assert all((folder / name).read_bytes() == content for name in names)
    (tmp_path / "x.tar.ez").write_bytes(packed)
    shutil.copy(tmp_path / "x.tar.ez", tmp_path / "y.tar.ez")
    integrations.unpack_archive(
        str(tmp_path / "y.tar.ez"), str(tmp_path / "y"), options=UnpackOptions(max_output=200_000)
    )
    assert (tmp_path / "y/b").read_bytes() == content


def test_the_limit_counts_every_copy(tmp_path: Path) -> None:
    """Links to a file that is not extracted are files of their own."""
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w") as tar:
        info = tarfile.TarInfo("file")
        info.size = 30_000
        tar.addfile(info, io.BytesIO(b"x" * info.size))
        for number in range(50):
            link = tarfile.TarInfo(f"links/{number:02}")
            link.type, link.linkname = tarfile.LNKTYPE, "file" if number % 2 else "./file"
            tar.addfile(link)
    packed = stored(blob.getvalue())
    options = UnpackOptions(max_output=100_000)
    with edgezip.Archive(io.BytesIO(packed), options=options) as archive:
        assert archive.read("links/07") == b"x" * 30_000
        assert archive.extract(tmp_path / "one") == 51  # one file of many names
        with pytest.raises(LimitError, match="links/03"):
            archive.extract(tmp_path / "two", ["links"])
    assert sorted(os.listdir(tmp_path / "two/links")) == ["00", "01", "02"]


def test_links_of_both_sorts_have_the_content_of_their_target() -> None:
    members = []
    for name, kind, link in (
        ("a/file", tarfile.REGTYPE, ""), ("a/hard", tarfile.LNKTYPE, "a/file"),
        ("a/soft", tarfile.SYMTYPE, "./hard"), ("b", tarfile.SYMTYPE, "a/../a/soft"),
        ("nothing", tarfile.SYMTYPE, "nowhere"), ("late", tarfile.LNKTYPE, "behind"),
        ("round", tarfile.SYMTYPE, "round"), ("behind", tarfile.REGTYPE, ""),
        ("folder", tarfile.SYMTYPE, "a"), ("a", tarfile.DIRTYPE, ""),
    ):  # fmt: skip
        members.append(tarfile.TarInfo(name))
        members[-1].type, members[-1].linkname = kind, link
    with edgezip.Archive(io.BytesIO(tar_of(members))) as archive:
        for name in ("a/file", "a/hard", "a/soft", "b", "behind", "./b"):
            assert archive.read(name) == b""
        for name in ("nothing", "late", "round", "no member"):
            with pytest.raises(KeyError):
                archive.read(name)
        for name in ("a", "folder"):
            with pytest.raises(IsADirectoryError):
                archive.open(name)


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_extended_headers_are_bounded(kind: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read at once, whatever they claim."""
    monkeypatch.setattr(tars, "MAX_EXTENDED", 5000)
    for size, fails in ((5000, False), (5001, True)):
        info = tarfile.TarInfo("x")
        info.type, info.size = kind, size
        text = b"5000 comment=" if kind in b"xg" else b"n" * 90
        content = text.ljust(size, b"c") if kind in b"xg" else text.ljust(size, b"\0")
        content = content[:-1] + (b"\n" if kind in b"xg" else b"\0")
        last = tarfile.TarInfo("last")
        packed = packed_tar(
            info.tobuf(tarfile.USTAR_FORMAT), content.ljust(5120, b"\0"), last.tobuf()
        )
        if fails:
            with pytest.raises(FormatError, match="an extended header of 5,001 bytes"):
                edgezip.Archive(io.BytesIO(packed))
        else:
            with edgezip.Archive(io.BytesIO(packed)) as archive:
                assert len(archive.names()) == 1


def deep_tar(depth: int, *, folders: bool) -> bytes:
    """Nested folders, each a member, or only the innermost files of each."""
    members = []
    for number in range(1, depth + 1):
        path = "d/" * number
        if folders:
            members.append(tarfile.TarInfo(path[:-1]))
            members[-1].type, members[-1].mode = tarfile.DIRTYPE, 0o755
        if number % 10 == 0:
            members.append(tarfile.TarInfo(path + "file"))
            members.append(tarfile.TarInfo(path + "link"))
            members[-1].type, members[-1].linkname = tarfile.SYMTYPE, "../" * 5 + "d/d/d"
    return tar_of(members)


class Calls:
    """Counts calls of the system that have a path."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for name in ("lstat", "stat", "readlink"):
            monkeypatch.setattr(os, name, self.counting(getattr(os, name)))

    def counting(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return real(*args, **kwargs)

        return call


@pytest.mark.parametrize("way", ["archive", "archive without folders", "shutil"])
def test_the_depth_of_a_tree_costs_once(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each member is looked at, not each part of its path: that would be the square."""
    depth = 600
    packed = deep_tar(depth, folders=way != "archive without folders")
    (tmp_path / "x.tar.ez").write_bytes(packed)
    calls = Calls(monkeypatch)
    if way == "shutil":
        integrations.unpack_archive(str(tmp_path / "x.tar.ez"), str(tmp_path / "out"))
    else:
        with edgezip.Archive(io.BytesIO(packed)) as archive:
            archive.extract(tmp_path / "out")
    # Of a symbolic link `tarfile`'s own filter resolves the path.
    assert calls.count < (60 * 2 * (depth + 20) if way == "shutil" else 20 * depth)
    monkeypatch.undo()
    assert os.path.lexists(tmp_path / "out" / ("d/" * depth) / "link")


def test_paths_longer_than_any_are_told(tmp_path: Path) -> None:
    members = [tarfile.TarInfo("d/" * depth + "file") for depth in (10, 5000, 20, 1_000_000)]
    for depth in range(3000, 3020):  # one line for all of them
        members.append(tarfile.TarInfo("d/" * depth))
        members[-1].type = tarfile.DIRTYPE
    members.append(tarfile.TarInfo("link"))
    members[-1].type, members[-1].linkname = tarfile.SYMTYPE, "d/" * 1_000_000
    members.append(tarfile.TarInfo("last"))
    packed = tar_of(members)
    told: list[str] = []
    with edgezip.Archive(io.BytesIO(packed)) as archive:
        count = archive.extract(
            tmp_path, report=lambda name, error: told.append(f"{name}: {error}")
        )
    assert count == 3
    assert len(told) == 4
    assert all("longer than" in line and len(line) < 300 for line in told)
    assert sum("what lies below" in line for line in told) == 1
    assert (tmp_path / ("d/" * 20) / "file").exists()
    assert os.listdir(tmp_path / ("d/" * 20)) == ["file"]
    (tmp_path / "x.tar.ez").write_bytes(packed)
    with pytest.raises(FormatError, match="longer path"):
        integrations.unpack_archive(str(tmp_path / "x.tar.ez"), str(tmp_path / "out"))


def test_what_is_left_out_of_deep_trees(tmp_path: Path) -> None:
    """A pattern is tried on a name, not on each of its tails below each of its folders."""
    deep = "a/" * 4000 + "b"
    select = Selection([], ["x", "*.tmp", "a/c*d"])
    assert select(deep)
    assert not select(deep + ".tmp/more")
    assert not select(deep + "/x/y")
    for name, pattern, excluded in (
        ("a/b/c", "b/c", True), ("a/b/c", "b", False), ("a/b/c", "a/*", True),
        ("ab/c", "b/c", False), ("a/b\nc", "b?c", True), ("a/b", "a/", False),
        ("a/b", "[ab]/", True), ("a.b", "a?b", True),
    ):  # fmt: skip
        assert is_excluded(name, [pattern]) == excluded
    assert is_excluded("a/b/c", ["b"], below=True)
    assert not is_excluded("a/bb/c", ["b"], below=True)


def test_packing_a_tree_deeper_than_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no path leads to is told in a line."""
    monkeypatch.chdir(tmp_path)
    try:
        for _ in range(2200):
            os.mkdir("d")
            os.chdir("d")
        os.chdir(tmp_path)
        told: list[str] = []
        found = from_path("d", None, Rules(), lambda path, message: told.append(message))
        assert 2000 < len(in_order(found, "kind", print)) < 2100
        assert told == ["File name too long"]
    finally:
        os.chdir(tmp_path)
        subprocess.run(["rm", "-rf", "d"], check=True)  # Python's would call itself too often


def test_one_place_opens_tars(root: Path) -> None:
    for path in (root / "edgezip").rglob("*.py"):
        opens = re.search(r"tarfile\.open\((?!fileobj=edgezip)", path.read_text())
        assert not opens or path.name == "tars.py", path
