"""Installs edgezip into .venv of the checkout; `scripts/setup.sh` runs it with the system's Python.

llama.cpp is compiled once, as edgezip's strict engine. llama-cpp-python is installed as bindings
alone. Every step leaves a stamp (a digest of what went into it) and is skipped while the digest
stays the same. Needs the standard library only.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
BUILD = ROOT / "build"
LOG = BUILD / "setup.log"
CONSTRAINTS = ROOT / "constraints.txt"
FETCH = ROOT / "native" / "cmake" / "llama_source.cmake"
BINDINGS = "llama-cpp-python"
BINDINGS_ONLY = "-DLLAMA_BUILD=OFF -DLLAVA_BUILD=OFF"
# The bindings' own dependencies; pip is told not to look at them.
BINDINGS_NEED = ["typing-extensions>=4.5", "diskcache>=5.6.1", "jinja2>=2.11.3"]
BUILD_NEED = ["scikit-build-core", "ninja"]

NINJA_STEP = re.compile(r"\[(\d+)/(\d+)\]")


class SetupError(Exception):
    """A failure to report as one line."""


class Progress:
    """One line that follows a running command: updated on a terminal, repeated rarely elsewhere."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.start = self.last = time.monotonic()
        self.terminal = sys.stdout.isatty()
        print(f"edgezip set-up: {what} ...", end="" if self.terminal else "\n", flush=True)

    def seconds(self) -> str:
        """The time since the start, as text."""
        return f"{time.monotonic() - self.start:.0f} s"

    def line(self, text: str) -> None:
        """Takes one line of the command's output and shows how far it is."""
        now = time.monotonic()
        match = NINJA_STEP.search(text)
        if not match or now - self.last < (0.2 if self.terminal else 20.0):
            return
        self.last = now
        message = f"edgezip set-up: {self.what}: step {match[1]} of {match[2]}, {self.seconds()}"
        print(f"\r{message}\033[K" if self.terminal else message, end="", flush=True)
        if not self.terminal:
            print(flush=True)

    def done(self) -> None:
        """Closes the line."""
        message = f"edgezip set-up: {self.what}: done in {self.seconds()}"
        print(f"\r{message}\033[K" if self.terminal else message, flush=True)


def run(what: str, command: list[str | Path], **env: str) -> None:
    """Runs `command` with its output in the log; raises SetupError with the log's end."""
    progress = Progress(what)
    tail: list[str] = []
    with LOG.open("a", encoding="utf-8") as log:
        print(f"$ {' '.join(map(str, command))}", file=log, flush=True)
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        assert process.stdout is not None
        for text in process.stdout:
            log.write(text)
            tail = [*tail[-29:], text.rstrip()[:300]]
            progress.line(text)
    if process.wait():
        shown = "\n".join(tail)
        raise SetupError(f"{what} failed (all of it in {LOG}):\n{shown}")
    progress.done()


