"""Files of the native engine: read back by the same engine, refused by others."""

from __future__ import annotations

import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def native_library() -> None:
    """Skips unless llama-cpp-python was installed with a llama.cpp of its own."""
    spec = util.find_spec("llama_cpp")
    assert spec is not None
    assert spec.origin is not None
    if not list((Path(spec.origin).parent / "lib").glob("*llama.*")):
        pytest.skip("llama-cpp-python is installed without its own llama.cpp (see README)")


def _edgezip(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "edgezip", *arguments]
    return subprocess.run(command, capture_output=True, timeout=300, check=False)


def test_only_the_same_engine_reads_it(
    native_library: None, stories_model: Path, data_dir: Path, tmp_path: Path
) -> None:
    text = (data_dir / "courage.txt").read_bytes()[:2500]
    source = tmp_path / "text"
    source.write_bytes(text)
    packed, back = tmp_path / "text.ez", tmp_path / "back"
    for streams in ("1", "3"):
        common = ("-m", str(stories_model), "-f", "-T", "1")
        coder = ("--coder", "mix", "--streams", streams)
        done = _edgezip("pack", *common, "--engine", "native", *coder, str(source))
        assert done.returncode == 0, done.stderr
        done = _edgezip("unpack", *common, "-o", str(back), str(packed))
        assert done.returncode == 0, done.stderr
        assert back.read_bytes() == text
    done = _edgezip("test", "-m", str(stories_model), "-T", "2", str(packed))
    assert done.returncode == 5
    assert b"native engine" in done.stderr
