"""Runs the command line in this process, with its three streams in memory."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import platformdirs
import pytest

from edgezip.cli import main

# Tests get an empty home, but not one in which every kernel has to be compiled again.
KERNELS = os.environ.get("NUMBA_CACHE_DIR") or str(platformdirs.user_cache_path("edgezip"))


class Stream(io.TextIOWrapper):
    """A standard stream whose bytes can be looked at."""

    def __init__(self, content: bytes = b"", terminal: bool = False) -> None:
        self.bytes = io.BytesIO(content)
        self.terminal = terminal
        super().__init__(self.bytes, encoding="utf-8", errors="strict", newline="\n")

    def isatty(self) -> bool:
        return self.terminal


@dataclass
class Result:
    code: int
    out: bytes
    err: str

    @property
    def json(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    def failed(self, code: int, *words: str) -> None:
        """It ended with `code` and one line on stderr that has all `words`."""
        assert self.code == code, (self.code, self.err)
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("edgezip: ")
        for word in words:
            assert word in self.err


class Cli:
    """Call it with arguments. `terminals` names the streams that claim to be terminals."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self._monkeypatch = monkeypatch
        self.directory = directory

    def __call__(
        self,
        *args: str,
        stdin: bytes | BinaryIO = b"",
        terminals: tuple[str, ...] = (),
    ) -> Result:
        streams = {name: Stream(b"", name in terminals) for name in ("stdin", "stdout", "stderr")}
        if isinstance(stdin, bytes):
            streams["stdin"].bytes.write(stdin)
            streams["stdin"].bytes.seek(0)
        with self._monkeypatch.context() as patch:
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            if not isinstance(stdin, bytes):
                patch.setattr(sys, "stdin", io.TextIOWrapper(stdin))
            code = main(list(args))
        for stream in streams.values():
            stream.flush()
        out, err = streams["stdout"].bytes.getvalue(), streams["stderr"].bytes.getvalue()
        return Result(code, out, err.decode())

    def pack(self, *args: str, **kwargs: Any) -> Result:
        """`edgezip pack` without a language model, which is all that most tests need."""
        return self("pack", "-m", "none", *args, **kwargs)

    def names(self) -> list[str]:
        """What is in the working directory, with temporary files."""
        return sorted(os.listdir(self.directory))


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """The command line in an empty working directory and an empty home."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home/data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home/cache"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", KERNELS)
    for name in ("EDGEZIP_MODEL", "EDGEZIP_MODELS_PATH", "EDGEZIP_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return Cli(monkeypatch, work)


@pytest.fixture
def command() -> list[str]:
    """The command line as a process of its own."""
    return [sys.executable, "-m", "edgezip"]


@pytest.fixture
def notes(cli: Cli) -> Path:
    """A text file in the working directory."""
    path = cli.directory / "notes.txt"
    path.write_bytes(b"A line that comes again and again.\n" * 300)
    return path


def run(command: list[str], *args: str, **kwargs: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a process of its own to its end."""
    return subprocess.run(
        [*command, *args], capture_output=True, timeout=120, **kwargs, check=False
    )
