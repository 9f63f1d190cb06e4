"""Long repeats and line ends: exact inverses, and found where they are."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgezip.coding.repeatsearch import BLOCK
from edgezip.errors import FormatError
from edgezip.pipeline.detect.content import REPEAT, Found
from edgezip.pipeline.layout import outside
from edgezip.pipeline.repeats import Repeat, copy_repeat, find_repeats
from edgezip.pipeline.transforms import lineends


def _fresh(data: bytes, repeats: list[Repeat]) -> bytes:
    return outside(data, [Found(r.start, r.length, REPEAT) for r in repeats])


def _rebuild(data: bytes, minimum: int) -> bytes:
    repeats = find_repeats(data, minimum)
    fresh = _fresh(data, repeats)
    out = bytearray()
    used = 0
    for repeat in repeats:
        assert repeat.length >= minimum
        gap = repeat.start - len(out)
        assert gap >= 0
        out += fresh[used : used + gap]
        used += gap
        copy_repeat(out, repeat.distance, repeat.length)
    return bytes(out + fresh[used:])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 300)), max_size=30), st.integers(0, 9))
def test_repeats_rebuild_the_data(parts: list[tuple[int, int]], seed: int) -> None:
    blocks = [random.Random(seed * 10 + i).randbytes(400) for i in range(6)]
    data = b"".join(blocks[i][:length] for i, length in parts)
    assert _rebuild(data, 2 * BLOCK) == data


def test_a_second_copy_is_found_whole_wherever_it_starts() -> None:
    unit = random.Random(1).randbytes(5000)
    for gap in (0, 1, 31, 100):
        data = unit + bytes(random.Random(2).randbytes(gap)) + unit
        (repeat,) = find_repeats(data)
        assert (repeat.start, repeat.length) == (5000 + gap, 5000)
        assert _rebuild(data, 384) == data


def test_runs_repeat_themselves() -> None:
    data = b"a" * 100_000
    assert len(_fresh(data, find_repeats(data))) < 200
    assert _rebuild(data, 384) == data


def test_random_data_has_no_repeats() -> None:
    assert find_repeats(random.Random(3).randbytes(200_000)) == []


def test_a_distance_before_the_start_is_refused() -> None:
    for distance in (0, 4):
        with pytest.raises(FormatError):
            copy_repeat(bytearray(b"abc"), distance, 10)


LINES = st.lists(
    st.tuples(st.sampled_from([b"", b"a", b"\r", b"x\ry", b"long line"]), st.integers(0, 20)),
    max_size=200,
)


@given(LINES)
def test_line_ends_come_back(lines: list[tuple[bytes, int]]) -> None:
    data = b"".join(text + (b"\n" if lone == 0 else b"\r\n") for text, lone in lines)
    short = lineends.shorten(data)
    if short is not None:
        text, params = short
        assert b"\r\n" not in text or b"\r\r\n" in data
        assert lineends.restore(text, params, len(data)) == data


def test_line_ends_refuse_what_does_not_fit() -> None:
    data = b"line\r\n" * 100 + b"odd\n" + b"line\r\n" * 20
    short = lineends.shorten(data)
    assert short is not None
    text, params = short
    assert lineends.restore(text, params, len(data)) == data
    for bad in (b"", b"\x7f", params + params):
        with pytest.raises(FormatError):
            lineends.restore(text, bad, len(data))
    with pytest.raises(FormatError):
        lineends.restore(text, params, len(data) + 1)