def require_tools() -> None:
    """Raises SetupError with the packages to install when a tool is missing."""
    packages = []
    if not importlib.util.find_spec("ensurepip"):
        packages.append(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")
    compilers = [(os.environ.get("CC"), "cc gcc clang"), (os.environ.get("CXX"), "c++ g++ clang++")]
    if not all(any(map(shutil.which, (own or names).split())) for own, names in compilers):
        packages.append("build-essential")
    if not shutil.which("cmake"):
        packages.append("cmake")
    if packages:
        raise SetupError(f"tools are missing: apt-get install {' '.join(packages)}")


def files_below(*folders: str) -> Iterator[Path]:
    """All files of `folders` that may go into the package, in a fixed order."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            made = {"__pycache__", "shipped"} & set(path.parts)
            if path.is_file() and not made and path.suffix != ".so":
                yield path


def digest(texts: Iterable[str] = (), files: Iterable[Path] = ()) -> str:
    """SHA-256 over texts and over names and contents of files."""
    total = hashlib.sha256()
    for text in texts:
        total.update(f"{text}\0".encode())
    for path in files:
        total.update(f"{path.relative_to(ROOT)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


class Stamps:
    """Which steps are done, kept inside the environment, so that both vanish together."""

    def __init__(self) -> None:
        self.path = VENV / "edgezip-setup.json"
        try:
            self.known: dict[str, str] = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self.known = {}

    def wants(self, step: str, value: str) -> bool:
        """Whether `step` has to run to get to the state `value`."""
        return self.known.get(step) != value

    def set(self, step: str, value: str) -> None:
        """Records that `step` led to the state `value`."""
        self.known[step] = value
        self.path.write_text(json.dumps(self.known, indent=1))


def make_environment() -> None:
    """Creates .venv unless it is there, whole, for this Python and for this folder."""
    stamps = Stamps()
    state = digest([sys.version, sys.base_prefix, str(ROOT)])
    if stamps.wants("environment", state) or not PYTHON.exists():
        run("virtual environment", [sys.executable, "-m", "venv", "--clear", VENV])
        stamps.known = {}
        stamps.set("environment", state)


def pip_install(*arguments: str | Path) -> list[str | Path]:
    """Return the command that installs with pip, at the pinned versions."""
    return [PYTHON, "-m", "pip", "install", "--no-input", "-c", CONSTRAINTS, *arguments]


def install(dev: bool) -> None:
    """Brings the environment to the state of the checkout.

    :param dev: also what tests, lint, types and bench need.
    """
    make_environment()
    stamps = Stamps()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runtime = [d for d in project["dependencies"] if not d.startswith(BINDINGS)]
    pinned = next(d for d in project["dependencies"] if d.startswith(BINDINGS)).split("==")[1]
    groups = {"packages": [*runtime, *BINDINGS_NEED, *BUILD_NEED]}
    if dev:
        extras = project["optional-dependencies"]
        groups["packages for development"] = sorted({*extras["dev"], *extras["bench"]})
    for name, requirements in groups.items():
        state = digest(requirements, [CONSTRAINTS])
        if stamps.wants(name, state):
            run(name, pip_install(*requirements))
            stamps.set(name, state)

    state = digest(files=[FETCH])
    if stamps.wants("bindings", state):
        # Unset: the bindings come from the archive, whichever source is compiled.
        fetch: list[str | Path] = ["cmake", f"-DPython_EXECUTABLE={PYTHON}", "-P", FETCH]
        run("source of llama.cpp (76 MB)", fetch, EDGEZIP_LLAMA_SOURCE="")
        archive = next((BUILD / "llama-cpp").glob(f"llama_cpp_python-{pinned}.tar.gz"))
        command = pip_install("--no-deps", "--no-build-isolation", "--force-reinstall", archive)
        run("bindings of llama.cpp", command, CMAKE_ARGS=BINDINGS_ONLY)
        stamps.set("bindings", state)

    own = [ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE")]
    flags = [os.environ.get(name, "") for name in ("CMAKE_ARGS", "EDGEZIP_LLAMA_SOURCE", "CFLAGS")]
    state = digest(flags, [*own, *files_below("edgezip", "models/gguf", "native")])
    if stamps.wants("edgezip", state):
        command = pip_install("--no-deps", "--no-build-isolation", "--force-reinstall", "-v", ROOT)
        # scikit-build-core looks for ninja on the PATH first.
        path = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", "")])
        run("edgezip and its strict engine", command, PATH=path)
        stamps.set("edgezip", state)

    state = digest([sys.version], [CONSTRAINTS, *files_below("edgezip/coding")])
    if stamps.wants("kernels", state):
        # Into the environment, where no user's cache and no test's own home can miss them.
        run("kernels of the coders", [VENV / "bin" / "edgezip", "warm", "--package"])
        stamps.set("kernels", state)
    state = digest(files=files_below("edgezip/cli"))
    if stamps.wants("manual", state):
        run("man pages and completion", [VENV / "bin" / "edgezip", "manual", VENV / "share"])
        stamps.set("manual", state)


def main() -> int:
    """Install; returns the exit code."""
    parser = argparse.ArgumentParser(description="Install edgezip into .venv of the checkout.")
    parser.add_argument("--dev", action="store_true", help="also tests, lint, types and bench")
    dev = parser.parse_args().dev
    try:
        require_tools()
        BUILD.mkdir(exist_ok=True)
        # Two scripts at once would build in the same folder.
        with (BUILD / "setup.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            LOG.unlink(missing_ok=True)
            if not VENV.exists():
                print("edgezip set-up: the first time takes some minutes, most of it the compiler.")
            install(dev)
    except SetupError as error:
        print(f"\nedgezip set-up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
