"""Pictures and sounds are found where they are, whatever surrounds them, and never trusted."""

from __future__ import annotations

import random
import re
import struct
from functools import partial
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgezip.coding.image.geometry import ImageGeometry
from edgezip.errors import SettingsError
from edgezip.pipeline import choice
from edgezip.pipeline.coders.table import MEDIA
from edgezip.pipeline.context import Context
from edgezip.pipeline.detect.content import Content, Found, Kind
from edgezip.pipeline.detect.formats.format import Budget
from edgezip.pipeline.detect.formats.table import FORMATS
from edgezip.pipeline.detect.given import parse_given
from edgezip.pipeline.detect.media import (
    MOST_CONTENTS,
    MOST_IN_VAIN,
    STEPS,
    STEPS_PER_BYTE,
    Judgement,
    MediaFinder,
)
from tests.pipeline.media_files import MediaFile, in_tar, malformed, media_files

KINDS = (Kind.IMAGE, Kind.AUDIO)
FILES = media_files()
NOISE = random.Random(7).randbytes(3000)


def _yes(samples: bytes, content: Content) -> Judgement:
    return Judgement(True, 0)


def _no(samples: bytes, content: Content) -> Judgement:
    return Judgement(False, len(samples))


def _samples(data: bytes, found: list[Found]) -> list[tuple[bytes, Content]]:
    return [(data[item.start : item.end], item.content) for item in found]


def _joined(pieces: list[tuple[bytes, Content]]) -> list[tuple[bytes, Content]]:
    """Neighbours of equal content as one: strips that touch, planes."""
    out: list[tuple[bytes, Content]] = []
    for samples, content in pieces:
        before = out.pop()[0] if out and out[-1][1] == content else b""
        out.append((before + samples, content))
    return out


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_samples_are_found(file: MediaFile) -> None:
    found = MediaFinder(KINDS).find(file.data, _yes)
    assert _samples(file.data, found) == list(file.found)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_samples_are_found_inside_of_other_files(file: MediaFile) -> None:
    if file.name.endswith(".tga"):
        return  # no signature: only where a tar says that a file begins
    data = NOISE + file.data + NOISE
    found = _samples(data, MediaFinder(KINDS).find(data, _yes))
    streamed = "ffffffff" in file.name or "streamed" in file.name
    for (samples, content), (wanted, expected) in zip(found, file.found, strict=True):
        assert content == expected
        assert samples.startswith(wanted)
        assert streamed or samples == wanted


def test_samples_are_found_in_a_tar() -> None:
    data = in_tar(FILES)
    found = _samples(data, MediaFinder(KINDS).find(data, _yes))
    wanted = [piece for file in FILES for piece in file.found]
    assert found == wanted


