"""Fixtures: the built strict libraries, llama.cpp's headers, compiled drivers, tiny models."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.native.random_llama import write_random_llama

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "native"


@pytest.fixture(scope="session")
def lib_dir() -> Path:
    """The folder with libllama.so and its siblings: EDGEZIP_LIB_DIR or the installed package."""
    candidates = [Path(os.environ["EDGEZIP_LIB_DIR"])] if "EDGEZIP_LIB_DIR" in os.environ else []
    spec = importlib.util.find_spec("edgezip")
    places = (spec.submodule_search_locations or []) if spec else []
    candidates.extend(Path(place) / "engine" / "lib" for place in places)
    for candidate in candidates:
        if (candidate / "libllama.so").is_file():
            return candidate
    pytest.skip("no strict libraries: install the package or set EDGEZIP_LIB_DIR")


@pytest.fixture(scope="session")
def llama_source() -> Path:
    """llama.cpp's source, for its headers: EDGEZIP_LLAMA_SOURCE or what the set-up unpacked."""
    candidates = sorted((ROOT / "build" / "llama-cpp").glob("source-*"))
    if "EDGEZIP_LLAMA_SOURCE" in os.environ:
        candidates.insert(0, Path(os.environ["EDGEZIP_LLAMA_SOURCE"]))
    for candidate in candidates:
        if (candidate / "include" / "llama.h").is_file():
            return candidate
    pytest.skip("no source of llama.cpp: set EDGEZIP_LLAMA_SOURCE")


@pytest.fixture(scope="session")
def include_flags(llama_source: Path) -> list[str]:
    """Compiler flags to find our headers and llama.cpp's."""
    folders = ["include", "ggml/include", "ggml/src", "ggml/src/ggml-cpu"]
    return [f"-I{NATIVE / 'src'}", *(f"-I{llama_source / folder}" for folder in folders)]


@pytest.fixture(scope="session")
def compiler() -> str:
    """A C compiler."""
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and shutil.which(name):
            return name
    pytest.skip("no C compiler")


@pytest.fixture(scope="session")
def driver(
    lib_dir: Path, include_flags: list[str], compiler: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """A function that compiles native/tools/NAME.c against the strict libraries."""
    folder = tmp_path_factory.mktemp("drivers")
    built: dict[str, Path] = {}

    def build(name: str) -> Path:
        if name not in built:
            source, program = NATIVE / "tools" / f"{name}.c", folder / name
            libraries = ["-lllama", "-lggml", "-lggml-cpu", "-lggml-base", "-lm"]
            command: list[str | Path] = [compiler, "-O1", "-ffp-contract=off", source]
            command += ["-o", program, *include_flags, f"-L{lib_dir}", *libraries]
            command.append(f"-Wl,-rpath,{lib_dir}")
            subprocess.run(command, check=True, timeout=120)
            built[name] = program
        return built[name]

    return build


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """A function that runs a program and returns what it printed."""

    def call(*command: str | Path, **env: str) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    return call


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that writes a tiny Llama with random weights of a type, and heads of a size."""
    pytest.importorskip("gguf")
    folder = tmp_path_factory.mktemp("models")

    def make(kind: str, head: int = 64) -> Path:
        path = folder / f"{kind}-{head}.gguf"
        if not path.exists():
            write_random_llama(path, kind, head)
        return path

    return make
