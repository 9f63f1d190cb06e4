"""Random access and recovery on seekable files."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgezip.container import EngineField, FrameEvent, Header, StoredChunk, parse
from edgezip.container.bare import decode_bare, encode_bare
from edgezip.container.headers import Rules
from edgezip.container.index import load_frame, read_index, select
from edgezip.container.recover import LongMember, ShortMember, Survey, lost_ranges
from edgezip.container.types import Channel
from edgezip.errors import FormatError, UnsupportedError
from tests.container.builders import content, decode_channel, long_member, stored

HEADER = Header(engine=EngineField("strict", 7), model=b"modelmodelmodel")
NOISE = random.Random(5).randbytes(3000)
FRAMES = [[(0, NOISE[k * 600 : k * 600 + 600]), (1, b"b" * (100 + k))] for k in range(5)]
CONTENT = b"".join(data for pieces in FRAMES for _, data in pieces)
BLOB = long_member([list(pieces) for pieces in FRAMES], HEADER)
BIG = stored(NOISE * 30)


def test_the_index_names_what_the_parser_finds() -> None:
    for parts in (
        [BLOB],
        [BLOB, BLOB],
        [BLOB, BIG, BLOB],
        [stored(b"x"), BLOB],
        [BLOB, BIG],
        [long_member([]), stored(b"")],
    ):
        data = b"".join(parts)
        members = read_index(io.BytesIO(data))
        assert [m.size for m in members] == [len(part) for part in parts]
        assert [m.position for m in members] == [
            sum(map(len, parts[:k])) for k in range(len(parts))
        ]
        found = [(f.position, f.size, f.offset, f.raw_size) for m in members for f in m.frames]
        wanted = [
            (e.frame.position, e.frame.size, e.frame.offset, e.frame.raw_size)
            for e in parse(data)
            if isinstance(e, FrameEvent)
        ]
        if not any(isinstance(e, StoredChunk) for e in parse(data)):
            assert found == wanted
        assert sum(m.raw_size for m in members) >= sum(x[3] for x in wanted)


def test_single_frames_are_read_on_their_own() -> None:
    file = io.BytesIO(BLOB)
    (member,) = read_index(file)
    assert member.raw_size == len(CONTENT)
    start = member.frames[2].offset
    chosen = select(member, start + 5, start + 6)
    assert list(chosen) == [member.frames[2]]
    frame = load_frame(file, member, chosen[0])
    raw = frame.join([decode_channel(x) for x in frame.channels])
    frame.verify(raw)
    assert raw == CONTENT[start : start + frame.raw_size]


def test_the_index_of_a_damaged_file_is_refused() -> None:
    for data in (
        b"",
        BLOB[:-1],
        BLOB[:-30],
        BLOB + b"x",
        b"x" + BLOB,
        BLOB[1:],
        BIG[:-1],
        BIG[:9],
        BLOB[:17] + BLOB[19:],
    ):
        with pytest.raises(FormatError):
            read_index(io.BytesIO(data))
    for position in [*range(20), *range(len(BLOB) - 120, len(BLOB))]:
        damaged = bytearray(BLOB)
        damaged[position] ^= 16
        try:
            members = read_index(io.BytesIO(damaged))
        except FormatError:
            continue
        assert [f.raw_size for f in members[0].frames] == [700 + k for k in range(5)]


def sound(member: ShortMember) -> bool:
    raise AssertionError("a short member where there is none")


def readable(data: bytes) -> tuple[bytes, list[tuple[int, int | None]]]:
    """What recovery gets out of a file with one long member, and the lost ranges."""
    file = io.BytesIO(data)
    survey = Survey(file, sound)
    position, out = 0, b""
    lost: list[tuple[int, int | None]] = []
    while position < survey.end:
        member = survey.member(position)
        assert not isinstance(member, ShortMember)
        if member is None:
            lost.append((-1, None))
            position = survey.next_border(position + 1)
            continue
        raw, ranges = _frames_of(file, member)
        out += raw
        lost += ranges
        position = member.end
    return out, lost


def _frames_of(file: io.BytesIO, member: LongMember) -> tuple[bytes, list[tuple[int, int | None]]]:
    out, good = b"", []
    for entry in member.frames:
        try:
            frame = load_frame(file, member.indexed, entry)
            raw = frame.join([decode_channel(x) for x in frame.channels])
            frame.verify(raw)
        except FormatError:
            continue
        good.append(entry)
        out += raw
    ranges = [(frame.offset, frame.stop) for frame in good]
    return out, lost_ranges(ranges, member.total_size)


def test_one_destroyed_frame_loses_itself_only() -> None:
    (member,) = read_index(io.BytesIO(BLOB))
    for frame in member.frames:
        stop = frame.offset + frame.raw_size
        rest = CONTENT[: frame.offset] + CONTENT[stop:]
        for position in (frame.position, frame.position + 5, frame.position + frame.size // 2):
            flipped = bytearray(BLOB)
            flipped[position : position + 20] = b"\xaa" * 20
            cut = BLOB[:position] + BLOB[position + 7 :]
            grown = BLOB[:position] + b"\x9eFR\xf5\7" + BLOB[position:]
            for data in (bytes(flipped), cut, grown):
                recovered, lost = readable(data)
                if data == grown and position == frame.position:
                    assert (recovered, lost) == (CONTENT, [])
                else:
                    assert recovered == rest
                    assert lost == [(frame.offset, stop)]


def test_every_destroyed_block_leaves_the_other_frames() -> None:
    (member,) = read_index(io.BytesIO(BLOB))
    for start in range(0, len(BLOB), 512):
        data = BLOB[:start] + bytes(len(BLOB[start : start + 512])) + BLOB[start + 512 :]
        touched = [
            f for f in member.frames if f.position < start + 512 and start < f.position + f.size
        ]
        wanted = [f for f in member.frames if f not in touched]
        recovered, lost = readable(data)
        assert recovered == b"".join(CONTENT[f.offset : f.offset + f.raw_size] for f in wanted)
        assert bool(lost) == (bool(touched) or start + 512 > len(BLOB) - 60)


def test_header_and_truncated_end() -> None:
    headless = b"\0" * 10 + BLOB[10:]
    member = Survey(io.BytesIO(headless), sound).member(0)
    assert isinstance(member, LongMember)
    assert member.header.engine == HEADER.engine
    assert readable(headless) == (CONTENT, [])
    recovered, lost = readable(BLOB[:2000])
    assert recovered == CONTENT[: len(recovered)]
    assert len(recovered) > 1000
    assert lost == [(len(recovered), None)]
    assert readable(b"nothing here" * 1000) == (b"", [(-1, None)])


def test_marks_across_read_borders(monkeypatch: pytest.MonkeyPatch) -> None:
    for block in (4, 5, 7, 64):
        monkeypatch.setattr("edgezip.container.scan.SCAN", block)
        assert readable(b"\0" + BLOB[1:]) == (CONTENT, [])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([BLOB + BLOB, BIG[-70000:], BLOB + stored(b"abc"), stored(b"abc") + BLOB]),
    st.lists(st.tuples(st.integers(-200, 200), st.integers(0, 255)), min_size=1, max_size=4),
    st.booleans(),
)
def test_damage_only_raises_format_errors(
    blob: bytes, edits: list[tuple[int, int]], verify: bool
) -> None:
    data = bytearray(blob)
    for position, value in edits:
        data[position] = value
    rules = Rules(verify=verify)
    file = io.BytesIO(data)
    survey = Survey(file, lambda member: True, rules)
    position = 0
    while position < survey.end:
        member = survey.member(position)
        following = survey.next_border(position + 1) if member is None else member.end
        assert following > position
        position = following
    try:
        wanted = content(parse(bytes(data)))
    except FormatError:
        wanted = None
    try:
        members = read_index(file, rules)
    except FormatError:
        assert wanted is None
    else:
        assert wanted is None or sum(m.raw_size for m in members) == len(wanted)


def test_an_archive_inside_an_archive_is_content() -> None:
    inner = stored(BLOB)
    (member,) = read_index(io.BytesIO(inner))
    assert member.raw_size == len(BLOB)
    assert len(member.frames) == 1
    # Cut after the inner archive, the file ends like a long member, but is none.
    with pytest.raises(FormatError):
        read_index(io.BytesIO(inner[:-4]))


def test_bare_form() -> None:
    channel = Channel(4, b"payload", 30, params=b"\5\2")
    assert decode_bare(encode_bare(channel), 30) == channel
    plain = Channel(4, b"payload", 30)
    assert len(encode_bare(plain)) == 8
    assert decode_bare(encode_bare(plain), 30) == plain
    with pytest.raises(FormatError):
        decode_bare(b"", 3)
    with pytest.raises(FormatError):
        decode_bare(b"\0abc", 4)
    with pytest.raises(UnsupportedError):
        decode_bare(b"\x0eabc", 4)
