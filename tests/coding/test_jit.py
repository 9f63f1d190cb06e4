"""The cache of compiled kernels: where it goes, and that it cannot go stale."""

from __future__ import annotations

import ast
import platform
import shutil
from pathlib import Path

import numba
import pytest
from llvmlite import binding
from numba.core.registry import cpu_target

import edgezip.coding.jit as jit
from edgezip.coding import levels


def test_any_change_of_a_source_changes_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "coding"
    below = package / "below"
    shutil.copytree(Path(jit.__file__).parent, package, ignore=lambda _, names: {"__pycache__"})
    below.mkdir()
    monkeypatch.setattr(jit, "_PACKAGE", package)
    # Set in a file of the working directory, which may be anybody's: it must not count.
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "foreign"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))

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
    assert before[0].is_relative_to(tmp_path / "cache")
    assert changed[0] != before[0]
    assert changed[1] != before[1]
    assert added[0] == changed[0]
    assert added[1] != changed[1]


def test_code_for_a_level_of_this_processor_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where the user names no processor, and only levels that run here."""
    if jit.PLAIN:
        pytest.skip("nothing is compiled")
    monkeypatch.setattr(jit, "levels_of_this_processor", lambda: ("x86-64-v3", "x86-64-v2"))
    jit._levels.cache_clear()
    try:
        context = cpu_target.target_context
        own, *others = jit._processors(context)
        assert others == [(own[0], "x86-64-v3", ""), (own[0], "x86-64-v2", "")]
        assert len(set(jit._marks("text"))) == 3
        monkeypatch.setattr(numba.config, "CPU_NAME", "skylake")
        jit._levels.cache_clear()
        assert [kind[1] for kind in jit._processors(context)] == ["skylake"]
    finally:
        jit._levels.cache_clear()


@pytest.mark.parametrize(
    ("machine", "features", "expected"),
    [
        ("x86_64", levels._V3 | {"avx512f"}, ("x86-64-v3", "x86-64-v2")),
        ("AMD64", levels._V3 - {"fma"}, ("x86-64-v2",)),
        ("x86_64", levels._V2 - {"popcnt"}, ()),
        ("aarch64", {"neon"}, ("generic",)),
        ("riscv64", set(), ()),
    ],
)
def test_levels_need_all_their_features(
    machine: str, features: set[str], expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {name: name in features for name in levels._V3 | {"avx512f", "neon"}}
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: known)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert levels.levels_of_this_processor() == expected


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
