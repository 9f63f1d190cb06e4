"""Folders on the command line: packing, listing, extracting, and archives that mean harm."""

from __future__ import annotations

import io
import os
import random
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

import edgezip
from edgezip.container import constants as c

pytestmark = pytest.mark.skipif(
    not hasattr(tarfile, "data_filter"), reason="safe extraction needs Python 3.11.4 or newer"
)


@pytest.fixture
def docs(cli: Any) -> Path:
    """A folder with a few files in the working directory."""
    root: Path = cli.directory / "docs"
    (root / "deep").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"A line that comes again and again.\n" * 40)
    (root / "deep" / "b.py").write_bytes(b"import os\n" * 40)
    (root / "deep" / "c.tmp").write_bytes(b"scratch")
    return root


def test_a_folder_in_and_out(cli: Any, docs: Path) -> None:
    assert cli.pack("docs/").code == 0
    assert cli("list", "docs.tar.ez").out.decode().split() == [
        "docs/", "docs/a.txt", "docs/deep/", "docs/deep/b.py", "docs/deep/c.tmp",
    ]  # fmt: skip
    before = (docs / "a.txt").read_bytes()
    os.rename("docs", "old")
    assert cli("unpack", "docs.tar.ez").code == 0
    assert Path("docs/a.txt").read_bytes() == before
    assert cli("unpack", "docs.tar.ez", "docs/a.txt").code == 1  # it is there
    assert cli("unpack", "-f", "docs.tar.ez", "docs/a.txt").code == 0
    shown = cli("unpack", "-f", "docs.tar.ez", terminals=("stderr",))
    assert shown.code == 0
    assert "docs.tar.ez: 5 members" in shown.err
    assert cli("unpack", "docs.tar.ez", "-C", "one", "*.py").code == 0
    assert [str(p) for p in Path("one").rglob("*.*")] == ["one/docs/deep/b.py"]
    assert cli("unpack", "docs.tar.ez", "-C", "two", "--strip-components", "2").code == 0
    assert sorted(os.listdir("two")) == ["b.py", "c.tmp"]
    cli("unpack", "docs.tar.ez", "-C", "three", "docs/x").failed(1, "docs/x", "not in the archive")
    assert cli("unpack", "--tar", "docs.tar.ez").code == 0
    with tarfile.open("docs.tar") as tar:
        assert len(tar.getnames()) == 5
    assert cli("test", "docs.tar.ez").code == 0


def test_a_tar_comes_back_as_a_tar(cli: Any, docs: Path) -> None:
    with tarfile.open("docs.tar", "w") as tar:
        tar.add("docs")
    content = Path("docs.tar").read_bytes()
    assert cli.pack("docs.tar").code == 0
    os.unlink("docs.tar")
    assert cli("unpack", "docs.tar.ez").code == 0
    assert Path("docs.tar").read_bytes() == content
    assert cli("unpack", "docs.tar.ez", "-C", "out").code == 0
    assert Path("out/docs/a.txt").exists()
    assert cli("list", "docs.tar.ez").out.count(b"\n") == 5


def test_several_into_one_and_what_is_left_out(cli: Any, docs: Path, notes: Path) -> None:
    os.mkfifo("docs/fifo")
    found = cli.pack("docs", "notes.txt", "-o", "x.tar.ez", "--exclude", "*.tmp")
    found.failed(1, "docs/fifo", "left out")
    Path("more").write_text("notes.txt\ndocs/deep\n")
    found = cli.pack("--files-from", "more", "-o", "y.tar.ez", "--sort", "name", "--mtime", "5",
                     "--owner", "me:7", "--group", "us:8", "--verify")  # fmt: skip
    assert found.code == 0
    lines = cli("list", "x.tar.ez").out.decode().split()
    assert lines == ["docs/", "docs/a.txt", "docs/deep/", "docs/deep/b.py", "notes.txt"]
    (report,) = cli("list", "--json", "y.tar.ez").json
    assert {(m["owner"], m["group"], m["mtime"]) for m in report["members"]} == {("me", "us", 5)}
    assert "-rw" in cli("list", "-v", "y.tar.ez", "notes.txt").out.decode()
    cli.pack("--files-from", "more").failed(2, "--files-from")
    cli.pack("docs", "--rm").failed(2, "--rm")
    assert cli.pack("docs").code == 1  # the FIFO


