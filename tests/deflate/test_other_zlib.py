"""Beside another zlib every byte is the same: the reader's deflate is its own."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib
from importlib.util import find_spec
from pathlib import Path

import pytest

import edgezip
from edgezip import api
from edgezip.pipeline.options import PackOptions
from tests.deflate.made_files import TEXT, pdf, png, zipped

SCRIPT = Path(__file__).parents[2] / "bench" / "other_zlib.py"
FILES = {
    "a.gz": gzip.compress(TEXT, 9, mtime=0),
    "a.docx": zipped(),
    "a.pdf": pdf(),
    "a.png": png(60, 50, 3),
}


def _beside(kind: str, pairs: list[Path], *options: str) -> None:
    """`bench.other_zlib` on these paths, in a process of its own."""
    emulated = ["--emulated"] if kind == "emulated" else []
    done = subprocess.run(
        # By its path, so that the installed edgezip is imported, never the checkout's.
        [sys.executable, "-P", str(SCRIPT), *options, *emulated, *map(str, pairs)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == kind


def _undone(packed: Path) -> bool:
    with packed.open("rb") as file:
        members = api.inspect_stream(file)
    return any(
        part.coder == "nested" for m in members for frame in m.frames for part in frame.channels
    )


@pytest.mark.parametrize("kind", ["emulated", "zlib-ng"])
def test_both_directions(kind: str, tmp_path: Path) -> None:
    if kind == "zlib-ng" and (find_spec("zlib_ng") is None or "ng" in zlib.ZLIB_RUNTIME_VERSION):
        pytest.skip("the package zlib-ng is not installed, or this zlib is zlib-ng already")
    there: list[Path] = []
    source: list[Path] = []
    for name, data in FILES.items():
        file = tmp_path / name
        file.write_bytes(data)
        here = tmp_path / (name + ".ez")
        here.write_bytes(edgezip.compress(data, options=PackOptions(model="none")))
        assert _undone(here), name
        there += [here, tmp_path / (name + ".back")]
        source += [file, tmp_path / (name + ".other.ez")]
    _beside(kind, there)
    _beside(kind, source, "--pack")
    for name, data in FILES.items():
        assert (tmp_path / (name + ".back")).read_bytes() == data, name
        other = tmp_path / (name + ".other.ez")
        assert _undone(other), name
        assert edgezip.decompress(other.read_bytes()) == data, name
