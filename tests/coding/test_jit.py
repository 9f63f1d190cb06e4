"""The cache of compiled kernels: where it goes, and that it cannot go stale."""

from __future__ import annotations

import ast
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


def imported(source: Path) -> set[str]:
    """Modules of this package that a file imports."""
    found = set()
    package = ["edgezip", *source.relative_to(jit._PACKAGE.parent).parts[:-1]]
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            found.add(".".join([*start, *((node.module or "").split("."))]).rstrip("."))
    return {name for name in found if name.startswith("edgezip.")}


def test_a_kernel_can_only_call_what_the_digest_of_its_cache_holds() -> None:
    """Modules below edgezip/coding import from their own folder, from those above it, and errors:
    whatever else they called could change without a new cache."""
    sources = sorted(jit._PACKAGE.rglob("*.py"))
    assert len({source.parent for source in sources}) > 2
    for source in sources:
        held = {path.relative_to(jit._PACKAGE.parent) for path in jit._sources(source.parent)}
        for name in imported(source) - {"edgezip.errors", "edgezip.coding"}:
            module = Path(*name.split(".")[1:])
            inside = {module.with_suffix(".py"), module / "__init__.py"} & held
            assert inside, f"{source} imports {name}"
