"""Every failure is one clear line and the exit code of its class."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from edgezip import api
from edgezip.cli import errors_doc, signals
from edgezip.cli.console import Console, printable

WRITERS = ["unpack", "test", "info"]


@pytest.fixture
def packed(cli: Any, notes: Path) -> bytes:
    assert cli.pack("-q", "notes.txt").code == 0
    content = Path("notes.txt.ez").read_bytes()
    os.unlink("notes.txt")
    return content


@pytest.mark.parametrize(
    "content",
    [b"", b"\x9e", b"plain text, nothing else\n" * 9, b"\x1f\x8b\x08\x00" + bytes(40), bytes(64)],
    ids=["empty", "one-byte", "text", "gzip", "zeros"],
)
@pytest.mark.parametrize("command", WRITERS)
def test_foreign_files(cli: Any, command: str, content: bytes) -> None:
    Path("x.ez").write_bytes(content)
    cli(command, "x.ez").failed(3, "x.ez: ")
    assert cli.names() == ["x.ez"]


def test_every_truncation(cli: Any, packed: bytes) -> None:
    for length in range(len(packed)):
        Path("notes.txt.ez").write_bytes(packed[:length])
        cli("unpack", "-q", "notes.txt.ez").failed(3)
    assert cli.names() == ["notes.txt.ez"]


def test_damage_and_trailing_garbage(cli: Any, packed: bytes) -> None:
    content = cli("unpack", "-c", "notes.txt.ez").out
    for position in range(len(packed)):
        damaged = bytearray(packed)
        damaged[position] ^= 0x10
        Path("notes.txt.ez").write_bytes(damaged)
        result = cli("unpack", "-q", "notes.txt.ez")
        if result.code == 0:
            # Deflate has bits that mean nothing.
            assert Path("notes.txt").read_bytes() == content, position
            os.unlink("notes.txt")
            continue
        # The id of a model that is not here is a matter of models, the rest of damage.
        assert result.code in (3, 4, 5), (position, result.err)
        assert result.err.count("\n") == 1
    Path("notes.txt.ez").write_bytes(packed + b"garbage")
    cli("unpack", "notes.txt.ez").failed(3)
    assert cli.names() == ["notes.txt.ez"]


def test_limit_is_exact(cli: Any, packed: bytes) -> None:
    cli("unpack", "--max-output", "10499", "notes.txt.ez").failed(6, "10499")
    assert cli.names() == ["notes.txt.ez"]
    assert cli("unpack", "--max-output", "10500", "notes.txt.ez").code == 0
    assert cli("test", "--max-output", "11K", "notes.txt.ez").code == 0


def test_missing_and_wrong_models(cli: Any, notes: Path) -> None:
    cli("pack", "-m", "no-such-model", "notes.txt").failed(4, "no-such-model", "models add")
    cli("pack", "-m", "./gone.gguf", "notes.txt").failed(4, "gone.gguf")
    cli("pack", "-m", "./notes.txt", "notes.txt").failed(4, "not a GGUF model")
    assert cli.names() == ["notes.txt"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["--engine", "quantum"],
        ["--frame-size", "12parsecs"],
        ["--frame-size", "1"],
        ["--frame-size", "\u0661K"],
        ["--streams", "0"],
        ["--threads", "-1"],
        ["--gpu-layers", "3"],
        ["-c", "-o", "x.ez"],
        ["-", "-"],
        ["--prime"],
    ],
)
def test_wrong_usage(cli: Any, notes: Path, arguments: list[str]) -> None:
    cli.pack("notes.txt", *arguments).failed(2)
    assert cli.names() == ["notes.txt"]


def test_unknown_command(cli: Any) -> None:
    cli("pakc").failed(2, "pakc", "--help")


def test_unforeseen_errors_are_one_line(
    cli: Any, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(api, "pack_stream", broken)
    cli.pack("notes.txt").failed(1, "internal error: ZeroDivisionError", "EDGEZIP_DEBUG=1")
    monkeypatch.setenv("EDGEZIP_DEBUG", "1")
    assert "Traceback" in cli.pack("notes.txt").err
    assert cli.names() == ["notes.txt"]


def _compile_until_a_signal(reported: bool) -> None:
    with signals.handled():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        except signals.Interrupted:
            try:
                raise RuntimeError("no compiled object yet") from None
            except RuntimeError as error:
                if not reported:
                    raise
                Console().fail("notes.txt", error)


@pytest.mark.parametrize("reported", [True, False])
def test_errors_that_a_library_makes_of_a_signal(reported: bool, capfd: Any) -> None:
    """Numba's compiler: "no compiled object yet"."""
    with pytest.raises(signals.Interrupted) as stop:
        _compile_until_a_signal(reported)
    assert stop.value.exit_code == 128 + signal.SIGTERM
    assert capfd.readouterr().err == ""


