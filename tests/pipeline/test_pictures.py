"""Pictures through the whole of edgezip: the image coder is used where it pays, and only there."""

from __future__ import annotations

import random

import numpy as np
import pytest

import edgezip
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.container import constants as c
from edgezip.errors import FormatError
from edgezip.pipeline import plan
from edgezip.pipeline.coders.image import IMAGE
from edgezip.pipeline.context import Context
from edgezip.pipeline.detect.content import Content, Found, Kind
from edgezip.pipeline.detect.media import Judgement
from edgezip.pipeline.options import PackOptions
from tests.image.pictures import photo
from tests.pipeline.media_files import in_tar, media_files
from tests.pipeline.test_sound import coders

NO_MODEL = PackOptions(model="none")


def ppm(pixels: np.ndarray) -> bytes:
    height, width, channels = pixels.shape
    kind = b"P6" if channels == 3 else b"P5"
    return kind + b"\n%d %d\n255\n" % (width, height) + pixels.tobytes()


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_use_the_image_coder(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = ppm(photo(90, 70, channels))
    packed = edgezip.compress(picture, options=NO_MODEL)
    assert "image" in coders(packed)
    assert edgezip.decompress(packed) == picture
    monkeypatch.setattr("edgezip.pipeline.frames.MEDIA", {})
    monkeypatch.setattr("edgezip.pipeline.choice.MEDIA", {})
    without = edgezip.compress(picture, options=NO_MODEL)
    assert "image" not in coders(without)
    assert len(packed) < 0.9 * len(without)


def test_pictures_of_every_format_come_back() -> None:
    for file in media_files():
        if file.found and all(content.kind.value == "image" for _, content in file.found):
            packed = edgezip.compress(file.data, options=NO_MODEL)
            assert edgezip.decompress(packed) == file.data


def test_a_picture_in_a_tar_costs_as_much_as_alone() -> None:
    file = next(file for file in media_files() if file.name == "a.ppm")
    packed = edgezip.compress(in_tar([file]), options=NO_MODEL)
    assert "image" in coders(packed)
    assert edgezip.decompress(packed) == in_tar([file])
    assert len(packed) < len(edgezip.compress(file.data, options=NO_MODEL)) + 500


def test_noise_under_a_header_is_not_coded_as_a_picture() -> None:
    data = b"P6\n90 70\n255\n" + random.Random(3).randbytes(90 * 70 * 3)
    assert "image" not in coders(edgezip.compress(data, options=NO_MODEL))


def test_a_picture_is_looked_at_again_where_strips_of_it_tell_nothing() -> None:
    """Blank above, in the middle and below, where three strips are tried first."""
    blank = np.full((20, 240, 3), 233, np.uint8)
    above, below = photo(240, 120), photo(240, 120, seed=2)
    picture = ppm(np.concatenate([blank, above, blank, blank, below, blank]))
    packed = edgezip.compress(picture, options=NO_MODEL)
    assert edgezip.decompress(packed) == picture
    assert "image" in coders(packed)


@pytest.mark.parametrize(
    "params",
    [
        b"",
        b"\xff\0\0\1\0\0",
        b"\1\0\0\1\0",
        b"\1\0\0\0\0\0",
        b"\1\x30\0\1\0\0",
        b"\1\x11\0\1\0\0\0",
    ],
)
def test_damaged_params_are_refused(params: bytes) -> None:
    assert IMAGE.number == c.IMAGE
    with pytest.raises(FormatError):
        IMAGE.decode(b"abc", params, 100, Context(), lambda count: None)


def test_only_so_many_pictures_of_streams_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs two spans, of which a frame has 65,536 at most: the largest are taken."""
    picture = Content(Kind.IMAGE, ImageGeometry(20, 1, 8))
    pictures = [Found(100 * i, 40 + i, picture) for i in range(9)]
    asked: list[int] = []
    monkeypatch.setattr(plan, "MIN_SAMPLES", 0)
    monkeypatch.setattr(plan, "MOST_FOUND", 3)

    def pays(samples: bytes, *_: object) -> Judgement:
        asked.append(len(samples))
        return Judgement(True, 0)

    monkeypatch.setattr(plan, "pays", pays)
    found = plan._with_pictures(bytes(1000), [], pictures, Context())
    assert sorted(asked) == [46, 47, 48]
    assert [item.length for item in found] == [46, 47, 48]
