"""Man pages, completion and --help say what the parser knows."""

from __future__ import annotations

import inspect
import os
import pty
import re
import select
import shutil
import signal
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from edgezip.cli import app as cli_app
from edgezip.cli import looking, manual
from edgezip.cli.app import app
from edgezip.cli.optiongroups import Decoding, Evaluating, Telling, expanded

GROUPS = (Telling, Decoding, Evaluating)

SHELLS = {
    "bash": "bash-completion/completions/edgezip",
    "zsh": "zsh/site-functions/_edgezip",
    "fish": "fish/vendor_completions.d/edgezip.fish",
}


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    assert manual.write_manual(str(folder), app) == 0
    return folder


def _some_files(folder: Path) -> None:
    (folder / "folder").mkdir()
    for name in ("a.txt", "b.ez"):
        (folder / name).touch()


def test_every_option_is_in_its_page(share: Path, cli: Any) -> None:
    for name in ("pack", "unpack", "warm"):
        page = (share / f"man/man1/edgezip-{name}.1").read_text().replace(r"\-", "-")
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", cli(name, "--help").out.decode())) - {
            "--help"
        }
        assert len(options) > 3
        assert not [option for option in options if option not in page]
    page = (share / "man/man1/edgezip.1").read_text()
    assert r"edgezip\-pack" in page
    assert r"edgezip\-manual" not in page
    for path in share.rglob("*.1"):
        for line in path.read_text().splitlines():
            assert not line.startswith(".") or line.split()[0] in {
                ".TH", ".SH", ".B", ".br", ".PP", ".TP",
            }  # fmt: skip


def test_help_is_in_groups_and_has_no_types(cli: Any) -> None:
    text = cli("pack", "-h").out.decode()
    for group in ("Files:", "Compression:", "Language model:", "Messages and threads:"):
        assert f"\n{group}\n" in text
    assert "list[" not in text
    assert "x>=" not in text
    assert "Other options" not in text
    assert "edgezip pack [OPTIONS] [FILE...]" in text


@pytest.mark.parametrize("shell", SHELLS)
def test_shells_read_their_file(shell: str, share: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell}")
    done = subprocess.run(
        [shell, "-n", share / SHELLS[shell]], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["pac"], "pack"),
        (["unpack", ""], "b.ez folder"),
        (["pack", "--stre"], "--streams"),
        (["pack", "--engine", ""], "strict native"),
        (["-q", "models", "ge"], "get"),
        (["-q", "unp"], "unpack"),
        (["-d", ""], "b.ez folder"),
        (["-qdc", ""], "b.ez folder"),
        (["--decomp"], ""),
        (["--stre"], "--streams"),
        (["models", "get", ""], ""),
        (["models", "add", "a"], "a.txt"),
    ],
)
def test_bash_completes(words: list[str], offered: str, share: Path, tmp_path: Path) -> None:
    _some_files(tmp_path)
    typed = " ".join(f"'{word}'" for word in ("edgezip", *words))
    code = (
        f"source {share / SHELLS['bash']}; COMP_WORDS=({typed}); COMP_CWORD={len(words)};"
        ' _edgezip; echo "${COMPREPLY[*]}"'
    )
    done = subprocess.run(
        ["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == offered


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("edgezip unp", ["unpack"]),
        ("edgezip pack --stre", ["--streams"]),
        ("edgezip pack --engine st", ["strict"]),
        ("edgezip --stre", ["--streams"]),
        ("edgezip -d b", ["b.ez"]),
        (
            "edgezip unpack ",
            ["b.ez", "folder/", "a.txt"],
        ),  # .ez in front
        ("edgezip models get ", []),
        ("edgezip models add a", ["a.txt"]),
    ],
)
def test_fish_completes(typed: str, offered: list[str], share: Path, tmp_path: Path) -> None:
    _some_files(tmp_path)
    code = f"source {share / SHELLS['fish']}; complete -C '{typed}'"
    done = subprocess.run(
        ["fish", "-N", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == offered


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh")
@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("edgezip unp", "unpack "),
        ("edgezip -q unp", "unpack "),
        ("edgezip pack --stre", "--streams "),
        ("edgezip pack --engine st", "strict "),
        ("edgezip -d ", "b.ez "),
        ("edgezip unpack ", "b.ez "),
        ("edgezip models ge", "get "),
        ("edgezip models add a", "a.txt "),
    ],
)
def test_zsh_completes(typed: str, becomes: str, share: Path, tmp_path: Path) -> None:
    """zsh completes in its line editor alone, so it needs a terminal."""
    for name in ("a.txt", "b.ez"):
        (tmp_path / name).touch()
    done = typed[: typed.rindex(" ") + 1] + becomes
    init = (
        f"PS1='> '; fpath=({(share / SHELLS['zsh']).parent} $fpath); autoload -U compinit;"
        f' compinit -u -D; edgezip() {{ print -r "got: edgezip $*"; }}\n'
    )
    child, terminal = pty.fork()
    if not child:
        os.chdir(tmp_path)
        os.execvpe("zsh", ["zsh", "-f", "-i"], {"PATH": os.environ["PATH"], "TERM": "vt100"})
    try:
        os.write(terminal, init.encode())
        os.write(terminal, f"{typed}\t\n".encode())
        seen = ""
        while f"got: {done.strip()}\r" not in seen and select.select([terminal], [], [], 20)[0]:
            seen += os.read(terminal, 4096).decode(errors="replace")
        assert f"got: {done.strip()}\r" in seen
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def test_a_folder_that_cannot_be_written(cli: Any) -> None:
    Path("file").touch()
    cli("manual", "file").failed(1, "cannot write")


def test_options_that_commands_share_are_written_once() -> None:
    """In `options` and `optiongroups`: a command that has all of a group has the group."""
    groups = [{field.name for field in fields(kind)} for kind in GROUPS]
    for command in (*looking.__dict__.values(), *cli_app.__dict__.values()):
        if inspect.isfunction(command) and "-> Job" in inspect.getsource(command):
            names = set(inspect.signature(command).parameters)
            assert not any(group <= names for group in groups), command.__name__
    shown = inspect.signature(expanded(cli_app.unpack)).parameters
    assert all(group <= set(shown) for group in groups[:2])
    assert shown["threads"].default == 0
