"""shutil and fsspec know edgezip after `register`, and archives cannot escape."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import edgezip
from edgezip import PackOptions, UnpackOptions, integrations

NONE = PackOptions(model="none")

pytestmark = pytest.mark.skipif(
    not hasattr(tarfile, "data_filter"), reason="safe extraction needs Python 3.11.4 or newer"
)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = integrations.make_archive

    def without_model(*args: Any, **kwargs: Any) -> str:
        return real(*args, options=NONE, **kwargs)

    without_model.supports_root_dir = True  # type: ignore[attr-defined]
    monkeypatch.setattr(integrations, "make_archive", without_model)
    assert "shutil" in integrations.register()
    integrations.register()
    yield
    integrations.unregister()
    assert "eztar" not in dict(shutil.get_archive_formats())
    assert ".tar.ez" not in {name for entry in shutil.get_unpack_formats() for name in entry[1]}


def test_archive_and_back(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "a").write_bytes(b"a" * 5000)
    os.symlink("deep/a", tree / "link")
    os.chmod(tree / "deep", 0o555)
    name = shutil.make_archive(str(tmp_path / "out" / "all"), "eztar", tmp_path, "tree")
    assert name == str(tmp_path / "out" / "all.tar.ez")
    shutil.unpack_archive(name, tmp_path / "back")
    back = tmp_path / "back" / "tree"
    assert (back / "deep" / "a").read_bytes() == b"a" * 5000
    assert os.readlink(back / "link") == "deep/a"
    os.chmod(tree / "deep", 0o755)
    os.chmod(back / "deep", 0o755)


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


def archive(path: Path, *members: tarfile.TarInfo) -> Path:
    with edgezip.open(path, "w", options=NONE) as file, tarfile.open(fileobj=file, mode="w") as tar:
        for entry in members:
            tar.addfile(entry, io.BytesIO(b""))
    return path


@pytest.mark.parametrize(
    "members",
    [
        [member("../evil")],
        [member("sub/../../evil")],
        [member("out", tarfile.SYMTYPE, ".."), member("out/evil")],
        [member("out", tarfile.SYMTYPE, "../evil")],
        [member("in", tarfile.SYMTYPE, "."), member("in/evil")],
        [member("self", tarfile.SYMTYPE, "x"), member("self")],
        [member("evil", tarfile.LNKTYPE, "../victim")],
        [member("dir", tarfile.SYMTYPE, "."), member("evil", tarfile.LNKTYPE, "dir/victim")],
        [member("evil", tarfile.CHRTYPE)],
    ],
)
def test_members_that_want_out(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    (tmp_path / "victim").write_bytes(b"victim")
    name = archive(tmp_path / "bad.tar.ez", *members)
    with pytest.raises((edgezip.FormatError, shutil.ReadError)):
        shutil.unpack_archive(name, tmp_path / "into")
    assert not list(tmp_path.rglob("evil"))
    assert (tmp_path / "victim").read_bytes() == b"victim"


def test_absolute_names_stay_inside(tmp_path: Path) -> None:
    name = archive(tmp_path / "abs.tar.ez", member("/edgezip-test-absolute"))
    shutil.unpack_archive(name, tmp_path / "into")
    assert (tmp_path / "into" / "edgezip-test-absolute").exists()


def test_damage_and_limits(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(1 << 20))
    name = Path(shutil.make_archive(str(tmp_path / "all"), "eztar", tmp_path, "a"))
    limit = UnpackOptions(max_output=1 << 19)
    with pytest.raises(edgezip.LimitError):
        integrations.unpack_archive(str(name), str(tmp_path / "b"), options=limit)
    name.write_bytes(name.read_bytes()[:-1])
    with pytest.raises(edgezip.TruncatedError):
        shutil.unpack_archive(name, tmp_path / "c")
    text = tmp_path / "text.tar.ez"
    text.write_bytes(edgezip.compress(b"no archive " * 100, options=NONE))
    with pytest.raises(shutil.ReadError):
        shutil.unpack_archive(text, tmp_path / "d")


@pytest.mark.parametrize("base", [".", "tree"])
def test_an_old_archive_is_no_member_of_the_new_one(tmp_path: Path, base: str) -> None:
    """Nor is what is being written. Other links to the old one are members."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/a").write_bytes(b"a" * 100)
    target = tmp_path / "tree/all"
    for _ in range(2):
        name = shutil.make_archive(str(target), "eztar", tmp_path, base)
    os.link(name, tmp_path / "tree/kept")
    shutil.make_archive(str(target), "eztar", tmp_path, base)
    with edgezip.Archive(name) as archive:
        assert archive.names() == ["tree", "tree/a", "tree/kept"]
