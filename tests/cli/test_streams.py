"""Inputs and outputs that are pipes and descriptors, of processes of their own."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgezip import api
from edgezip.cli.console import write_line

from .conftest import KERNELS

NOISE = random.Random(5).randbytes(100_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with a small text and something that a pipe does not hold at once."""
    work = tmp_path / "w"
    work.mkdir()
    (work / "t").write_bytes(b"A line that comes again and again.\n" * 100)
    (work / "noise").write_bytes(NOISE)
    return work


@pytest.fixture
def edgezip(
    command: list[str], folder: Path, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs the command line in `folder` with an empty home."""
    home = {"HOME": str(tmp_path), "NUMBA_CACHE_DIR": KERNELS, "EDGEZIP_MODEL": "none"}
    environment = {**os.environ, **home}

    def call(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        line = [*command, *arguments]
        return subprocess.run(
            line, cwd=folder, env=environment, timeout=120, **streams, check=False
        )

    return call


def hesitant_pipe(content: bytes) -> int:
    """A non-blocking pipe with `content`, which comes in pieces, and nothing in between."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def feed() -> None:
        with open(writing, "wb", buffering=0) as pipe:
            step = -(-len(content) // 3)
            for start in range(0, len(content), step):
                time.sleep(0.3)
                pipe.write(content[start : start + step])

    threading.Thread(target=feed).start()
    return reading


def unpacked(packed: bytes) -> bytes:
    return api.decompress(packed)


@pytest.mark.parametrize("arguments", [["-o", "x.ez"], ["-c"], ["--verify", "-o", "x.ez"]])
def test_a_pipe_that_does_not_block_is_read_to_its_end(cli: Any, arguments: list[str]) -> None:
    with open(hesitant_pipe(NOISE), "rb") as pipe:
        done = cli.pack(*arguments, stdin=pipe)
    assert (done.code, done.err) == (0, "")
    packed = done.out or Path("x.ez").read_bytes()
    for command in ("unpack", "test", "info"):
        with open(hesitant_pipe(packed), "rb") as pipe:
            done = cli(command, stdin=pipe)
        assert (done.code, done.err) == (0, "")
        assert command != "unpack" or done.out == NOISE


def test_descriptors_of_a_process_that_do_not_block(edgezip: Any, folder: Path) -> None:
    """Node.js and terminals leave O_NONBLOCK behind, on stdin and stdout; the reader is slow."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    found = bytearray()

    def drain() -> None:
        with open(reading, "rb", buffering=0) as source:
            while piece := source.read(5000):
                time.sleep(0.002)
                found.extend(piece)

    reader = threading.Thread(target=drain)
    reader.start()
    with open(hesitant_pipe(NOISE), "rb") as pipe:
        done = edgezip("pack", stdin=pipe, stdout=writing)
    os.close(writing)
    reader.join()
    assert (done.returncode, done.stderr) == (0, b"")
    assert unpacked(bytes(found)) == NOISE


def test_lines_on_a_stdout_that_does_not_block(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JSON line is longer than the pipe holds."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    found = bytearray()

    def drain() -> None:
        time.sleep(0.1)
        with open(reading, "rb", buffering=0) as source:
            while piece := source.read(5000):
                found.extend(piece)

    reader = threading.Thread(target=drain)
    reader.start()
    with open(writing, "w", encoding="utf-8") as stdout:
        for number in range(3):
            write_line(stdout, f"{number}" * 70_000)
    reader.join()
    assert found.decode() == "".join(f"{number}" * 70_000 + "\n" for number in range(3))


NAMES = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/PID/fd/1", "link", "deep"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_stdout_are_stdout(cli: Any, notes: Path, name: str) -> None:
    name = name.replace("PID", str(os.getpid()))
    os.symlink("/dev/stdout", "link")
    os.mkdir("there")
    os.symlink("../link", "there/link")
    os.symlink("there/link", "deep")
    names = cli.names()
    for force in ([], ["-f"]):
        done = cli.pack(*force, "--json", "-o", name, "notes.txt")
        assert done.code == 0
        assert unpacked(done.out) == notes.read_bytes()
        assert '"packed_size"' in done.err
        assert cli("unpack", *force, "-o", name, stdin=done.out).out == notes.read_bytes()
    cli.pack("notes.txt", "-o", name, terminals=("stdout",)).failed(1, "not written to a terminal")
    cli.pack("-f", "--rm", "notes.txt", "-o", name).failed(2, "--rm needs an output file")
    assert os.readlink("link") == "/dev/stdout"
    assert cli.names() == names


def test_a_redirected_stdout_by_its_name(edgezip: Any, folder: Path) -> None:
    """`pack -f -o /dev/stdout t >> f.ez` replaced the system's link and left f.ez empty."""
    (folder / "f.ez").write_bytes(b"older")
    with open(folder / "f.ez", "ab") as target:
        done = edgezip("pack", "-f", "-o", "/dev/stdout", "t", stdout=target)
    assert (done.returncode, done.stderr) == (0, b"")
    content = (folder / "f.ez").read_bytes()
    assert content.startswith(b"older\x9eEZ")
    assert unpacked(content[5:]) == (folder / "t").read_bytes()
    assert os.path.islink("/dev/stdout")


def test_other_descriptors(cli: Any, notes: Path) -> None:
    with open("out", "w+b", buffering=0) as target:
        target.write(b"before ")
        assert cli.pack("-f", "notes.txt", "-o", f"/dev/fd/{target.fileno()}").code == 0
        target.write(b" after")
    content = Path("out").read_bytes()
    assert content.startswith(b"before \x9eEZ")
    assert unpacked(content[7:-6]) == notes.read_bytes()
    # What another process has open is not cut off either.
    with open("other", "wb", buffering=0) as target:
        target.write(b"before ")
        script = "import sys; print(flush=True); sys.stdin.read()"
        line = [sys.executable, "-c", script]
        with subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[target.fileno()]
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdin is not None
            holder.stdout.readline()
            name = f"/proc/{holder.pid}/fd/{target.fileno()}"
            assert cli.pack("-f", "notes.txt", "-o", name).code == 0
            holder.stdin.close()
    assert Path("other").read_bytes() == content[:-6]


def test_descriptors_that_cannot_be_written(cli: Any, notes: Path) -> None:
    before = cli.names()
    with notes.open("rb") as source:
        done = cli.pack("notes.txt", "-o", f"/dev/fd/{source.fileno()}")
        done.failed(1, "not open for writing")
    cli.pack("notes.txt", "-o", "/dev/fd/77").failed(1, "descriptor 77 is not open")
    cli.pack("notes.txt", "-f", "-o", "/proc/self/fd/77").failed(1, "descriptor 77 is not open")
    assert cli.names() == before


def test_descriptors_are_not_removed(cli: Any, notes: Path) -> None:
    """With --rm and -f the system's own /dev/stdin would be gone."""
    with notes.open("rb") as source:
        name = f"/proc/self/fd/{source.fileno()}"
        os.symlink(name, "in")
        for given in ("in", name):
            done = cli.pack("-f", "--rm", given, "-o", "x.ez")
            done.failed(1, "is an open descriptor and cannot be removed")
    assert cli.names() == ["in", "notes.txt"]


def test_a_stream_into_the_file_that_is_read_is_refused(cli: Any, notes: Path) -> None:
    content = notes.read_bytes()
    with notes.open("ab") as target:
        cli.pack("notes.txt", "-o", f"/dev/fd/{target.fileno()}").failed(1, "the input itself")
    assert notes.read_bytes() == content


def test_a_log_that_grows(edgezip: Any, folder: Path) -> None:
    """The size seen at the start is only a hint; what was read is packed, with a warning."""
    log = folder / "log"
    log.write_bytes(NOISE)
    stop = threading.Event()

    def append() -> None:
        with log.open("ab", buffering=0) as file:
            while not stop.wait(0.1):
                file.write(b"another line of the log\n" * 50)

    writer = threading.Thread(target=append)
    writer.start()
    done = edgezip("pack", "--frame-size", "4K", "--verify", "log")
    stop.set()
    writer.join()
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(b"edgezip: log: warning: it changed while it was read")
    found = unpacked((folder / "log.ez").read_bytes())
    assert len(found) >= len(NOISE)
    assert log.read_bytes().startswith(found)


def test_a_file_on_stdin_that_grows(cli: Any, notes: Path, monkeypatch: Any) -> None:
    content = notes.read_bytes()
    real = api.pack_stream

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        with notes.open("ab") as file:
            file.write(b"a later line\n")
        return real(*args, **kwargs)

    for change, warned in ((meanwhile, True), (real, False)):
        monkeypatch.setattr(api, "pack_stream", change)
        with notes.open("rb") as source:
            content = notes.read_bytes()
            source.seek(10)
            done = cli.pack(stdin=source)
        assert (done.code, "warning: it changed" in done.err) == (0, warned)
        assert unpacked(done.out) == content[10:]


def test_files_that_lie_about_their_size(cli: Any) -> None:
    """Those of /proc say 0, those of /sys a page."""
    done = cli.pack("--frame-size", "1K", "/proc/self/maps", "-o", "x.ez")
    assert (done.code, done.err) == (0, "")
    assert cli("test", "x.ez").code == 0
    lying = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if lying.exists():
        done = cli.pack(str(lying), "-o", "y.ez")
        assert done.code == 0
        read = f"warning: {len(lying.read_bytes())} bytes were read and packed"
        assert f"{read}; its size is said to be 4,096" in done.err
        assert cli("unpack", "-c", "y.ez").out == lying.read_bytes()


def test_score_reads_what_comes_late(cli: Any, stories_model: Path, strict_library: Path) -> None:
    with open(hesitant_pipe(b"Once upon a time. " * 20), "rb") as pipe:
        (found,) = cli("score", str(stories_model), "-", "--json", stdin=pipe).json
    assert found["raw_size"] == 360


def test_packed_data_for_a_terminal_by_its_name(cli: Any, notes: Path) -> None:
    control, terminal = os.openpty()
    try:
        for name in (os.ttyname(terminal), f"/dev/fd/{terminal}"):
            cli.pack("-f", "notes.txt", "-o", name).failed(1, "not written to a terminal")
    finally:
        os.close(control)
        os.close(terminal)


def test_a_socket_by_its_name(cli: Any, notes: Path) -> None:
    """It cannot be opened again, only read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(notes.read_bytes())
        ours.shutdown(socket.SHUT_WR)
        assert cli.pack(f"/dev/fd/{theirs.fileno()}", "-o", "x.ez").code == 0
    assert unpacked(Path("x.ez").read_bytes()) == notes.read_bytes()
