"""Every vector is judged as the index says; see make_vectors.py."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import edgezip
from edgezip import errors
from edgezip.pipeline.options import UnpackOptions

from . import make_vectors

pytestmark = pytest.mark.usefixtures("nothing_compiled")

HERE = Path(__file__).resolve().parent
INDEX = json.loads((HERE / "index.json").read_text(encoding="utf-8"))


def test_there_are_vectors_of_every_kind() -> None:
    names = [entry["name"] for entry in INDEX]
    assert sorted(names) == sorted(path.name for path in HERE.glob("*.ez"))
    for kind, least in (("good", 15), ("bad", 30), ("unsupported", 5)):
        assert sum(name.startswith(kind) for name in names) >= least


@pytest.fixture(scope="session")
def escaping_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vectors.escaping_model(tmp_path_factory.mktemp("escaping"))


@pytest.mark.parametrize("entry", INDEX, ids=lambda entry: entry["name"])
def test_vector(
    entry: dict[str, str], stories_model: Path, escaping_model: Path, strict_library: Path
) -> None:
    data = (HERE / entry["name"]).read_bytes()
    model = escaping_model if entry.get("model") == "escapes" else stories_model
    options = UnpackOptions(model=model, threads=1, prime=(HERE / "primer.txt").read_bytes())
    if "sha256" in entry:
        content = edgezip.decompress(data, options=options)
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        return
    with pytest.raises(getattr(errors, entry["error"])):
        edgezip.decompress(data, options=options)
