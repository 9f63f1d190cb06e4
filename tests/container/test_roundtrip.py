"""What is written is read back, in any chunking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgezip.container import (
    Channel,
    ContainerParser,
    EndEvent,
    EngineField,
    Event,
    FrameEvent,
    Header,
    HeaderEvent,
    LmParams,
    Settings,
    StoredWriter,
    parse,
    write_short,
)
from tests.container.builders import content, long_member

MODEL = bytes(range(32))
STRICT = EngineField("strict", 1)


def feed_in_pieces(data: bytes, size: int) -> list[Event]:
    parser = ContainerParser()
    events: list[Event] = []
    for start in range(0, len(data), size):
        parser.feed(data[start : start + size])
        events += parser
    parser.feed_eof()
    assert parser.eof
    assert not parser.needs_input
    return events


def test_a_message_of_100_bytes_pays_16_bytes() -> None:
    text = b"x" * 100
    header = Header(short=True, engine=STRICT, model=MODEL)
    blob = write_short(header, Channel(4, b"payload", 100), text)
    assert len(blob) - len(b"payload") <= 16
    events = parse(blob)
    assert isinstance(events[0], HeaderEvent)
    assert isinstance(events[1], FrameEvent)
    assert events[0].header == Header(short=True, engine=STRICT, model=MODEL[:4])
    assert events[1].frame.channels == (Channel(4, b"payload", 100),)
    events[1].frame.verify(text)
    assert events[2] == EndEvent(100, len(blob), 1)


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 70000, 3 << 20])
def test_stored_members_cost_at_most_32_bytes(size: int) -> None:
    data = bytes(i * 7 & 255 for i in range(256)) * (size // 256) + b"\0" * (size % 256)
    writer = StoredWriter(size)
    blob = writer.begin() + writer.update(data) + writer.finish()
    assert blob == write_short(Header(short=True), Channel(0, data, size), data)
    assert len(blob) - size <= 22
    assert content(parse(blob)) == data
    assert len(StoredWriter(2**62).begin()) + 8 <= 32


def test_a_long_member_with_spans_and_two_members() -> None:
    header = Header(
        engine=EngineField("native", 0, b"fingerpr"),
        model=MODEL,
        settings=Settings(window=64, keep=16, evict=16, span=80),
        known_answer=b"1234",
        total_size=22,
        primer=MODEL,
    )
    blob = long_member(
        [[(0, b"aaa"), (1, b"bb"), (0, b"c"), (2, b"dd"), (1, b"e")], [(0, b"second frame!")]],
        header,
    )
    events = parse(blob + long_member([]) + blob)
    assert content(events) == b"aaabbcddesecond frame!" * 2
    first = events[0]
    assert isinstance(first, HeaderEvent)
    assert first.header.settings == Settings(window=64, keep=16, evict=16, span=80)
    assert first.header.primer == MODEL[:8] == first.header.model
    assert first.header.engine == EngineField("native", 0, b"fingerpr")
    assert content(feed_in_pieces(blob, 1)) == b"aaabbcddesecond frame!"


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 3), st.binary(min_size=1, max_size=40)), min_size=1, max_size=8
        ),
        max_size=3,
    ),
    st.integers(1, 50),
)
def test_any_frames_in_any_pieces(frames: list[list[tuple[int, bytes]]], size: int) -> None:
    canonical = [_canonical(pieces) for pieces in frames]
    blob = long_member(canonical)
    wanted = b"".join(data for pieces in canonical for _, data in pieces)
    events = feed_in_pieces(blob, size)
    assert content(events) == wanted
    assert events == parse(blob)
    assert isinstance(events[-1], EndEvent)
    assert events[-1].size == len(blob)


def _canonical(pieces: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Number channels by appearance and merge neighbours of one channel."""
    numbers: dict[int, int] = {}
    out: list[tuple[int, bytes]] = []
    for number, data in pieces:
        new = numbers.setdefault(number, len(numbers))
        if out and out[-1][0] == new:
            out[-1] = (new, out[-1][1] + data)
        else:
            out.append((new, data))
    return out


@given(st.integers(1, 1000), st.integers(1, 64))
def test_lm_params(tokens: int, streams: int) -> None:
    for params in (LmParams(), LmParams(tokens, min(streams, tokens))):
        assert LmParams.decode(params.encode(), 1000) == params
    assert LmParams().encode() == b""
    assert len(LmParams(100).encode()) == 1


def test_an_interrupted_parser_does_not_pretend_to_be_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    parser = ContainerParser()
    parser.feed(write_short(Header(short=True), Channel(0, b"abc", 3), b"abc"))
    monkeypatch.setattr("edgezip.container.parser.read_channel", interrupt)
    parser.next_event()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            parser.next_event()
    assert not parser.eof


def test_many_tiny_members_and_tiny_pieces_take_linear_time() -> None:
    one = write_short(Header(short=True), Channel(0, b"abc", 3), b"abc")
    parser = ContainerParser()
    parser.feed(one * 20000)
    parser.feed_eof()
    assert sum(isinstance(event, EndEvent) for event in parser) == 20000
    blob = long_member([[(0, b"x" * 100000)]])
    assert content(feed_in_pieces(blob, 1)) == b"x" * 100000


def test_a_single_member_leaves_the_rest_unused() -> None:
    blob = write_short(Header(short=True), Channel(0, b"abc", 3), b"abc")
    parser = ContainerParser(single=True)
    parser.feed(blob + b"rest")
    assert content(list(parser)) == b"abc"
    assert parser.eof
    assert parser.unused_data == b"rest"
    assert not parser.needs_input
