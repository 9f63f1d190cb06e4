"""A picture or a sound has one payload: alone, in a tar, under any name, with any threads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import edgezip
from edgezip.cli import main
from edgezip.container import Channel, FrameEvent, parse
from edgezip.container import constants as c
from edgezip.container.nested import decode_nested
from edgezip.pipeline import jpegs
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.transforms.transform import split_params
from tests.deflate.made_files import png
from tests.pipeline.media_files import MediaFile, in_tar, media_files

NONE = PackOptions(model="none", threads=1)
WANTED = {
    "a.pgm": c.IMAGE, "a.ppm": c.IMAGE, "a.pam": c.IMAGE, "deep.pgm": c.IMAGE,
    "palette.bmp": c.IMAGE, "2-24.tga": c.IMAGE, "strips-True.tif": c.IMAGE,
    "colour.npy": c.IMAGE, "1-8.wav": c.AUDIO, "2-16.wav": c.AUDIO, "2-24.wav": c.AUDIO,
    "6-16.wav": c.AUDIO, "lists.wav": c.AUDIO, "2-24.aiff": c.AUDIO, "16-ffffffff.au": c.AUDIO,
    "a.png": c.IMAGE, "a.jpg": c.JPEG,
}  # fmt: skip
"""The coder that each file must have."""


def _files() -> dict[str, bytes]:
    found = {file.name: file.data for file in media_files()}
    jpeg = Path(__file__).parents[1] / "data" / "picture.jpg"
    return {**found, "a.png": png(60, 50, 3), "a.jpg": jpeg.read_bytes()}


FILES = _files()


def payloads(packed: bytes) -> list[tuple[int, bytes, bytes]]:
    """(coder, params, payload) of every channel of samples, also inside of a nested frame."""
    frames = (event.frame for event in parse(packed) if isinstance(event, FrameEvent))
    channels = [channel for frame in frames for channel in frame.channels]
    return [found for channel in channels for found in _of(channel)]


def _of(channel: Channel) -> list[tuple[int, bytes, bytes]]:
    if channel.coder in (c.IMAGE, c.AUDIO, c.JPEG):
        return [(channel.coder, channel.params, channel.payload)]
    if channel.coder != c.NESTED:
        return []
    size = split_params(channel.params)[0]
    inner = decode_nested(channel.payload, size, False).channels
    return [found for one in inner for found in _of(one)]


def _packed(data: bytes, options: PackOptions = NONE) -> bytes:
    packed = edgezip.compress(data, options=options)
    assert edgezip.decompress(packed) == data
    return packed


@pytest.mark.parametrize("name", WANTED)
def test_one_payload(name: str, tmp_path: Path) -> None:
    if WANTED[name] == c.JPEG and not jpegs.installed():
        pytest.skip(f"no {jpegs.PACKAGE}")
    data = FILES[name]
    alone = payloads(_packed(data))
    assert [coder for coder, _, _ in alone] == [WANTED[name]]
    assert len(alone[0][2]) > 100
    assert payloads(_packed(in_tar([MediaFile(name, data, ())]))) == alone
    for threads in (1, 2):
        assert payloads(_packed(data, replace(NONE, threads=threads))) == alone
    for wrong in ("a.txt", "a.jpeg" if name.endswith(".wav") else "a.wav"):
        source, target = tmp_path / wrong, tmp_path / (wrong + ".ez")
        source.write_bytes(data)
        assert main(["pack", "--model", "none", str(source), "-o", str(target)]) == 0
        assert payloads(target.read_bytes()) == alone


@pytest.mark.parametrize("name", ["a.ppm", "2-16.wav"])
def test_threads_change_no_frame(name: str) -> None:
    """Several frames, which threads could share."""
    options = replace(NONE, frame_size=3000)
    one, two = (_packed(FILES[name], replace(options, threads=threads)) for threads in (1, 2))
    assert one == two
    assert [coder for coder, _, _ in payloads(one)].count(WANTED[name]) >= 2
