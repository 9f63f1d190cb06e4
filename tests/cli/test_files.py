"""What happens to files: names, contents, permissions, times, sources."""

from __future__ import annotations

import io
import itertools
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgezip import api
from edgezip.cli.inputs import Snapshot, snapshot
from edgezip.sparse import SparseFile


def test_round_trip_keeps_content_mode_time_and_source(cli: Any, notes: Path) -> None:
    content = notes.read_bytes()
    os.chmod(notes, 0o640)
    os.utime(notes, ns=(1_500_000_000_123_456_789, 1_400_000_000_987_654_321))
    result = cli.pack("notes.txt")
    assert (result.code, result.err) == (0, "")
    assert cli.names() == ["notes.txt", "notes.txt.ez"]
    packed = os.stat("notes.txt.ez")
    assert stat.S_IMODE(packed.st_mode) == 0o640
    assert packed.st_mtime_ns == 1_400_000_000_987_654_321
    os.unlink(notes)
    assert cli("unpack", "notes.txt.ez").code == 0
    assert notes.read_bytes() == content
    assert stat.S_IMODE(notes.stat().st_mode) == 0o640
    assert notes.stat().st_mtime_ns == 1_400_000_000_987_654_321
    assert cli.names() == ["notes.txt", "notes.txt.ez"]


def test_set_uid_is_not_copied(cli: Any, notes: Path) -> None:
    os.chmod(notes, 0o4755)
    assert cli.pack("notes.txt").code == 0
    assert stat.S_IMODE(os.stat("notes.txt.ez").st_mode) == 0o755


@pytest.mark.parametrize("mask", [0o000, 0o027])
def test_nobody_else_reads_while_it_is_written(
    cli: Any, notes: Path, monkeypatch: pytest.MonkeyPatch, mask: int
) -> None:
    os.chmod(notes, 0o666)
    seen: list[int] = []
    real = api.pack_stream

    def spy(*args: Any, **kwargs: Any) -> Any:
        report = real(*args, **kwargs)
        seen.extend(stat.S_IMODE(os.stat(n).st_mode) for n in cli.names() if n.endswith(".tmp"))
        return report

    monkeypatch.setattr(api, "pack_stream", spy)
    before = os.umask(mask)
    try:
        assert cli.pack("notes.txt").code == 0
        assert cli.pack("-o", "other.ez", stdin=b"x" * 100).code == 0
    finally:
        os.umask(before)
    assert seen == [0o600, 0o600]
    # A file keeps its source's permissions; stdin has none, so the mask decides.
    assert stat.S_IMODE(os.stat("notes.txt.ez").st_mode) == 0o666
    assert stat.S_IMODE(os.stat("other.ez").st_mode) == 0o666 & ~mask


def test_existing_output_needs_force(cli: Any, notes: Path) -> None:
    Path("notes.txt.ez").write_bytes(b"precious")
    cli.pack("notes.txt").failed(1, "notes.txt.ez exists already", "-f")
    assert Path("notes.txt.ez").read_bytes() == b"precious"
    assert cli.pack("-f", "notes.txt").code == 0
    cli("unpack", "notes.txt.ez").failed(1, "notes.txt exists already")
    assert cli("unpack", "-f", "notes.txt.ez").code == 0
    assert cli.names() == ["notes.txt", "notes.txt.ez"]


