"""Processes that are killed, interrupted, cut off or run out of space."""

from __future__ import annotations

import gc
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edgezip.cli import signals

from .conftest import KERNELS, run


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty home."""
    return {**os.environ, "HOME": str(tmp_path), "NUMBA_CACHE_DIR": KERNELS, "PYTHONSAFEPATH": "1"}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Text that keeps a codec busy for a moment."""
    choice = random.Random(1)
    words = [b"%x" % choice.getrandbits(24) for _ in range(2000)]
    path = tmp_path / "w" / "text"
    path.parent.mkdir()
    path.write_bytes(b" ".join(choice.choices(words, k=3000)))
    return path


def start(command: list[str], text: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*command, "pack", "-m", "none", text.name],
        cwd=text.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(("number", "times"), [(signal.SIGKILL, 12), (signal.SIGTERM, 4)])
def test_killed_at_any_time(
    command: list[str], text: Path, environment: dict[str, str], number: signal.Signals, times: int
) -> None:
    content = text.read_bytes()
    began = time.monotonic()
    assert start(command, text, environment).wait(120) == 0
    duration = time.monotonic() - began
    target = text.with_name("text.ez")
    complete = target.read_bytes()
    choice = random.Random(int(number))
    codes = set()
    for _ in range(times):
        target.unlink(missing_ok=True)
        process = start(command, text, environment)
        time.sleep(choice.random() * duration)
        process.send_signal(number)
        _, message = process.communicate(timeout=120)
        codes.add(process.returncode)
        assert text.read_bytes() == content
        assert not target.exists() or target.read_bytes() == complete
        left = {path.name for path in text.parent.iterdir()} - {"text", "text.ez"}
        if number == signal.SIGKILL:
            for name in left:
                (text.parent / name).unlink()
        else:
            assert not left
            assert b"Traceback" not in message
    assert codes <= {0, -number, 128 + number}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupt_while_working(
    command: list[str],
    text: Path,
    environment: dict[str, str],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    """Surely in the middle: the input is a FIFO that stays open."""
    os.mkfifo(tmp_path / "fifo")
    process = subprocess.Popen(
        [*command, "pack", "-m", "none", "../fifo", "-o", "out.ez"],
        cwd=text.parent,
        env=environment,
        stderr=subprocess.PIPE,
        # A test run in the background (nohup, `&`) inherits ignored signals, and so would edgezip.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509
    )
    with open(tmp_path / "fifo", "wb") as fifo:
        fifo.write(b"some content")
        fifo.flush()
        while not any(path.suffix == ".tmp" for path in text.parent.iterdir()):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        _, message = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert message == b""
    assert [path.name for path in text.parent.iterdir()] == ["text"]


_WITHOUT_TRACEBACKS = """
import sys
before = set(sys.modules)
from edgezip.cli import main
slow = {"enum", "importlib", "re", "typing"} & (set(sys.modules) - before)
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["edgezip", "--version"]
print(main(), slow, signal.getsignal(signal.SIGINT) == signal.SIG_DFL)
"""


def test_ctrl_c_before_and_after_the_work_is_quiet(environment: dict[str, str]) -> None:
    """Python's own handler would print a traceback; until ours is there, little is imported."""
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TRACEBACKS],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[1:] == ["0 set() True"], done


