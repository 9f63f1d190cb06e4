"""`--as`: samples without a header."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from edgezip import api

WIDTH, HEIGHT = 48, 40


def _picture() -> bytes:
    """A smooth picture in colour."""
    return bytes(
        (3 * x + 2 * y + 40 * c + (x * y) % 3) % 256
        for y in range(HEIGHT)
        for x in range(WIDTH)
        for c in range(3)
    )


def test_raw_samples_are_described_on_the_command_line(cli: Any) -> None:
    Path("raw").write_bytes(_picture())
    assert cli("pack", "-m", "none", "--as", f"image:{WIDTH},{HEIGHT},3,8", "raw").code == 0
    packed = Path("raw.ez").read_bytes()
    (member,) = api.inspect_stream(io.BytesIO(packed))
    assert [part.coder for part in member.frames[0].channels] == ["image"]
    Path("raw").unlink()
    assert cli("unpack", "raw.ez").code == 0
    assert Path("raw").read_bytes() == _picture()


def test_a_wrong_description_is_refused_with_examples(cli: Any) -> None:
    Path("raw").write_bytes(_picture())
    cli("pack", "-m", "none", "--as", "image:wide", "raw").failed(
        2, "image:wide", "audio:44100,2,16"
    )
    assert cli.names() == ["raw"]
