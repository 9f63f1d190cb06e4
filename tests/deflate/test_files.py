"""Files with deflate streams inside, through the whole pipeline."""

from __future__ import annotations

import gzip
import random
import struct
import zlib

import numpy as np
import pytest

import edgezip
from edgezip.coding.deflate.codec import Method, Undone
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.container import Channel, Frame, Span, varint
from edgezip.container import constants as c
from edgezip.container.nested import decode_nested, encode_nested
from edgezip.errors import EdgezipError, FormatError
from edgezip.pipeline import deflated as search
from edgezip.pipeline.channels import decode_channel, decode_channels
from edgezip.pipeline.context import Context
from edgezip.pipeline.detect.content import Content, Found, Kind
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.transforms import deflated
from edgezip.pipeline.transforms.deflated import Entry
from edgezip.pipeline.transforms.transform import join_params
from tests.deflate.made_files import TEXT, chunked, pdf, png, zipped

NONE = PackOptions(model="none")


def ignore(count: int) -> None:
    """Progress that nobody wants to know."""


FILES = {
    "gzip": gzip.compress(TEXT, 6, mtime=0),
    "zip": zipped(),
    "pdf": pdf(),
    "png": png(60, 50, 3),
    "gray": b"before" + png(90, 41, 1) + b"behind",
    "png in gzip": gzip.compress(TEXT[:3000] + png(60, 50, 3) + TEXT[:50], mtime=0),
}


