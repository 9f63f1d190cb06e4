"""Recovery gives what belongs to the file and nothing else, whatever happened to it."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgezip
from edgezip import api
from edgezip.container import Channel, EngineField, Header, write_short
from edgezip.container import constants as c
from edgezip.container.index import read_index
from edgezip.container.varint import encode_all
from edgezip.errors import EdgezipError, FormatError, LimitError, ModelError, TruncatedError
from edgezip.pipeline.options import UnpackOptions, UnpackReport
from tests.container.builders import deflate, long_member, stored

Lost = tuple[tuple[int, int | None], ...]

NOISE = random.Random(7).randbytes(200_000)
TEXTS = [b"member number %d, with some words of its own" % n + NOISE[n : n + 20] for n in range(5)]
SHORTS = [
    write_short(Header(short=True), Channel(c.DEFLATE, deflate(text), len(text)), text)
    for text in TEXTS
]
PARTS = [NOISE[1000 * k : 1000 * k + 700] + b"x" * (100 + k) for k in range(4)]
LONG = long_member([[(0, part[:700]), (1, part[700:])] for part in PARTS])
SIZED = long_member([[(0, part)] for part in PARTS], Header(total_size=sum(map(len, PARTS))))
OTHER_PARTS = [b"another archive: " + part[17:] for part in PARTS]
OTHER = long_member([[(0, part[:700]), (1, part[700:])] for part in OTHER_PARTS])
# Cut exactly behind the archive in it, it would look like a damaged member and a sound one.
HOLDING = stored(NOISE[:400] + LONG + NOISE[400:800])
CONTENT = b"".join(PARTS)
OTHER_CONTENT = b"".join(OTHER_PARTS)


def recover(data: bytes, **options: int) -> tuple[bytes, UnpackReport]:
    target = io.BytesIO()
    report = api.unpack_stream(
        io.BytesIO(data), target, UnpackOptions(recover=True, max_output=options.get("limit"))
    )
    assert report.raw_size == len(target.getvalue())
    return target.getvalue(), report


def wipe(data: bytes, start: int, stop: int, value: int = 0xAA) -> bytes:
    return data[:start] + bytes([value]) * (stop - start) + data[stop:]


def frames(data: bytes) -> list[bytes]:
    (member,) = read_index(io.BytesIO(data))
    return [data[f.position : f.position + f.size] for f in member.frames]


@pytest.mark.parametrize(
    "parts",
    [
        [SHORTS[0]],
        [LONG],
        [SHORTS[0], LONG],
        [LONG, SHORTS[0]],
        [LONG, OTHER, LONG],
        [stored(LONG)],
        [stored(SHORTS[1] + LONG), SHORTS[0]],
        [stored(NOISE + LONG)],
        [stored(b"")],
        [long_member([])],
        [long_member([[(0, LONG)], [(0, SHORTS[0])]])],
        SHORTS,
    ],
)
def test_sound_files_come_out_whole(parts: list[bytes]) -> None:
    data = b"".join(parts)
    out, report = recover(data)
    assert out == edgezip.decompress(data)
    assert (report.lost, report.members) == ((), len(parts))


def test_one_of_five_short_members_damaged() -> None:
    """Wherever a byte is changed, the other four come back."""
    packed = b"".join(SHORTS)
    borders = [0, *accumulate(map(len, SHORTS))]
    wanted = [b"".join(TEXTS[:k] + TEXTS[k + 1 :]) for k in range(5)]
    for number, (start, stop) in enumerate(pairwise(borders)):
        for position in range(start, stop):
            out, report = recover(wipe(packed, position, position + 1, packed[position] ^ 0x41))
            assert out in (wanted[number], b"".join(TEXTS)), (number, position - start)
            assert bool(report.lost) == (out == wanted[number])
        for left in (0, 3, 10):
            out, report = recover(wipe(packed, start + left, stop))
            assert out == wanted[number]
            assert len(report.lost) == 1


def test_two_damaged_payloads_and_a_missing_member() -> None:
    packed = b"".join(SHORTS)
    borders = [0, *accumulate(map(len, SHORTS))]
    damaged = wipe(wipe(packed, borders[2] - 8, borders[2] - 6), borders[4] - 8, borders[4] - 6)
    out, report = recover(damaged)
    assert out == TEXTS[0] + TEXTS[2] + TEXTS[4]
    first, second = len(TEXTS[0]), sum(map(len, TEXTS[:3]))
    assert report.lost == ((first, first + len(TEXTS[1])), (second, second + len(TEXTS[3])))
    out, report = recover(SHORTS[0] + b"\xaa" * 50 + SHORTS[2] + SHORTS[3])
    assert out == TEXTS[0] + TEXTS[2] + TEXTS[3]
    assert report.lost == ((len(TEXTS[0]), None),)


@pytest.mark.parametrize("tail", [bytes(1), bytes(4096), b"garbage " * 40, c.MAGIC, SHORTS[0][:9]])
@pytest.mark.parametrize("start", [SHORTS[0], stored(NOISE), LONG, SHORTS[0] + LONG])
def test_whole_members_before_something_else(start: bytes, tail: bytes) -> None:
    content = edgezip.decompress(start)
    out, report = recover(start + tail)
    assert out == content
    assert len(report.lost) == 1
    assert report.lost[0][0] == len(content)
    with pytest.raises(FormatError, match="unpack --recover"):
        edgezip.decompress(start + tail)


def test_a_damaged_seam_mixes_nothing() -> None:
    both = LONG + OTHER
    seam = len(LONG)
    for before, after in ((60, 0), (0, 60), (30, 30), (200, 5), (5, 900), (900, 30), (100, 300)):
        out, report = recover(wipe(both, seam - before, seam + after))
        assert report.lost
        _made_of_true_parts(out)
        if after < 100:
            assert out.endswith(b"".join(OTHER_PARTS[1:]))
        if not after:
            assert out.endswith(OTHER_CONTENT)
        if before < 100:
            assert out.startswith(CONTENT)


def _made_of_true_parts(out: bytes) -> None:
    """`out` is what some parts of CONTENT and then some of OTHER_CONTENT make."""
    for part in PARTS + OTHER_PARTS:
        if out.startswith(part):
            out = out[len(part) :]
    assert not out


def test_members_that_begin_alike() -> None:
    """An older version of the same file: same header, same first frame, same tag."""
    older = [PARTS[0], *OTHER_PARTS[1:]]
    old = long_member([[(0, part)] for part in older])
    new = long_member([[(0, part)] for part in PARTS])
    assert frames(old)[0] == frames(new)[0]
    both = new + old
    for start in range(0, len(both), 199):
        for size in (40, 700, 1700):
            data = wipe(both, start, start + size)
            for cut in (len(data), len(both) - 150):
                out, report = recover(data[:cut])
                assert report.lost or out == CONTENT + b"".join(older)
                for part in PARTS + older:
                    out = out.removeprefix(part)
                assert not out, (start, size, cut)


def test_exchanged_frames_are_lost() -> None:
    """Frames of another archive in the right place, of the right size."""
    for number in range(4):
        mine, foreign = frames(LONG)[number], frames(OTHER)[number]
        data = LONG.replace(mine, foreign)
        out, report = recover(data)
        assert out == b"".join(PARTS[:number] + PARTS[number + 1 :])
        start = sum(map(len, PARTS[:number]))
        assert report.lost == ((start, start + len(PARTS[number])),)
        # Without the end record only what is bound to the header comes back.
        cut = data[: data.index(c.END_MARK)]
        if number > 1:
            assert recover(cut)[0] == b"".join(PARTS[:number] + PARTS[number + 1 :])
        else:
            with pytest.raises(FormatError):
                recover(cut)
    twice = frames(LONG)
    shuffled = LONG.replace(twice[1] + twice[2], twice[2] + twice[1])
    assert recover(shuffled)[0] == CONTENT
    repeated = LONG.replace(twice[1], twice[1] * 2)
    assert recover(repeated)[0] == CONTENT


@pytest.mark.parametrize("blob", [LONG, SIZED])
def test_one_frame_destroyed_in_a_file_that_is_cut(blob: bytes) -> None:
    """N - 1 frames come back without an end record too, and without a total size."""
    (member,) = read_index(io.BytesIO(blob))
    for number in (1, 2):
        frame = member.frames[number]
        data = wipe(blob, frame.position, frame.position + frame.size)[: member.frames[3].end]
        out, report = recover(data)
        assert out == b"".join(PARTS[:number] + PARTS[number + 1 :])
        assert report.lost[0] == (frame.offset, frame.stop)
        assert report.lost[1:] == (() if blob is SIZED else ((len(CONTENT), None),))


@pytest.mark.parametrize("blob", [LONG, SIZED])
def test_every_cut_gives_the_frames_before_it(blob: bytes) -> None:
    (member,) = read_index(io.BytesIO(blob))
    for cut in range(1, len(blob), 13):
        whole = [frame for frame in member.frames if frame.end <= cut]
        try:
            out, report = recover(blob[:cut])
        except FormatError:
            assert not whole
            continue
        assert out == CONTENT[: whole[-1].stop]
        if blob is LONG or len(whole) < 4:
            assert report.lost == ((len(out), None if blob is LONG else len(CONTENT)),)


@pytest.mark.parametrize("inner", [SHORTS[0], LONG, SHORTS[0] + SHORTS[1], LONG + OTHER])
@pytest.mark.parametrize("after", [b"", b"some more content"])
def test_content_of_a_damaged_stored_member_is_no_member(inner: bytes, after: bytes) -> None:
    outer = stored(NOISE[:100] + inner + after)
    following = SHORTS[4]
    for position in (3, 5, 6, 50, len(outer) - 2):
        damaged = wipe(outer, position, position + 1, outer[position] ^ 0x11)
        out, report = recover(damaged + following)
        assert out == TEXTS[4], position
        assert len(report.lost) == 1
        with pytest.raises(FormatError):
            recover(damaged)
    for cut in range(20, len(outer), 17):
        with pytest.raises(FormatError):
            recover(outer[:cut])
    with pytest.raises(FormatError):
        recover(outer[:-4])


def test_header_and_end_record_destroyed() -> None:
    record = LONG.index(c.END_MARK)
    out, report = recover(wipe(LONG, 0, 8))
    assert out == CONTENT
    assert replace(report, seconds=0) == UnpackReport(len(CONTENT), len(LONG), 1, 4, 0, ())
    out, report = recover(wipe(LONG, record, len(LONG)))
    assert (out, report.lost) == (CONTENT, ((len(CONTENT), None),))
    out, report = recover(wipe(SIZED, SIZED.index(c.END_MARK), len(SIZED)))
    assert (out, report.lost) == (CONTENT, ())
    with pytest.raises(FormatError):
        recover(wipe(LONG[:record], 0, 8))
    out, report = recover(wipe(LONG, 0, 8)[:record] + SHORTS[0])
    assert (out, report.lost) == (TEXTS[0], ((0, None),))


def test_bytes_lost_and_added() -> None:
    (member,) = read_index(io.BytesIO(LONG))
    for number, frame in enumerate(member.frames):
        middle = frame.position + frame.size // 2
        wanted = b"".join(PARTS[:number] + PARTS[number + 1 :])
        for data in (
            LONG[:middle] + LONG[middle + 11 :],
            LONG[:middle] + bytes(700) + LONG[middle:],
            LONG[: frame.position] + LONG[frame.end :],
        ):
            out, report = recover(data)
            assert (out, report.lost) == (wanted, ((frame.offset, frame.stop),))


@given(
    st.lists(st.sampled_from([*SHORTS, LONG, OTHER, HOLDING]), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0), st.integers(1, 90), st.binary(max_size=4)), max_size=3),
)
def test_only_true_bytes(members: list[bytes], damages: list[tuple[int, int, bytes]]) -> None:
    """Whatever is done to a file: the parts that come out are parts of it, in their order."""
    data = b"".join(members)
    for number, size, filling in damages:
        position = number % len(data)
        data = data[:position] + filling * size + data[position + size :]
        data = data or b"x"
    try:
        out, report = recover(data)
    except FormatError:
        return
    whole = b"".join(map(edgezip.decompress, members))
    # A member that was taken out from its first byte to its last leaves a sound file.
    assert report.lost or out == whole or out == edgezip.decompress(data)
    pieces: list[bytes] = []
    for blob in members:
        pieces += {LONG: PARTS, OTHER: OTHER_PARTS}.get(blob, [edgezip.decompress(blob)])
    for piece in pieces:
        out = out.removeprefix(piece)
    assert not out


def test_a_pipe_is_recovered_too() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *args: int) -> int:
            raise io.UnsupportedOperation("seek")

    target = io.BytesIO()
    report = api.unpack_stream(Pipe(LONG[:-30]), target, UnpackOptions(recover=True))
    assert target.getvalue() == CONTENT
    assert report.lost == ((len(CONTENT), None),)
    assert report.packed_size == len(LONG) - 30


def test_a_model_that_is_missing_is_said() -> None:
    header = Header(engine=EngineField("strict", 2), model=b"modelmodel")
    with pytest.raises(ModelError):
        recover(long_member([[(0, b"text")]], header) + SHORTS[0])


def test_limit_and_nothing_at_all() -> None:
    assert recover(LONG, limit=len(CONTENT))[0] == CONTENT
    with pytest.raises(LimitError):
        recover(LONG, limit=len(CONTENT) - 1)
    with pytest.raises(TruncatedError):
        recover(b"")
    for nothing in (b"\0", b"nothing here" * 999, c.MAGIC * 9, c.FRAME_MARK, c.END_MARK * 300):
        with pytest.raises(FormatError):
            recover(nothing)


def _spans(count: int, number: int) -> bytes:
    """The start of a frame header whose list of spans holds further frame marks."""
    return c.FRAME_MARK + encode_all(0, 60 << 20, count, number)


class _Counting(io.BytesIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.mark.parametrize(
    "unit", [c.MAGIC + b"\x15", long_member([])[:8] + c.FRAME_MARK + b"\0\1\1"]
)
def test_params_that_the_file_is_too_short_for(unit: bytes) -> None:
    """Those of transform 10 may have 16 MiB: looking for all of them again and again would take the
    square of the size of the file."""
    from edgezip.container import recover as module
    from edgezip.container import scan

    unit += bytes([0x80 | 7 << 4 | c.DEFLATE, c.TARRED]) + encode_all(c.MAX_TARRED_PARAMS)
    size = 1 << 19
    file = _Counting(unit * (size // len(unit)))
    survey = module.Survey(file, lambda member: False)
    survey._scan.work = size
    position = 0
    while position < survey.end:
        position = survey.next_border(position + 1)
    assert survey._scan.work < 0
    looks = (size + scan.LEAST_PRICE) // (2 * scan.LEAST_PRICE)
    assert file.count < 4 * size + looks * 4096


@pytest.mark.parametrize(
    "unit",
    [
        _spans(2, 60_000),
        c.END_MARK + b"\x09" + long_member([])[:9] + encode_all(1 << 20),
        SHORTS[0][:-6],
        c.MAGIC + b"\x15\x01\x80\x80\x80\x20\x40",
        long_member([])[:8],
    ],
)
def test_the_work_is_bounded(unit: bytes) -> None:
    """By a constant for each byte of the file, and not by the square of its size."""
    from edgezip.container import recover as module
    from edgezip.container import scan

    for size in (1 << 13, 1 << 15):
        survey = module.Survey(io.BytesIO(unit * (size // len(unit))), lambda member: False)
        before = survey._scan.work
        position = 0
        while position < survey.end:
            position = survey.next_border(position + 1)
        assert before - survey._scan.work <= scan.WORK * survey.end + scan.LEAST_WORK + (1 << 16)
        with pytest.raises(EdgezipError):
            recover(unit * (size // len(unit)))
