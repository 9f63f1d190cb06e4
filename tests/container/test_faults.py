"""Damaged files give an error of the container's tree, never wrong bytes, never anything else."""

from __future__ import annotations

import contextlib
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgezip.container import (
    Channel,
    ContainerParser,
    EngineField,
    FrameEvent,
    Header,
    LmParams,
    Settings,
    constants,
    parse,
    write_short,
)
from edgezip.container.varint import decode, encode
from edgezip.errors import (
    ChecksumError,
    FormatError,
    SettingsError,
    TruncatedError,
    UnsupportedError,
)
from tests.container.builders import content, long_member, stored

FULL = Header(
    engine=EngineField("strict", 3),
    model=b"modelmodel",
    settings=Settings(256, 60, 40, 20, 300),
    known_answer=b"1234",
    total_size=30,
    primer=b"primer!!",
)
LONG = long_member(
    [[(0, b"stored "), (1, b"aaaaaaaaaa"), (0, b"more")], [(0, b"next frame")]],
    Header(engine=EngineField("strict", 3), model=b"modelmodel", settings=Settings(256, 60, 40)),
)
LONG_CONTENT = b"stored aaaaaaaaaamorenext frame"
SHORT = stored(b"a short stored text")
LM_SHORT = write_short(
    Header(short=True, engine=EngineField("native", 0, b"12345678"), model=b"abcd"),
    Channel(4, b"coded", 9, params=LmParams(5, 2).encode()),
    b"some text",
)
BIG = stored(bytes(range(256)) * 257)
VALID = [LONG, SHORT, LM_SHORT, LONG + SHORT + LONG, long_member([[(0, b"x" * 30)]], FULL)]


@pytest.mark.parametrize("blob", [LONG, SHORT, LM_SHORT, SHORT + LONG])
def test_every_prefix_is_truncated(blob: bytes) -> None:
    ends = {len(SHORT)} if blob == SHORT + LONG else set()
    for size in range(len(blob)):
        if size in ends:
            continue
        with pytest.raises(TruncatedError):
            content(parse(blob[:size]))


def test_prefixes_of_a_large_stored_member() -> None:
    for size in [*range(20), *range(20, len(BIG), 4999), *range(len(BIG) - 20, len(BIG))]:
        with pytest.raises(TruncatedError):
            parse(BIG[:size])


