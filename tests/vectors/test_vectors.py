"""Every vector is judged as the index says; see make_vectors.py."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import edgezip
from edgezip import errors
from edgezip.pipeline.options import UnpackOptions

HERE = Path(__file__).resolve().parent
INDEX = json.loads((HERE / "index.json").read_text(encoding="utf-8"))


def test_there_are_vectors_of_every_kind() -> None:
    names = [entry["name"] for entry in INDEX]
    assert sorted(names) == sorted(path.name for path in HERE.glob("*.ez"))
    for kind, least in (("good", 15), ("bad", 30), ("unsupported", 5)):
        assert sum(name.startswith(kind) for name in names) >= least


@pytest.mark.parametrize("entry", INDEX, ids=lambda entry: entry["name"])
def test_vector(entry: dict[str, str], stories_model: Path, strict_library: Path) -> None:
    data = (HERE / entry["name"]).read_bytes()
    options = UnpackOptions(
        model=stories_model, threads=1, prime=(HERE / "primer.txt").read_bytes()
    )
    if "sha256" in entry:
        content = edgezip.decompress(data, options=options)
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        return
    with pytest.raises(getattr(errors, entry["error"])):
        edgezip.decompress(data, options=options)
