"""The cache of compiled kernels: where it goes, and that it cannot go stale."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import edgezip.coding.jit as jit


def test_any_change_of_a_source_changes_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "coding"
    below = package / "below"
    shutil.copytree(Path(jit.__file__).parent, package, ignore=lambda _, names: {"__pycache__"})
    below.mkdir()
    monkeypatch.setattr(jit, "_PACKAGE", package)
    monkeypatch.setattr(jit.numba.config, "CACHE_DIR", str(tmp_path / "cache"))

    def folders() -> tuple[Path, Path]:
        jit.store.cache_clear()
        return jit.store(package).folders[0], jit.store(below).folders[0]

    try:
        before = folders()
        (package / "probability.py").open("a").write("# changed\n")
        changed = folders()
        (below / "new.py").write_text("")
        added = folders()
    finally:
        jit.store.cache_clear()
    assert changed[0] != before[0] and changed[1] != before[1]
    assert added[0] == changed[0] and added[1] != changed[1]
