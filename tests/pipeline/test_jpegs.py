"""JPEG files through the package of the extra `jpeg`."""

from __future__ import annotations

import contextlib
import random
import zlib
from pathlib import Path

import pytest

import edgezip
from edgezip.errors import FormatError, PackageError
from edgezip.pipeline import jpegs
from edgezip.pipeline.coders.jpeg import JPEG
from edgezip.pipeline.context import Context
from edgezip.pipeline.detect.content import Kind
from edgezip.pipeline.detect.media import Judgement, MediaFinder
from edgezip.pipeline.options import PackOptions

DATA = Path(__file__).parents[1] / "data"
FILES = [(DATA / name).read_bytes() for name in ("picture.jpg", "progressive.jpg")]
NONE = PackOptions(model="none")

needs_package = pytest.mark.skipif(not jpegs.installed(), reason=f"no {jpegs.PACKAGE}")


def ignore(count: int) -> None:
    """Progress that nobody wants to know."""


def test_where_a_jpeg_ends() -> None:
    for jpeg in FILES:
        assert jpegs.end_of(b"ab" + jpeg + b"\xff\xd9", 2, 1 << 30) == 2 + len(jpeg)
        for size in (0, 2, 20, len(jpeg) // 2, len(jpeg) - 1):
            with pytest.raises(ValueError, match=r"no (JPEG|end)"):
                jpegs.end_of(jpeg[:size], 0, size)
    rng = random.Random(1)
    for _ in range(300):  # any bytes are stood
        damaged = bytearray(FILES[0])
        damaged[rng.randrange(600)] = rng.randrange(256)
        with contextlib.suppress(ValueError):
            assert jpegs.end_of(bytes(damaged), 0, len(damaged)) <= len(damaged)


@needs_package
def test_jpegs_anywhere() -> None:
    apart = b"".join(b"%d:" % i + jpeg for i, jpeg in enumerate(FILES)) + b"the end"
    for data in (*FILES, apart):
        packed = edgezip.compress(data, options=NONE)
        assert edgezip.decompress(packed) == data
        assert len(packed) < 0.93 * len(data)
    finder = MediaFinder([Kind.JPEG])
    found = finder.find(apart, lambda samples, content: Judgement(samples in FILES, 0))
    assert [(item.start, item.length) for item in found] == [
        (apart.index(jpeg), len(jpeg)) for jpeg in FILES
    ]


@needs_package
def test_a_jpeg_that_the_package_does_not_take_is_left_alone() -> None:
    damaged = FILES[0].replace(b"\xff\xc0", b"\xff\xc1").replace(b"\xff\xc4", b"\xff\xfe")
    assert jpegs.pack(damaged) is None
    assert edgezip.decompress(edgezip.compress(damaged, options=NONE)) == damaged


@needs_package
def test_damaged_payloads_are_refused() -> None:
    data = b"".join(FILES)
    coded = JPEG.encode(data, None, Context(), ignore)
    assert JPEG.decode(coded.payload, coded.params, len(data), Context(), ignore) == data
    rng = random.Random(2)
    damaged = [coded.payload[:-1], coded.payload + b"x", b"", b"\x05", coded.payload[:9]]
    for _ in range(60):
        changed = bytearray(coded.payload)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(changed))
    for payload in damaged:
        try:
            made = JPEG.decode(payload, coded.params, len(data), Context(), ignore)
        except FormatError:
            continue
        assert len(made) == len(data)  # the frame's checksum finds that
    with pytest.raises(FormatError):
        JPEG.decode(coded.payload, b"", len(data), Context(), ignore)


def test_a_picture_that_claims_to_be_huge_is_not_shown_to_the_package() -> None:
    large = FILES[0].replace(b"\x00\x40\x00\x60\x03", b"\xff\xff\xff\xff\x03")
    with pytest.raises(ValueError, match="large"):
        jpegs.end_of(large, 0, len(large))
    if jpegs.installed():
        packed = jpegs.pack(FILES[0])
        assert packed is not None
        assert jpegs.unpack(packed, len(FILES[0]) + 1) is None
        assert jpegs.unpack(b"\xcf\x84" + bytes(40), len(FILES[0])) is None


@needs_package
def test_no_header_is_so_long_that_it_hides_a_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = jpegs.pack(FILES[0])
    assert packed is not None
    stop = 28 + int.from_bytes(packed[24:28], "little")
    header = zlib.decompress(packed[28:stop])
    size = int.from_bytes(header[3:7], "little")
    head, rest = header[7 : 7 + size], header[7 + size :]
    assert head.count(b"\x00\x40\x00\x60\x03") == 1
    comment = b"\xff\xfe\xff\xff" + bytes(0xFFFD)
    shown: list[str] = []
    monkeypatch.setattr(jpegs, "_call", lambda name, data: shown.append(name))
    large = head.replace(b"\x00\x40\x00\x60\x03", b"\x3e\x80\x3e\x80\x03")
    for made in (head, 256 * comment + head, large, 256 * comment + large):
        text = zlib.compress(b"HDR" + len(made).to_bytes(4, "little") + made + rest)
        crafted = packed[:24] + len(text).to_bytes(4, "little") + text + packed[stop:]
        assert jpegs.unpack(crafted, len(FILES[0])) is None
        assert len(shown) == 1  # the first of these


def test_without_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed = (Path(__file__).parents[1] / "vectors" / "good-jpeg.ez").read_bytes()
    monkeypatch.setattr(jpegs, "installed", lambda: False)
    with pytest.raises(PackageError, match=jpegs.PACKAGE) as raised:
        edgezip.decompress(packed)
    assert raised.value.exit_code == 7
    target = tmp_path / "out"
    source = DATA / "picture.jpg"
    with source.open("rb") as file, target.open("wb") as out:
        report = edgezip.pack_stream(file, out, NONE)
    assert [part.coder for part in report.channels] != ["jpeg"]
    assert edgezip.decompress(target.read_bytes()) == source.read_bytes()
    (hint,) = report.hints
    assert "edgezip[jpeg]" in hint
    assert f"{source.stat().st_size:,}" in hint