@pytest.mark.parametrize("name", FILES)
def test_files_come_back(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = FILES[name]
    opened = search.undo(data)
    assert opened is not None
    assert deflated.restore(opened.data, b"", len(data)) == data
    packed = edgezip.compress(data, options=NONE)
    assert len(packed) < 0.9 * len(data)

    def refuse(*arguments: object) -> None:
        raise AssertionError("the decoder called zlib")

    for function in ("compress", "compressobj"):
        monkeypatch.setattr(zlib, function, refuse)
    assert edgezip.decompress(packed) == data


def test_a_picture_is_found_in_a_png() -> None:
    opened = search.undo(FILES["png"])
    assert opened is not None
    (picture,) = opened.pictures
    assert picture.content.kind is Kind.IMAGE
    assert picture.length == 60 * 50 * 3
    assert not opened.contents
    moved = opened.moved(Found(3, 5, picture.content))
    assert moved is not None
    assert opened.data[moved.start : moved.end] == FILES["png"][3:8]
    assert opened.moved(Found(3, len(FILES["png"]) - 3, picture.content)) is None


@pytest.mark.parametrize(
    ("colour", "depth", "interlaced", "picture"),
    [(0, 16, 0, True), (2, 16, 0, True), (3, 8, 0, True), (3, 1, 0, True), (4, 8, 0, True),
     (6, 8, 0, True), (0, 4, 0, False), (2, 8, 1, False)],
)  # fmt: skip
def test_kinds_of_pixels(colour: int, depth: int, interlaced: int, picture: bool) -> None:
    """Any bytes are rows; whether they are samples of a picture says the header alone."""
    width, height = 37, 30
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    stride = (width * channels * depth + 7) // 8
    rng = random.Random(depth)
    rows = (bytes([rng.randrange(5)]) + rng.randbytes(stride) for _ in range(height))
    stream = zlib.compress(b"".join(rows))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    data = chunked([(b"IHDR", head), (b"PLTE", bytes(6)), (b"IDAT", stream), (b"IEND", b"")])
    opened = search.undo(data)
    assert opened is not None
    assert bool(opened.pictures) is picture
    assert deflated.restore(opened.data, b"", len(data)) == data
    changed = data.replace(stream[40:50], bytes(10))  # the chunk's check is wrong
    assert search.undo(changed) is None


@pytest.mark.parametrize(
    ("words", "shape", "geometry"),
    [
        (b"/ColorSpace /DeviceRGB /BitsPerComponent 8", (30, 40, 3), ImageGeometry(40, 3)),
        (b"/ColorSpace[/ICCBased 7 0 R]/BitsPerComponent 8", (30, 40, 1), ImageGeometry(40)),
        (b"/ColorSpace /DeviceCMYK/BitsPerComponent 8", (20, 30, 4), ImageGeometry(30, 4)),
        (b"/ColorSpace [/Indexed /DeviceRGB 255 9 0 R] /BitsPerComponent 8", (30, 40, 1),
         ImageGeometry(40, palette=True)),
        (b"/ImageMask true", (64, 10, 1), ImageGeometry(80, bits=1)),
        (b"/BitsPerComponent 8/DecodeParms<</Predictor 12>>", (30, 40, 3), None),
        (b"/BitsPerComponent 8", (30, 41, 3), None),
        (b"/BitsPerComponent 4", (30, 40, 1), None),
    ],
)  # fmt: skip
def test_pictures_of_a_pdf(
    words: bytes, shape: tuple[int, int, int], geometry: ImageGeometry | None
) -> None:
    height, width, channels = shape
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    pixels = (3 * x + 2 * y + 9 * c + x * y % 7).astype(np.uint8).tobytes()
    wide = 80 if b"Mask" in words else 40 if width == 41 else width
    head = b"4 0 obj\n<</Type/XObject/Subtype/Image/Width %d /Height %d" % (wide, height)
    stream = zlib.compress(pixels)
    data = pdf() + head + words + b"/Filter/FlateDecode>>\nstream\n" + stream + b"\nendstream\n"
    opened = search.undo(data)
    assert opened is not None
    assert len(opened.contents) == (4 if geometry is None else 3)
    found = [(opened.data[p.start : p.end], p.content) for p in opened.pictures]
    assert found == ([] if geometry is None else [(pixels, Content.image(geometry))])
    assert deflated.restore(opened.data, b"", len(data)) == data
    assert edgezip.decompress(edgezip.compress(data, options=NONE)) == data


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_rows_with_filters_in_a_pdf(channels: int) -> None:
    """As pdfTeX and img2pdf take them over from a PNG."""
    picture = png(60, 50, channels, 1 << 20)
    start = picture.index(b"IDAT") + 4
    stream = picture[start : start + int.from_bytes(picture[start - 8 : start - 4])]
    words = b"/BitsPerComponent 8/DecodeParms<</Predictor 15/Colors %d/Columns 60>>" % channels
    head = b"4 0 obj\n<</Subtype/Image/Width 60/Height 50/Filter/FlateDecode" + words
    data = pdf() + head + b">>\nstream\n" + stream + b"\nendstream\n"
    opened = search.undo(data)
    assert opened is not None
    (found,) = opened.pictures
    assert found.content == Content.image(ImageGeometry(60, channels))
    rows = deflated.read_list(opened.data[1 : opened.data[0] + 1])[-1]
    assert (rows.kind, rows.stride, rows.pixel) == (deflated.ZLIB_ROWS, 60 * channels, channels)
    alone = search.undo(picture)
    assert alone is not None
    (same,) = alone.pictures
    assert opened.data[found.start : found.end] == alone.data[same.start : same.end]
    assert deflated.restore(opened.data, b"", len(data)) == data
    assert edgezip.decompress(edgezip.compress(data, options=NONE)) == data
    for cut in (data.replace(b"Height 50", b"Height 49"), data.replace(b"/Width 60", b"/Width 6 ")):
        opened = search.undo(cut)
        assert opened is not None
        assert not opened.pictures
        assert deflated.restore(opened.data, b"", len(cut)) == cut


def test_streams_that_are_none_cost_nothing() -> None:
    rng = random.Random(2)
    starts = (b"\x1f\x8b\x08", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"\x78\x9c", b"stream\n")
    for start in starts:
        for size in (0, 5, 40, 3000):
            assert search.undo(start + rng.randbytes(size)) is None
    for name, data in FILES.items():
        for _ in range(6):
            damaged = bytearray(data[: rng.randrange(20, len(data))])
            damaged[rng.randrange(len(damaged))] ^= 0x41
            opened = search.undo(bytes(damaged))
            if opened is not None:
                back = deflated.restore(opened.data, b"", len(damaged))
                assert back == damaged, name


def test_damaged_lists_are_refused() -> None:
    data = FILES["zip"]
    opened = search.undo(data)
    assert opened is not None
    rng = random.Random(4)
    length = int.from_bytes(opened.data[:1], "little") + 1
    for _ in range(150):
        damaged = bytearray(opened.data)
        damaged[rng.randrange(min(length, 60))] = rng.randrange(256)
        try:
            assert len(deflated.restore(bytes(damaged), b"", len(data))) == len(data)
        except FormatError:
            continue
    for wrong in (b"", b"\xff", opened.data[:-1], opened.data + b"x"):
        with pytest.raises(FormatError):
            deflated.restore(wrong, b"", len(data))
    with pytest.raises(FormatError):
        deflated.restore(opened.data, b"x", len(data))


def test_what_is_written_has_the_bounds_of_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = FILES["png"]
    first = data.index(b"IDAT") - 4
    empty = chunked([(b"IDAT", b"")])[8:]
    for count, found in ((100, True), (deflated.MOST_CHUNKS, False)):
        many = data[:first] + count * empty + data[first:]
        opened = search.undo(many)
        assert (opened is not None) is found
        assert opened is None or deflated.restore(opened.data, b"", len(many)) == many
    pages, all_of_them = pdf(), search.undo(pdf())
    assert all_of_them is not None
    assert len(all_of_them.contents) == 3
    monkeypatch.setattr(deflated, "MOST_LIST", all_of_them.data[0] - 1)
    opened = search.undo(pages)
    assert opened is not None
    assert 0 < len(opened.contents) < 3
    assert deflated.restore(opened.data, b"", len(pages)) == pages
    with pytest.raises(FormatError):
        deflated.restore(all_of_them.data, b"", len(pages))


def test_numbers_that_no_memory_holds() -> None:
    """They are refused before they become sizes of arrays."""
    nothing = Undone(Method(6), np.zeros((0, 2), np.int64))
    wide = Entry(0, deflated.ROWS, 0, nothing, 30876, (1,), (1 << 63) - 1, 1)
    far = varint.encode_all(1, 0, 0, 0, 100, 1 << 23) + (1 << 23) * varint.encode_all(1 << 40, 0)
    for text in (deflated.write_list([wide]), varint.encode(len(far) + 1) + far + b"\0"):
        with pytest.raises(FormatError):
            deflated.restore(text, b"", 100)


def test_list_round_trip() -> None:
    rows = np.array([(0, 65), (7, 3 << 9 | 5)], np.int64)
    entries = [
        Entry(3, deflated.RAW, 100, Undone(Method(1, 4, 9, 0), rows[:0])),
        Entry(0, deflated.ROWS, 44, Undone(Method(9, 3, 15, 9), rows, ((2, 7), (0, 9))), 30876,
              (8, 1), 10, 3),
        Entry(5, deflated.ZLIB_ROWS, 33, Undone(Method(6), rows[:0]), stride=10, pixel=1),
    ]  # fmt: skip
    text = deflated.write_list(entries)
    again = deflated.read_list(text[1:])
    assert len(text) == text[0] + 1
    for one, other in zip(entries, again, strict=True):
        assert np.array_equal(one.undone.corrections, other.undone.corrections)
        assert one.undone.method == other.undone.method
        assert one.chunks == other.chunks
        assert (one.gap, one.kind, one.size, one.stride) == (
            other.gap, other.kind, other.size, other.stride,
        )  # fmt: skip


def test_checks() -> None:
    for size in (0, 1, 70_000):
        data = random.Random(size).randbytes(size)
        assert deflated.adler32(np.frombuffer(data, np.uint8)) == zlib.adler32(data)


def nest(payload: bytes, size: int) -> bytes:
    return encode_nested(size, [Channel(c.NESTED, payload, size)], [Span(0, size)])


def test_nested_frames() -> None:
    inner = encode_nested(5, [Channel(c.STORED, b"hello", 5)], [Span(0, 5)])
    once, twice, thrice = inner, nest(inner, 5), nest(nest(inner, 5), 5)
    for payload in (once, twice, thrice):
        assert decode_channel(Channel(c.NESTED, payload, 5), Context(), ignore) == b"hello"
    for payload in (nest(thrice, 5), inner[:-1], inner + b"x", b"", inner[:1]):
        with pytest.raises(EdgezipError):
            decode_channel(Channel(c.NESTED, payload, 5), Context(), ignore)
    with pytest.raises(FormatError):
        decode_nested(inner, (64 << 20) + 1, False)
    with pytest.raises(FormatError):
        decode_nested(b"\x01\x04\x01x", 1, False)  # a language model's channel, but no model


def test_a_frame_is_a_bounded_amount_of_work() -> None:
    """A few bytes are not made 1100 x 64 MiB by one transform, nor 64 x 64 x 64 MiB by frames."""
    most = 64 << 20
    params = join_params(1100 * most, b"", b"")
    huge = Channel(c.LZMA, b"", most, c.DEFLATED, params)
    many = Channel(c.BZIP2, b"", 1 << 20, c.DEFLATED, join_params(most, b"", b""))
    nested = Channel(c.NESTED, encode_nested(1, [Channel(c.STORED, b"a", 1)], [Span(0, 1)]), 1)
    for channels in ([huge], [many] * 3, [nested, Channel(c.STORED, b"b", 1)]):
        spans = tuple(Span(i, channel.raw_size) for i, channel in enumerate(channels))
        frame = Frame(0, sum(span.length for span in spans), tuple(channels), spans, b"")
        with pytest.raises(FormatError, match=r"too many|too much|beside"):
            decode_channels(frame, Context(), ignore)
    with pytest.raises(FormatError, match="too many"):
        decode_channel(huge, Context(), ignore)
    alone = Frame(0, 1, (nested,), (Span(0, 1),), b"")
    assert decode_channels(alone, Context(), ignore) == b"a"
