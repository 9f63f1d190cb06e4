"""Links in the documentation lead somewhere; the reference has what is public."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def docs(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_of_docs", root / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_links_lead_on(docs: ModuleType) -> None:
    pages = docs.pages()
    assert len(pages) > 20
    assert [problem for page in pages for problem in docs.broken_links(page)] == []


def test_a_broken_link_is_found(
    docs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    text = "# A `b` c\n\n## A b c\n[a](nowhere.md) [b](#no) [c](page.md#a-b-c-1) [d](https://x)\n"
    page = tmp_path / "page.md"
    page.write_text(text)
    assert docs.anchors(text) == {"a-b-c", "a-b-c-1"}
    assert [problem.split()[1] for problem in docs.broken_links(page)] == ["nowhere.md", "#no"]


def test_the_reference_has_what_is_public(docs: ModuleType) -> None:
    pytest.importorskip("fsspec")
    text = docs.api()
    for name in ("compress", "EdgezipFile.seek", "pack_urls"):
        assert f"<code>{name}" in text