def test_unwritable_directory(cli: Any, notes: Path) -> None:
    cli.pack("notes.txt", "-o", "nowhere/x.ez").failed(1, "nowhere/x.ez: No such file")
    cli.pack("notes.txt", "-o", ".").failed(1, "is a directory")


def test_json(cli: Any, notes: Path) -> None:
    Path("bad.ez").write_bytes(b"bad")
    (done,) = cli.pack("--json", "notes.txt").json
    assert (done["file"], done["output"], done["raw_size"]) == ("notes.txt", "notes.txt.ez", 10500)
    assert done["packed_size"] == os.path.getsize("notes.txt.ez")
    result = cli("test", "--json", "notes.txt.ez", "bad.ez")
    assert [entry["file"] for entry in result.json] == ["notes.txt.ez", "bad.ez", None]
    assert result.json[1]["error"]["exit_code"] == result.code == 3
    (described,) = cli("info", "--json", "notes.txt.ez").json
    assert sum(member["raw_size"] for member in described["members"]) == 10500
    piped = cli.pack("--json", "-c", "notes.txt")
    assert piped.out[:3] == b"\x9eEZ"
    assert '"packed_size"' in piped.err


def test_info_without_a_model(cli: Any, packed: bytes) -> None:
    result = cli("info", "-v", "notes.txt.ez")
    assert result.code == 0, result.err
    assert b"10,500 raw" in result.out
    assert b"none needed" in result.out


def test_a_file_that_went_well_is_told_only_to_who_looks(cli: Any, notes: Path) -> None:
    """cron and logrotate take every line on stderr for a complaint."""
    line = "notes.txt: 10,500 -> "
    for terminals, arguments, told in (
        ((), (), False),
        (("stdout",), (), False),
        (("stderr",), (), True),
        (("stderr",), ("-q",), False),
        ((), ("-v",), True),
    ):
        result = cli.pack("-f", "notes.txt", *arguments, terminals=terminals)
        assert (result.code, result.out, line in result.err) == (0, b"", told), arguments
        for command in (["test"], ["unpack", "-f"]):
            result = cli(*command, "notes.txt.ez", *arguments, terminals=terminals)
            assert (result.out, bool(result.err)) == (b"", told), (command, arguments)


def test_document_is_up_to_date(root: Path) -> None:
    assert (root / "docs/errors.md").read_text(encoding="utf-8") == errors_doc.markdown()


def test_printable() -> None:
    assert printable("a\x1b[2Jb\n\u202e\udcff\u00e9") == "a\\x1b[2Jb\\n\\u202e\\xff\u00e9"


def test_like_gzip(cli: Any, notes: Path) -> None:
    """`tar -I edgezip` calls it as a filter, and with -d."""
    packed = cli.pack("-c", "notes.txt").out
    assert cli("-d", stdin=packed).out == notes.read_bytes()
    assert cli("-dc", stdin=packed).out == notes.read_bytes()
    assert b"Usage" in cli(terminals=("stdin",)).out


def test_recover(cli: Any, notes: Path) -> None:
    content = os.urandom(1000) + notes.read_bytes()
    notes.write_bytes(content)
    assert cli.pack("-q", "--frame-size", "1K", "notes.txt").code == 0
    (described,) = cli("info", "--json", "notes.txt.ez").json
    third = described["members"][0]["frames"][2]
    damaged = bytearray(Path("notes.txt.ez").read_bytes())
    middle = third["offset"] + third["packed_size"] // 2
    damaged[middle] ^= 255
    Path("notes.txt.ez").write_bytes(damaged)
    os.unlink("notes.txt")
    cli("unpack", "-q", "notes.txt.ez").failed(3)
    assert not notes.exists()
    result = cli("unpack", "--recover", "notes.txt.ez", "-o", "rest", "--json")
    assert result.code == 3
    assert "lost: bytes 2,048 to 3,072" in result.err
    assert result.json[0]["lost"] == [[2048, 3072]]
    assert len(Path("rest").read_bytes()) in (len(content), len(content) - 1024)
    assert Path("rest").read_bytes().startswith(content[:2048])
    assert Path("rest").read_bytes().endswith(content[3072:])
