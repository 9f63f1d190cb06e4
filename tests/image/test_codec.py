"""The image coder: what goes in comes out, at the size that its model deserves."""

from __future__ import annotations

import hashlib
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgezip.coding.image import codec, colour, differences, planes
from edgezip.coding.image.codec import decode, encode
from edgezip.coding.image.colour import Colour
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.errors import FormatError

from .pictures import heights, photo, screen, through_ycc

GRAY = ImageGeometry(48)
RGB = ImageGeometry(40, 3)


def round_trip(data: bytes, geometry: ImageGeometry, level: int = codec.DEFAULT) -> int:
    """Bytes of the payload, after it was decoded and compared."""
    payload = encode(data, geometry, level)
    assert decode(payload, len(data), geometry, level) == data
    return len(payload)


@pytest.mark.parametrize("level", range(len(codec.LEVELS)))
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("bits", [8, 16])
def test_round_trip(bits: int, channels: int, level: int) -> None:
    pixels = photo(40, 24, channels)
    deep = pixels.astype(np.uint16) * 16 + 3
    for big_endian in {False, bits > 8}:
        kind = "u1" if bits == 8 else ">u2" if big_endian else "<u2"
        data = (deep if bits == 16 else pixels).astype(kind).tobytes()
        geometry = ImageGeometry(40, channels, bits, big_endian=big_endian)
        assert round_trip(data, geometry, level) < 0.85 * len(data)


def test_padding_and_a_row_that_is_cut_off_come_back() -> None:
    rows = photo(33, 20, 3).reshape(20, -1)
    data = b"".join(row.tobytes() + b"\0" for row in rows) + b"half a row"
    geometry = ImageGeometry(33, 3, padding=1)
    assert round_trip(data, geometry) < 0.7 * len(data)


@settings(max_examples=40, deadline=None)
@given(
    st.binary(max_size=300),
    st.integers(1, 40),
    st.sampled_from([(1, 1), (1, 8), (3, 8), (4, 8), (1, 16), (3, 16)]),
    st.integers(0, 3),
    st.booleans(),
)
def test_any_bytes_as_any_picture(
    data: bytes, width: int, kind: tuple[int, int], padding: int, flag: bool
) -> None:
    channels, bits = kind
    palette, big_endian = flag and channels * bits <= 8, flag and bits == 16
    geometry = ImageGeometry(width, channels, bits, padding, palette, big_endian)
    assert round_trip(data, geometry) <= len(data) * 5 // 4 + 16


@pytest.mark.parametrize("data", [b"", b"\0", bytes(48), bytes(48 * 50), b"\xff" * 48 * 50])
def test_empty_and_flat_pictures(data: bytes) -> None:
    assert round_trip(data, GRAY) < 60


def test_extreme_values_stay_within_the_bounds_of_the_arithmetic() -> None:
    rng = np.random.default_rng(5)
    extremes = rng.choice(np.array([0, 255], np.uint8), (64, 3 * 64))
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 3 * 32))
    for pixels in (extremes, stripes, stripes.T.copy()):
        round_trip(pixels.tobytes(), ImageGeometry(64, 3), codec.STRONG)


def test_bilevel_drawings() -> None:
    y, x = np.mgrid[0:200, 0:203]
    pixels = ((x - 100) ** 2 + (y - 90) ** 2 < 60**2) ^ (x % 40 < 3)
    data = np.packbits(pixels, axis=1).tobytes()
    assert round_trip(data, ImageGeometry(203, bits=1)) < 0.025 * len(data)
    negative = bytes(255 - c for c in data)
    assert round_trip(negative, ImageGeometry(203, bits=1)) < 0.025 * len(data)


def test_bilevel_columns_far_above_are_seen() -> None:
    rows = np.random.default_rng(4).integers(0, 2, (9, 160)).astype(bool)
    pixels = np.tile(rows, (30, 1))  # each row as the one 9 rows above it
    data = np.packbits(pixels, axis=1).tobytes()
    assert round_trip(data, ImageGeometry(160, bits=1)) < 0.05 * len(data)


