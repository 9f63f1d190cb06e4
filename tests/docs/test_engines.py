"""The adapters of docs/distributed.md for other engines, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import edgezip

NAMES = 3


def snippet(root: Path, word: str) -> str:
    """The block of Python in docs/distributed.md that has `word` in it."""
    text = (root / "docs" / "distributed.md").read_text("utf-8")
    (found,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.S) if word in block)
    return str(found)


def check(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run `code` with `names` of files, twice: each is packed, and packed already."""
    monkeypatch.setenv("EDGEZIP_MODEL", "none")
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    contents = {str(folder / f"{i}.txt"): b"%d, and the rest\n" % i * 99 for i in range(NAMES)}
    for name, content in contents.items():
        Path(name).write_bytes(content)
    for again in (False, True):
        scope: dict[str, Any] = {"names": list(contents)}
        exec(code, scope)
        done = scope["done"]
        assert [item.source for item in done] == list(contents)
        assert [item.skipped for item in done] == [again] * NAMES
    for name, content in contents.items():
        assert edgezip.decompress(Path(f"{name}.ez").read_bytes()) == content


def test_joblib(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("joblib")
    check(snippet(root, "joblib").replace("n_jobs=8", "n_jobs=2"), tmp_path, monkeypatch)


def test_ray(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    code = snippet(root, "import ray")
    assert 'ray.init("auto")' in code
    # A cluster of this machine's own, which sees nothing of the network.
    with ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1"):
        check(code.replace('ray.init("auto")', ""), tmp_path, monkeypatch)
