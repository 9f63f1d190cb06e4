"""Arrows between modules point one way."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest


def imported(path: Path, modules: set[str]) -> set[str]:
    """Modules of the package that a file imports when it is imported itself."""
    found: set[str] = set()
    package = path.with_suffix("").parts[:-1]
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*above, *([node.module] if node.module else [])])
            names = {f"{source}.{alias.name}" for alias in node.names} & modules
            found |= names or {source}
    return found & modules


def test_no_circles(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    paths = sorted(Path("edgezip").rglob("*.py"))
    named = {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    assert len(named) > 150
    graph = {name: imported(path, set(named)) - {name} for name, path in named.items()}
    assert "edgezip.errors" in graph["edgezip.container.headers"]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
