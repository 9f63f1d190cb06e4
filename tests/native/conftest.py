"""Fixtures: the built strict libraries, llama.cpp's headers, compiled drivers, tiny models."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "native"


@pytest.fixture(scope="session")
def lib_dir() -> Path:
    """The folder with libllama.so and its siblings: EDGEZIP_LIB_DIR or the installed package."""
    candidates = [Path(os.environ["EDGEZIP_LIB_DIR"])] if "EDGEZIP_LIB_DIR" in os.environ else []
    spec = importlib.util.find_spec("edgezip")
    for place in (spec.submodule_search_locations or []) if spec else []:
        candidates.append(Path(place) / "engine" / "lib")
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
            command = [compiler, "-O1", "-ffp-contract=off", source, "-o", program, *include_flags]
            command += [f"-L{lib_dir}", *libraries, f"-Wl,-rpath,{lib_dir}"]
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


def random_weights(kind: str, rows: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """Random weights of about 1/sqrt(columns) in ggml's bytes: uint8[rows, bytes per row]."""
    size = 1.0 / np.sqrt(columns)
    if kind == "F32":
        return (rng.standard_normal((rows, columns)) * size).astype("<f4").view(np.uint8)
    if kind == "F16":
        return (rng.standard_normal((rows, columns)) * size).astype("<f2").view(np.uint8)
    block, length, halves, spread = {
        "Q8_0": (32, 34, [0], 74.0),
        "Q4_0": (32, 18, [0], 4.6),
        "Q4_K": (256, 144, [0, 2], 150.0),
        "Q6_K": (256, 210, [208], 1300.0),
    }[kind]
    raw = rng.integers(0, 256, (rows * columns // block, length), dtype=np.uint8)
    for at in halves:
        scales = rng.uniform(0.5, 1.5, len(raw)) * size / spread
        raw[:, at : at + 2] = scales.astype("<f2").view(np.uint8).reshape(-1, 2)
    return raw.reshape(rows, -1)


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that writes a tiny random Llama (2 layers of 256, 4 heads, 2 K/V heads)."""
    gguf = pytest.importorskip("gguf")
    folder = tmp_path_factory.mktemp("models")

    def make(kind: str) -> Path:
        path = folder / f"{kind}.gguf"
        if path.exists():
            return path
        rng = np.random.default_rng(7)
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_vocab_size(331)  # not a multiple of 16
        writer.add_tokenizer_model("no_vocab")
        writer.add_context_length(1024)
        writer.add_embedding_length(256)
        writer.add_block_count(2)
        writer.add_feed_forward_length(512)
        writer.add_head_count(4)
        writer.add_head_count_kv(2)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_rope_dimension_count(64)
        shapes = {"token_embd": (331, 256), "output": (331, 256)}
        for i in range(2):
            shapes |= {f"blk.{i}.attn_{x}": (256, 256) for x in ("q", "output")}
            shapes |= {f"blk.{i}.attn_{x}": (128, 256) for x in ("k", "v")}
            shapes |= {f"blk.{i}.ffn_{x}": (512, 256) for x in ("gate", "up")}
            shapes[f"blk.{i}.ffn_down"] = (256, 512)
        norms = [f"blk.{i}.{x}_norm" for i in range(2) for x in ("attn", "ffn")]
        for name in [*norms, "output_norm"]:
            weights = rng.uniform(0.5, 1.5, 256).astype(np.float32)
            writer.add_tensor(f"{name}.weight", weights)
        for name, (rows, columns) in shapes.items():
            raw = random_weights(kind, rows, columns, rng)
            dtype = gguf.GGMLQuantizationType[kind]
            writer.add_tensor(f"{name}.weight", raw, raw_dtype=dtype)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return make