@pytest.mark.parametrize("blob", [LONG, SHORT])
def test_every_single_bit_flip_is_an_error(blob: bytes) -> None:
    unnoticed: list[int] = []
    for position in range(8 * len(blob)):
        damaged = bytearray(blob)
        damaged[position // 8] ^= 1 << position % 8
        # The last byte of a deflate stream may have bits that nothing depends on.
        with contextlib.suppress(FormatError):
            assert content(parse(bytes(damaged))) == LONG_CONTENT
            unnoticed.append(position)
    assert len(unnoticed) <= 7


@pytest.mark.parametrize("blob", [LONG, SHORT])
def test_every_wrong_byte_is_an_error(blob: bytes) -> None:
    for position in range(len(blob)):
        for change in (1, 0x55, 0xFF, blob[position]):
            damaged = bytearray(blob)
            damaged[position] ^= change
            if bytes(damaged) != blob:
                with pytest.raises(FormatError):
                    content(parse(bytes(damaged)))


def test_flips_in_a_large_stored_member_are_found() -> None:
    for position in [*range(12), 1000, len(BIG) - 1]:
        damaged = bytearray(BIG)
        damaged[position] ^= 4
        with pytest.raises(FormatError):
            parse(bytes(damaged))


def test_frames_cannot_change_places_or_be_dropped() -> None:
    pieces = [[(0, b"one")], [(0, b"two")], [(0, b"six")]]
    blob = long_member(pieces)
    frames = [e.frame for e in parse(blob) if isinstance(e, FrameEvent)]
    first, second, third = [blob[f.position : f.position + f.size] for f in frames]
    assert blob.count(first + second + third) == 1
    for wrong in (second + first + third, first + third, first + second, first + third + second):
        with pytest.raises(FormatError):
            content(parse(blob.replace(first + second + third, wrong)))
    for start, error, words in (
        (b"ONE", ChecksumError, "exchanged"),
        (b"one", FormatError, "does not match the frames"),
    ):
        other = long_member([[(0, start)], [(0, b"TWO")], [(0, b"six")]])
        frame = [e.frame for e in parse(other) if isinstance(e, FrameEvent)][1]
        foreign = other[frame.position : frame.position + frame.size]
        with pytest.raises(error, match=words):
            content(parse(blob.replace(second, foreign)))


@pytest.mark.parametrize("tail", [b"\0", b"x", b"\x9eEZ", b"\x9eE", b"\x9eEZ\x00", b"\x1f\x8b"])
def test_trailing_garbage_is_an_error(tail: bytes) -> None:
    for blob in (LONG, SHORT):
        with pytest.raises(FormatError):
            parse(blob + tail)


def test_foreign_data() -> None:
    for blob in (b"PK\3\4", b"\x1f\x8b\x08", b"hello", b"\x9eE]"):
        with pytest.raises(FormatError, match="not an edgezip file"):
            parse(blob)
    with pytest.raises(TruncatedError):
        parse(b"")


def test_newer_files_are_unsupported_and_name_the_number() -> None:
    with pytest.raises(UnsupportedError, match="version 2"):
        parse(b"\x9eEZ\x25\0\0")
    short = b"\x9eEZ\x15"
    for kind, number in (
        (b"\x0e", "coder 14"),
        (b"\x0f\xc8\x01", "coder 200"),
        (b"\x71\xc8\x01", "transform 200"),
    ):
        with pytest.raises(UnsupportedError, match=number):
            parse(short + kind + b"\1\1")
    extras = b"\x9eEZ\x17"
    with pytest.raises(UnsupportedError, match="setting 9"):
        parse(extras + b"\3\0\x09\1")
    with pytest.raises(UnsupportedError, match="flags 0x20"):
        parse(extras + b"\3\x20\x09\1")
    parser = ContainerParser(coders=frozenset({0}))
    parser.feed(short + b"\1")
    parser.next_event()
    with pytest.raises(UnsupportedError, match="deflate"):
        parser.next_event()
    with pytest.raises(UnsupportedError, match="deflate"):
        parser.next_event()


@pytest.mark.parametrize(
    "blob",
    [
        b"\x9eEZ\x1d",  # native engine without a model
        b"\x9eEZ\x17\x02\x02\x05",  # total size in a short member
        b"\x9eEZ\x17\x02\x08\x01",  # a short member that is auxiliary
        b"\x9eEZ\x17\x03\x10\x01n",  # a model's name without a model
        b"\x9eEZ\x13\x02mode\x04\x10\x03nn",  # its name reaches beyond the extras
        b"\x9eEZ\x17\x03\x00\x01\x80",  # extras end inside a number
        b"\x9eEZ\x17\x05\x00\x02\x01\x01\x05",  # settings out of order
        b"\x9eEZ\x17\x04\x00\x01\x80\x03",  # default written out
        b"\x9eEZ\x17\x03\x00\x02\x60",  # a default of the default window written out
        b"\x9eEZ\x17\x05\x00\x01\x40\x02\x10",  # a default that follows from a window
        b"\x9eEZ\x17\x05\x00\x01\x60\x02\x5f",  # keep 95 in a window of 96
        b"\x9eEZ\x17\x00",  # empty extras
        b"\x9eEZ\x15\x80\x01x",  # params of stored data
        b"\x9eEZ\x15\x10",  # a transform of stored data
        b"\x9eEZ\x15\x89\x01x",  # params of repeats
        b"\x9eEZ\x15\x19",  # a transform of repeats
        b"\x9eEZ\x17\x07\x00\x01\x01\x02\x00\x04\x00",  # a window of 1
        b"\x9eEZ\x17\x07\x00\x01\x0f\x02\x00\x04\x01",  # a window of 15
        b"\x9eEZ\x17\x07\x00\x01\x10\x02\x0f\x04\x01",  # keep 15 in a window of 16
        b"\x9eEZ\x17\x07\x00\x01\x10\x02\x00\x04\x0f",  # evict 15 of a window of 16
        b"\x9eEZ\x17\x03\x00\x04\x00",  # evict none
        b"\x9eEZ\x17\x04\x00\x05\xff\x02",  # a span of 383 for a window of 384
        b"\x9eEZ\x15\x81\x00",  # empty params
        b"\x9eEZ\x15\x04\x01",  # language model coder without a model
        b"\x9eEZ\x15\x01\x00",  # no content but a coder
        b"\x9eEZ\x15\x0f\x03",  # extended coder number below 15
        b"\x9eEZ\x15\x01\x81\x00",  # number longer than needed
        b"\x9eEZ\x15\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # number of 10 bytes
    ],
)
def test_impossible_headers(blob: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        parse(blob)
    assert type(caught.value) in (FormatError, UnsupportedError)


def test_absurd_sizes_are_refused_at_once() -> None:
    huge = encode(2**63 - 1)
    start = time.perf_counter()
    tracemalloc.start()
    for blob in (
        b"\x9eEZ\x15\x01" + huge + huge,
        b"\x9eEZ\x15\x01\x05" + huge,
        b"\x9eEZ\x15\x81" + huge,
        b"\x9eEZ\x17" + huge,
        long_member([])[:8] + constants.FRAME_MARK + b"\0" + huge,
        long_member([])[:8] + constants.FRAME_MARK + b"\0\5" + huge,
        long_member([])[:8] + constants.FRAME_MARK + b"\0\5\2" + huge,
        long_member([])[:8] + constants.END_MARK + huge,
    ):
        with pytest.raises(FormatError):
            parse(blob + bytes(100))
    with pytest.raises(TruncatedError):
        parse(b"\x9eEZ\x15\x00" + huge + bytes(100))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.perf_counter() - start < 5
    assert peak < 1 << 20


def test_lm_params_are_bounded() -> None:
    wrong = [b"\x0b", b"\x05\x06", b"\x00\x02", b"\x05\x00", b"\x85", b"\x05\x01", b"\x00"]
    # The third is the escape byte, of ASCII and not 0, with which three tokens may be a byte.
    wrong += [b"\x05\x02\x00", b"\x05\x02\x80\x01", b"\x05\x02\x01\x01", b"\x1f\x02\x01"]
    for params in wrong:
        with pytest.raises(FormatError):
            LmParams.decode(params, 10)
    assert LmParams.decode(b"\x1e\x01\x7f", 10) == LmParams(30, 1, 0x7F)
    assert LmParams.decode(LmParams(100, 64).encode(), 100) == LmParams(100, 64)
    # Sizes of streams: one too many, one too few, nothing left for the last, nothing for the first.
    for params in (
        b"\x05\x02\x00\x04\x04",
        b"\x05\x03\x00\x04",
        b"\x05\x02\x00\x0a",
        b"\x05\x02\x00\x00",
    ):
        with pytest.raises(FormatError):
            LmParams.decode(params, 10)
    assert LmParams.decode(b"\x05\x02\x00\x04", 10) == LmParams(5, 2, None, (4,))
    assert LmParams(5, 2, None, (4,)).encode() == b"\x05\x02\x00\x04"
    with pytest.raises(FormatError, match="65 streams"):
        LmParams.decode(encode(100) + encode(65), 100)
    for impossible in (LmParams(None, 2), LmParams(100, 65), LmParams(9, 2, 1, (4,))):
        with pytest.raises(SettingsError):
            impossible.encode()


def test_a_frame_refuses_other_content() -> None:
    frame = next(e.frame for e in parse(SHORT) if isinstance(e, FrameEvent))
    for raw in (b"", b"a short stored texT", b"a short stored text!"):
        with pytest.raises(ChecksumError):
            frame.verify(raw)
    with pytest.raises(ChecksumError):
        frame.join([b"x"])


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(VALID),
    st.lists(
        st.tuples(
            st.sampled_from(["set", "insert", "delete", "copy"]),
            st.integers(0, 400),
            st.integers(0, 255),
        ),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_mutations_only_raise_format_errors(
    blob: bytes, edits: list[tuple[str, int, int]], verify: bool
) -> None:
    data = bytearray(blob)
    for name, where, value in edits:
        position = where % (len(data) + 1)
        if name == "set" and position < len(data):
            data[position] = value
        elif name == "insert":
            data.insert(position, value)
        elif name == "delete":
            del data[position : position + value % 8]
        else:
            data[position:position] = data[value % (len(data) + 1) :][: value % 16]
    message = ""
    try:
        content(parse(bytes(data), verify=verify))
    except FormatError as error:
        message = str(error)
    assert "\n" not in message


@given(st.binary(max_size=60), st.sampled_from([b"", b"\x9eEZ\x15", LONG[:17], b"\x9eEZ\x10"]))
def test_random_bytes_only_raise_format_errors(data: bytes, start: bytes) -> None:
    with contextlib.suppress(FormatError):
        content(parse(start + data, verify=False))


@given(st.integers(0, 2**63 - 1))
def test_varints(value: int) -> None:
    data = encode(value)
    assert len(data) <= 9
    assert decode(b"x" + data + b"y", 1) == (value, 1 + len(data))
    with pytest.raises(TruncatedError):
        decode(data[:-1], 0)
    longer = data[:-1] + bytes([data[-1] | 0x80, 0])
    with pytest.raises(FormatError):
        decode(longer, 0)


def test_writers_refuse_nonsense() -> None:
    for value in (-1, 2**63):
        with pytest.raises(SettingsError):
            encode(value)
    for header in (
        Header(engine=EngineField("strict", 1)),
        Header(engine=EngineField("native", 0, b"x"), model=b"modelmodel"),
        Header(engine=EngineField("strict", 1), model=b"m"),
        Header(settings=Settings(10, 10)),
        Header(short=True, total_size=5),
    ):
        with pytest.raises(SettingsError):
            long_member([], header) if not header.short else write_short(
                header, Channel(0, b"", 0), b""
            )
    for pieces in ([(1, b"a"), (0, b"b")], [(0, b"a"), (0, b"b")], [(0, b"a"), (1, b"")]):
        with pytest.raises(SettingsError):
            long_member([pieces])