def test_an_interrupt_that_python_drops_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    class Dropping:
        def __init__(self, error: BaseException) -> None:
            self.error = error

        def __del__(self) -> None:
            raise self.error

    with signals.handled():
        Dropping(signals.Interrupted(signal.SIGINT))
        gc.collect()
        assert capsys.readouterr().err == ""
        Dropping(ValueError("something else"))
        gc.collect()
        assert "something else" in capsys.readouterr().err


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_broken_pipe_is_quiet(
    command: list[str], text: Path, environment: dict[str, str], unbuffered: str
) -> None:
    """Unbuffered, Python's stdout writes a part of the data without saying so."""
    environment["PYTHONUNBUFFERED"] = unbuffered
    # More than a pipe holds, and stored, which is quick.
    text.write_bytes(random.Random(2).randbytes(300_000))
    assert start(command, text, environment).wait(120) == 0
    process = subprocess.Popen(
        [*command, "unpack", "-qc", "text.ez"],
        cwd=text.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(1) == text.read_bytes()[:1]
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 128 + signal.SIGPIPE


def _limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/full is Linux's")
def test_full_disk(command: list[str], text: Path, environment: dict[str, str]) -> None:
    for arguments in (["-o", "/dev/full"], ["-c"]):
        with open("/dev/full", "wb") as full:
            process = subprocess.run(
                [*command, "pack", "-m", "none", "text", *arguments],
                cwd=text.parent,
                env=environment,
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=120,
                check=False,
            )
        assert process.returncode == 1
        assert b"No space left on device" in process.stderr
        assert process.stderr.count(b"\n") == 1
    # Exceeding this limit raises SIGXFSZ, or EFBIG where that is ignored.
    arguments = ["pack", "-m", "none", "text"]
    process = run(
        command, *arguments, cwd=text.parent, env=environment, preexec_fn=_limit_file_size
    )
    assert process.returncode == 1
    assert b"text.ez: File too large" in process.stderr
    assert [path.name for path in text.parent.iterdir()] == ["text"]


def _limit_stack(hard: int) -> None:
    resource.setrlimit(resource.RLIMIT_STACK, (64 << 10, hard))


def test_a_small_stack(command: list[str], text: Path, environment: dict[str, str]) -> None:
    """It crashed in the middle of the work. A soft limit is raised."""
    arguments = [*command, "pack", "-m", "none", text.name]
    names = {path.name for path in text.parent.iterdir()}
    for hard, code in ((64 << 10, 6), (resource.getrlimit(resource.RLIMIT_STACK)[1], 0)):
        process = subprocess.run(
            arguments,
            cwd=text.parent,
            env=environment,
            capture_output=True,
            check=False,
            preexec_fn=partial(_limit_stack, hard),
        )
        assert process.returncode == code, process.stderr
        if code:
            assert process.stderr.count(b"\n") == 1
            assert b"stack" in process.stderr
            assert {path.name for path in text.parent.iterdir()} == names
    assert text.with_name("text.ez").exists()


def test_closed_streams(command: list[str], text: Path, environment: dict[str, str]) -> None:
    """Without stdout and stderr, no message may end in the file that is written."""
    line = 'exec "$@" <&- >&- 2>&-'
    arguments = ["sh", "-c", line, "sh", *command, "pack", "-m", "none", "-v", "text"]
    process = subprocess.run(arguments, cwd=text.parent, env=environment, timeout=120, check=False)
    assert process.returncode == 0
    process = run(command, "unpack", "-c", "text.ez", cwd=text.parent, env=environment)
    assert process.stdout == text.read_bytes()


def test_start_up_is_light(command: list[str], environment: dict[str, str]) -> None:
    """The heavy packages are imported when something is packed, not before."""
    code = (
        "import sys, edgezip, edgezip.cli.app; edgezip.EdgezipFile, edgezip.PackOptions;"
        "print([m for m in ('numpy', 'numba', 'llama_cpp', 'rich', 'sentencepiece')"
        " if m in sys.modules])"
    )
    process = run([sys.executable, "-c", code], env=environment)
    assert process.stdout.strip() == b"[]", process.stderr
    process = run(command, "--help", env=environment)
    assert (process.returncode, process.stderr) == (0, b"")


def test_foreign_locale(command: list[str], tmp_path: Path) -> None:
    name = b"na\xefve-\xe2\x82\xac".decode("utf-8", "surrogateescape")
    (tmp_path / name).write_bytes(b"content " * 50)
    plain = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    results: list[Any] = [
        run(command, *arguments, cwd=tmp_path, env=plain)
        for arguments in (["pack", "-m", "none", name], ["info", name + ".ez"], ["test", "gone"])
    ]
    assert [result.returncode for result in results] == [0, 0, 1]
    assert (tmp_path / (name + ".ez")).exists()


LIMITED = ["prlimit", "--nproc=6", "setpriv", "--reuid=65534", "--clear-groups"]
"""Another user, who may have six threads and read what this one can: root has no limit."""
READING = ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--"]


@pytest.mark.skipif(
    not shutil.which("setpriv") or os.geteuid() != 0, reason="takes root and setpriv"
)
def test_a_real_limit_of_threads(
    command: list[str],
    text: Path,
    environment: dict[str, str],
    stories_model: Path,
    strict_library: Path,
) -> None:
    """-T 4 would take nine beside the first: a team for long texts, a session each, the coder."""
    text.write_bytes(b"Once upon a time there was a little girl who liked to play. " * 9)
    text.parent.chmod(0o777)
    call = [*LIMITED, *READING, *command, "pack", "-T", "4", "-m", str(stories_model), text.name]
    done = subprocess.run(call, cwd=text.parent, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert text.with_name("text.ez").stat().st_size < 250


@pytest.mark.parametrize("settings", ["cache_dir: evil\ndisable_jit: 1", "a: [b: }"])
def test_numbas_settings_of_a_folder_decide_nothing(
    command: list[str], tmp_path: Path, settings: str
) -> None:
    """They may have come with an archive; kernels are code, and no YAML would lock out."""
    pytest.importorskip("yaml")
    (tmp_path / ".numba_config.yaml").write_text(settings)
    (tmp_path / "t").write_bytes(b"Once upon a time there was a little girl. " * 9)
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    for arguments in (["pack", "-m", "none", "t"], ["test", "t.ez"]):
        done = subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("setting", ["NUMBA_NUM_THREADS=0", "NUMBA_OPT=abc", "NUMBA_DEBUG=x"])
def test_odd_settings_of_numba_count_as_none(
    command: list[str], tmp_path: Path, setting: str
) -> None:
    (tmp_path / "t").write_bytes(b"Once upon a time there was a little girl. " * 9)
    name, _, value = setting.partition("=")
    done = subprocess.run(
        [*command, "pack", "-m", "none", "t"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONSAFEPATH": "1", name: value},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
