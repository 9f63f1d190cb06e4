"""Pieces of wheels: which, and that no other file passes for one."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from edgezip.pipeline.transforms.table import X86
from tests.vectors.contents import texts
from train import machine_code, prior
from train.machine_code import cut_modules, known_wheels, only_x86


def _wheel(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def test_pieces_are_of_modules_alone_and_have_targets(tmp_path: Path) -> None:
    program = texts()["program"] * 8
    wheel = _wheel(
        tmp_path / "a-1-cp311-win_amd64.whl",
        {"a/x.pyd": program, "a/y.py": b"text " * 2000, "a.libs/z.dll": program, "a/s.so": b"x"},
    )
    changed = X86.change(program[:24_000])
    assert changed is not None
    assert cut_modules([wheel], 1) == [changed.data]
    assert cut_modules([wheel], 1) == cut_modules([wheel], 1)


def test_x86_is_known_by_the_names_of_wheels() -> None:
    names = ["n-macosx_11_0_arm64.whl", "n-win32.whl", "n-win_amd64.whl", "n-linux_i686.whl"]
    assert only_x86(map(Path, names)) == [Path(name) for name in names[1:]]


def test_a_wheel_that_is_another_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "wheels.csv"
    digest = hashlib.sha256(b"the wheel").hexdigest()
    table.write_text(f"file,sha256,licence\na.whl,{digest},MIT\n")
    monkeypatch.setattr(machine_code, "WHEELS", table)
    with pytest.raises(SystemExit, match="missing"):
        known_wheels(tmp_path)
    (tmp_path / "a.whl").write_bytes(b"another")
    with pytest.raises(SystemExit, match="not the file"):
        known_wheels(tmp_path)
    (tmp_path / "a.whl").write_bytes(b"the wheel")
    assert known_wheels(tmp_path) == [tmp_path / "a.whl"]


@pytest.mark.parametrize("profile", ["binary", "records", "code"])
def test_profiles_of_binary_data_ask_for_the_wheels_at_once(
    profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        prior.main([profile, "--shards", "none.jsonl.xz", "--exclude", "none"])
    assert "--wheels" in capsys.readouterr().err