def test_samples_are_found_where_files_are_known_to_lie() -> None:
    """Without headers between them; a tar among them is looked into, what comes before is not."""
    tar = in_tar(FILES)
    data, files = b"P6 " + tar[:1024], []
    for content in [*(file.data for file in FILES), tar, FILES[2].data]:
        files.append((len(data), len(data) + len(content)))
        data += content
    wanted = [piece for file in FILES for piece in file.found]
    found = _samples(data, MediaFinder(KINDS).find(data, _yes, files=files))
    assert found == [*wanted, *wanted, *FILES[2].found]
    # The last may go on in the next frame.
    cut = data[: -len(FILES[2].data) // 2]
    finder = MediaFinder(KINDS)
    finder.find(cut, _yes, more=True, files=files)
    (rest,) = finder.find(data[len(cut) :], _yes, files=[])
    assert rest.end == len(data) - len(cut)


@pytest.mark.parametrize("size", [1024, 5000, 8192])
def test_what_a_frame_cuts_goes_on_in_the_next(size: int) -> None:
    data = in_tar(FILES)
    finder = MediaFinder(KINDS)
    total = 0
    for start in range(0, len(data), size):
        frame = data[start : start + size]
        for item in finder.find(frame, _yes, more=start + size < len(data)):
            assert 0 <= item.start < item.end <= len(frame)
            assert item.length % item.content.unit == 0
            total += item.length
    wanted = sum(len(samples) for file in FILES for samples, _ in file.found)
    # At a cut some rows are lost, at most; a TIFF's directory may be in another frame.
    assert total > wanted * {1024: 0.3, 5000: 0.7, 8192: 0.8}[size]


def test_what_does_not_pay_is_left_alone() -> None:
    data = in_tar(FILES)
    asked: list[Content] = []

    def no(samples: bytes, content: Content) -> Judgement:
        asked.append(content)
        return Judgement(False, 0)

    assert not MediaFinder(KINDS).find(data, no)
    assert len(asked) >= len(FILES)
    assert not MediaFinder(()).find(data, _yes)


def _rings(width: int, height: int) -> bytes:
    pixels = [
        ((x - width // 2) ** 2 + 3 * (y - 90) ** 2) // 4000 % 4 == 1
        for y in range(height)
        for x in range(width)
    ]
    return bytes(
        sum(bit << (7 - k) for k, bit in enumerate(pixels[i : i + 8]))
        for i in range(0, len(pixels), 8)
    )


@pytest.mark.parametrize("width", [400, 600])
def test_bitmaps_without_a_header_are_found_by_their_rows(width: int) -> None:
    data = _rings(width, 190)
    (found,) = MediaFinder(KINDS).find(data, _yes)
    assert (found.start, found.length) == (0, len(data))
    assert found.content.unit == width // 8
    words = b"\0" * 3000 + NOISE + b"\0" * 3000
    for other in (bytes(20_000), NOISE * 5, words, data[:3000], b"\xff" * 9000):
        assert not MediaFinder(KINDS).find(other, _yes)


def test_too_many_contents_leave_the_smallest_out() -> None:
    pictures = [
        b"P5 %d 40 255\n" % width + bytes(40 * width) for width in range(20, 22 + MOST_CONTENTS)
    ]
    data = b"".join(pictures)
    found = MediaFinder(KINDS).find(data, _yes)
    widths = sorted(item.content.unit for item in found)
    assert widths == list(range(22, 22 + MOST_CONTENTS))


@pytest.mark.parametrize("seed", range(200))
def test_malformed_headers_never_fail(seed: int) -> None:
    data = malformed(seed)
    position = 0
    for item in MediaFinder(KINDS).find(data, _yes):
        assert position <= item.start < item.end <= len(data)
        assert item.length % item.content.unit == 0
        position = item.end


@given(st.binary(max_size=2000))
def test_any_bytes_are_searched(data: bytes) -> None:
    for magic in (
        b"",
        b"RIFF\0\0\0\0WAVE",
        b"BM",
        b"II*\0",
        b"P6 ",
        b"\x93NUMPY\1\0",
        b"FORM1234AIFF",
    ):
        MediaFinder(KINDS).find(magic + data, _yes)


def test_a_search_takes_linear_time_where_headers_seem_to_begin() -> None:
    for filler in (b"P6 ", b"P6" + b" " * 997 + b"#", b"P7\nWIDTH 1\n", b"BM" + b"\x28\0\0\0" * 9):
        MediaFinder(KINDS).find((filler * 1000000)[:1000000], _yes)


def _refuse(looked: list[int], part: int, samples: bytes, content: Content) -> Judgement:
    looked.append(len(samples) // part)
    return Judgement(False, looked[-1])


def test_headers_that_lie_are_judged_no_more_than_the_data_is_long() -> None:
    """Each of them claims the same megabyte, and a judge may have to look at all of it."""
    bitmap = b"BM" + struct.pack("<IHHI", 1 << 20, 0, 0, 54)
    bitmap += struct.pack("<IiiHHIIiiII", 40, 600, 600, 1, 24, 0, 0, 0, 0, 0, 0)
    data = bitmap * 20_000
    for part in (1, 10):  # of what is claimed
        looked: list[int] = []

        assert MediaFinder(KINDS).find(data, partial(_refuse, looked, part)) == []
        most = len(data) + MOST_IN_VAIN
        assert most <= sum(looked) < most + max(looked)


def test_a_judge_tells_what_it_has_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a megabyte: units that are looked at make strips of all sizes."""
    for width in (10, 3000, 100_000):
        content = Content.image(ImageGeometry(width))
        for rows in (40, 60):
            noise = random.Random(rows).randbytes(width * rows)
            coded: list[int] = []

            def part(data: bytes, _: Context, coded: list[int] = coded) -> SimpleNamespace:
                coded.append(len(data))
                size = SimpleNamespace(size=len(data))
                return SimpleNamespace(media=lambda *_: size, compact=size)

            monkeypatch.setattr(choice, "Part", part)
            assert choice.pays(noise, content, Context()) == (False, sum(coded))


def test_headers_that_lie_are_parsed_no_longer_than_the_data_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each leads to the same long list of strips, through the same chunks or markers."""
    count = 60_000
    tags = [(256, 1, 600), (273, count, 100_000), (279, count, 100_000)]
    directory = struct.pack("<H", len(tags))
    directory += b"".join(struct.pack("<HHII", tag, 4, n, value) for tag, n, value in tags)
    headers = b"".join(struct.pack("<4sI", b"II*\0", 20_000 - 8 * i) for i in range(2500))
    tiff = (headers + directory).ljust(500_000, b"\0")
    frame = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x10\0\x10\1\1\x11\0\xff\xda\0\x08\1\1\0\0\x3f\0"
    chunk = b"RIFF\xf0\0\0\0WAVEabcd\0\0\0\0"
    spend, calls = Budget.spend, 0

    def counted(budget: Budget, steps: int) -> None:
        nonlocal calls
        calls += 1
        assert calls <= STEPS + len(tiff) // STEPS_PER_BYTE + 2, "work goes on"
        spend(budget, steps)

    monkeypatch.setattr(Budget, "spend", counted)
    for data in (tiff, frame * 20_000, chunk * 20_000):
        assert len(data) <= len(tiff)
        calls = 0
        assert MediaFinder(MEDIA).find(data, _no) == []
        assert calls > 1000


def test_signatures_are_searched_for_by_their_first_byte() -> None:
    """An alternative in a group, or one that begins with something else, is tried everywhere."""
    for form in FORMATS:
        for alternative in re.split(rb"\|", form.signature or b"-"):
            assert re.match(rb"[\w-]|\\\.|\\x[0-9a-f]{2}", alternative), form.name


def test_raw_samples_are_described_by_hand() -> None:
    picture = parse_given("image:640,480,3,8")
    assert picture.length == 640 * 480 * 3
    assert picture.content.unit == 640 * 3
    endless = parse_given("image:100,0,1,16be")
    finder = MediaFinder(KINDS, endless)
    rows = [
        item.length // 200
        for size in (1000, 2050, 3000)
        for item in finder.find(bytes(size), _yes, more=True)
    ]
    assert rows == [5, 10, 14]  # half a row at each end of what a frame cuts
    assert parse_given("audio:8000,1,8").content != parse_given("audio:8000,1,8s").content
    assert parse_given("audio:44100,2,24").content.unit == 6
    for wrong in (
        "",
        "image:",
        "image:0,1,1,8",
        "image:4,4,9,8",
        "audio:1,0,16",
        "audio:8000,1,12",
    ):
        with pytest.raises(SettingsError):
            parse_given(wrong)
