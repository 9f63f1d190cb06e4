"""fsspec, smart_open, pandas, numcodecs and zarr read and write edgezip."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tomllib
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgezip
from edgezip import PackOptions, integrations
from edgezip.errors import SettingsError

NONE = PackOptions(model="none")
TABLE = "name,number\n" + "".join(f"row {i},{i * i}\n" for i in range(200))


def library(name: str, minversion: str | None = None) -> Any:
    """A library of the extra `dev`; only outside of CI a test goes without it."""
    if "CI" in os.environ:
        import_module(name)
    return pytest.importorskip(name, minversion=minversion)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    monkeypatch.setenv("EDGEZIP_MODEL", "none")
    yield integrations.register()
    integrations.unregister()


@pytest.mark.parametrize("url", ["memory://edgezip/t.csv.ez", "file://{}/t.csv.ez"])
def test_fsspec(url: str, tmp_path: Path, registered: list[str]) -> None:
    fsspec = library("fsspec")
    assert "fsspec" in registered
    where = url.format(tmp_path)
    with fsspec.open(where, "wt", compression="edgezip") as file:
        file.write(TABLE)
    with fsspec.open(where, "rb") as file:
        packed = file.read()
    assert packed == edgezip.compress(TABLE.encode(), options=NONE)  # no flush ended a frame
    for compression in ("edgezip", "infer"):
        with fsspec.open(where, "rt", compression=compression) as file:
            assert file.read() == TABLE
    with fsspec.open(where, "rb", compression="infer") as file:
        file.seek(-4, 2)
        assert file.read() == TABLE.encode()[-4:]
    with fsspec.open(where.replace(".csv", ".tar"), "wb") as file:
        archive = edgezip.Archive(file, "w", options=NONE)
        archive.add_bytes("a/b.csv", TABLE.encode())
        archive.close()
    with fsspec.open(where.replace(".csv", ".tar"), "rb") as file, edgezip.Archive(file) as read:
        assert read.read("a/b.csv") == TABLE.encode()


def test_pandas_through_fsspec(tmp_path: Path, registered: list[str]) -> None:
    fsspec = library("fsspec")
    pandas = library("pandas")
    frame = pandas.DataFrame({"name": ["a", "b"], "number": [1, 2]})
    with fsspec.open("memory://edgezip/p.csv.ez", "wt", compression="infer") as file:
        frame.to_csv(file, index=False)
    with fsspec.open("memory://edgezip/p.csv.ez", "rt", compression="infer") as file:
        assert pandas.read_csv(file).equals(frame)
    with edgezip.open(tmp_path / "p.csv.ez", "wb", options=NONE) as packed:
        frame.to_csv(packed, index=False)
    with edgezip.open(tmp_path / "p.csv.ez") as packed:
        assert pandas.read_csv(packed).equals(frame)


@pytest.mark.parametrize("url", ["memory://edgezip/x.tar.ez", "file://{}/x.tar.ez"])
def test_members_through_fsspec(url: str, tmp_path: Path) -> None:
    fsspec = library("fsspec")
    module = import_module("edgezip.integrations.fsspec")
    fsspec.register_implementation(module.PROTOCOL, module.ArchiveFileSystem, clobber=True)
    where = url.format(tmp_path)
    root = tmp_path / "root"
    (root / "empty").mkdir(parents=True)
    (root / "link").symlink_to("a/b.csv")
    (root / "nowhere").symlink_to("nothing")
    with fsspec.open(where, "wb") as file:
        archive = edgezip.Archive(file, "w", options=NONE)
        archive.add(root, "")
        archive.add_bytes("a/b.csv", TABLE.encode(), mtime=5)
        archive.close()
    with fsspec.open(f"eztar://a/b.csv::{where}", "rt") as file:
        assert file.read() == TABLE
    files = fsspec.filesystem("eztar", fo=where)
    assert files.ls("", detail=False) == ["a", "empty", "link", "nowhere"]
    assert files.glob("**/*.csv") == ["a/b.csv"]
    assert files.info("/a/b.csv/")["size"] == files.info("link")["size"] == len(TABLE)
    assert files.isdir("empty")
    assert files.cat("link", start=-4) == TABLE.encode()[-4:]
    for name in ("nowhere", "empty", "b"):
        with pytest.raises(FileNotFoundError):
            files.open(name)
    with pytest.raises(ValueError, match="read only"):
        files.open("a/b.csv", "wb")
    files.close()
    pandas = library("pandas")
    assert len(pandas.read_csv(f"eztar://a/b.csv::{where}")) == TABLE.count("\n") - 1


def test_members_of_tars_of_other_programs_for_fsspec() -> None:
    """`tar c .` and `tar cP` write names that begin with a dot or a slash."""
    library("fsspec")
    from edgezip.integrations.fsspec import ArchiveFileSystem

    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w") as tar:
        for name in (".", "./sub", "./sub/b", "./a", "/c"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if name in {".", "./sub"} else tarfile.REGTYPE
            info.size = 0 if info.isdir() else len(name)
            tar.addfile(info, io.BytesIO(name.encode()))
    packed = io.BytesIO(edgezip.compress(blob.getvalue(), model="none"))
    files = ArchiveFileSystem(packed)
    assert files.find("") == ["a", "c", "sub/b"]
    assert files.ls("sub", detail=False) == ["sub/b"]
    assert [files.cat(name) for name in ("a", "/c", "sub/b")] == [b"./a", b"/c", b"./sub/b"]
    with files.open("a") as file:
        assert (file.seek(-1, 2), file.read(), file.size) == (2, b"a", 3)
    files.close()


def test_smart_open(tmp_path: Path, registered: list[str]) -> None:
    smart_open = library("smart_open")
    assert "smart_open" in registered
    name = str(tmp_path / "t.csv.ez")
    with smart_open.open(name, "w") as file:
        file.write(TABLE)
    with smart_open.open(name, compression_kwargs={"model": None}) as file:
        assert file.read() == TABLE
    with edgezip.open(name, "rt") as packed:
        assert packed.read() == TABLE


def test_unregister_undoes_all_of_it() -> None:
    fsspec = library("fsspec.compression")
    utils = import_module("fsspec.utils")
    before = dict(fsspec.compr), dict(utils.compressions)
    done = integrations.register()
    assert integrations.register() == done
    integrations.unregister()
    integrations.unregister()
    assert (dict(fsspec.compr), dict(utils.compressions)) == before
    if "smart_open" in done:
        assert ".ez" not in import_module("smart_open").compression.get_supported_extensions()


def test_numcodecs() -> None:
    numcodecs = library("numcodecs")
    from edgezip.integrations.numcodecs import Edgezip

    numcodecs.register_codec(Edgezip)
    codec = numcodecs.get_codec({"id": "edgezip", "frame_size": 4096})
    assert codec == Edgezip(frame_size=4096) != Edgezip()
    assert "4096" in repr(codec)
    assert numcodecs.get_codec(json.loads(json.dumps(codec.get_config()))) == codec
    values = np.arange(5000, dtype="<i4").reshape(50, 100)
    packed = codec.encode(values)
    assert len(packed) < values.nbytes // 4
    assert np.frombuffer(codec.decode(packed), "<i4").tolist() == values.ravel().tolist()
    out = np.empty_like(values)
    codec.decode(packed, out)
    assert (out == values).all()
    with pytest.raises(SettingsError, match="colour"):
        Edgezip(colour="blue")


@pytest.mark.parametrize("version", [2, 3])
def test_zarr(version: int) -> None:
    zarr = library("zarr", minversion="3")
    from edgezip.integrations.numcodecs import Edgezip
    from edgezip.integrations.zarr import EdgezipCodec

    zarr.registry.register_codec("edgezip", EdgezipCodec)
    import_module("numcodecs").register_codec(Edgezip)
    store: dict[str, object] = {}
    values = np.arange(4000, dtype="<i2").reshape(40, 100)
    codec = EdgezipCodec(frame_size=2048) if version == 3 else Edgezip(frame_size=2048)
    array = zarr.create_array(
        store, shape=values.shape, chunks=(20, 50), dtype=values.dtype, compressors=codec,
        zarr_format=version,
    )  # fmt: skip
    array[:] = values
    again = zarr.open_array(store, mode="r")
    assert (again[:] == values).all()
    assert (again[3, 50:] == values[3, 50:]).all()
    assert again.compressors == (codec,)
    assert EdgezipCodec.from_dict(EdgezipCodec().to_dict()) == EdgezipCodec()
    with pytest.raises(SettingsError):
        EdgezipCodec.from_dict({"name": "zstd"})


def test_entry_points(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for group in ("numcodecs.codecs", "zarr.codecs", "fsspec.specs"):
        library(group.partition(".")[0])
        for name, target in project["entry-points"][group].items():
            module, _, attribute = target.partition(":")
            assert getattr(import_module(module), attribute) is not None
            try:
                metadata.version("edgezip")
            except metadata.PackageNotFoundError:
                continue  # run from a source tree
            assert name in metadata.entry_points(group=group).names
