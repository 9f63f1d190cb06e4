"""The forms of a call, against what they mean to zstd."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from edgezip.cli.app import app
from edgezip.cli.verbs import as_command

_MAIN: Any = typer.main.get_command(app)
COMMANDS = _MAIN.commands

FORMS = [
    # a call, and what zstd would do, in edgezip's words
    ("", "pack"),
    ("-d", "unpack"),
    ("-c FILE", "pack -c FILE"),
    ("FILE", "pack FILE"),
    ("-zc FILE", "pack -c FILE"),
    ("-cz FILE", "pack -c FILE"),
    ("-dc FILE", "unpack -c FILE"),
    ("-cd FILE", "unpack -c FILE"),
    ("-qdc FILE", "unpack -q -c FILE"),
    ("-cdq FILE", "unpack -c -q FILE"),
    ("-kd FILE", "unpack -k FILE"),
    ("-dkf FILE", "unpack -k -f FILE"),
    ("-c -d FILE", "unpack -c FILE"),
    ("FILE -d", "unpack FILE"),
    ("FILE -dc", "unpack -c FILE"),
    ("-t FILE", "test FILE"),
    ("-tv FILE", "test -v FILE"),
    ("-qt FILE", "test -q FILE"),
    ("-l FILE", "list --sizes FILE"),
    ("-lv FILE", "list --sizes -v FILE"),
    ("--list FILE", "list --sizes FILE"),
    ("--test FILE", "test FILE"),
    ("--decompress FILE", "unpack FILE"),
    ("--uncompress --stdout FILE", "unpack --stdout FILE"),
    ("--compress FILE", "pack FILE"),
    ("-d -z FILE", "pack FILE"),
    ("-z -d FILE", "unpack FILE"),
    ("-T1", "pack -T 1"),
    ("-T1 -d", "unpack -T 1"),
    ("-T 1 -d", "unpack -T 1"),
    ("-T0", "pack -T 0"),
    ("--threads=2 -d", "unpack --threads 2"),
    ("-q", "pack -q"),
    ("-q -d", "unpack -q"),
    ("-9", "pack --level 9"),
    ("-1c FILE", "pack --level 1 -c FILE"),
    ("-c9 FILE", "pack -c --level 9 FILE"),
    ("-19 FILE", "pack --level 9 FILE"),
    ("-0 FILE", "pack FILE"),
    ("--best FILE", "pack --level 9 FILE"),
    ("--fast -c FILE", "pack --level 1 -c FILE"),
    ("--best -d FILE", "unpack FILE"),
    ("-9 -d", "unpack"),
    ("-9d", "unpack"),
    ("-9k -T1", "pack --level 9 -k -T 1"),
    ("-o OUT FILE", "pack -o OUT FILE"),
    ("-dfo OUT FILE", "unpack -f -o OUT FILE"),
    ("-doOUT FILE", "unpack -o OUT FILE"),
    ("--rm FILE", "pack --rm FILE"),
    ("-D PRIMER FILE", "pack -D PRIMER FILE"),
    ("-dD PRIMER FILE", "unpack -D PRIMER FILE"),
    ("-d -- -FILE", "unpack -FILE"),
    ("-", "pack -"),
    ("-dc -", "unpack -c -"),
    # an option that means nothing to the command is no mistake
    ("--streams 16 -d FILE", "unpack FILE"),
    ("-m MODEL -d FILE", "unpack -m MODEL FILE"),
    ("--coder mix -t FILE", "test FILE"),
    ("-kf -l FILE", "list --sizes FILE"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "meaning"), FORMS, ids=[form[0] for form in FORMS])
def test_forms(call: str, meaning: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FILE").touch()
    made = as_command(call.split(), COMMANDS, lambda: True)
    options, _, files = (
        " ".join(made).partition(" -- ") if "--" in made else (" ".join(made), "", "")
    )
    assert f"{options.removesuffix(' --')} {files}".strip() == meaning
    _MAIN.make_context("edgezip", made, resilient_parsing=False)


OWN = {"--streams 16 -d FILE", "-m MODEL -d FILE", "--coder mix -t FILE"}
"""Options that zstd has not."""

REFUSED = {"-T 1 -d", "--best FILE", "--best -d FILE", "-doOUT FILE"}
"""Forms of other compressors that zstd refuses."""


@pytest.mark.skipif(shutil.which("zstd") is None, reason="needs zstd")
@pytest.mark.parametrize(("call", "meaning"), [form for form in FORMS if form[0] not in OWN])
def test_zstd_does_the_same(
    call: str, meaning: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    verb = meaning.split()[0]
    text, ending = b"hello " * 50, "" if verb == "pack" else ".zst"
    Path("PRIMER").write_bytes(text)
    primer = ["-D", "PRIMER"] if "D" in call else []
    packed = subprocess.run(
        ["zstd", "-qc", *primer], input=text, capture_output=True, check=True
    ).stdout
    given = text if verb == "pack" else packed
    for name in ("FILE", "-FILE"):
        Path(name + ending).write_bytes(given)
    words = [word + ending if word in ("FILE", "-FILE") else word for word in call.split()]
    before = set(os.listdir())
    done = subprocess.run(["zstd", *words], input=given, capture_output=True, check=False)
    assert (done.returncode != 0) == (call in REFUSED), done.stderr
    if call in REFUSED:
        return
    made = [done.stdout, *(Path(name).read_bytes() for name in set(os.listdir()) - before)]
    if text in made:
        did = "unpack"
    elif any(content.startswith(packed[:4]) for content in made):
        did = "pack"
    else:
        did = "list" if b"Frames" in done.stdout + done.stderr else "test"
    assert did == verb


@pytest.mark.parametrize(
    ("call", "meaning"),
    [
        ("pack FILE", "pack FILE"),
        ("pack -9c FILE", "pack --level 9 -c FILE"),
        ("pack FILE -3 -o -9", "pack FILE --level 3 -o -9"),
        ("pack -9d FILE", "pack -9d FILE"),
        ("pack -- -9", "pack -- -9"),
        ("compress -1 FILE", "compress --level 1 FILE"),
        ("unpack -9 FILE", "unpack -9 FILE"),
        ("-q pack FILE", "pack -q FILE"),
        ("-h", "-h"),
        ("-V", "--version"),
        ("-V -d FILE", "--version"),
        ("pack --best FILE", "pack --level 9 FILE"),
        ("--version", "--version"),
        ("pakc", "pakc"),
        ("pakc FILE", "pakc FILE"),
    ],
)
def test_who_names_the_command_is_taken_at_his_word(
    call: str, meaning: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FILE").touch()
    assert " ".join(as_command(call.split(), COMMANDS, lambda: True)) == meaning


def test_without_data_nothing_is_packed() -> None:
    assert as_command([], COMMANDS, lambda: False) == []


@pytest.fixture
def packed(cli: Any, tmp_path: Path) -> Path:
    source = tmp_path / "a.txt"
    source.write_bytes(b"a few words, and a few words\n" * 20)
    assert cli("pack", "-m", "none", str(source)).code == 0
    return tmp_path / "a.txt.ez"


def test_both_ways(cli: Any, packed: Path) -> None:
    content = (packed.parent / "a.txt").read_bytes()
    form: tuple[str, ...]
    for form in (("-cd",), ("-qdc",), ("cat",), ("decompress", "-c")):
        done = cli(*form, str(packed))
        assert (done.code, done.out, done.err) == (0, content, "")
    for form in (("-1c",), ("-zc", "-m", "none"), ("-m", "none", "-c"), ("compress", "-1c")):
        done = cli(*form, str(packed.parent / "a.txt"))
        assert done.code == 0
        assert cli("-d", stdin=done.out).out == content
    assert cli("-t", str(packed)).code == 0
    assert cli("-9", "-t", str(packed)).code == 0
    cli("--nonsense", "-d", str(packed)).failed(2, "--nonsense")
    cli("unpack", "-9", str(packed)).failed(2, "-9")
    cli("no-such-file").failed(2, "No such file or command 'no-such-file'")


def test_list_is_a_table_with_a_total(cli: Any, packed: Path) -> None:
    shutil.copy(packed, packed.with_name("b.ez"))
    done = cli("-l", str(packed), str(packed.with_name("b.ez")))
    lines = done.out.decode().splitlines()
    assert [line.split()[-1] for line in lines[:3]] == [
        "name",
        str(packed),
        str(packed.with_name("b.ez")),
    ]
    assert lines[3].endswith("2 files")
    assert "1,160" in lines[3]
    assert len({line.index(line.split()[-1]) for line in lines[:3]}) == 1
    mixed = cli("-l", str(packed), str(packed.parent / "a.txt"))
    assert mixed.out.decode().splitlines()[-1].endswith("1 file")
    alone = cli("list", str(packed)).out.decode().splitlines()
    assert len(alone) == 2
    assert cli("list", "--json", str(packed)).json[0]["raw"] == 580
    cli("-l", str(packed.parent / "a.txt")).failed(3)


def test_an_archive_is_listed_by_members_or_by_size(cli: Any) -> None:
    Path("docs").mkdir()
    Path("docs/a.txt").write_bytes(b"words\n" * 9)
    assert cli("pack", "-m", "none", "docs").code == 0
    assert b"docs/a.txt" in cli("list", "docs.tar.ez").out
    assert cli("-l", "docs.tar.ez").out.splitlines()[1].endswith(b"docs.tar.ez")


@pytest.mark.skipif(not shutil.which("tar"), reason="no tar")
@pytest.mark.parametrize("program", ["edgezip -T1 -1"])
def test_tar_with_options(program: str, cli: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"words\n" * 99)
    binary = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{binary}{os.pathsep}{os.environ['PATH']}"}
    for arguments in (["-cf", "x.tar.ez", "a.txt"], ["-xOf", "x.tar.ez"]):
        done = subprocess.run(
            ["tar", "-I", program, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"words\n" * 99


def test_a_cluster_needs_a_folder_and_an_address(cli: Any) -> None:
    pytest.importorskip("dask.distributed", reason="needs edgezip[dask]")
    cli("pack", "--cluster", "tcp://127.0.0.1:1", "file").failed(2, "--cluster")
    cli("pack", "--cluster", "tcp://127.0.0.1:1", "--rm", "--verify", "a", "b").failed(
        2, "--cluster does not go together with --rm, --verify"
    )
    cli("pack", "--cluster", "nonsense://x", "file", "folder").failed(1, "no cluster")
