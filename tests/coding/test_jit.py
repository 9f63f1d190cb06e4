"""The cache of compiled kernels: where it goes, and that it cannot go stale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edgezip.coding.jit as jit

CODE = """
import logging
logging.basicConfig()
import numpy as np
from edgezip.coding import jit, rangecoder as rc
print(jit.cache_folder())
rc.encode_finish(rc.new_encoder(), np.zeros(8, np.uint8))
print("done")
"""


def run_kernel(cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        check=True,
        capture_output=True,
        text=True,
    )


def test_kernels_are_cached_in_the_folder(tmp_path: Path) -> None:
    result = run_kernel(tmp_path)
    folder = Path(result.stdout.splitlines()[0])
    assert folder.parent == tmp_path
    assert list(folder.rglob("rangecoder.encode_finish-*.nbc"))


def test_without_a_cache_folder_kernels_still_run(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    result = run_kernel(blocked)
    assert result.stdout.splitlines() == ["None", "done"]
    assert "compiled anew" in result.stderr


def test_any_change_of_a_source_changes_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "coding"
    below = package / "below"
    shutil.copytree(Path(jit.__file__).parent, package, ignore=lambda _, names: {"__pycache__"})
    below.mkdir()
    monkeypatch.setattr(jit, "_PACKAGE", package)
    monkeypatch.setattr(jit.numba.config, "CACHE_DIR", str(tmp_path / "cache"))

    def folders() -> tuple[Path | None, Path | None]:
        jit.cache_folder.cache_clear()
        return jit.cache_folder(package), jit.cache_folder(below)

    try:
        before = folders()
        (package / "probability.py").open("a").write("# changed\n")
        changed = folders()
        (below / "new.py").write_text("")
        added = folders()
    finally:
        jit.cache_folder.cache_clear()
    assert changed[0] != before[0] and changed[1] != before[1]
    assert added[0] == changed[0] and added[1] != changed[1]