def test_output_that_appears_meanwhile_is_not_overwritten(
    cli: Any, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = api.pack_stream

    def slow(*args: Any, **kwargs: Any) -> Any:
        Path("notes.txt.ez").write_bytes(b"somebody else's")
        return real(*args, **kwargs)

    monkeypatch.setattr(api, "pack_stream", slow)
    cli.pack("notes.txt").failed(1, "exists already")
    assert Path("notes.txt.ez").read_bytes() == b"somebody else's"
    assert cli.names() == ["notes.txt", "notes.txt.ez"]


def test_streams_and_concatenation(cli: Any, notes: Path) -> None:
    first = cli.pack(stdin=b"one\n")
    second = cli.pack("-", "-c", stdin=b"two\n")
    assert (first.code, second.code) == (0, 0)
    joined = first.out + second.out
    assert cli("unpack", stdin=joined).out == b"one\ntwo\n"
    assert cli("test", stdin=joined).code == 0
    assert cli.pack("-c", "notes.txt", "-", stdin=b"end").out[:3] == b"\x9eEZ"
    assert cli.names() == ["notes.txt"]


def test_several_files_go_on_after_a_failure(cli: Any, notes: Path) -> None:
    Path("b.txt").write_bytes(b"b" * 99)
    result = cli.pack("missing", "notes.txt", "-o", "x.ez")
    result.failed(2, "-o takes one input")
    result = cli.pack("-q", "missing.txt", "notes.txt", "b.txt")
    result.failed(1, "missing.txt: No such file")
    Path("notes.txt.ez").write_bytes(b"no edgezip file at all")
    os.unlink("b.txt")
    os.unlink("notes.txt")
    result = cli("unpack", "-q", "notes.txt.ez", "missing.ez", "b.txt.ez")
    assert result.code == 3
    assert len(result.err.splitlines()) == 2
    assert Path("b.txt").read_bytes() == b"b" * 99


def test_rm_removes_only_what_is_safe(cli: Any, notes: Path) -> None:
    content = notes.read_bytes()
    cli.pack("--rm", "-c", "notes.txt").failed(2, "--rm needs an output file")
    cli.pack("--rm", "-k", "notes.txt").failed(2, "exclude")
    result = cli.pack("--rm", "-v", "notes.txt")
    assert result.code == 0
    assert "verified" in result.err
    assert cli.names() == ["notes.txt.ez"]
    assert cli("unpack", "--rm", "notes.txt.ez").code == 0
    assert cli.names() == ["notes.txt"]
    assert notes.read_bytes() == content


def test_rm_keeps_a_source_that_changed(
    cli: Any, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = api.pack_stream

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        report = real(*args, **kwargs)
        with notes.open("ab") as file:
            file.write(b"a later line\n")
        return report

    monkeypatch.setattr(api, "pack_stream", meanwhile)
    result = cli.pack("-q", "--rm", "notes.txt")
    result.failed(1, "changed while it was read")
    assert notes.read_bytes().endswith(b"later line\n")


@pytest.mark.parametrize("to", [["-o", "out.ez"], ["-c"], ["--rm"]])
def test_verify_notices_a_broken_packer(
    cli: Any, notes: Path, monkeypatch: pytest.MonkeyPatch, to: list[str]
) -> None:
    real = api.pack_stream

    def wrong(source: Any, target: Any, options: Any, **kwargs: Any) -> Any:
        # A valid file with other content: only comparing finds that.
        return real(io.BytesIO(source.read()[:-1]), target, options)

    monkeypatch.setattr(api, "pack_stream", wrong)
    result = cli.pack("--verify", *to, "notes.txt")
    result.failed(3, "verification failed")
    assert result.out == b""
    assert cli.names() == ["notes.txt"]


@pytest.mark.parametrize(
    "name",
    [
        "-x",
        "--force",
        "two\nlines",
        "esc\x1b[31mred",
        b"latin-\xe9".decode("utf-8", "surrogateescape"),
        "n" * 252,
        " leading and trailing ",
        "\u202egpj.exe",
        "*?[a]",
    ],
)
def test_unusual_names(cli: Any, name: str) -> None:
    Path(name).write_bytes(b"content " * 40)
    result = cli.pack("--", name)
    assert result.code == 0, result.err
    assert result.err.isprintable() or result.err[:-1].isprintable()
    os.unlink(name)
    assert cli("unpack", "--", name + ".ez").code == 0
    assert Path(name).read_bytes() == b"content " * 40
    failed = cli.pack("--", name + "?")
    assert failed.code == 1
    assert failed.err[:-1].isprintable()


def test_name_without_room_for_the_suffix(cli: Any) -> None:
    name = "n" * 255
    Path(name).write_bytes(b"content")
    cli.pack(name).failed(1, "File name too long")
    assert cli.pack(name, "-o", "short.ez").code == 0
    assert cli("unpack", "short.ez", "-o", "m" * 255).code == 0
    assert Path("m" * 255).read_bytes() == b"content"
    assert len(cli.names()) == 3


def test_suffixes(cli: Any, notes: Path) -> None:
    assert cli.pack("notes.txt").code == 0
    cli.pack("notes.txt.ez").failed(1, "ends in .ez already")
    os.rename("notes.txt.ez", "notes.bin")
    cli("unpack", "notes.bin").failed(1, "does not end in .ez", "-o")
    assert cli("unpack", "notes.bin", "-o", "-").out == notes.read_bytes()


def test_same_file_as_input_and_output(cli: Any, notes: Path) -> None:
    content = notes.read_bytes()
    cli.pack("-f", "notes.txt", "-o", "./notes.txt").failed(1, "is the input itself")
    assert notes.read_bytes() == content


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        ("docs", "docs.tar.ez"),
        ("docs/", "docs.tar.ez"),
        ("docs/deep", "docs/deep.tar.ez"),
        (".", "../work.tar.ez"),
    ],
)
def test_a_directory_becomes_an_archive_beside_it(cli: Any, name: str, archive: str) -> None:
    Path("docs/deep").mkdir(parents=True)
    assert cli.pack(name).code == 0
    assert Path(archive).is_file()
    cli("unpack", name, "-c").failed(1, "is a directory\n")