def test_two_files_of_one_name_are_told(cli: Any, docs: Path) -> None:
    """`../docs` and `docs` become one folder in the archive."""
    os.makedirs("other/docs/deep")
    Path("other/docs/a.txt").write_bytes(b"another a")
    Path("other/docs/more").write_bytes(b"more")
    os.chdir("other")
    found = cli.pack("../docs", "docs", "-o", "../x.tar.ez")
    found.failed(1, "docs/a.txt", "name of two files")
    os.chdir("..")
    assert b"docs/more" in cli("list", "x.tar.ez").out
    assert cli("unpack", "x.tar.ez", "-C", "out", "docs/a.txt").code == 0
    assert Path("out/docs/a.txt").read_bytes() == b"another a"
    # The same file twice is nothing to tell.
    assert cli.pack("docs", "docs/a.txt", "./docs", "-o", "y.tar.ez").code == 0


def test_an_archive_is_removed_only_when_all_of_it_is_extracted(cli: Any, docs: Path) -> None:
    assert cli.pack("docs").code == 0
    for more in (["docs/a.txt"], ["--exclude", "*.tmp"], ["--strip-components", "2"]):
        cli("unpack", "--rm", "docs.tar.ez", "-C", "out", *more).failed(2, "not extracted")
        assert Path("docs.tar.ez").exists()
        assert not Path("out").exists()
    assert cli("unpack", "--rm", "docs.tar.ez").code == 1  # they are there
    assert Path("docs.tar.ez").exists()
    assert cli("unpack", "--rm", "docs.tar.ez", "-C", "out").code == 0
    assert not Path("docs.tar.ez").exists()
    assert Path("out/docs/deep/c.tmp").exists()


def test_no_archive_of_nothing(cli: Any, docs: Path) -> None:
    done = cli.pack("no", "neither", "-o", "x.tar.ez")
    assert done.code == 1
    assert "nothing is left to pack" in done.err
    assert done.err.count("\n") == 3
    Path("names").touch()
    cli.pack("--files-from", "names", "-o", "x.tar.ez").failed(1, "nothing is left to pack")
    assert not Path("x.tar.ez").exists()


def test_an_archive_does_not_hold_itself(cli: Any, docs: Path) -> None:
    for _ in range(2):
        assert cli.pack(".", "-f", "-o", "me.tar.ez").code == 0
        assert b"me.tar.ez" not in cli("list", "me.tar.ez").out
    assert b"docs/a.txt\n" in cli("list", "me.tar.ez").out
    os.unlink("me.tar.ez")
    with open("out.tar.ez", "wb") as file:  # as a shell does
        command = [sys.executable, "-m", "edgezip", "pack", "-m", "none", ".", "-c"]
        done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=True)
    assert not done.stderr
    assert b"docs/a.txt\n" in cli("list", "out.tar.ez").out
    assert b"out.tar.ez" not in cli("list", "out.tar.ez").out


@pytest.mark.parametrize(
    ("output", "mode"),
    [([], ">"), (["-c"], ">>"), (["-o", "-"], ">"), (["-o", "/dev/stdout"], ">"),
     (["-o", "/dev/fd/1"], ">>"), (["-o", "/proc/self/fd/3"], "3>"), (["-o", "name"], "4>")],
)  # fmt: skip
def test_an_archive_that_is_written_to_a_descriptor_does_not_hold_itself(
    cli: Any, docs: Path, output: list[str], mode: str
) -> None:
    os.symlink("/dev/fd/4", "name")
    if not output:
        output = ["-c"]
    words = ["-m", "edgezip", "pack", "-m", "none", ".", *output]
    shell = f'exec "$0" "$@" {mode} docs/out.tar.ez'
    done = subprocess.run(["sh", "-c", shell, sys.executable, *words], check=True, text=True,
                          capture_output=True)  # fmt: skip
    assert not done.stderr
    listed = cli("list", "docs/out.tar.ez").out
    assert b"docs/a.txt\n" in listed
    assert b"out.tar.ez" not in listed


