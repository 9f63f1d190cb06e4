"""Pictures and sounds are coded as such wherever they lie; a wrong header costs next to nothing."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

import edgezip
from edgezip import api
from edgezip.container import FrameEvent, parse
from edgezip.errors import SettingsError
from edgezip.pipeline import plan
from edgezip.pipeline.options import PackOptions
from tests.pipeline.media_files import (
    HEIGHT,
    WIDTH,
    MediaFile,
    in_tar,
    malformed,
    media_files,
    pixels,
)

NONE = PackOptions(model="none")
FILES = {file.name: file for file in media_files()}
MOST_COST = 32


def _channels(packed: bytes) -> list[tuple[str, int, int]]:
    members = api.inspect_stream(io.BytesIO(packed))
    parts = [part for m in members for frame in m.frames for part in frame.channels]
    return [(part.coder, part.raw_size, part.coded_size) for part in parts]


def _samples(packed: bytes) -> list[tuple[str, int, int]]:
    """Channels of the coders of samples."""
    return [part for part in _channels(packed) if part[0] in ("image", "audio")]


def _pack(data: bytes, options: PackOptions = NONE) -> bytes:
    packed = edgezip.compress(data, options=options)
    assert edgezip.decompress(packed) == data
    return packed


@pytest.mark.parametrize(
    "name",
    ["a.pgm", "a.ppm", "colour.bmp", "2-24.tga", "strips-True.tif", "colour.npy", "2-16.wav",
     "lists.wav", "streamed-0.wav", "large.wav", "2-24.aiff", "16-ffffffff.au"],
)  # fmt: skip
def test_the_same_alone_and_in_a_tar(name: str) -> None:
    file = FILES[name]
    alone = _samples(_pack(file.data))
    assert alone
    assert sum(size for _, size, _ in alone) == sum(len(samples) for samples, _ in file.found)
    assert _samples(_pack(in_tar([file]))) == alone
    # Nobody asks for the name, and the number of threads is nothing that a coder could see.
    for threads in (1, 2):
        assert _samples(_pack(file.data, replace(NONE, threads=threads))) == alone


def test_pictures_of_two_widths_share_a_frame() -> None:
    other = (
        b"P6 %d %d 255\n" % (WIDTH // 2, 2 * HEIGHT) + pixels(3, seed=5)[: WIDTH // 2 * 6 * HEIGHT]
    )
    data = FILES["a.ppm"].data + other + FILES["two.ppm"].data
    sizes = [size for _, size, _ in _samples(_pack(data))]
    assert sizes == [3 * 3 * WIDTH * HEIGHT, WIDTH // 2 * 6 * HEIGHT] or len(sizes) == 2


def test_a_second_copy_is_a_repeat() -> None:
    file = FILES["a.ppm"]
    once, twice = _pack(in_tar([file])), _pack(in_tar([file, file]))
    assert len(twice) < len(once) + 120
    assert _samples(twice) == _samples(once)


@pytest.mark.parametrize("seed", [*range(0, 200, 8), 53, 74])  # 53, 74: half of what repeats
def test_malformed_headers_cost_next_to_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = malformed(seed)
    packed = _pack(data)
    monkeypatch.setattr(plan, "MEDIA", {})
    assert len(packed) <= len(_pack(data)) + MOST_COST


def test_samples_without_a_header_are_described() -> None:
    samples = pixels(3)
    described = _pack(samples, replace(NONE, content=f"image:{WIDTH},{HEIGHT},3,8"))
    assert [coder for coder, _, _ in _channels(described)] == ["image"]
    assert len(described) < len(_pack(samples)) - 100
    (sound,) = FILES["2-16.wav"].found
    described = _pack(sound[0], replace(NONE, content="audio:16000,2,16"))
    assert [coder for coder, _, _ in _channels(described)] == ["audio"]
    # What is described wrongly is coded as what it is.
    wrong = _pack(samples[::-1] * 2, replace(NONE, content="audio:8000,1,32"))
    assert _samples(wrong) == [] or len(wrong) < len(_pack(samples[::-1] * 2))
    with pytest.raises(SettingsError, match="image:640"):
        edgezip.compress(samples, options=replace(NONE, content="picture"))


def test_a_picture_that_frames_cut_is_a_picture_in_each() -> None:
    file: MediaFile = FILES["a.ppm"]
    packed = _pack(file.data, replace(NONE, frame_size=2048))
    frames = [
        [part.coder for part in frame.channels]
        for member in api.inspect_stream(io.BytesIO(packed))
        for frame in member.frames
    ]
    assert len(frames) == 4
    assert sum("image" in coders for coders in frames) >= 3


@pytest.mark.parametrize("name", ["a.pgm", "2-16.wav"])
def test_the_level_of_the_coders_is_an_option(name: str) -> None:
    for level in (0, 2):
        packed = _pack(FILES[name].data, replace(NONE, media_level=level))
        frames = (event.frame for event in parse(packed) if isinstance(event, FrameEvent))
        coded = [part for frame in frames for part in frame.channels if part.coder in (7, 8)]
        assert [part.params[0] for part in coded] == [level]
    with pytest.raises(SettingsError):
        replace(NONE, media_level=3)