def test_links_and_fifos(cli: Any, notes: Path) -> None:
    os.symlink("notes.txt", "link")
    os.link("notes.txt", "hard")
    os.mkfifo("fifo")
    assert cli.pack("link").code == 0
    os.unlink("link.ez")
    cli.pack("--rm", "link").failed(1, "symbolic link")
    cli.pack("--rm", "hard").failed(1, "2 hard links")
    cli.pack("fifo").failed(1, "not a regular file")
    assert cli.pack("-f", "--rm", "link").code == 0
    assert cli.names() == ["fifo", "hard", "link.ez", "notes.txt"]


def test_a_device_is_written_to_and_never_replaced(cli: Any, notes: Path) -> None:
    os.mkfifo("fifo")
    reader = os.open("fifo", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert cli.pack("notes.txt", "-o", "fifo").code == 0
        assert os.read(reader, 3) == b"\x9eEZ"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(os.stat("fifo").st_mode)
    assert cli.pack("-f", "notes.txt", "-o", "/dev/null").code == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_terminals_get_no_packed_data(cli: Any, notes: Path) -> None:
    cli.pack("-c", "notes.txt", terminals=("stdout",)).failed(1, "not written to a terminal")
    cli("unpack", terminals=("stdin",)).failed(1, "cannot be read from a terminal")
    packed = cli.pack("-c", "notes.txt").out
    assert cli("unpack", stdin=packed, terminals=("stdout",)).out == notes.read_bytes()


def test_a_file_is_packed_up_to_the_size_it_had(tmp_path: Path) -> None:
    """A log that grows faster than it is packed would never end."""
    path = tmp_path / "log"
    path.write_bytes(b"first\n" * 100)
    with path.open("rb") as file, path.open("ab", buffering=0) as writer:
        source = snapshot(file)
        found = []
        while piece := source.read(250):
            found.append(piece)
            writer.write(b"later\n" * 1000)
        assert b"".join(found) == b"first\n" * 100
        assert (source.seek(0), source.read(6), source.tell()) == (0, b"first\n", 6)


def test_sizes_that_are_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems say too little, and always the same."""
    path = tmp_path / "remote"
    path.write_bytes(b"content\n" * 100)
    real = os.fstat
    small = os.stat_result([*real(0)[:6], 80, 0, 0, 0])

    def lie(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        return os.stat_result([stat.S_IFREG, *small[1:]]) if stat.S_ISREG(status[0]) else status

    with path.open("rb") as file:
        monkeypatch.setattr(os, "fstat", lie)
        source: Any = snapshot(file)
        assert type(source) is Snapshot
        assert b"".join(iter(lambda: source.read(64), b"")) == b"content\n" * 100


@pytest.mark.parametrize(
    ("start", "hole", "end"), [(0, 1 << 20, 0), (100, 300_000, 50), (8192, 65_536, 1)]
)
def test_long_runs_of_zero_bytes_are_holes(cli: Any, start: int, hole: int, end: int) -> None:
    content = os.urandom(start) + bytes(hole) + os.urandom(end)
    Path("f").write_bytes(content)
    assert cli.pack("f", "--frame-size", "64K").code == 0
    for option, few in (("--sparse", True), ("--no-sparse", False), (None, True)):
        assert cli("unpack", "-f", "f.ez", *([option] if option else [])).code == 0
        assert Path("f").read_bytes() == content
        assert (512 * os.stat("f").st_blocks < len(content) - hole // 2) == few, option


@given(
    st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(0, 30_000)), max_size=12),
    st.lists(st.integers(1, 40_000), min_size=1, max_size=4),
)
def test_sparse_files_have_the_same_content(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[int, int]], sizes: list[int]
) -> None:
    content = b"".join(bytes([value]) * length for value, length in runs)
    path = tmp_path_factory.mktemp("sparse") / "f"
    with path.open("w+b") as file:
        target = SparseFile(file)
        position = 0
        for size in itertools.cycle(sizes):
            if position >= len(content):
                break
            target.write(content[position : position + size])
            position += size
        target.flush()
    assert path.read_bytes() == content