def test_other_links_to_the_old_archive_are_packed(cli: Any, docs: Path) -> None:
    assert cli.pack("docs").code == 0
    os.link("docs.tar.ez", "docs/old.tar.ez")
    assert cli.pack("-f", "docs").code == 0
    assert b"docs/old.tar.ez\n" in cli("list", "docs.tar.ez").out
    os.link("docs.tar.ez", "docs/old2.tar.ez")
    assert cli.pack("-f", ".", "-o", "docs.tar.ez").code == 0
    listed = cli("list", "docs.tar.ez").out
    assert b"docs/old2.tar.ez\n" in listed
    assert b"\ndocs.tar.ez" not in b"\n" + listed


def test_pipes(cli: Any, docs: Path) -> None:
    packed = cli.pack("-c", "docs").out
    assert cli("list", stdin=packed).out.count(b"\n") == 5
    assert cli("unpack", "-", "-C", "out", stdin=packed).code == 0
    assert Path("out/docs/deep/b.py").exists()


def test_tar_reads_and_writes_the_same(cli: Any, docs: Path, command: list[str]) -> None:
    program = f"{' '.join(command)}"
    Path("ez").write_text(f'#!/bin/sh\nexec {program} "$@"\n')
    os.chmod("ez", 0o755)
    assert cli.pack("docs").code == 0
    done = subprocess.run(
        ["tar", "-I", "./ez", "-tf", "docs.tar.ez"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\n") == 5


def evil() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:

        def add(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = 1 if info.isreg() else 0
            tar.addfile(info, io.BytesIO(b"x"))

        add("good")
        add("/absolute")
        add("../up")
        add("a/../../up")
        add("device", tarfile.CHRTYPE)
        add("fifo", tarfile.FIFOTYPE)
        add("out", tarfile.SYMTYPE, "..")
        add("abs", tarfile.SYMTYPE, "/etc")
        add("hard", tarfile.LNKTYPE, "../../victim")
        add("hard2", tarfile.LNKTYPE, "/etc/passwd")
        add("in", tarfile.SYMTYPE, "good")
        add("in/x")
        add("also good")
    return target.getvalue()


def test_what_means_harm_is_refused_line_by_line(cli: Any) -> None:
    Path("evil.tar.ez").write_bytes(edgezip.compress(evil(), model="none"))
    done = cli("unpack", "evil.tar.ez", "-C", "to/here")
    assert done.code == 3
    assert done.err.count("refused: ") == done.err.count("\n") == 10
    assert sorted(os.listdir("to/here")) == ["also good", "good", "in"]
    assert sorted(os.listdir("to")) == ["here"]
    (report,) = cli("unpack", "--json", "-f", "evil.tar.ez", "-C", "to/here").json
    assert len(report["problems"]) == 10
    assert report["members"] == 3


@pytest.mark.parametrize("second", ["text", "garbage"])
def test_malformed_tars_are_damaged_input(cli: Any, second: str) -> None:
    def member(name: str, size: str | None = None) -> bytes:
        info = tarfile.TarInfo(name)
        info.pax_headers = {"GNU.sparse.size": size} if size else {}
        return info.tobuf(tarfile.PAX_FORMAT)

    tar = member("first") + member("second", "x" if second == "text" else "1")
    if second == "garbage":
        tar = tar[:-512] + b"g" * 512
    Path("bad.tar.ez").write_bytes(edgezip.compress(tar + bytes(1024), model="none"))
    for command in (["list"], ["unpack", "-C", "to"]):
        done = cli(*command, "bad.tar.ez")
        assert done.code == 3
        assert "internal" not in done.err
    with edgezip.Archive("bad.tar.ez") as archive, pytest.raises(edgezip.FormatError):
        archive.names()


def test_odd_members_do_not_stop_the_others(cli: Any) -> None:
    """Links to folders, times beyond every calendar, names that begin with a backslash."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:

        def add(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mtime: int = 0) -> None:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mtime, info.mode = kind, link, mtime, 0o755
            info.size = 1 if info.isreg() else 0
            tar.addfile(info, io.BytesIO(b"x"))

        add("late", tarfile.DIRTYPE, mtime=1 << 70)
        add("hard", tarfile.LNKTYPE, "late")
        add("link", tarfile.SYMTYPE, "late", mtime=1 << 70)
        add("file", mtime=1 << 70)
        add("\\back")
        add("last")
    Path("odd.tar.ez").write_bytes(edgezip.compress(target.getvalue(), model="none"))
    assert f"@{1 << 70}" in cli("list", "-v", "odd.tar.ez").out.decode()
    done = cli("unpack", "odd.tar.ez", "-C", "to")
    assert done.code == 1
    assert done.err.count("warning: ") == done.err.count("\n") - 1 == 3
    assert "hard: is a link to late, which is no file" in done.err
    there = {"late", "link", "file", "last"} | ({"\\back"} if os.sep == "/" else set())
    assert set(os.listdir("to")) == there


def test_a_cut_or_damaged_archive_gives_every_member_that_is_left(cli: Any) -> None:
    os.mkdir("d")
    for number in range(8):
        Path(f"d/{number}.txt").write_bytes(b"%d" % number * 3000)
    assert cli.pack("--frame-size", "8K", "d").code == 0
    packed = Path("d.tar.ez").read_bytes()
    marks = [i for i in range(len(packed)) if packed.startswith(c.FRAME_MARK, i)][:-1]
    assert len(marks) >= 4
    Path("cut.tar.ez").write_bytes(packed[: marks[-1] + 20])
    assert cli("unpack", "--recover", "cut.tar.ez", "-C", "cut").code == 3
    left = sorted(os.listdir("cut/d"))
    assert left == [f"{number}.txt" for number in range(len(left))]
    assert len(left) >= 5
    hole = bytearray(packed)
    hole[marks[1] + 30] ^= 255
    Path("hole.tar.ez").write_bytes(hole)
    assert cli("unpack", "--recover", "hole.tar.ez", "-C", "hole").code == 3
    there = sorted(os.listdir("hole/d"))
    assert "0.txt" in there
    assert "7.txt" in there
    assert 5 <= len(there) < 8
    for name in there:
        assert Path("hole/d", name).read_bytes() == name[:1].encode() * 3000
    assert cli("unpack", "cut.tar.ez", "-C", "cut2").code == 3


def test_a_cut_frame_gives_the_members_before_the_cut(cli: Any) -> None:
    os.mkdir("d")
    noise = random.Random(2).randbytes(40_000)
    for number in range(40):
        Path(f"d/{number:02}").write_bytes(noise[1000 * number :][:1000])
    assert cli.pack("d").code == 0
    packed = Path("d.tar.ez").read_bytes()
    assert len(edgezip.inspect_stream(io.BytesIO(packed))[0].frames) == 1
    Path("cut.tar.ez").write_bytes(packed[: len(packed) // 2])
    found = cli("unpack", "--recover", "cut.tar.ez", "-C", "cut")
    assert found.code == 3
    assert found.err.count(": lost: ") == found.err.count("\n") - 1
    assert re.search(r"\(archive\): \d of the files that came back have no check", found.err)
    assert "d/39: lost: " in found.err
    assert "(archive): lost: bytes" in found.err
    left = sorted(os.listdir("cut/d"))
    assert left == [f"{number:02}" for number in range(len(left))]
    begin = packed.index(noise[:1000])
    assert len(left) == (len(packed) // 2 - begin) // 1000
    assert all(Path("cut/d", name).read_bytes() == Path("d", name).read_bytes() for name in left)
