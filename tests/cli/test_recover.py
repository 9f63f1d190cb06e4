"""`unpack --recover` as a user runs it."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgezip.archive import rescue, tars
from tests.archive.tars import extracts


def _texts(cli: Any, count: int) -> list[bytes]:
    texts = [b"text number %d, a line of it\n" % number * 9 for number in range(count)]
    for number, text in enumerate(texts):
        Path(f"{number}.txt").write_bytes(text)
        assert cli.pack("-q", f"{number}.txt").code == 0
    return texts


def test_five_short_members_one_damaged(cli: Any) -> None:
    texts = _texts(cli, 5)
    members = [bytearray(Path(f"{number}.txt.ez").read_bytes()) for number in range(5)]
    members[2][len(members[2]) // 2] ^= 0x55
    Path("all.ez").write_bytes(b"".join(members))
    cli("unpack", "all.ez").failed(3)
    assert not Path("all").exists()
    result = cli("unpack", "--recover", "--json", "all.ez")
    assert result.code == 3
    assert "lost: bytes" in result.err
    assert Path("all").read_bytes() == b"".join(texts[:2] + texts[3:])
    assert len(result.json[0]["lost"]) == 1


@pytest.mark.parametrize("tail", [bytes(4096), b"something else"])
def test_a_sound_member_and_something_behind_it(cli: Any, tail: bytes) -> None:
    (text,) = _texts(cli, 1)
    with open("0.txt.ez", "ab") as file:
        file.write(tail)
    os.unlink("0.txt")
    cli("unpack", "0.txt.ez").failed(3, "unpack --recover")
    result = cli("unpack", "--recover", "0.txt.ez")
    assert result.code == 3
    assert "from byte" in result.err
    assert Path("0.txt").read_bytes() == text


def test_a_pipe_that_was_cut(cli: Any, notes: Path) -> None:
    content = os.urandom(5000)
    packed = cli.pack("-c", "--frame-size", "1K", stdin=content).out
    result = cli("unpack", "--recover", "-c", stdin=packed[: len(packed) // 2])
    assert result.code == 3
    assert len(result.out) >= 2048
    assert content.startswith(result.out)
    assert "internal" not in result.err
    assert "from byte" in result.err
    result = cli("unpack", "--recover", "-c", stdin=packed)
    assert (result.code, result.out) == (0, content)


def test_a_stored_archive_is_content(cli: Any) -> None:
    _texts(cli, 1)
    noise = os.urandom(70_000) + Path("0.txt.ez").read_bytes()
    Path("noise").write_bytes(noise)
    assert cli.pack("-q", "noise").code == 0
    result = cli("unpack", "--recover", "-c", "noise.ez")
    assert (result.code, result.out) == (0, noise)
    packed = bytearray(Path("noise.ez").read_bytes())
    packed[500] ^= 1
    Path("noise.ez").write_bytes(packed)
    cli("unpack", "--recover", "-f", "noise.ez").failed(3)


@extracts
def test_a_part_without_sense_does_not_stop_the_others(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the parts of an archive between lost frames."""
    bad = tarfile.TarInfo("bad")
    bad.pax_headers = {"size": "-1"}
    first, last = (tarfile.TarInfo(name).tobuf() for name in ("first", "last"))
    parts = [first + bad.tobuf(tarfile.PAX_FORMAT) + last, last]

    def rescued(*_: object, **_options: object) -> Iterator[tarfile.TarFile]:
        yield from (tars.open_raw(io.BytesIO(part), stream=True, gaps=True) for part in parts)

    monkeypatch.setattr(rescue, "rescued", rescued)
    Path("x.tar.ez").write_bytes(b"anything")
    done = cli("unpack", "--recover", "x.tar.ez", "-C", "out")
    done.failed(3, "(archive)", "below zero")
    assert sorted(os.listdir("out")) == ["first", "last"]