@pytest.mark.parametrize(
    ("width", "height", "digest"),
    [
        (1, 900, "c4cf59e1f93b66c3"),
        (8, 700, "b3f18b5e71d9f20b"),
        (13, 500, "568eedf11cd50e0a"),
        (16, 400, "9227e7f9c067dc8a"),
        (40, 150, "55da9d8ff42220a8"),
        (203, 60, "cc35b48a66413be3"),
        (700, 20, "f266d11c41a639fa"),
    ],
)
@pytest.mark.parametrize("held", [1, 900, codec._HELD])
def test_what_is_held_of_a_drawing_decides_nothing(
    width: int, height: int, digest: str, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Payloads are those that were made when all of it was held, with margins left and right."""
    monkeypatch.setattr(codec, "_HELD", held)
    y, x = np.mgrid[0:height, 0:width]
    rings = (x * x + 3 * y * y) // max(40, width * 4) % 3 == 0
    pixels = rings ^ ((x * 7919 + y * 104729) % 31 == 0)
    data = np.packbits(pixels, axis=1).tobytes() + b"ab"
    geometry = ImageGeometry(width, bits=1)
    payload = encode(data, geometry)
    assert hashlib.sha256(payload).hexdigest()[:16] == digest
    assert decode(payload, len(data), geometry) == data


@pytest.mark.parametrize("width", [1, 16])
def test_narrow_drawings_take_no_more_memory_than_others(width: int) -> None:
    """Eight pixels to a byte, and what is held for the kernel."""
    data = bytes(1 << 20)
    tracemalloc.start()
    try:
        payload = encode(data, ImageGeometry(width, bits=1))
        _, coding = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        assert decode(payload, len(data), ImageGeometry(width, bits=1)) == data
        _, back = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert max(coding, back) < 26 * len(data) + (20 << 20)


def test_a_screen_is_learned_by_heart() -> None:
    data = screen(240, 180).tobytes()
    assert round_trip(data, ImageGeometry(240, 3)) < 0.012 * len(data)
    indices = screen(240, 180, 1).tobytes()
    assert round_trip(indices, ImageGeometry(240, palette=True)) < 0.03 * len(indices)


@pytest.mark.parametrize("reverse", [False, True])
def test_colours_of_a_decoded_jpeg_are_undone(
    reverse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = through_ycc(photo(80, 60, 3))
    data = pixels[..., :: -1 if reverse else 1].tobytes()
    geometry = ImageGeometry(80, 3)
    payload = encode(data, geometry)
    assert payload[0] == (Colour.YCC_REVERSED if reverse else Colour.YCC)
    assert decode(payload, len(data), geometry) == data
    monkeypatch.setattr(colour, "to_ycc", lambda samples, reverse: None)
    assert len(payload) < 0.95 * len(encode(data, geometry))


def test_pixels_that_no_jpeg_decoder_makes_are_exceptions() -> None:
    pixels = through_ycc(photo(120, 90, 3))
    pixels[50, 60:72, 1] ^= 1
    payload = encode(pixels.tobytes(), ImageGeometry(120, 3))
    assert payload[0] == Colour.YCC
    assert int.from_bytes(payload[1:5], "little") > 0
    assert decode(payload, pixels.size, ImageGeometry(120, 3)) == pixels.tobytes()


def test_green_is_subtracted_where_that_helps() -> None:
    pixels = photo(60, 40, 3, noise=0)
    noise = np.random.default_rng(2).integers(0, 60, (40, 60, 1), np.uint8)
    payload = encode((pixels // 2 + noise).tobytes(), ImageGeometry(60, 3))
    assert payload[0] == Colour.GREEN


@pytest.mark.parametrize("channels", [1, 3])
def test_smooth_16_bits_are_coded_as_differences(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = heights(90, 70, channels)
    geometry = ImageGeometry(90, channels, 16)
    data = pixels.astype("<u2").tobytes()
    assert encode(data, geometry)[0] & planes.DIFFERENCES
    size = round_trip(data, geometry)
    stretched = photo(90, 70, channels).astype("<u2") * 257  # few values, all far apart
    assert not encode(stretched.tobytes(), geometry)[0] & planes.DIFFERENCES
    monkeypatch.setattr(codec, "_smaller", lambda split, *_: split)
    assert size < 0.75 * round_trip(data, geometry)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 2), (9, 1, 1), (40, 3, 3)])
def test_differences_of_extremes_come_back(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(2)
    wild = rng.choice(np.array([0, 1, 65535, 32768], np.uint16), shape)
    for samples in (wild, np.full(shape, 65535, np.uint16), heights(shape[1], shape[0], shape[2])):
        changed = differences.change(samples)
        assert np.array_equal(differences.change(changed, undo=True), samples)


def test_differences_do_not_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Python, where NumPy tells of it."""
    rng = np.random.default_rng(5)
    samples = rng.choice(np.array([0, 65535], np.uint16), (9, 12, 1))
    changed = differences.change(samples)
    monkeypatch.setattr(differences, "_run", getattr(differences._run, "py_func", None))
    with np.errstate(over="raise"):
        assert np.array_equal(differences.change(samples), changed)
        assert np.array_equal(differences.change(changed, undo=True), samples)


def test_where_portions_end_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    data = photo(40, 30, 3).tobytes()
    whole = encode(data, RGB)
    monkeypatch.setattr("edgezip.coding.portions.FIRST", 7)
    monkeypatch.setattr("edgezip.coding.portions.PATIENCE", 0)
    told: list[int] = []
    assert encode(data, RGB, progress=told.append) == whole
    assert sum(told) == len(data)
    told.clear()
    assert decode(whole, len(data), RGB, progress=told.append) == data
    assert sum(told) == len(data)


def test_damage_is_noticed_or_gives_other_bytes() -> None:
    data = photo(40, 24, 3).tobytes()
    payload = encode(data, RGB)
    for cut in range(0, len(payload), 97):
        with pytest.raises(FormatError):
            decode(payload[:cut], len(data), RGB)
    for at in range(0, len(payload), 61):
        damaged = bytearray(payload)
        damaged[at] ^= 0x41
        with suppress(FormatError):
            assert decode(bytes(damaged), len(data), RGB) != data
    for wrong in (payload + b"\0", payload + b"\1"):
        with pytest.raises(FormatError):
            decode(wrong, len(data), RGB)


def test_a_few_bytes_cannot_ask_for_much_work() -> None:
    with pytest.raises(FormatError, match="so few bytes"):
        decode(b"\0abc", 1 << 26, RGB)
    with pytest.raises(FormatError, match="ends before"):
        decode(b"\0abc", 180_000, RGB)


@pytest.mark.parametrize(
    ("payload", "geometry"),
    [
        (b"\x09abc", RGB),
        (b"", RGB),
        (b"\x01abc", GRAY),
        (b"\x02\xff\xff\xff\xffabc", RGB),
        (b"\x02\0\0\0\0abc", ImageGeometry(40, 3, 16)),
        (b"\x04abc", GRAY),
        (b"\x05abc", ImageGeometry(40, 1, 16)),
        (b"\x06abc", ImageGeometry(40, 3, 16)),
        (b"\x08abc", ImageGeometry(40, 3, 16)),
    ],
)
def test_damaged_colours_are_refused(payload: bytes, geometry: ImageGeometry) -> None:
    with pytest.raises(FormatError):
        decode(payload, 240, geometry)


PINNED = {
    0: "b8ef30d448fe6d9cf0871247b5ca6903",
    1: "c816b4b4620382a6438761f3f0da8880",
    2: "c0b08574fb4cfd802ca2395b1177c4b2",
}


@pytest.mark.parametrize("level", PINNED)
def test_payloads_stay_the_same(level: int) -> None:
    """A change here is a change of the format: CHANGELOG, vectors, docs/media.md."""
    y, x, c = np.mgrid[0:30, 0:40, 0:3]
    pixels = (60 + (x * (3 + c) + 2 * y) // 4 % 90 + (x * y * 7 + c) % 11).astype(np.uint8)
    payload = encode(pixels.tobytes(), RGB, level)
    assert hashlib.sha256(payload).hexdigest()[:32] == PINNED[level]
