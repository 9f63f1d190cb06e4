"""Kernels are kept where only the user can write, and a damaged one is only compiled again."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edgezip.coding import kernelcache
from edgezip.coding.kernelcache import SUFFIX, Store

FULL = OSError(errno.ENOSPC, "No space left on device")
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away"
)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, and no home."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store.open(str(tmp_path / "cache"), "kernels-1")
    made.write("k", b"machine code")
    return made


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_kernel_comes_back(store: Store, tmp_path: Path, temporary: Path) -> None:
    private = temporary / f"edgezip-{kernelcache._user_id()}"
    assert store.folders == [tmp_path / "cache" / "kernels-1", private / "kernels-1"]
    assert store.read("k") == b"machine code"
    assert store.read("other") is None
    assert not list(private.rglob("*" + SUFFIX))
    assert private.stat().st_mode & 0o777 == 0o700
    assert not store.problems


@pytest.mark.parametrize("damage", ["truncated", "emptied", "short", "flipped"])
def test_a_damaged_kernel_is_made_anew(
    store: Store, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = store.folders[0] / ("k" + SUFFIX)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-3] ^= 1
    path.write_bytes(content[: {"truncated": 40, "emptied": 0, "short": 5}.get(damage)])
    assert store.read("k") is None
    assert store.read("k") is None
    assert len(warnings(caplog)) == 1
    assert store.examine() == (0, 1)
    store.write("k", b"new")
    assert store.read("k") == b"new"
    assert store.examine() == (1, 0)


def refuse_writes(monkeypatch: pytest.MonkeyPatch, refused: list[Path], error: OSError) -> None:
    real = tempfile.mkstemp

    def mkstemp(dir: Path, prefix: str) -> tuple[int, str]:
        if any(dir.is_relative_to(folder) for folder in refused):
            raise error
        return real(dir=dir, prefix=prefix)

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)


@pytest.mark.parametrize("error", [FULL, PermissionError(errno.EACCES, "Permission denied")])
def test_a_full_or_read_only_cache_is_read_and_what_is_new_goes_elsewhere(
    store: Store,
    error: OSError,
    temporary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    refuse_writes(monkeypatch, [tmp_path / "cache"], error)
    store.write("new", b"other code")
    assert (store.read("k"), store.read("new")) == (b"machine code", b"other code")
    assert store.works()
    assert not warnings(caplog)
    refuse_writes(monkeypatch, [tmp_path], error)
    store.write("more", b"lost")
    store.write("more", b"lost")
    assert store.read("more") is None
    assert not store.works()
    assert len(warnings(caplog)) == 1


def test_a_kernel_that_is_written_half_is_not_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(_source: str, _target: Path) -> None:
        raise FULL

    monkeypatch.setattr(os, "replace", replace)
    store.write("half", b"code")
    assert store.read("half") is None
    assert [path.name for path in store.folders[0].iterdir()] == ["k" + SUFFIX]


def test_what_others_can_write_is_not_read(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    (store.folders[0] / ("k" + SUFFIX)).chmod(0o666)
    assert store.read("k") is None
    store.folders[0].chmod(0o777)
    again = Store.open(str(tmp_path / "cache"), "kernels-1")
    assert [folder.parent.parent.name for folder in again.folders] == ["tmp"]
    assert len(warnings(caplog)) == 2
    assert "other users can write" in again.problems[0]


@needs_root
def test_what_belongs_to_others_is_not_read(tmp_path: Path, store: Store, temporary: Path) -> None:
    os.chown(store.folders[0] / ("k" + SUFFIX), 4321, -1)
    assert store.read("k") is None
    os.chown(store.folders[0], 4321, -1)
    os.chown(store.folders[1].parent, 4321, -1)
    again = Store.open(str(tmp_path / "cache"), "kernels-1")
    assert again.folders == []
    assert again.read("k") is None
    again.write("k", b"code")
    assert all("another user" in problem for problem in again.problems[:2])


def test_a_link_in_the_temporary_folder_is_not_followed(tmp_path: Path, temporary: Path) -> None:
    """It may lead into a folder of the user's in which others can put files."""
    (tmp_path / "elsewhere").mkdir()
    (temporary / f"edgezip-{kernelcache._user_id()}").symlink_to(tmp_path / "elsewhere")
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    assert Store.open(str(blocked), "kernels-1").folders == []
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.skipif(os.name == "nt", reason="homes are found otherwise there")
@pytest.mark.parametrize("unknown", [True, False])
def test_without_a_home_the_temporary_folder_serves(
    unknown: bool, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless(_name: str) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/nonexistent/home")
    if unknown:  # what platformdirs does without HOME and without a password entry
        monkeypatch.setattr(kernelcache, "user_cache_path", homeless)
    store = Store.open("", "kernels-1")
    assert store.folders == [temporary / f"edgezip-{kernelcache._user_id()}" / "kernels-1"]
    assert store.works()
    assert not Path("/nonexistent").exists()


def test_what_came_with_the_package_is_read_last_and_never_written(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shipped = tmp_path / "shipped"
    Store.open(str(shipped), "kernels-1").write("k", b"shipped code")
    Store.open(str(shipped), "kernels-1").write("other", b"shipped, too")
    both = Store.open(str(tmp_path / "cache"), "kernels-1", shipped)
    assert both.shipped == shipped / "kernels-1"
    assert (both.read("k"), both.read("other")) == (b"machine code", b"shipped, too")
    assert both.holds("kernels-1/other")
    assert not both.holds("kernels-1/third")
    both.write("third", b"new")
    assert sorted(path.name for path in both.shipped.iterdir()) == [
        name + SUFFIX for name in ("k", "other")
    ]
    assert Store.open(str(tmp_path / "cache"), "kernels-2", shipped).shipped is None
    assert not warnings(caplog)
    both.shipped.chmod(0o777)
    exposed = Store.open(str(tmp_path / "cache"), "kernels-1", shipped)
    assert exposed.read("other") is None
    assert len(warnings(caplog)) == 1
    assert "other users can write" in exposed.problems[0]


@needs_root
def test_an_installation_of_another_user_is_no_news(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shipped = tmp_path / "shipped"
    Store.open(str(shipped), "kernels-1").write("k", b"shipped code")
    os.chown(shipped / "kernels-1", 12345, 12345)
    found = Store.open(str(tmp_path / "cache"), "kernels-1", shipped)
    assert found.read("k") is None
    assert found.shipped is None
    assert not warnings(caplog)
    assert "belongs to another user" in found.problems[0]


@needs_root
def test_the_right_to_write_of_a_private_group_is_nobodys_else(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's users have a group of their own, and a umask of 002 where that is so."""
    import grp

    path = store.folders[0] / ("k" + SUFFIX)
    path.chmod(0o664)
    assert store.read("k") == b"machine code"
    os.chown(path, 0, 4321)
    assert store.read("k") is None
    os.chown(path, 0, 0)
    shared = grp.struct_group(("root", "x", 0, ["root", "somebody"]))
    monkeypatch.setattr(grp, "getgrgid", lambda _number: shared)
    assert store.read("k") is None


CODE = """
import logging
logging.basicConfig(format="%(message)s")
import numpy as np
from edgezip.coding import jit, rangecoder as rc
print(rc.encode_finish(rc.new_encoder(), np.zeros(8, np.uint8)), jit.store().folders[0])
"""


def start(cache: Path, temporary: Path) -> subprocess.Popen[str]:
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(cache),
        "TMPDIR": str(temporary),
        "EDGEZIP_SHIPPED_KERNELS": "no",
    }
    return subprocess.Popen(
        [sys.executable, "-c", CODE],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_mend_a_cache_whose_files_were_damaged(tmp_path: Path, temporary: Path) -> None:
    """Four cold processes at once, then one on truncated files, then one on whole ones."""
    cache = tmp_path / "cache"
    runs = [start(cache, temporary) for _ in range(4)]
    results = [run.communicate() for run in runs]
    assert len(set(results)) == 1
    out, err = results[0]
    assert out.startswith("0 ")
    assert not err
    files = sorted(Path(out.split()[1]).glob("*" + SUFFIX))
    assert any(path.name.startswith("rangecoder.encode_finish-") for path in files)
    for path in files:
        path.write_bytes(path.read_bytes()[:-7])
    mended = start(cache, temporary).communicate()
    assert mended[0] == out
    assert mended[1].count("\n") == 1
    assert "damaged" in mended[1]
    assert start(cache, temporary).communicate() == (out, "")
